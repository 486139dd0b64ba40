"""Google's Firestore and Pub/Sub emulators and a BigQuery emulator, started together on free loopback ports.

As a library (the tests' fixtures):

    with Emulators(["firestore", "pubsub"]) as emulators:
        os.environ.update(emulators.exports())

Everything is kept in memory and gone on stop. Nothing outlives this process, however it ends: see keeper.py.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.emulators import bigquery_environment

NAMES = ("firestore", "pubsub", "bigquery")
PROJECT = "logleap-dev"

_KEEPER = Path(__file__).with_name("keeper.py")
_BIGQUERY_SERVER = Path(__file__).with_name("bigquery_server.py")
# The quick compiler alone saves a fifth of the start; no shared-memory file in the system's temp folder.
_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Duser.language=en")
_JARS = {
    "firestore": "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "pubsub": "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
}
_COMPONENTS = {"firestore": "cloud-firestore-emulator", "pubsub": "pubsub-emulator"}
_SDK_PLACES = (
    "/usr/lib/google-cloud-sdk",
    "/usr/lib64/google-cloud-sdk",
    "/usr/local/google-cloud-sdk",
    "/usr/local/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/opt/homebrew/share/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
    "~/google-cloud-sdk",
)


class EmulatorError(RuntimeError):
    """An emulator is missing, did not come up or ended by itself; the text says why and shows its log."""


class _PortTaken(EmulatorError):
    """Somebody listens on a port that was free when it was drawn, be it only for an outgoing connection."""


def available() -> dict[str, str | None]:
    """For each emulator None when it can be started here, else one sentence: what is missing, the remedy."""
    return {name: _missing(name) for name in NAMES}


class Emulators:
    """The emulators called `names`, from `start` to `stop`; also a context manager that does both."""

    def __init__(self, names: Iterable[str] = NAMES, timeout: float = 60.0) -> None:
        """`timeout`: seconds within which all of them must be ready. ValueError for an unknown name."""
        self._names = tuple(names)
        self._timeout = timeout
        self._running: dict[str, _Emulator] = {}
        for name in self._names:
            if name not in NAMES:
                raise ValueError(f"Unknown emulator {name!r}: choose from {', '.join(NAMES)}.")

    def start(self) -> None:
        """Start all of them at the same time and return when each one answers.

        Raises EmulatorError, with nothing left running, when one is missing or does not come up in time.
        """
        reasons = [reason for name in self._names if (reason := _missing(name))]
        if reasons:
            raise EmulatorError(" ".join(reasons))
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                self._start_on(_free_ports(len(self._names)), deadline)
            except _PortTaken:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _start_on(self, ports: Iterable[tuple[int, int]], deadline: float) -> None:
        try:
            for name, pair in zip(self._names, ports, strict=True):
                self._running[name] = _Emulator(name, *pair)
            for emulator in self._running.values():
                emulator.wait_until_ready(deadline)
        except BaseException:
            self.stop()
            raise

    def stop(self, *names: str) -> None:
        """End the emulators called `names`, or all, and remove their folders; safe to repeat."""
        for name in names or tuple(self._running):
            if (emulator := self._running.pop(name, None)) is not None:
                emulator.stop()

    def exports(self) -> dict[str, str]:
        """The environment variables by which Google's clients and LogLeap find the running emulators."""
        variables = {"GOOGLE_CLOUD_PROJECT": PROJECT}
        for emulator in self._running.values():
            variables |= emulator.exports()
        return variables

    def pid(self, name: str) -> int:
        """The process id of a running emulator, for tests that stop it in the middle (SIGSTOP, SIGKILL)."""
        return self._running[name].pid()

    def check(self) -> None:
        """Raise EmulatorError when one of them has ended by itself."""
        for emulator in self._running.values():
            emulator.check()

    def check_answers(self) -> None:
        """Raise EmulatorError when one of them has ended or does not answer within 5 seconds."""
        for emulator in self._running.values():
            emulator.check()
            emulator.check_answers()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Emulator:
    """One emulator under its keeper, with a folder of its own for its log and whatever it writes."""

    def __init__(self, name: str, port: int, grpc_port: int) -> None:
        self._name = name
        self._port = port
        self._grpc_port = grpc_port  # used by BigQuery alone: the other two serve both on one port
        self._folder = Path(tempfile.mkdtemp(prefix=f"logleap-{name}-"))
        with (self._folder / "log").open("wb") as log:
            # -I -S: the keeper starts in milliseconds and heeds no PYTHON* variable.
            # A session of its own: Ctrl-C in the terminal must not end the emulators before their users.
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), str(self._folder), *self._command()],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, deadline: float) -> None:
        while not self._answers():
            if "address already in use" in self._logged().lower():  # the one of Pub/Sub stays even so
                raise _PortTaken(f"The {self._name} emulator found its port taken. {self._log()}")
            self.check()
            if time.monotonic() > deadline:
                raise EmulatorError(f"The {self._name} emulator was not ready in time. {self._log()}")
            time.sleep(0.05)

    def check(self) -> None:
        code = self._keeper.poll()
        if code is not None:
            raise EmulatorError(f"The {self._name} emulator ended by itself with code {code}. {self._log()}")

    def check_answers(self) -> None:
        if not self._answers():
            raise EmulatorError(f"The {self._name} emulator runs but does not answer. {self._log()}")

    def pid(self) -> int:
        return int((self._folder / "pid").read_text())

    def stop(self) -> None:
        self._keeper.terminate()
        try:
            self._keeper.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.wait()
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def exports(self) -> dict[str, str]:
        address = f"127.0.0.1:{self._port}"
        if self._name == "bigquery":
            return {
                "BIGQUERY_EMULATOR_HOST": f"http://{address}",
                "BIGQUERY_STORAGE_EMULATOR_HOST": f"127.0.0.1:{self._grpc_port}",
            }
        return {f"{self._name.upper()}_EMULATOR_HOST": address}

    def _command(self) -> list[str]:
        java = ["java", *_JVM, f"-Djava.io.tmpdir={self._folder}"]
        address = ["--host=127.0.0.1", f"--port={self._port}"]
        if self._name == "firestore":
            main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
            return [*java, "-cp", str(_jar("firestore")), main, "start", *address]
        if self._name == "pubsub":
            return [*java, "-jar", str(_jar("pubsub")), *address, f"--data-dir={self._folder}"]
        ports = ["--rest-port", str(self._port), "--grpc-port", str(self._grpc_port)]
        server = [str(bigquery_environment.PYTHON), "-I", str(_BIGQUERY_SERVER)]
        return [*server, "start", *ports, "--project", PROJECT, "--log-level", "warning"]

    def _environment(self) -> dict[str, str]:
        variables = dict(os.environ)
        if self._name == "bigquery":
            variables = {name: value for name, value in variables.items() if not name.startswith("BQEMU_")}
            variables |= {
                "HOME": str(bigquery_environment.HOME),  # where DuckDB finds its extension
                "TMPDIR": str(self._folder),
                "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # else it tries to download Avro support
                # For time travel it copies the table at each write, gigabytes soon: drop them every minute.
                "BQEMU_TIME_TRAVEL_RETENTION_DAYS": "0",
            }
        return variables

    def _answers(self) -> bool:
        """Whether a real request is answered; the REST face of Firestore and Pub/Sub sits on their gRPC."""
        path = {
            "firestore": f"/v1/projects/{PROJECT}/databases/(default)/documents/ready",
            "pubsub": f"/v1/projects/{PROJECT}/topics",
            "bigquery": "/readyz",
        }[self._name]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status != 200:
                return False
            if self._name == "bigquery":
                socket.create_connection(("127.0.0.1", self._grpc_port), timeout=5).close()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _log(self) -> str:
        return f"Its log ends:\n{self._logged()[-4000:].strip() or '(nothing was logged)'}"

    def _logged(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""


def _missing(name: str) -> str | None:
    if name == "bigquery":
        if bigquery_environment.is_ready():
            return None
        return "The environment of the bigquery emulator is not made for the current lock: run `make setup`."
    if shutil.which("java") is None:
        return f"The {name} emulator needs Java on the PATH: install a JRE (Debian: default-jre-headless)."
    if _jar(name) is None:
        return (
            f"The {name} emulator of the Google Cloud SDK was not found: install it with "
            f"`gcloud components install {_COMPONENTS[name]}` (Debian: google-cloud-cli-{name}-emulator), "
            "or name the SDK's folder in CLOUDSDK_ROOT_DIR."
        )
    return None


def _jar(name: str) -> Path | None:
    return next((jar for root in _sdk_roots() for jar in sorted(root.glob(_JARS[name]), reverse=True)), None)


def _sdk_roots() -> Iterator[Path]:
    """Where the Google Cloud SDK may be, the likeliest first."""
    if root := os.environ.get("CLOUDSDK_ROOT_DIR"):
        yield Path(root)
    if gcloud := shutil.which("gcloud"):
        yield from Path(gcloud).resolve().parents
    yield from (Path(place).expanduser() for place in _SDK_PLACES)


def _free_ports(pairs: int) -> list[tuple[int, int]]:
    """`pairs` pairs of ports that nothing listens on; held together until all are drawn, so all differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(2 * pairs)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    return list(zip(ports[::2], ports[1::2], strict=True))
