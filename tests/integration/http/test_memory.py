"""What an upload costs the server in memory, whatever its size and coding. Linux: the peak is in /proc."""

import gzip
import http.client
import json
import sys
from collections.abc import Callable, Iterator

import pytest

from benchmarks import load, payloads, servers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read in Linux' /proc")

_LINES = 4_000
_MOST = 64 << 20
_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,  # many members in a row are gzip too: RFC 1952, 2.2
    "zstd": zstd.compress,  # and so with frames: RFC 8878, 3.1
}


@pytest.mark.parametrize("coding", list(_CODINGS))
def test_a_large_ndjson_upload_hardly_grows_the_server(coding: str) -> None:
    plain = payloads.ndjson(payloads.lines(_LINES))
    block = _CODINGS[coding](plain)
    blocks = 3 * _MOST // len(plain)
    with servers.running(servers.logleap("local")) as server:
        # What a first upload loads is not growth, nor is what a first task needs: the process that tasks are
        # forked off imports its modules while the server already answers.
        first = load.call(server.port, "POST", "/data")["dataId"]
        _post(server.port, first, coding, block, 1)
        load.train(server.port, first)
        data_id = load.call(server.port, "POST", "/data")["dataId"]
        server.forget_peak()
        before = server.memory()
        accepted = _post(server.port, data_id, coding, block, blocks)
        growth = server.peak() - before
        stored = load.train(server.port, data_id)["result"]["entries"]
    assert accepted == blocks * _LINES
    assert stored == accepted
    assert growth < _MOST


def _post(port: int, data_id: str, coding: str, block: bytes, blocks: int) -> int:
    def body() -> Iterator[bytes]:
        for _ in range(blocks):
            yield block

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": coding}
    connection.request("POST", f"/data/{data_id}", body(), headers, encode_chunked=True)
    answer = json.load(connection.getresponse())
    connection.close()
    return int(answer["accepted"])


def test_a_long_body_that_is_scored_hardly_grows_the_server() -> None:
    tail = "and so it went on " * 25
    stamp = '"timestamp": "2026-03-02T06:00:00Z"'
    lines = [f'{{{stamp}, "message": "Order {at} left by gate {at % 4} {tail}"}}\n' for at in range(_LINES)]
    block = "".join(lines).encode()
    blocks = 2 * _MOST // len(block)
    with servers.running(servers.logleap("local")) as server:
        data_id = load.call(server.port, "POST", "/data")["dataId"]
        _post(server.port, data_id, "identity", block, 1)
        load.train(server.port, data_id, task="log-model")
        assert _score(server.port, data_id, block, 1) == _LINES
        server.forget_peak()
        before = server.memory()
        assert _score(server.port, data_id, block, blocks) == blocks * _LINES
        growth = server.peak() - before
    assert growth < _MOST


def _score(port: int, data_id: str, block: bytes, blocks: int) -> int:
    """How many entries the summary counts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    headers = {"Content-Type": "application/x-ndjson"}
    connection.request(
        "POST", f"/score/{data_id}", (block for _ in range(blocks)), headers, encode_chunked=True
    )
    answer = connection.getresponse()
    last = b""
    while part := answer.read(1 << 20):
        last = (last + part)[-(4 << 20) :]
    connection.close()
    return int(json.loads(last.splitlines()[-1])["summary"]["entries"])
