"""One large NDJSON upload: how much the server's memory grows."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import load, payloads, servers
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, Target, at_most, figure, mebibytes

_BLOCK = 4_000  # lines
_AIM = 64  # MiB


def run(iterations: Iterations) -> Findings:
    """Plain and gzip, each to a new server with backend `local`; what came is counted by a training."""
    block = payloads.ndjson(payloads.lines(_BLOCK))
    blocks = iterations.upload_bytes // len(block)
    plain = _uploaded(block, blocks, {})
    member = gzip.compress(block, 6)  # many of them in a row are gzip too: RFC 1952, 2.2
    zipped = _uploaded(member, blocks, {"Content-Encoding": "gzip"})
    name = f"growth of the server by an NDJSON upload of {mebibytes(blocks * len(block))}"
    targets: list[Target] = [at_most(name, plain.growth / (1 << 20), _AIM, unit=" MiB")]
    rows = [
        (
            coding,
            mebibytes(one.growth),
            mebibytes(one.before),
            figure(one.seconds),
            figure(one.entries / one.seconds),
        )
        for coding, one in (("plain", plain), ("gzip", zipped))
    ]
    header = ("one NDJSON upload", "memory grows by", "before", "seconds", "entries/s")
    note = (
        f"{blocks * _BLOCK:,} entries, {blocks * len(block):,} bytes, to `local`. Growth: the peak of the "
        "resident memory during the upload, less what was resident before, after a small upload."
    )
    return Findings(targets, [Table("A large upload", header, rows, note)])


@dataclass(frozen=True, slots=True)
class _Uploaded:
    before: int
    growth: int
    seconds: float
    entries: int


def _uploaded(block: bytes, blocks: int, headers: dict[str, str]) -> _Uploaded:
    with servers.running(servers.logleap("local")) as server:
        data_id = load.call(server.port, "POST", "/data")["dataId"]
        _post(server.port, data_id, block, 1, headers)
        server.forget_peak()
        before = server.memory()
        start = time.monotonic()
        entries = _post(server.port, data_id, block, blocks, headers)
        seconds = time.monotonic() - start
        growth = server.peak() - before
        stored = load.train(server.port, data_id)["result"]["entries"]
    if not stored - _BLOCK == entries == blocks * _BLOCK:
        raise load.LoadFailed(f"{entries} entries were acknowledged and {stored - _BLOCK} stored")
    return _Uploaded(before, growth, seconds, entries)


def _post(port: int, data_id: str, block: bytes, blocks: int, headers: dict[str, str]) -> int:
    def body() -> Iterator[bytes]:
        for _ in range(blocks):
            yield block

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    length = {"Content-Type": "application/x-ndjson", "Content-Length": str(blocks * len(block))}
    connection.request("POST", f"/data/{data_id}", body(), {**length, **headers})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise load.LoadFailed(f"{answer.status} {text[:1000]!r}")
    return int(json.loads(text)["accepted"])
