"""What of a request is not its body is bounded, and its head must be one that everybody reads alike."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest

from logleap.entrypoints.http.server.request import Request
from logleap.entrypoints.http.server.server import ServerOptions, listen, serve

PATIENCE = 20.0  # seconds
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextlib.contextmanager
def serving(app: Any = echo, **options: Any) -> Iterator[tuple[str, int]]:
    stop, ready = threading.Event(), threading.Event()
    listener = listen("127.0.0.1", 0)
    given = ServerOptions(**{"threads": 2, "body_limit": 1 << 20, "grace": 1, **options})
    thread = threading.Thread(
        target=serve, args=(app, listener, given), kwargs={"stop": stop, "listening": ready.set}
    )
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield listener.getsockname()
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serving() as address:
        yield address


def answer(address: tuple[str, int], *sent: bytes) -> bytes:
    """All that comes until the server closes the connection, or PATIENCE ends."""
    with socket.create_connection(address) as connection:
        connection.settimeout(PATIENCE)
        received = b""
        with contextlib.suppress(ConnectionError):
            for piece in sent:
                connection.sendall(piece)
            while piece := connection.recv(1 << 16):
                received += piece
    return received


def status(received: bytes) -> int:
    return int(received.split(b" ")[1])


AMBIGUOUS = {
    "both lengths": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "no coding": POST + b"Transfer-Encoding:\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two lines": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded line": GET + b"X: 1\r\n 2\r\n\r\n",
    "folded first line": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "two hosts": GET + b"Host: x\r\n\r\n",
    "host with a path": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "host list": b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "fragment": b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "relative target": b"GET x HTTP/1.1\r\nHost: x\r\n\r\n",
    "white space first": b" " + GET + b"\r\n",
    "white space behind the version": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "control character in the target": b"GET /\x0b HTTP/1.1\r\nHost: x\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_a_head_that_others_may_read_otherwise_is_refused_and_ends_the_connection(
    address: tuple[str, int], case: str
) -> None:
    received = answer(address, AMBIGUOUS[case] + GET + b"\r\n")
    assert status(received) == 400
    assert b"REQUEST_MALFORMED" in received
    assert received.count(b"\r\n\r\n") == 1  # one answer, though another request followed


RIGHT = {
    "plain": GET,
    "IPv6": b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n",
    "empty host": b"GET / HTTP/1.1\r\nHost:\r\n",
    "URL": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n",
    "HTTP/1.0 without a host": b"GET / HTTP/1.0\r\n",
    "an empty line first": b"\r\n\r\n" + GET,
    "nothing to expect": POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n",
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_head_as_it_should_be_is_answered(address: tuple[str, int], case: str) -> None:
    assert status(answer(address, RIGHT[case] + b"Connection: x, Close\r\n\r\n")) == 200


UNENDING = {
    "head": (GET + b"X: 1\r\n" * 12_000, 431),
    "header": (GET + b"X: " + b"x" * 70_000, 431),
    "size of a chunk": (CHUNKED + b"0" * 20_000, 400),
    "extension of a chunk": (CHUNKED + b"5;" + b"x" * 20_000, 400),
    "trailer": (CHUNKED + b"0\r\n" + b"X: 1\r\n" * 4_000, 400),
    "small chunks": (CHUNKED + b"1\r\nx\r\n" * 40_000, 400),
    "empty lines in place of a chunk": (CHUNKED + b"\r\n" * 50_000, 400),
}


@pytest.mark.parametrize("case", UNENDING)
def test_what_is_not_the_body_ends_at_a_bound(address: tuple[str, int], case: str) -> None:
    sent, expected = UNENDING[case]
    assert status(answer(address, sent)) == expected


def test_empty_lines_in_place_of_a_request_end_the_connection(address: tuple[str, int]) -> None:
    assert answer(address, b"\r\n" * 100) == b""
    assert answer(address, *[b"\r\n"] * 100) == b""


def test_a_body_in_small_chunks_is_taken_if_there_is_enough_in_them(address: tuple[str, int]) -> None:
    sent = (
        CHUNKED.replace(b"Host", b"Connection: close\r\nHost") + b"8\r\n12345678\r\n" * 40_000 + b"0\r\n\r\n"
    )
    received = answer(address, sent)
    assert status(received) == 200
    assert received.endswith(b"12345678")
    assert b"Content-Length: 320000" in received


def test_a_request_may_not_come_in_countless_pieces() -> None:
    """Each costs some 15 microseconds of the one thread that reads for all."""

    def pieces(size: int) -> int:
        request = Request(None)
        count = 0
        while request.error is None and count < 100_000:
            request.count_read(size)
            count += 1
        return count

    assert pieces(1) < 3_000
    assert pieces(64) == 100_000


def test_a_request_that_takes_too_long_is_refused() -> None:
    with serving(request_time=1.0) as address:
        for begin in (GET, POST + b"Content-Length: 10\r\n\r\n12345", CHUNKED + b"5\r\n123"):
            received = answer(address, begin)
            assert status(received) == 408
            assert b"REQUEST_TIMEOUT" in received


def test_a_head_has_less_time_than_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logleap.entrypoints.http.server.request.HEAD_SECONDS", 0.5)
    with serving() as address, socket.create_connection(address) as body:
        body.sendall(POST + b"Content-Length: 2\r\n\r\n1")
        assert status(answer(address, GET)) == 408
        body.sendall(b"2")
        body.settimeout(PATIENCE)
        assert status(body.recv(1 << 16)) == 200


@pytest.mark.parametrize(
    "begin", [b"", GET, POST + b"Content-Length: 10\r\n\r\n12345", GET + b"\r\n"], ids=repr
)
def test_idle_connections_make_room_for_others(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the one that was idle longest is closed; others waited up to 150 s for it."""
    monkeypatch.setattr("logleap.entrypoints.http.server.server.connections_that_fit", lambda: 20)
    with serving() as address, contextlib.ExitStack() as opened:
        idle = [opened.enter_context(socket.create_connection(address)) for _ in range(40)]
        for connection in idle:
            with contextlib.suppress(ConnectionError):
                connection.sendall(begin)
        for _ in range(30):
            assert status(answer(address, GET + b"Connection: close\r\n\r\n")) == 200


def test_a_request_that_is_being_answered_is_never_closed_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("logleap.entrypoints.http.server.server.connections_that_fit", lambda: 4)
    go = threading.Event()

    def wait(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert go.wait(PATIENCE)
        return echo(environ, start_response)

    with serving(wait) as address, contextlib.ExitStack() as opened:
        busy = [opened.enter_context(socket.create_connection(address)) for _ in range(4)]
        for connection in busy:
            connection.sendall(GET + b"\r\n")
        for _ in range(8):
            opened.enter_context(socket.create_connection(address))
        go.set()
        for connection in busy:
            connection.settimeout(PATIENCE)
            assert status(connection.recv(1 << 16)) == 200


LARGE = 48 << 20


def large_or_echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/large":
        return echo(environ, start_response)
    start_response("200 OK", [("Content-Length", str(LARGE))])
    return (b"x" * (1 << 20) for _ in range(LARGE >> 20))


def test_clients_that_stop_reading_hold_no_thread() -> None:
    with serving(large_or_echo) as address, contextlib.ExitStack() as opened:
        for _ in range(8):  # the server has two threads
            reader = opened.enter_context(socket.create_connection(address))
            reader.sendall(GET.replace(b"/ ", b"/large ", 1) + b"\r\n")
            reader.settimeout(PATIENCE)
            assert reader.recv(100)
        for _ in range(20):
            assert status(answer(address, GET + b"Connection: close\r\n\r\n")) == 200


def test_a_client_that_stops_reading_is_parted_with_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logleap.entrypoints.http.server.channel.STALL_SECONDS", 0.5)
    gone = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(LARGE))])
        try:
            for _ in range(LARGE >> 20):
                yield b"x" * (1 << 20)
        finally:
            gone.set()

    with serving(app) as address, socket.create_connection(address) as reader:
        reader.sendall(GET + b"\r\n")
        assert gone.wait(PATIENCE)


def test_a_stream_comes_whole_to_a_client_that_reads_it_slowly() -> None:
    parts = [bytes([at]) * size for at, size in enumerate([1, 3 << 20, 2, 5 << 20, 70_000])]

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes | memoryview]:
        start_response("200 OK", [])
        return map(memoryview, parts)

    with serving(app) as address:
        connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert response.chunked
            time.sleep(0.1)  # until the system takes no more
            assert b"".join(iter(partial(response.read, 100_000), b"")) == b"".join(parts)


@pytest.mark.parametrize("reads", [True, False])
def test_a_stream_ends_whose_client_goes_or_does_not_read(
    reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logleap.entrypoints.http.server.channel.STALL_SECONDS", 0.5)
    gone = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            for _ in range(LARGE >> 20):
                yield b"x" * (1 << 20)
        finally:
            gone.set()

    with serving(app) as address, socket.create_connection(address) as reader:
        reader.sendall(GET + b"\r\n")
        if reads:
            assert reader.recv(1 << 20)
            reader.close()
        assert gone.wait(PATIENCE)


def test_health_is_answered_while_all_threads_are_taken() -> None:
    go = threading.Event()
    taken = threading.Semaphore(0)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            taken.release()
            assert go.wait(PATIENCE)
        return echo(environ, start_response)

    with serving(app) as address, contextlib.ExitStack() as opened:
        for _ in range(8):  # two are at work, the others wait for a thread
            busy = opened.enter_context(socket.create_connection(address))
            busy.sendall(GET + b"\r\n")
        assert taken.acquire(timeout=PATIENCE)
        assert taken.acquire(timeout=PATIENCE)
        try:
            for method in (b"GET", b"HEAD"):
                probe = GET.replace(b"GET / ", method + b" /healthz ")
                assert status(answer(address, probe + b"Connection: close\r\n\r\n")) == 200
            with socket.create_connection(address) as kept:
                kept.settimeout(PATIENCE)
                for _ in range(3):
                    kept.sendall(GET.replace(b"/ ", b"/healthz ", 1) + b"\r\n")
                    assert status(kept.recv(1 << 16)) == 200
        finally:
            go.set()
