"""Uploads of all kinds, against what merely receiving the same bytes costs with the same server."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

from benchmarks import load, payloads, servers
from benchmarks.interleaving import interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, figure, mebibytes, milliseconds

_POOL = 50_000  # entries, about
_MOST_CALLS = 20_000  # in a turn
_JSON_LIMIT = {"LOGLEAP_JSON_BODY_LIMIT": str(16 << 20)}  # 10,000 entries of 1 KB have 11 MB
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
        by = f"{self.clients} clients" if self.clients > 1 else "1 client"
        return f"{self.entries:,} × {self.size:,} B, {form}, {self.coding}, {by}"

    def requests(self) -> Callable[[str], Sequence[bytes]]:
        """Makes the requests to a path: more than can be sent in a turn, of a pool of bodies that recur."""
        headers = {"Content-Type": self.type}
        if self.coding != "plain":
            headers["Content-Encoding"] = self.coding
        pool = max(10, min(2_000, _POOL // self.entries))
        coded = payloads.CODINGS[self.coding]
        bodies = [coded(body) for body in payloads.bodies(_WRITERS[self.type], pool, self.entries, self.size)]
        return lambda path: [load.request(path, body, headers) for body in bodies] * (_MOST_CALLS // pool)


JSON, NDJSON = "application/json", "application/x-ndjson"


def _workloads() -> Iterator[Workload]:
    """All sizes and forms; of codings and numbers of clients only what may change with them."""
    for entries, size, form in product((1, 100, 1_000, 10_000), (150, 1024), (JSON, NDJSON)):
        yield Workload(entries, size, form)
    for entries, form, coding in product((1_000, 10_000), (JSON, NDJSON), ("gzip", "zstd")):
        yield Workload(entries, 150, form, coding)
    for entries, clients in product((1, 1_000), (1, 2, 8, 16)):
        yield Workload(entries, clients=clients)


_ROUNDS, _SECONDS = 3, 0.6  # at most: there are many of them
BACKENDS = ("local", "memory")


def run(iterations: Iterations) -> Findings:
    """A table for each backend; servers are started anew for each row."""
    rows: dict[str, list[Sequence[str]]] = {backend: [] for backend in BACKENDS}
    for workload in _workloads():
        for backend, row in _measured(workload, iterations).items():
            rows[backend].append(row)
    header = ("upload", "of bare receiving", "entries/s", "p50", "p99", "CPU µs/entry", "peak")
    note = (
        "Bare receiving: the same requests to the same HTTP server, whose app reads the body and answers. "
        "CPU: of the server's processes, user and system. Peak: their resident memory. Client and server "
        "share the machine. The limit of JSON bodies is raised to 16 MiB. Not the whole grid, which would "
        "take an hour: all numbers and sizes of entries in both forms, plain, by 4 clients; codings with "
        "1,000 and 10,000 entries of 150 bytes; other numbers of clients with 1 and 1,000 entries."
    )
    return Findings(
        tables=[Table(f"Intake, backend {backend}", header, rows[backend], note) for backend in BACKENDS]
    )


@dataclass
class _Side:
    server: servers.Server
    outcomes: list[load.Outcome]
    cpu: float = 0.0


def _measured(workload: Workload, iterations: Iterations) -> dict[str, Sequence[str]]:
    with ExitStack() as stack:
        commands = {backend: servers.logleap(backend) for backend in BACKENDS} | {"bare": servers.bare}
        sides = {
            name: _Side(stack.enter_context(servers.running(command, _JSON_LIMIT)), [])
            for name, command in commands.items()
        }
        requests = workload.requests()

        def rate(side: _Side, addressed: Sequence[bytes], seconds: float) -> float:
            before = side.server.cpu()
            outcome = load.drive(side.server.port, addressed, clients=workload.clients, seconds=seconds)
            side.cpu += side.server.cpu() - before
            side.outcomes.append(outcome)
            return outcome.rate

        def turn(name: str) -> Callable[[], float]:
            side = sides[name]
            bare = name == "bare"
            data_id = "any" if bare else load.call(side.server.port, "POST", "/data")["dataId"]
            addressed = requests(f"/data/{data_id}")
            rate(side, addressed, 0.2)  # to warm up
            side.outcomes.clear()
            side.cpu = 0.0
            side.server.forget_peak()
            return lambda: rate(side, addressed, min(iterations.seconds, _SECONDS))

        figures = interleaved(min(iterations.rounds, _ROUNDS), {name: turn(name) for name in sides})
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
