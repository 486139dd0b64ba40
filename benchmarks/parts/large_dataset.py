"""Ten million entries in one data set: what a call costs then, how long the count and the report take."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import latency, load, payloads, servers
from benchmarks.competitors import programs
from benchmarks.interleaving import interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import (
    Findings,
    Table,
    Target,
    at_most,
    figure,
    mebibytes,
    milliseconds,
    skipped,
)
from benchmarks.timed_process import timed_process

_ENTRIES = 1_000  # a call
_POOL = 500  # bodies, sent again and again
_FEW = 10  # calls
_FLAT = 1.1  # times as long as with few
_REPORT_GROWTH = 128  # MiB, whatever the number of entries; Polars itself is a quarter of that
_REPORT_TIME = 1.5  # times DuckDB's
_THREADS = 2  # DuckDB's; LogLeap reads in one and counts in another
_REPORT = """SELECT
    (SELECT count(DISTINCT (timestamp, content, context)) FROM entries),
    (SELECT max(n) FROM (SELECT count(*) AS n FROM entries GROUP BY content ORDER BY n DESC LIMIT 10)),
    (SELECT count(*) FROM (SELECT count(*) FROM entries GROUP BY date_trunc('hour', timestamp)))
"""
_JSON = {"Content-Type": "application/json"}


def run(iterations: Iterations) -> Findings:
    """Each comparison has a server with backend `local` to itself."""
    bodies = list(payloads.bodies(payloads.json_array, _POOL, _ENTRIES))
    rounds = iterations.many_entries // (_POOL * _ENTRIES)
    with servers.running(servers.logleap("local")) as server:
        few = load.call(server.port, "POST", "/data")["dataId"]
        many = load.call(server.port, "POST", "/data")["dataId"]
        _fill(server.port, few, bodies[:_FEW])
        _fill(server.port, many, list(chain.from_iterable(repeat(bodies, rounds))))
        calls = _compared(server.port, few, many, bodies, iterations)
    # Another server: those uploads have added millions of entries, which DuckDB's file does not have.
    with servers.running(servers.logleap("local")) as server:
        counted = load.call(server.port, "POST", "/data")["dataId"]
        _fill(server.port, counted, list(chain.from_iterable(repeat(bodies, rounds))))
        targets, tables = _counted(server, counted, bodies, rounds, iterations)
    return Findings([calls[0], *targets], [calls[1], *tables])


def _fill(port: int, data_id: str, bodies: Sequence[bytes]) -> None:
    requests = {id(body): load.request(f"/data/{data_id}", body, _JSON) for body in bodies}
    outcome = load.drive(port, [requests[id(body)] for body in bodies], clients=4, seconds=300)
    if outcome.calls < len(bodies):
        raise load.LoadFailed(f"only {outcome.calls} of {len(bodies)} calls were through in time")


def _compared(
    port: int, few: str, many: str, bodies: Sequence[bytes], iterations: Iterations
) -> tuple[Target, Table]:
    data_ids = {"few": few, "many": many}
    upload = f"upload of {_ENTRIES:,} entries"
    calls: dict[str, latency.Requests] = {
        upload: lambda place: [
            load.request(f"/data/{data_ids[place]}", body, _JSON) for body in bodies[:100]
        ],
        "GET /data/{dataId}": lambda place: [load.request(f"/data/{data_ids[place]}", b"", {}, "GET")] * 300,
    }
    ports = dict.fromkeys(data_ids, port)
    shares, rows = latency.compared(latency.round_of(calls, ports) for _ in range(iterations.rounds))
    header = ("call", "many / few", f"{_FEW * _ENTRIES:,} entries", f"{iterations.many_entries:,} entries")
    table = Table("Calls on a large data set", header, rows, "Median times of one client's calls.")
    what = f"an upload to {iterations.many_entries:,} entries, against one to {_FEW * _ENTRIES:,}"
    return at_most(what, shares[upload], _FLAT, unit=" ×"), table


def _counted(
    server: servers.Server, data_id: str, bodies: Sequence[bytes], rounds: int, iterations: Iterations
) -> tuple[list[Target], list[Table]]:
    def train() -> float:
        run = load.train(server.port, data_id)
        if run["result"]["entries"] != rounds * _POOL * _ENTRIES:
            raise load.LoadFailed(f"the training counted {run['result']}")
        return _moment(run["finishedAt"]) - _moment(run["startedAt"])

    what = f"the count task over {iterations.many_entries:,} entries, against DuckDB over Parquet"
    if not programs.python_ready():
        return [skipped(what, "≤ 2 ×", "DuckDB is missing: make bench-rivals")], []
    parquet = server.folder / "entries.parquet"
    _write_parquet(parquet, rounds)
    with (
        _duckdb(parquet, "SELECT count(*) FROM entries") as count,
        _duckdb(parquet, "SELECT count(*) FROM entries WHERE strlen(content) > 0") as scan,
    ):
        train(), count(), scan()
        figures = interleaved(iterations.rounds, {"LogLeap": train, "count": count, "scan": scan})
    stored = sum(file.stat().st_size for file in (server.folder / "data").rglob("*") if file.is_file())
    names = {
        "LogLeap": ("LogLeap: the task, as a run", stored),
        "count": ("DuckDB: count(*), from the file's footer", parquet.stat().st_size),
        "scan": ("DuckDB: count(*) of those with a text, which it reads", parquet.stat().st_size),
    }
    rows = [
        (
            names[side][0],
            figure(ratio(figures, "LogLeap", side)),
            milliseconds(statistics.median(figures[side])),
            figure(names[side][1] / iterations.many_entries),
        )
        for side in names
    ]
    note = (
        "The entries are the same; Parquet has them in the columns of an archive, with zstd. "
        "LogLeap looks at every stored byte."
    )
    table = Table("Counting", ("", "LogLeap / it", "time", "bytes an entry on disk"), rows, note)
    footer = at_most(what, ratio(figures, "LogLeap", "count"), 2.0, "DuckDB reads the file's footer", " ×")
    scanned = at_most(what, ratio(figures, "LogLeap", "scan"), 2.0, "DuckDB reads the texts", " ×")
    reported = _reported(server, data_id, parquet, iterations)
    return [footer, scanned, *reported[0]], [table, reported[1]]


def _reported(
    server: servers.Server, data_id: str, parquet: Path, iterations: Iterations
) -> tuple[list[Target], Table]:
    cpu: list[float] = []

    def report() -> float:
        before, start = server.cpu(), time.monotonic()
        load.call(server.port, "GET", f"/data/{data_id}/report")
        seconds = time.monotonic() - start
        cpu.append(server.cpu() - before)
        return seconds

    server.forget_peak()
    before = server.memory()
    with _duckdb(parquet, _REPORT) as query:
        report(), query()
        growth = server.peak() - before
        figures = interleaved(iterations.rounds, {"LogLeap": report, "DuckDB": query})
    seconds = {side: figure(statistics.median(figures[side])) for side in figures}
    share = ratio(figures, "LogLeap", "DuckDB")
    rows = [
        (
            "LogLeap: the report",
            figure(share),
            seconds["LogLeap"],
            figure(statistics.median(cpu)),
            mebibytes(growth),
        ),
        ("DuckDB: duplicates, most frequent messages, entries per hour", "1.00", seconds["DuckDB"], "", ""),
    ]
    header = ("", "it / DuckDB", "seconds", "CPU seconds", "memory grows by")
    note = (
        "LogLeap tells more: also gaps, order and the largest entries, in bounded memory; DuckDB takes as "
        f"much as it needs. DuckDB has {_THREADS} threads; LogLeap reads in one and counts in another, with "
        "the extra `report`."
    )
    what = f"report on {iterations.many_entries:,} entries"
    targets = [
        at_most(f"the {what}, against DuckDB over Parquet", share, _REPORT_TIME, unit=" ×"),
        at_most(f"growth of the server by a {what}", growth / (1 << 20), _REPORT_GROWTH, unit=" MiB"),
    ]
    return targets, Table("The report", header, rows, note)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _write_parquet(path: Path, rounds: int) -> None:
    pool = payloads.lines(_POOL * _ENTRIES)
    columns: dict[str, Any] = {
        "batchId": pa.array([f"{number // _ENTRIES:036}" for number in range(len(pool))]),
        "sequence": pa.array([number % _ENTRIES for number in range(len(pool))], pa.int64()),
        "timestamp": pa.array([line.timestamp for line in pool], pa.timestamp("us", tz="UTC")),
        "content": pa.array([line.message for line in pool]),
        "context": pa.array([line.context for line in pool]),
    }
    rows = pa.Table.from_pydict(columns)
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for _ in range(rounds):
            writer.write_table(rows, row_group_size=50_000)


def _duckdb(parquet: Path, query: str) -> AbstractContextManager[Callable[[], float]]:
    """Its time for the query over the file, each time it is called."""
    script = str(programs.HERE / "duckdb_scan.py")
    command = [str(programs.PYTHON), script, str(parquet), query, str(_THREADS)]
    return timed_process(command)
