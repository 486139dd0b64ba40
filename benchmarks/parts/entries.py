"""Entries out of the `local` backend: exports against pyarrow, pages of large and small data sets."""

import http.client
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

from benchmarks import load, payloads, servers
from benchmarks.interleaving import interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, Target, at_most, figure, milliseconds
from benchmarks.timed_process import timed_process

_ENTRIES = 1_000  # of a call
_EXPORTED = 1_000_000
_FEW = 10_000
_PAGE = 100
_PAGES = 40  # a turn
_ARROW = "application/vnd.apache.arrow.stream"
_NDJSON = "application/x-ndjson"
_JSON = {"Content-Type": "application/json"}
_PYARROW = Path(__file__).parents[1] / "competitors" / "pyarrow_stream.py"


def run(iterations: Iterations) -> Findings:
    """Exports of a million entries, then pages of data sets of ten thousand and of many."""
    exported = min(_EXPORTED, iterations.many_entries)
    with servers.running(servers.logleap("local")) as server:
        data_ids = {}
        for number in sorted({_FEW, exported, iterations.many_entries}):
            data_ids[number] = load.call(server.port, "POST", "/data")["dataId"]
            _fill(server.port, data_ids[number], number)
        exports = _exports(server, data_ids[exported], exported, iterations)
        pages = _pages(server.port, data_ids, iterations)
    return Findings([*exports[0], *pages[0]], [exports[1], pages[1]])


def _fill(port: int, data_id: str, number: int) -> None:
    """Batches that follow one another in time, sent by four clients."""
    for first in range(0, number, 100 * _ENTRIES):
        bodies = [
            payloads.json_array(payloads.lines(_ENTRIES, first=start))
            for start in range(first, min(first + 100 * _ENTRIES, number), _ENTRIES)
        ]
        requests = [load.request(f"/data/{data_id}", body, _JSON) for body in bodies]
        outcome = load.drive(port, requests, clients=4, seconds=300)
        if outcome.calls < len(requests):
            raise load.LoadFailed(f"only {outcome.calls} of {len(requests)} calls were through in time")


def _exports(
    server: servers.Server, data_id: str, entries: int, iterations: Iterations
) -> tuple[list[Target], Table]:
    parquet = server.folder / "entries.parquet"
    with parquet.open("wb") as file:
        _read(server.port, data_id, "application/vnd.apache.parquet", file.write)

    def export(media_type: str) -> Callable[[], float]:
        def measure() -> float:
            start = time.perf_counter()
            _read(server.port, data_id, media_type, lambda _: None)
            return time.perf_counter() - start

        return measure

    with _pyarrow(parquet) as pyarrow:
        sides = {
            "Arrow": export(_ARROW),
            "NDJSON": export(_NDJSON),
            "CSV": export("text/csv"),
            "pyarrow": pyarrow,
        }
        for side in sides.values():
            side()
        before = server.memory()
        server.forget_peak()
        figures = interleaved(iterations.rounds, sides)
        growth = server.peak() - before
    rows = [
        (name, figure(ratio(figures, name, "pyarrow")), milliseconds(statistics.median(figures[name])))
        for name in sides
    ]
    note = (
        f"{entries:,} entries with 150 bytes of message and a context, in batches of {_ENTRIES:,}, over HTTP "
        "on loopback, without compression, to one client that discards what it reads. pyarrow reads the same "
        "from Parquet with zstd, and writes an Arrow stream to /dev/null, on one thread. LogLeap makes a "
        "stream on one thread, and its client has a process of its own. The server's memory grew by "
        f"{growth / 2**20:.0f} MiB."
    )
    table = Table("Exports", ("", "it / pyarrow", "time"), rows, note)
    what = f"{{}} export of {entries:,} entries, against pyarrow from Parquet to an Arrow stream"
    return [
        at_most(what.format("Arrow"), ratio(figures, "Arrow", "pyarrow"), 2.0, unit=" ×"),
        at_most(what.format("NDJSON"), ratio(figures, "NDJSON", "pyarrow"), 3.0, unit=" ×"),
    ], table


def _pages(port: int, data_ids: dict[int, str], iterations: Iterations) -> tuple[list[Target], Table]:
    few, many = min(data_ids), max(data_ids)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def pages(number: int) -> Callable[[], float]:
        middle = payloads.lines(1, first=number // 2)[0].timestamp + timedelta(milliseconds=7)
        path = f"/data/{data_ids[number]}/entries?pageSize={_PAGE}&from={middle:%Y-%m-%dT%H:%M:%S.%fZ}"

        def measure() -> float:
            times = []
            for _ in range(_PAGES):
                start = time.perf_counter()
                connection.request("GET", path)
                found = json.loads(connection.getresponse().read())
                times.append(time.perf_counter() - start)
                if len(found["entries"]) != _PAGE:
                    raise load.LoadFailed(f"a page has {len(found['entries'])} entries")
            return statistics.median(times)

        return measure

    figures = interleaved(iterations.rounds, {"few": pages(few), "many": pages(many)})
    connection.close()
    share = ratio(figures, "many", "few")
    row = (
        f"a page of {_PAGE} entries from the middle",
        figure(share),
        milliseconds(statistics.median(figures["few"])),
        milliseconds(statistics.median(figures["many"])),
    )
    table = Table("Pages", ("", "many / few", f"of {few:,} entries", f"of {many:,} entries"), [row])
    return [at_most(f"a page in {many:,} entries, against one in {few:,}", share, 3.0, unit=" ×")], table


def _read(port: int, data_id: str, media_type: str, take: Callable[[bytes], object]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", f"/data/{data_id}/entries", headers={"Accept": media_type})
    response = connection.getresponse()
    if response.status != 200:
        raise load.LoadFailed(f"{response.status}: {response.read()[:300]!r}")
    while part := response.read(1 << 20):
        take(part)
    connection.close()


def _pyarrow(parquet: Path) -> AbstractContextManager[Callable[[], float]]:
    """How long pyarrow takes, in a process of its own, each time it is called."""
    command = [sys.executable, str(_PYARROW), str(parquet)]
    return timed_process(command)
