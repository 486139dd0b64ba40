"""`logleap push`: what a line costs the client, beside the version that read logs line by line.

That version is taken out of the repository's history. Both run in this environment, against the same server.
"""

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from statistics import median
from tarfile import open as open_tar

from benchmarks import payloads, servers
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, Target, at_least, at_most, figure, skipped, times

BEFORE = "8a2a77b"
"""The commit whose `push` read, parsed and encoded one line after the other."""

_LINE = 75  # bytes of message: with time, level and thread about 100 in all
_LARGEST = 1_000_000  # lines
_OTHERS = 200_000  # lines of each other form


def run(iterations: Iterations) -> Findings:
    """Each form pushed by both, and by this version as it is without a compiler."""
    largest = min(_LARGEST, iterations.many_entries // 10)
    others = min(_OTHERS, largest)
    rounds = max(1, iterations.rounds // 2)
    with tempfile.TemporaryDirectory(prefix="logleap-bench-") as name:
        folder = Path(name)
        before = _earlier(folder / "before")
        if before is None:
            why = f"the repository's history does not reach back to {BEFORE}"
            return Findings([skipped("a plain log's lines, as a share of the CPU of before", "≤ 0.125", why)])
        versions = {"before": before, "now": _source(), "uncompiled": _uncompiled(folder / "uncompiled")}
        with servers.running(servers.logleap("local")) as server:
            pushing = _Pushing(server.port, versions, folder)
            plain = pushing.measured("plain", _iso, largest, rounds, ["before", "now"])
            packed = pushing.packed("plain")
            rows = {
                form: pushing.measured(form, written, others, rounds, list(versions))
                for form, written in FORMS.items()
            }
    return Findings(_targets(plain, packed, rows), [_largest(plain, packed, largest), _forms(rows, others)])


@dataclass(frozen=True, slots=True)
class Cost:
    """What one push cost the client: CPU seconds (user and system), seconds by the clock, bytes at most."""

    cpu: float
    seconds: float
    memory: int


Costs = Mapping[str, Sequence[Cost]]


class _Pushing:
    def __init__(self, port: int, versions: Mapping[str, Path], folder: Path) -> None:
        self._port = port
        self._versions = versions
        self._folder = folder
        one = folder / "one.log"
        one.write_text("2026-03-02 06:00:00,000 INFO one\n")
        self.least = {version: self._push(version, one) for version in versions}

    def measured(
        self,
        form: str,
        written: Callable[[datetime, str], str],
        lines: int,
        rounds: int,
        versions: Sequence[str],
    ) -> Costs:
        """What it costs to push so many entries of one form, less what a push of one line costs."""
        is_table = form.startswith("CSV")
        suffix = ".ndjson" if form == "NDJSON" else ".csv" if is_table else ".log"
        path = self._folder / f"{form}{suffix}"
        path.write_text("".join(_text(written, lines, "timestamp,message\n" if is_table else "")))
        return {
            version: [self._beyond(version, self._push(version, path)) for _ in range(rounds)]
            for version in versions
        }

    def packed(self, form: str) -> Cost:
        """The same file of `measured`, gzipped, by this version."""
        path = self._folder / f"{form}.log.gz"
        path.write_bytes(gzip.compress((self._folder / f"{form}.log").read_bytes(), 1))
        return self._beyond("now", self._push("now", path))

    def _beyond(self, version: str, cost: Cost) -> Cost:
        least = self.least[version]
        return Cost(cost.cpu - least.cpu, cost.seconds - least.seconds, cost.memory - least.memory)

    def _push(self, version: str, path: Path) -> Cost:
        said = self._folder / "errors"
        start = time.monotonic()
        with said.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "logleap.entrypoints.cli", "push", str(path), "--json"],
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")},
                    "PYTHONPATH": str(self._versions[version]),
                    "LOGLEAP_URL": f"http://127.0.0.1:{self._port}",
                },
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        memory = 0
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            memory = max(memory, _peak(process.pid))
            time.sleep(0.02)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"push of {path.name} by {version}: {said.read_text()[-500:]}")
        return Cost(used.ru_utime + used.ru_stime, seconds, memory)


def _peak(pid: int) -> int:
    """The most bytes of a process that were resident so far. Its rusage would count its parent's, too."""
    with contextlib.suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def _source() -> Path:
    return servers.ROOT / "src"


def _earlier(folder: Path) -> Path | None:
    """The sources of the commit `BEFORE`; None where the history does not have it."""
    done = subprocess.run(
        ["git", "archive", BEFORE, "src"], cwd=servers.ROOT, capture_output=True, check=False
    )
    if done.returncode != 0:
        return None
    with open_tar(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def _uncompiled(folder: Path) -> Path:
    """This version without its extension modules, as it is installed where there is no compiler."""
    shutil.copytree(_source(), folder, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    return folder


def _text(written: Callable[[datetime, str], str], lines: int, header: str) -> Iterator[str]:
    if header:
        yield header
    moment = datetime(2026, 3, 2, 6, tzinfo=UTC)
    for number, line in enumerate(
        payloads.lines(min(lines, 50_000), _LINE, context=False) * (lines // 50_000 + 1)
    ):
        if number == lines:
            return
        yield written(moment + timedelta(milliseconds=37 * number), line.message.replace("\n", " "))


def _iso(time: datetime, message: str) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S},{time.microsecond // 1000:03d} INFO  [main] {message}\n"


def _trace(time: datetime, message: str) -> str:
    below = "".join(f"\tat com.example.press.Ram.lower{at}(Ram.java:{80 + at})\n" for at in range(9))
    return f"{time:%Y-%m-%d %H:%M:%S},000 ERROR [main] {message[:40]}\njava.lang.IllegalState: no\n{below}"


def _ndjson(time: datetime, message: str) -> str:
    return json.dumps({"timestamp": time.isoformat(timespec="milliseconds"), "message": message}) + "\n"


def _csv(time: datetime, message: str) -> str:
    quoted = message.replace('"', '""')
    return f'{time:%Y-%m-%d %H:%M:%S},"{quoted}"\n'


def _csv_of_lines(time: datetime, message: str) -> str:
    return _csv(time, f"{message[:40]}\n\tat a.b(A.java:80)\n\tat c.d(C.java:9)")


FORMS: Mapping[str, Callable[[datetime, str], str]] = {
    "ISO, of 200,000 lines": _iso,
    "stack traces": _trace,
    "NDJSON": _ndjson,
    "CSV": _csv,
    "CSV, of three lines": _csv_of_lines,
    "nginx": lambda time, message: f"{time:%Y/%m/%d %H:%M:%S} [error] {message}\n",
    "day first": lambda time, message: f"{time:%d.%m.%Y %H:%M:%S} {message}\n",
    "access log": lambda time, message: (
        f'10.4.0.9 - - [{time:%d/%b/%Y:%H:%M:%S} +0100] "{message[:60]}" 200 9\n'
    ),
    "Apache's errors": lambda time, message: f"[{time:%a %b %d %H:%M:%S.%f %Y}] [error] {message}\n",
    "syslog": lambda time, message: f"{time:%b %d %H:%M:%S} cell4 app[7]: {message}\n",
    "HDFS": lambda time, message: f"{time:%y%m%d %H%M%S} 148 INFO {message}\n",
    "seconds since 1970": lambda time, message: f"{time.timestamp():.3f} {message}\n",
}


def _ratio(costs: Costs, of: str, by: Callable[[Cost], float]) -> float:
    """How many times as much the version before needs."""
    return median(map(by, costs["before"])) / median(map(by, costs[of]))


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _seconds(cost: Cost) -> float:
    return cost.seconds


def _targets(plain: Costs, packed: Cost, rows: Mapping[str, Costs]) -> list[Target]:
    growth = max(cost.memory for cost in [*plain["now"], packed]) / (1 << 20)
    others = {form: _ratio(costs, "now", _cpu) for form, costs in rows.items() if form != "NDJSON"}
    slowest = min(others, key=others.__getitem__)
    every = {
        f"{form}, {version}": _ratio(costs, version, _cpu)
        for form, costs in rows.items()
        for version in ("now", "uncompiled")
    }
    worst = min(every, key=every.__getitem__)
    return [
        at_least("CPU of a plain log's line before, for each now", _ratio(plain, "now", _cpu), 8, unit=" ×"),
        at_least(
            "time of a plain log's push before, for each now", _ratio(plain, "now", _seconds), 5, unit=" ×"
        ),
        at_most("growth of the client's memory, also with gzip", growth, 64, unit=" MiB"),
        at_least(
            "CPU of NDJSON's line before, for each now", _ratio(rows["NDJSON"], "now", _cpu), 4, unit=" ×"
        ),
        at_least("CPU of other forms' lines before, for each now", others[slowest], 4, slowest, unit=" ×"),
        at_least(
            "CPU of any form before, for each now, with or without a compiler",
            every[worst],
            1,
            worst,
            unit=" ×",
        ),
    ]


def _largest(plain: Costs, packed: Cost, lines: int) -> Table:
    rows = [
        (
            version,
            figure(median(map(_cpu, costs)) / lines * 1e6),
            figure(median(map(_seconds, costs))),
            figure(max(cost.memory for cost in costs) / (1 << 20)),
        )
        for version, costs in (*plain.items(), ("now, gzip", [packed]))
    ]
    header = ("version", "CPU, µs per line", "seconds", "memory grows by, MiB")
    note = (
        f"A plain log of {lines:,} lines of about 100 bytes, to `local`, less what a push of one line costs."
    )
    return Table("Push of a large log", header, rows, note)


def _forms(rows: Mapping[str, Costs], lines: int) -> Table:
    found = [
        (
            form,
            *(figure(median(map(_cpu, costs[version])) / lines * 1e6) for version in costs),
            times(_ratio(costs, "now", _cpu)),
            times(_ratio(costs, "uncompiled", _cpu)),
        )
        for form, costs in rows.items()
    ]
    header = ("form", "before", "now", "now, uncompiled", "before / now", "before / uncompiled")
    note = f"The client's CPU in µs per entry, of {lines:,} entries, less what a push of one line costs."
    return Table("Push of other forms", header, found, note)
