"""The `gcp` backend: its own cost, against services that answer at once; its shape, against the emulators."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import load, payloads, servers
from benchmarks.competitors import programs
from benchmarks.interleaving import Figures, interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import (
    Findings,
    Table,
    Target,
    at_least,
    at_most,
    figure,
    milliseconds,
    skipped,
)
from tools.emulators import Emulators, available

_WRITERS = ("storage-write", "streaming-insert")
_AIM = 4.0
_AIM_CPU = 3.0  # µs a row
_CLIENTS = 4
_ROUNDS = 3  # at most, of the writers, each of which is a process that imports much
_JSON = {"Content-Type": "application/json"}
_GCP = {"LOGLEAP_AUTH": "none", "LOGLEAP_GCP_PROJECT": "logleap-dev"}


def run(iterations: Iterations) -> Findings:
    """The services' stub is a process of its own that all sides share."""
    with _stub() as stub:
        targets, tables = _against_tutorial(stub, iterations)
        cost, costs = _writers(stub, iterations)
    return Findings([*targets, cost], [*tables, costs, *_on_emulators()])


@contextmanager
def _stub() -> Iterator[Mapping[str, str]]:
    """The variables that lead Google's clients to it."""
    grpc_port = servers.free_port()

    def command(port: int, folder: Path) -> Sequence[str]:
        return [sys.executable, "-m", "benchmarks.servers.google_stub", str(port), str(grpc_port)]

    with servers.running(command) as stub:
        yield {
            "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{stub.port}",
            "BIGQUERY_STORAGE_EMULATOR_HOST": f"127.0.0.1:{grpc_port}",
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{grpc_port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{grpc_port}",
        }


def _tutorial(port: int, folder: Path) -> Sequence[str]:
    gunicorn = str(programs.PYTHON.with_name("gunicorn"))
    flags = ["--workers", "1", "--threads", "8", "--no-control-socket", "--chdir", str(programs.HERE)]
    return [gunicorn, *flags, "--bind", f"127.0.0.1:{port}", "tutorial:app"]


@dataclass
class _Side:
    server: servers.Server
    outcomes: list[load.Outcome] = field(default_factory=list)
    cpu: float = 0.0

    def rate(self, requests: Sequence[bytes], seconds: float) -> float:
        before = self.server.cpu()
        self.outcomes.append(load.drive(self.server.port, requests, clients=_CLIENTS, seconds=seconds))
        self.cpu += self.server.cpu() - before
        return self.outcomes[-1].rate

    def row(self, name: str, figures: Figures, entries: int) -> Sequence[str]:
        def median(share: float) -> str:
            return milliseconds(statistics.median(outcome.percentile(share) for outcome in self.outcomes))

        taken = entries * sum(outcome.calls for outcome in self.outcomes)
        against = figure(ratio(figures, name, "tutorial")) if "tutorial" in figures else "–"
        rate = figure(entries * statistics.median(figures[name]))
        return (
            f"{name}, {entries:,}",
            against,
            rate,
            median(0.5),
            median(0.99),
            figure(self.cpu / taken * 1e6),
        )


def _against_tutorial(stub: Mapping[str, str], iterations: Iterations) -> tuple[list[Target], list[Table]]:
    rows: list[Sequence[str]] = []
    targets: list[Target] = []
    with _sides(stub) as sides:
        for entries in (1, 100, 1_000, 10_000):
            figures = _rates(sides, entries, iterations)
            rows += [side.row(name, figures, entries) for name, side in sides.items()]
            if entries == 1_000:
                targets.append(_target(figures))
    header = ("who, entries a call", "it / tutorial", "entries/s", "p50", "p99", "CPU µs/entry")
    note = (
        "storage-write and streaming-insert: LogLeap with these writers, one process, with its reads and "
        "writes of Firestore. tutorial: Flask, `request.get_json()` and `insert_rows_json` per request, "
        "under gunicorn (1 worker, 8 threads), which keeps no receipts and checks nothing. "
        f"{_CLIENTS} clients."
    )
    return targets, [Table("gcp, against services that answer at once", header, rows, note)]


@contextmanager
def _sides(stub: Mapping[str, str]) -> Iterator[Mapping[str, _Side]]:
    with ExitStack() as stack:
        sides = {}
        for writer in _WRITERS:
            environment = {**_GCP, **stub, "LOGLEAP_BIGQUERY_WRITER": writer}
            sides[writer] = _Side(stack.enter_context(servers.running(servers.logleap("gcp"), environment)))
        if programs.python_ready():
            sides["tutorial"] = _Side(stack.enter_context(servers.running(_tutorial, stub)))
        yield sides


def _rates(sides: Mapping[str, _Side], entries: int, iterations: Iterations) -> Figures:
    calls = max(20, min(2_000, 200_000 // entries))
    bodies = list(payloads.bodies(payloads.json_array, calls, entries))
    turns = {}
    for name, side in sides.items():
        announced = name != "tutorial"
        data_id = load.call(side.server.port, "POST", "/data")["dataId"] if announced else "entries"
        requests = [load.request(f"/data/{data_id}", body, _JSON) for body in bodies] * 5
        side.rate(requests, 0.3)  # to warm up
        side.outcomes.clear()
        side.cpu = 0.0
        turns[name] = partial(side.rate, requests, iterations.seconds)
    return interleaved(iterations.rounds, turns)


def _target(figures: Figures) -> Target:
    what = "`gcp`, 1,000 entries a call, against the tutorial's service on the same stub"
    if "tutorial" not in figures:
        return skipped(what, f"≥ {_AIM:g} ×", "its environment is missing: make bench-rivals")
    return at_least(what, ratio(figures, "storage-write", "tutorial"), _AIM, unit=" ×")


def _writers(stub: Mapping[str, str], iterations: Iterations) -> tuple[Target, Table]:
    def cost(writer: str, entries: int) -> float:
        repeats = max(20, 200_000 // entries)
        command = [sys.executable, "-m", "benchmarks.parts.writer_cost", writer, str(entries), str(repeats)]
        done = subprocess.run(
            command, cwd=servers.ROOT, env={**os.environ, **stub}, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    rows = []
    aimed = 0.0
    for entries in (100, 1_000, 10_000):
        turns = {writer: partial(cost, writer, entries) for writer in _WRITERS}
        figures = interleaved(min(iterations.rounds, _ROUNDS), turns)
        medians = {writer: statistics.median(figures[writer]) for writer in _WRITERS}
        share = figure(ratio(figures, *_WRITERS))
        rows.append((f"{entries:,}", share, *(figure(medians[writer]) for writer in _WRITERS)))
        if entries == 1_000:
            aimed = medians["storage-write"]
    header = ("rows a call", "ratio", *(f"{writer}: µs/row" for writer in _WRITERS))
    table = Table(
        "CPU of the writers alone", header, rows, "From entries to the answer of the stub, all threads."
    )
    target = at_most("CPU of the writer storage-write, 1,000 rows a call", aimed, _AIM_CPU, unit=" µs/row")
    return target, table


def _on_emulators() -> Sequence[Table]:
    if any(available().values()):
        return []
    rows = []
    with Emulators() as emulators:
        environment = {**_GCP, **emulators.exports(), "LOGLEAP_BACKEND": "gcp"}
        program = str(Path(sys.executable).with_name("logleap"))
        setup = [program, "gcp", "setup"]
        subprocess.run(setup, env={**os.environ, **environment}, check=True, capture_output=True)
        with servers.running(servers.logleap("gcp"), environment) as server:
            for entries in (1, 10, 100, 1_000):
                data_id = load.call(server.port, "POST", "/data")["dataId"]
                bodies = payloads.bodies(payloads.json_array, 10, entries)
                requests = [load.request(f"/data/{data_id}", body, _JSON) for body in bodies]
                outcome = load.drive(server.port, requests, clients=1, seconds=60)
                rows.append((f"{entries:,}", milliseconds(outcome.percentile(0.5))))
    note = (
        "Ten calls each of one client. The emulators take their own time, and BigQuery's copies its table "
        "with each write: this shows that it works and what the calls cost relative to each other, no speed."
    )
    return [Table("gcp, on the emulators", ("entries a call", "p50"), rows, note)]
