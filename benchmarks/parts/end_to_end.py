"""End to end against the sum of its parts: what of a call's time is LogLeap's own."""

import hashlib
import os
import statistics
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from flask import Response

from benchmarks import load, payloads, profiling, servers, system_under_test
from benchmarks.interleaving import Figures, interleaved, seconds_of
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, at_least, figure

_ENTRIES = 1_000
_AIM = 0.7
_PARTS = ("HTTP receive", "decode and validate", "write and fdatasync", "Flask dispatch")
_JSON = {"Content-Type": "application/json"}


def run(iterations: Iterations) -> Findings:
    """One client, one call after the other: all parts and the whole, in turns."""
    bodies = list(payloads.bodies(payloads.json_array, 200, _ENTRIES))
    with ExitStack() as stack:
        whole = stack.enter_context(servers.running(servers.logleap("local")))
        bare = stack.enter_context(servers.running(servers.bare))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=whole.folder)))
        data_id = load.call(whole.port, "POST", "/data")["dataId"]

        def latency(port: int) -> float:
            requests = [load.request(f"/data/{data_id}", body, _JSON) for body in bodies]
            return load.drive(port, requests, clients=1, seconds=iterations.seconds).percentile(0.5)

        file = stack.enter_context((folder / "raw").open("wb", buffering=0))

        def write() -> None:
            file.write(bodies[0])
            os.fdatasync(file.fileno())

        answer = partial(Response, b'{"accepted": 1000}', content_type="application/json")
        app = stack.enter_context(system_under_test.uploading(folder / "app", bodies[0]))
        backend = stack.enter_context(system_under_test.local_backend(folder / "backend"))
        dataset, entries = system_under_test.announced(backend), system_under_test.decode(bodies[0])
        latency(whole.port)
        latency(bare.port)
        figures = interleaved(
            3 * iterations.rounds,
            {
                "whole": partial(latency, whole.port),
                "HTTP receive": partial(latency, bare.port),
                "decode and validate": seconds_of(partial(system_under_test.decode, bodies[0]), 50),
                "write and fdatasync": seconds_of(write, 50),
                "Flask dispatch": seconds_of(system_under_test.flask_call(answer), 200),
                "digest": seconds_of(lambda: hashlib.sha256(bodies[0]).digest(), 50),
                "pack": seconds_of(partial(system_under_test.packed, entries), 50),
                "append": seconds_of(partial(system_under_test.append, backend, dataset, entries), 50),
                "app": seconds_of(app, 50),
            },
        )
    share = statistics.median(
        sum(parts) / whole_time
        for *parts, whole_time in zip(*(figures[name] for name in (*_PARTS, "whole")), strict=True)
    )
    target = at_least("the sum of its parts, against a whole call of 1,000 entries", share, _AIM)
    return Findings([target], [_where(figures, len(bodies[0])), _profile(bodies[0])])


def _where(figures: Figures, size: int) -> Table:
    median = {name: statistics.median(figures[name]) for name in figures}
    inside = median["decode and validate"] + median["digest"] + median["append"] + median["Flask dispatch"]
    seconds = {name: median[name] for name in _PARTS} | {
        "the rest: digest of the body (SHA-256)": median["digest"],
        "the rest: columns to a compressed chunk (msgpack, zstd)": median["pack"],
        "the rest: SQLite's transaction, beyond the bare write": (
            median["append"] - median["pack"] - median["write and fdatasync"]
        ),
        "the rest: use case, checks and metrics, beyond all above": median["app"] - inside,
        "the rest: log line, and threads that wait for each other": (
            median["whole"] - median["app"] - median["HTTP receive"]
        ),
        "whole": median["whole"],
    }
    rows = [(name, figure(part / median["whole"]), figure(part * 1e6)) for name, part in seconds.items()]
    note = (
        f"One client uploads {_ENTRIES:,} entries a call ({size:,} bytes) to `local`. Medians. "
        "HTTP receive: the same server and client with an app that reads the body and answers. "
        "Write and fdatasync: the body as it came, appended to a file on the same disk. The rest is measured "
        "from the inside out: packing, the transaction, the app through WSGI, the whole; each less what it "
        "contains. A negative one says that what it contains was cheaper there than alone."
    )
    return Table("Where a call's time goes", ("part", "share", "µs"), rows, note)


def _profile(body: bytes) -> Table:
    with (
        tempfile.TemporaryDirectory() as name,
        system_under_test.uploading(Path(name) / "data", body) as call,
    ):
        return profiling.table("Where LogLeap's own time goes", call)
