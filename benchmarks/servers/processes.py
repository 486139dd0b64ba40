"""Servers as processes of their own, on loopback, with what they cost. Linux: the costs are in /proc."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]

_TICKS = os.sysconf("SC_CLK_TCK")
_START = 60.0  # seconds until a server answers


class Server:
    """A running server: its port, and what it and its children have used."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self._process = process
        self.port = port
        self.folder = folder

    def cpu(self) -> float:
        """Seconds of CPU, user and system, since the start."""
        return sum(_cpu(pid) for pid in self._pids())

    def memory(self) -> int:
        """Bytes that are resident now."""
        return sum(_status(pid, "VmRSS") for pid in self._pids())

    def peak(self) -> int:
        """The most bytes that were resident since `forget_peak`, of each process at its worst."""
        return sum(_status(pid, "VmHWM") for pid in self._pids())

    def forget_peak(self) -> None:
        """Begin anew to look for the peak (proc(5), clear_refs)."""
        for pid in self._pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _pids(self) -> list[int]:
        pids, new = [], [self._process.pid]
        while new:
            pids += new
            new = [int(child) for pid in new for child in _children(pid)]
        return pids


def _children(pid: int) -> list[str]:
    return [
        child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()
    ]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _status(pid: int, name: str) -> int:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    if fields["State"].split()[0] in "ZX":
        return 0  # it has ended, as a task's process does, and nobody has waited for it yet
    return int(fields[name].split()[0]) << 10


@contextmanager
def running(
    command: Callable[[int, Path], Sequence[str]],
    environment: Mapping[str, str] | None = None,
    *,
    ready: Callable[[int], object] | None = None,
) -> Iterator[Server]:
    """A server on a free port, with a folder of its own, until the block ends.

    `ready` is called with the port once something listens there, until it raises no OSError any more.
    Raises RuntimeError with the server's last words if it does not come up.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="logleap-bench-") as name:
        folder = Path(name)
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port, folder),
                env={**_clean_environment(), **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that all of its processes can be ended
                cwd=folder,
            )
        try:
            _await(process, port, ready, log)
            yield Server(process, port, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def logleap(backend: str, **settings: str) -> "Callable[[int, Path], Sequence[str]]":
    """The command of `logleap serve` with a worker inside."""
    flags = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", value)]

    def command(port: int, folder: Path) -> Sequence[str]:
        program = str(Path(sys.executable).with_name("logleap"))
        where = ["--port", str(port), "--data-dir", str(folder / "data")]
        return [program, "serve", "--backend", backend, *where, *flags]

    return command


def bare(port: int, folder: Path) -> Sequence[str]:
    """The command of LogLeap's HTTP server with an app that reads the body and does nothing."""
    return [sys.executable, "-m", "benchmarks.servers.bare", str(port)]


def flask_alone(port: int, folder: Path) -> Sequence[str]:
    """The same with a Flask app that counts the calls of each path."""
    return [*bare(port, folder), "flask"]


def stack(port: int, folder: Path) -> Sequence[str]:
    """The command of the least that keeps entries on LogLeap's stack, with a process for each core."""
    module = "benchmarks.servers.stack"
    return [sys.executable, "-m", module, str(port), str(folder), str(os.cpu_count() or 1)]


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _clean_environment() -> dict[str, str]:
    foreign = ("LOGLEAP_", "FIRESTORE_", "PUBSUB_", "BIGQUERY_", "GOOGLE_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**variables, "PYTHONPATH": str(ROOT)}  # where servers of our own are: benchmarks.servers


def _await(
    process: subprocess.Popen[bytes], port: int, ready: Callable[[int], object] | None, log: Path
) -> None:
    deadline = time.monotonic() + _START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            if ready is not None:
                ready(port)
            return
        except OSError as error:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            last_words = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} did not come up: {error}. {last_words}") from error
