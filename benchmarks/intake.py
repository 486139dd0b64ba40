"""Uploads of all kinds, against what merely receiving the same bytes costs with the same server."""

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import load
import payloads
import servers
from effort import Effort
from pairs import ratio, taking_turns
from results import Findings, Table, figure, mebibytes, milliseconds

_MOST_BYTES = 150 << 20  # of prebuilt requests
_WRITERS: dict[str, Callable[[Sequence[payloads.Line]], bytes]] = {
    "application/json": payloads.json_array,
    "application/x-ndjson": payloads.ndjson,
}


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of upload, by so many clients at once."""

    entries: int
    size: int = 150
    type: str = "application/json"
    coding: str = "plain"
    clients: int = 4

    @property
    def name(self) -> str:
        """How the table calls it."""
        form = self.type.rpartition("/")[2].removeprefix("x-")
        return f"{self.entries:,} × {self.size:,} B, {form}, {self.coding}, {self.clients} clients"

    def requests(self, path: str, seconds: float) -> list[bytes]:
        """Enough of them for the time, within bounds."""
        wanted = min(round(seconds * 8_000), max(round(seconds * 1_000_000 / self.entries), 20))
        headers = {"Content-Type": self.type}
        if self.coding != "plain":
            headers["Content-Encoding"] = self.coding
        requests: list[bytes] = []
        room = _MOST_BYTES
        for body in payloads.bodies(_WRITERS[self.type], wanted, self.entries, self.size):
            requests.append(load.request(path, payloads.CODINGS[self.coding](body), headers))
            room -= len(requests[-1])
            if room < 0:
                break
        return requests


NDJSON = "application/x-ndjson"
WORKLOADS = (
    Workload(1, clients=1),
    Workload(1),
    Workload(1, clients=16),
    Workload(1, size=1024),
    Workload(100),
    Workload(1_000, clients=1),
    Workload(1_000),
    Workload(1_000, clients=16),
    Workload(1_000, size=1024),
    Workload(1_000, coding="gzip"),
    Workload(1_000, coding="zstd"),
    Workload(1_000, type=NDJSON),
    Workload(10_000),
    Workload(10_000, type=NDJSON),
    Workload(10_000, type=NDJSON, coding="zstd"),
    Workload(10_000, size=1024, type=NDJSON, coding="gzip", clients=1),
)
BACKENDS = ("local", "memory")


def run(effort: Effort) -> Findings:
    """A table for each backend; servers are started anew for each row."""
    rows: dict[str, list[Sequence[str]]] = {backend: [] for backend in BACKENDS}
    for workload in WORKLOADS:
        try:
            measured = _measured(workload, effort)
        except load.LoadFailed as refused:
            if "HTTP/1.1 415" not in str(refused):
                raise
            measured = dict.fromkeys(BACKENDS, (workload.name, "answered 415", *[""] * 5))
        for backend, row in measured.items():
            rows[backend].append(row)
    header = ("upload", "of bare receiving", "entries/s", "p50", "p99", "CPU µs/entry", "peak")
    note = (
        "Bare receiving: the same requests to the same HTTP server, whose app reads the body and answers. "
        "CPU: of the server's processes, user and system. Peak: their resident memory. Client and server "
        "share the machine."
    )
    return Findings(
        tables=[Table(f"Intake, backend {backend}", header, rows[backend], note) for backend in BACKENDS]
    )


@dataclass
class _Side:
    server: servers.Server
    outcomes: list[load.Outcome]
    cpu: float = 0.0


def _measured(workload: Workload, effort: Effort) -> dict[str, Sequence[str]]:
    with ExitStack() as stack:
        commands = {backend: servers.logleap(backend) for backend in BACKENDS} | {"bare": servers.bare}
        sides = {
            name: _Side(stack.enter_context(servers.running(command)), [])
            for name, command in commands.items()
        }
        requests = workload.requests("/data/00000000-0000-0000-0000-000000000000", effort.seconds)

        def rate(side: _Side, addressed: Sequence[bytes], seconds: float) -> float:
            before = side.server.cpu()
            outcome = load.drive(side.server.port, addressed, clients=workload.clients, seconds=seconds)
            side.cpu += side.server.cpu() - before
            side.outcomes.append(outcome)
            return outcome.rate

        def turn(name: str) -> Callable[[], float]:
            side = sides[name]
            addressed = requests
            if name != "bare":
                data_id = load.call(side.server.port, "POST", "/data")["dataId"]
                zeros = b"00000000-0000-0000-0000-000000000000"
                addressed = [each.replace(zeros, data_id.encode(), 1) for each in requests]
            rate(side, addressed, 0.2)  # to warm up
            side.outcomes.clear()
            side.cpu = 0.0
            side.server.forget_peak()
            return lambda: rate(side, addressed, effort.seconds)

        figures = taking_turns(effort.rounds, {name: turn(name) for name in sides})
        return {
            backend: (
                workload.name,
                figure(ratio(figures, backend, "bare")),
                *_columns(sides[backend], workload),
            )
            for backend in BACKENDS
        }


def _columns(side: _Side, workload: Workload) -> Sequence[str]:
    def median(of: Callable[[load.Outcome], float]) -> float:
        return statistics.median(map(of, side.outcomes))

    entries = workload.entries * sum(outcome.calls for outcome in side.outcomes)
    return (
        figure(workload.entries * median(lambda outcome: outcome.rate)),
        milliseconds(median(lambda outcome: outcome.percentile(0.5))),
        milliseconds(median(lambda outcome: outcome.percentile(0.99))),
        figure(side.cpu / entries * 1e6),
        mebibytes(side.server.peak()),
    )
