"""Reading a request's body: counted, inflated, never cut off in silence."""

import gzip
import hashlib
import io
import socket
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Request
from flask import request as current_request
from hypothesis import given, settings
from hypothesis import strategies as st
from waitress.server import create_server
from werkzeug.serving import make_server

from logleap.codecs.errors import BodyTooLarge
from logleap.domain.errors import Refusal
from logleap.entrypoints.http.errors.refusals import HttpError, worded
from logleap.entrypoints.http.ingest.body import open_body, read_body

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1 << 20


class Trickle(io.RawIOBase):
    """A stream that gives at most `step` bytes a read, as a socket may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step
        self.asked = 0

    def read(self, size: int = -1) -> bytes:
        self.asked += size
        return self._data.read(min(size, self._step))


class Broken(io.RawIOBase):
    """A stream whose connection breaks off after a few bytes."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._data = [b"[1, 2"]

    def read(self, size: int = -1) -> bytes:
        if self._data:
            return self._data.pop()
        raise self._error


def a_request(sent: bytes | io.RawIOBase, length: int | str | None = None, **environ: Any) -> Request:
    stream = io.BytesIO(sent) if isinstance(sent, bytes) else sent
    if length is None and isinstance(sent, bytes):
        length = len(sent)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return Request({"REQUEST_METHOD": "POST", "wsgi.input": stream, **environ})


def chunked(sent: bytes | io.RawIOBase, **environ: Any) -> Request:
    stream = io.BytesIO(sent) if isinstance(sent, bytes) else sent
    return Request(
        {
            "REQUEST_METHOD": "POST",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": stream,
            "wsgi.input_terminated": True,
            **environ,
        }
    )


def zipped(data: bytes, **environ: Any) -> Request:
    return a_request(data, HTTP_CONTENT_ENCODING="gzip", **environ)


def in_http(refused: Exception) -> HttpError:
    return refused if isinstance(refused, HttpError) else worded(refused)


def refusal(request: Request, limit: int = MIB) -> HttpError:
    with pytest.raises((HttpError, Refusal)) as refused:
        open_body(request, limit).read()
    return in_http(refused.value)


@given(data=st.binary(max_size=300_000), step=st.integers(1, 100_000), coded=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_body_comes_as_it_was_meant_with_the_digest_of_the_decoded_bytes(
    data: bytes, step: int, coded: bool
) -> None:
    sent = gzip.compress(data, 1) if coded else data
    coding = {"HTTP_CONTENT_ENCODING": "gzip"} if coded else {}
    for request in (
        a_request(Trickle(sent, step), len(sent), **coding),
        chunked(Trickle(sent, step), **coding),
    ):
        body = open_body(request, MIB)
        assert body.read() == data
        assert body.sha256 == hashlib.sha256(data).hexdigest()


def test_a_body_shorter_than_its_content_length_is_refused() -> None:
    refused = refusal(a_request(b"x" * 80, 1000))
    assert (refused.status, refused.code) == (400, "BODY_TOO_SHORT")
    assert "80" in str(refused)
    assert "1000" in str(refused)


def test_a_gzip_body_shorter_than_its_content_length_is_refused_as_too_short() -> None:
    sent = gzip.compress(b"x" * 1000)
    assert refusal(zipped(sent[:10], length=len(sent))).code == "BODY_TOO_SHORT"


def test_no_more_than_the_content_length_is_asked_for() -> None:
    stream = Trickle(b"[]" + b"GET / HTTP/1.1", 1000)
    assert open_body(a_request(stream, 2), MIB).read() == b"[]"
    assert stream.asked == 2


@pytest.mark.parametrize("error", [OSError("reset"), ValueError("I/O on closed file"), RuntimeError("chunk")])
@pytest.mark.parametrize("length", [None, 1000])
def test_a_connection_that_breaks_off_is_refused(error: Exception, length: int | None) -> None:
    request = chunked(Broken(error)) if length is None else a_request(Broken(error), length)
    refused = refusal(request)
    assert (refused.status, refused.code) == (400, "BODY_BROKEN_OFF")
    assert "5" in str(refused)


def test_without_a_length_that_anyone_knows_the_body_is_refused() -> None:
    stream = io.BytesIO(b'{"message": "lost"}\n')
    for environ in ({}, {"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": ""}):
        refused = refusal(Request({"REQUEST_METHOD": "POST", "wsgi.input": stream, **environ}))
        assert (refused.status, refused.code) == (411, "LENGTH_REQUIRED")


def test_a_chunked_body_is_read_to_its_end_whatever_content_length_says() -> None:
    assert open_body(chunked(b"0123456789", CONTENT_LENGTH="4"), MIB).read() == b"0123456789"


@pytest.mark.parametrize("length", ["-1", "+5", "1e3", "٣", "5 5", "9" * 5000])
def test_a_content_length_that_is_no_number_is_refused(length: str) -> None:
    refused = refusal(a_request(b"12345", length))
    assert (refused.status, refused.code) == (400, "CONTENT_LENGTH_INVALID")


def test_a_content_length_above_the_limit_is_refused_before_anything_is_read() -> None:
    stream = Trickle(b"x" * 100, 100)
    with pytest.raises(BodyTooLarge):
        open_body(a_request(stream, 101), 100)
    assert stream.asked == 0


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_refused() -> None:
    for make in (a_request, chunked):
        assert open_body(make(b"x" * 100), 100).read() == b"x" * 100
        assert refusal(make(b"x" * 101), 100).status == 413
    assert open_body(zipped(gzip.compress(b"x" * 1000)), 1000).read() == b"x" * 1000
    assert refusal(zipped(gzip.compress(b"x" * 1001)), 1000).status == 413


def test_a_bomb_is_stopped_at_the_limit_and_not_held_in_memory() -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezer.compress(bytes(MIB)) for _ in range(200)) + squeezer.flush()
    assert len(bomb) < MIB
    body = open_body(zipped(bomb), MIB)
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            for _ in body:
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MIB


def test_gzip_that_inflates_to_nothing_for_ever_is_stopped_too() -> None:
    assert refusal(chunked(gzip.compress(b"") * 100, HTTP_CONTENT_ENCODING="gzip"), 1000).status == 413


def test_several_gzip_members_are_one_body() -> None:
    parts = [b"a" * 100_000, b"", b"b" * 10]
    sent = b"".join(map(gzip.compress, parts))
    for step in (1, 7, 100_000):
        request = a_request(Trickle(sent, step), len(sent), HTTP_CONTENT_ENCODING="gzip")
        assert open_body(request, MIB).read() == b"".join(parts)


@pytest.mark.parametrize("cut", [1, 5, 12, 60])
def test_truncated_gzip_is_refused(cut: int) -> None:
    refused = refusal(zipped(gzip.compress(bytes(range(256)))[:-cut]))
    assert (refused.status, refused.code) == (400, "GZIP_MALFORMED")


@pytest.mark.parametrize("garbage", [b"\x00", b"garbage behind", gzip.compress(b"x", mtime=0)[:5]])
def test_gzip_with_garbage_behind_it_is_refused(garbage: bytes) -> None:
    for step in (1, 100_000):
        sent = gzip.compress(b"x" * 100) + garbage
        request = a_request(Trickle(sent, step), len(sent), HTTP_CONTENT_ENCODING="gzip")
        assert refusal(request).code == "GZIP_MALFORMED"


def test_what_is_announced_as_gzip_but_is_not_is_refused() -> None:
    flipped = bytearray(gzip.compress(b"x" * 100))
    flipped[-6] ^= 1  # the checksum
    for sent in (b'{"message": "plain"}', zlib.compress(b"x"), bytes(flipped), b""):
        assert refusal(zipped(sent)).code == "GZIP_MALFORMED"


@pytest.mark.parametrize("coding", ["GZIP", " gzip ", "x-gzip"])
def test_gzip_goes_by_all_its_names(coding: str) -> None:
    request = a_request(gzip.compress(b"[]"), HTTP_CONTENT_ENCODING=coding)
    assert open_body(request, MIB).read() == b"[]"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "gzip;q=1"])
def test_an_unknown_coding_is_refused(coding: str) -> None:
    refused = refusal(a_request(b"", HTTP_CONTENT_ENCODING=coding))
    assert (refused.status, refused.code) == (415, "UNSUPPORTED_CONTENT_CODING")
    assert "gzip" in str(refused)
    assert "zstd" in str(refused)


def test_a_request_may_do_without_a_small_body_but_not_send_it_unread() -> None:
    assert read_body(Request({"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO()}), 10) == b""
    assert read_body(a_request(b"{}"), 10) == b"{}"
    assert read_body(chunked(b"{}"), 10) == b"{}"
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(b"{}"), "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(HttpError, match="Content-Length"):
        read_body(Request(environ), 10)
    with pytest.raises(BodyTooLarge, match="more than 1 bytes"):
        read_body(a_request(b"{}"), 1)


@pytest.fixture(params=["werkzeug", "waitress"])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(server_name: str) -> Iterator[tuple[str, int]]:
    """A real server whose only call answers what `open_body` makes of the body."""
    app = Flask("counter")
    # A limit that Werkzeug would silently cut at.
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    def count() -> tuple[str, int]:
        try:
            return f"read {len(open_body(current_request, 1000).read())}", 200
        except (HttpError, Refusal) as refused:
            return in_http(refused).code, in_http(refused).status

    if server_name == "werkzeug":
        development = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=development.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield ("127.0.0.1", development.server_port)
        development.shutdown()
        thread.join()
        development.server_close()
        return
    connections: dict[int, Any] = {}
    server: Any = create_server(app, map=connections, host="127.0.0.1", port=0, threads=1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.asyncore.loop(timeout=0.01, map=connections, count=1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield ("127.0.0.1", server.effective_port)
    stop.set()
    thread.join()
    server.task_dispatcher.shutdown()
    server.asyncore.close_all(connections)


def exchange(address: tuple[str, int], head: str, body: bytes) -> str:
    """What the server answers to a client that sends this and is then gone."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode()


def in_chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def test_a_server_s_body_is_read_whole(address: tuple[str, int]) -> None:
    assert exchange(address, "Content-Length: 900\r\n", b"x" * 900).endswith("read 900")
    sent = in_chunks(b"x" * 500, b"y" * 400, b"")
    assert exchange(address, "Transfer-Encoding: chunked\r\n", sent).endswith("read 900")


def test_a_server_s_body_above_the_limit_is_refused(address: tuple[str, int]) -> None:
    assert exchange(address, "Content-Length: 1001\r\n", b"x" * 1001).endswith("BODY_TOO_LARGE")
    sent = in_chunks(*[b"x" * 100] * 11, b"")
    assert exchange(address, "Transfer-Encoding: chunked\r\n", sent).endswith("BODY_TOO_LARGE")


def test_a_server_s_body_cut_off_on_its_way_is_never_taken(address: tuple[str, int]) -> None:
    """waitress does not even call the app then."""
    assert "read" not in exchange(address, "Content-Length: 900\r\n", b"x" * 80)
    whole = in_chunks(b"x" * 500, b"y" * 400, b"")
    for cut in (2, 5, 300, 505, 509, 700, len(whole) - 5, len(whole) - 3):
        assert "read" not in exchange(address, "Transfer-Encoding: chunked\r\n", whole[:cut]), cut


def test_a_server_s_request_without_a_body_is_empty_or_refused(address: tuple[str, int]) -> None:
    answer = exchange(address, "", b"")
    assert answer.endswith(("read 0", "LENGTH_REQUIRED"))


def squeezed(data: bytes, **environ: Any) -> Request:
    return a_request(data, HTTP_CONTENT_ENCODING="zstd", **environ)


@given(data=st.binary(max_size=300_000), step=st.integers(1, 100_000), frames=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_zstd_comes_as_it_was_meant_in_one_frame_or_several(data: bytes, step: int, frames: int) -> None:
    size = len(data) // frames + 1
    parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    sent = b"".join(map(zstd.compress, parts))
    request = a_request(Trickle(sent, step), len(sent), HTTP_CONTENT_ENCODING="zstd")
    assert open_body(request, MIB).read() == data


@pytest.mark.parametrize("told", [True, False])
def test_a_zstd_bomb_is_stopped_at_the_limit_whether_or_not_it_tells_its_size(told: bool) -> None:
    size = 200 * MIB
    options: dict[int, int] = {zstd.CompressionParameter.content_size_flag: int(told)}
    squeezer = zstd.ZstdCompressor(options=options)
    if told:
        squeezer.set_pledged_input_size(size)
    bomb = b"".join(squeezer.compress(bytes(MIB)) for _ in range(200)) + squeezer.flush()
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        refused = refusal(squeezed(bomb))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.code == "BODY_TOO_LARGE"
    assert peak < 3 * MIB


def test_zstd_that_wants_too_much_memory_is_refused() -> None:
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    squeezer = zstd.ZstdCompressor(options=options)
    sent = squeezer.compress(b"x" * 100) + squeezer.flush()
    assert refusal(squeezed(sent)).code == "ZSTD_MALFORMED"


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_truncated_zstd_is_refused(cut: int) -> None:
    refused = refusal(squeezed(zstd.compress(bytes(range(256)))[:-cut]))
    assert (refused.status, refused.code) == (400, "ZSTD_MALFORMED")


@pytest.mark.parametrize("garbage", [b"\x00", b"garbage behind", zstd.compress(b"x")[:5]])
def test_zstd_with_garbage_behind_it_is_refused(garbage: bytes) -> None:
    for step in (1, 100_000):
        sent = zstd.compress(b"x" * 100) + garbage
        request = a_request(Trickle(sent, step), len(sent), HTTP_CONTENT_ENCODING="zstd")
        assert refusal(request).code == "ZSTD_MALFORMED"


@pytest.mark.parametrize("sent", [b'{"message": "plain"}', gzip.compress(b"x", mtime=0), b""])
def test_what_is_announced_as_zstd_but_is_not_is_refused(sent: bytes) -> None:
    assert refusal(squeezed(sent)).code == "ZSTD_MALFORMED"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_of_countless_empty_parts_is_refused(coding: str) -> None:
    nothing = {"gzip": gzip.compress(b""), "zstd": zstd.compress(b"")}[coding]
    refused = refusal(a_request(nothing * 20_001, HTTP_CONTENT_ENCODING=coding), 10 * MIB)
    assert (refused.status, refused.code) == (400, f"{coding.upper()}_MALFORMED")
    assert "20000" in refused.detail
