"""Entries judged by a log model over HTTP: `POST /score` with a streamed body, against storing the same."""

import http.client
import json
import statistics
from collections.abc import Callable, Iterator

from benchmarks import load, servers
from benchmarks.interleaving import interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, at_least, at_most, figure
from logleap.client.logfiles import LogFile, ReadOptions
from logleap.client.sample import sample_log

_BODY = 1_000_000  # entries
_GROWTH = 64  # MiB
_NDJSON = {"Content-Type": "application/x-ndjson"}


def run(iterations: Iterations) -> Findings:
    """The server's CPU time for each entry, between a small body and a large one."""
    with sample_log().open("rb") as file:
        batches = list(LogFile(file, options=ReadOptions()).batches())
    pool = b"".join(batch.body for batch in batches)
    entries = sum(batch.entries for batch in batches)
    large = max(2, min(_BODY, iterations.many_entries) // entries)
    with servers.running(servers.logleap("local")) as server:
        model = load.call(server.port, "POST", "/data")["dataId"]
        _post(server.port, f"/data/{model}", pool, 1)
        load.train(server.port, model, task="log-model")

        def scored(times: int) -> Callable[[], float]:
            return _cpu(server, lambda: _post(server.port, f"/score/{model}", pool, times))

        def stored(times: int) -> Callable[[], float]:
            def upload() -> None:
                data_id = load.call(server.port, "POST", "/data")["dataId"]
                _post(server.port, f"/data/{data_id}", pool, times)

            return _cpu(server, upload)

        sides = {
            "score, small": scored(1),
            "score": scored(large),
            "store, small": stored(1),
            "store": stored(large),
        }
        sides["score, small"]()
        before = server.memory()
        server.forget_peak()
        scored(large)()
        growth = (server.peak() - before) / 2**20
        figures = interleaved(iterations.rounds, sides)
    more = (large - 1) * entries
    each = {
        name: statistics.median(
            (full - small) / more
            for full, small in zip(figures[name], figures[f"{name}, small"], strict=True)
        )
        for name in ("score", "store")
    }
    rate = 1 / each["score"]
    rows = [
        (name, f"{1e6 * each[name]:.2f} µs", f"{1 / each[name]:,.0f}", figure(each[name] / each["store"]))
        for name in each
    ]
    table = Table(
        "Scoring",
        ("", "server CPU / entry", "entries / s / core", "it / store"),
        rows,
        f"The sample log {large} times, {large * entries:,} entries in one chunked NDJSON body over HTTP on "
        "loopback, judged by the log model of the sample log; and the same stored. All CPU time of the "
        "server's processes is counted: receiving, reading, judging, writing and sending a line for each. "
        f"The figures are between a body with the log once and one with it {large} times, so that what a "
        "call costs by itself does not count; with that, scoring takes "
        f"{figure(ratio(figures, 'score', 'store'))} times as long as storing. The server's memory grew by "
        f"{growth:.0f} MiB.",
    )
    return Findings(
        [
            at_least("entries scored over HTTP in a second of one core", rate, 150_000),
            at_most("growth of the server while it scores, in MiB", growth, _GROWTH),
        ],
        [table],
    )


def _cpu(server: servers.Server, work: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        before = server.cpu()
        work()
        return server.cpu() - before

    return measure


def _post(port: int, path: str, block: bytes, times: int) -> None:
    """Send a body of so many blocks, and read the answer to its end."""

    def body() -> Iterator[bytes]:
        for _ in range(times):
            yield block

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("POST", path, body(), _NDJSON, encode_chunked=True)
    response = connection.getresponse()
    last = b""
    while part := response.read(1 << 20):
        last = (last + part)[-(1 << 20) :]
    connection.close()
    if response.status != 200:
        raise load.LoadFailed(f"{response.status}: {last[:300]!r}")
    if path.startswith("/score") and "summary" not in json.loads(last.splitlines()[-1]):
        raise load.LoadFailed("the scores have no summary")
