"""Connections: in turns, many, slow and half closed ones are all answered."""

import contextlib
import errno
import http.client
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from logleap.entrypoints.http.server.descriptors import connections_that_fit
from logleap.entrypoints.http.server.epoll import Loop
from logleap.entrypoints.http.server.server import ServerOptions, listen, serve

LARGE = 32 << 20  # bytes: more than the system takes in for a client that does not read
HALF = 8 << 20
PATIENCE = 20.0  # seconds


def large_or_echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers what it is sent; at /large much, in pieces; at /half less, in one."""
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Length", str(LARGE))])
        return [b"x" * (1 << 20)] * (LARGE >> 20)
    if environ["PATH_INFO"] == "/half":
        start_response("200 OK", [("Content-Length", str(HALF))])
        return [b"x" * HALF]
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def closed_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are closed after a moment without a request."""
    monkeypatch.setattr("waitress.adjustments.Adjustments.channel_timeout", 0.1)
    monkeypatch.setattr("waitress.adjustments.Adjustments.cleanup_interval", 0.1)


class Server(NamedTuple):
    address: tuple[str, int]
    stop: threading.Event
    thread: threading.Thread


@pytest.fixture(params=["epoll", "poll"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if request.param == "poll":
        monkeypatch.delattr("select.epoll")
    stop, ready = threading.Event(), threading.Event()
    listener = listen("127.0.0.1", 0)
    options = ServerOptions(threads=2, body_limit=1 << 20, grace=5)
    thread = threading.Thread(
        target=serve,
        args=(large_or_echo, listener, options),
        kwargs={"stop": stop, "listening": ready.set},
    )
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Server(listener.getsockname(), stop, thread)
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def address(server: Server) -> tuple[str, int]:
    return server.address


def request(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def bodies(connection: socket.socket, count: int) -> list[bytes]:
    connection.settimeout(PATIENCE)
    found = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            found.append(stream.read(length))
    return found


def test_requests_that_are_sent_at_once_are_answered_in_turn(address: tuple[str, int]) -> None:
    sent = [b"%d" % number for number in range(100)]
    with socket.create_connection(address) as connection:
        connection.sendall(b"".join(map(request, sent)))
        assert bodies(connection, len(sent)) == sent


def test_a_request_that_comes_in_small_pieces_is_answered(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(5):
            for byte in request(b"%d" % number):
                connection.send(bytes([byte]))
            assert bodies(connection, 1) == [b"%d" % number]


def test_connections_that_take_turns_are_all_kept(address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(socket.create_connection(address)) for _ in range(50)]
        for number in range(20):
            for connection in connections:
                connection.sendall(request(b"%d" % number))
            for connection in connections:
                assert bodies(connection, 1) == [b"%d" % number]


def test_clients_at_the_same_time_get_their_own_answers(address: tuple[str, int]) -> None:
    def call(client: int) -> None:
        connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        for number in range(100):
            connection.request("POST", "/", body=f"{client} {number}")
            assert connection.getresponse().read() == f"{client} {number}".encode()
        connection.close()

    with ThreadPoolExecutor(8) as clients:
        for _ in clients.map(call, range(8)):
            pass


def test_a_client_that_reads_slowly_gets_all_of_a_large_answer(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    for _ in range(2):  # the second shows that the connection is watched again
        connection.request("GET", "/large")
        answer = connection.getresponse()
        size = 0
        while piece := answer.read(1 << 16):
            size += len(piece)
        assert size == LARGE
    connection.close()


def test_a_client_that_will_send_no_more_gets_its_answer(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(request(b"all"))
        connection.shutdown(socket.SHUT_WR)
        assert bodies(connection, 1) == [b"all"]
        assert connection.recv(1) == b""


def test_clients_that_vanish_leave_nothing_behind(address: tuple[str, int]) -> None:
    for number in range(50):
        with socket.create_connection(address) as connection:
            connection.sendall(request(b"half")[: number + 1])
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    with socket.create_connection(address) as connection:
        connection.sendall(request(b"still there"))
        assert bodies(connection, 1) == [b"still there"]


def test_an_answer_to_an_old_client_ends_with_the_connection(address: tuple[str, int]) -> None:
    host, port = address
    with socket.create_connection((host, port)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nold")
        received = b""
        while piece := connection.recv(4096):
            received += piece
        assert received.endswith(b"\r\n\r\nold")


@pytest.mark.usefixtures("closed_when_idle")
def test_a_connection_that_is_not_used_is_closed(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(request(b"once"))
        assert bodies(connection, 1) == [b"once"]
        assert connection.recv(1) == b""


def test_clients_that_ask_for_much_and_take_none_of_it_hold_no_thread(address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(3):  # the server has two threads
            greedy = stack.enter_context(socket.create_connection(address))
            greedy.sendall(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        time.sleep(1)
        with socket.create_connection(address) as connection:
            connection.sendall(request(b"me too"))
            assert bodies(connection, 1) == [b"me too"]


def test_a_client_that_takes_none_of_its_answers_is_parted_with(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as greedy:
        greedy.sendall(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        greedy.settimeout(PATIENCE)
        time.sleep(1)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := greedy.recv(1 << 20):
                taken += len(piece)
    assert taken < 20 * HALF


def test_urgent_data_is_no_news_again_and_again(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(address) as connection:
        connection.send(b"!", socket.MSG_OOB)
        time.sleep(0.3)
    with socket.create_connection(address) as connection:
        connection.sendall(request(b"hello"))
        assert bodies(connection, 1) == [b"hello"]
    assert caplog.text == ""


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process can open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as lowest_free:
        least = lowest_free.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_connection_waits_until_there_is_a_descriptor_for_it(address: tuple[str, int]) -> None:
    with socket.socket() as connection, capture_logs() as told:
        with no_descriptor_left():
            connection.connect(address)
            connection.sendall(request(b"patient"))
            time.sleep(1)
        assert bodies(connection, 1) == [b"patient"]
    assert {line["event"] for line in told} == {
        "cannot accept a connection now: [Errno 24] Too many open files"
    }
    assert len(told) < 20


def test_a_connection_that_cannot_be_watched_is_closed_and_the_next_is_answered(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(loop: Loop, connection: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # fs.epoll.max_user_watches, epoll_ctl(2)

    with monkeypatch.context() as patch, socket.socket() as connection:
        patch.setattr(Loop, "add", refuse)
        connection.connect(address)
        connection.settimeout(PATIENCE)
        assert connection.recv(1) == b""
    with socket.create_connection(address) as connection:
        connection.sendall(request(b"next"))
        assert bodies(connection, 1) == [b"next"]


def test_a_process_that_may_not_raise_its_limit_makes_do_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(what: int, limits: tuple[int, int]) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # under a seccomp profile

    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert connections_that_fit() == 256


def test_a_server_stops_in_time_though_a_connection_finds_no_descriptor(
    address: tuple[str, int], server: Server
) -> None:
    with socket.socket() as connection, no_descriptor_left():
        connection.connect(address)
        server.stop.set()
        server.thread.join(PATIENCE)
        assert not server.thread.is_alive()


def test_a_connection_that_waited_for_a_descriptor_is_answered_though_the_server_stops(
    address: tuple[str, int], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(address) as busy, socket.socket() as waiting:
        busy.sendall(request(b"busy"))
        assert bodies(busy, 1) == [b"busy"]
        monkeypatch.setattr(
            "logleap.entrypoints.http.server.epoll.SWEEP_SECONDS", 60
        )  # it does not try again by itself
        with no_descriptor_left():
            waiting.connect(address)
            waiting.sendall(request(b"late"))
            time.sleep(0.5)
        server.stop.set()
        assert bodies(waiting, 1) == [b"late"]


@pytest.mark.parametrize(
    ("soft", "hard", "fit", "soft_then"),
    [(256, 4096, 1000, 3256), (3500, 4096, 1000, 3500), (256, 1024, 256, 1024), (256, 256, 16, 256)],
)
def test_a_process_holds_as_many_connections_as_leave_descriptors_for_the_work(
    soft: int, hard: int, fit: int, soft_then: int
) -> None:
    program = (
        "import resource; from logleap.entrypoints.http.server.descriptors import connections_that_fit;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        "print(connections_that_fit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(fit), str(soft_then), str(hard)]
