"""A TCP proxy that does to connections what networks do. Which fault an exchange meets, `draw` says."""

import random
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Self


class Fault(Enum):
    """What becomes of one exchange: what one side sends after the other has spoken, and what follows.

    Over HTTP/1.1 that is a request and its answer. Over HTTP/2 (gRPC) requests share a connection: a fault
    meets all that are under way on it.
    """

    NONE = "no fault"
    LATENCY = "latency"  # both ways, a moment each
    RESET = "reset"  # before anything of the request has got through
    BLACK_HOLE = "black hole"  # nothing gets through, and nobody says so
    CUT_REQUEST = "cut request"  # in the middle of its body
    LOST_ANSWER = "lost answer"  # the server has answered; the client never hears of it
    CUT_ANSWER = "cut answer"  # in the middle
    FLAPPING = "flapping"  # every connection breaks off, and for a moment no new one is taken


_PIECE = 1 << 16
_HOLE = 3.0  # seconds until a black hole ends, with a reset
_QUIET = 0.1  # seconds of silence after which a lost answer is over


class Proxy:
    """Listens on `url` and forwards to a port on this machine, as well as `draw` lets it."""

    def __init__(self, target: int, draw: Callable[[], Fault], *, seed: int = 1) -> None:
        self._target = target
        self._draw = draw
        self._rng = random.Random(seed)
        self._stop = threading.Event()
        self._down_until = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[threading.Thread] = []
        self.met: Counter[str] = Counter()

    @property
    def address(self) -> str:
        """Where clients find it: host:port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        """The same for HTTP."""
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        self._listener.settimeout(0.1)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._accepting.join(timeout=10)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if time.monotonic() < self._down_until:
                _reset(client)
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            _reset(client)
            return
        born = time.monotonic()
        try:
            self._exchanges(client, server, born)
        except OSError:
            pass  # either side has gone: so does the connection
        finally:
            _reset(client)
            _reset(server)

    def _exchanges(self, client: socket.socket, server: socket.socket, born: float) -> None:
        """Forward until either side ends; a request that begins after an answer draws a fault of its own."""
        fault, answering, until = Fault.NONE, True, float("inf")
        while not self._stop.is_set() and not born < self._down_until and time.monotonic() < until:
            ready, _, _ = select.select([client, server], [], [], 0.1)
            if server in ready:
                answer = server.recv(_PIECE)
                if not answer:
                    return
                if fault is Fault.LOST_ANSWER:
                    _swallow(server)
                    return
                if fault is Fault.CUT_ANSWER:
                    client.sendall(answer[: len(answer) // 2])
                    return
                if fault is not Fault.BLACK_HOLE:
                    self._delay(fault)
                    client.sendall(answer)
                    answering = True
            elif client in ready:
                request = client.recv(_PIECE)
                if not request:
                    return
                if answering:
                    fault, answering = self._draw(), False
                    self.met[fault.value] += 1
                    if fault is Fault.BLACK_HOLE:
                        until = time.monotonic() + _HOLE
                if not self._forward(request, fault, server):
                    return

    def _forward(self, request: bytes, fault: Fault, server: socket.socket) -> bool:
        """Send (some of) a request on; False if the connection is to end."""
        if fault is Fault.RESET:
            return False
        if fault is Fault.FLAPPING:
            self._down_until = time.monotonic() + 0.3
            return False
        if fault is Fault.BLACK_HOLE:
            return True
        if fault is Fault.CUT_REQUEST:
            head, last = request.find(b"\r\n\r\n") + 4, len(request) - 1
            server.sendall(request[: self._rng.randint(head if 4 <= head <= last else 0, last)])
            return False
        self._delay(fault)
        server.sendall(request)
        return True

    def _delay(self, fault: Fault) -> None:
        if fault is Fault.LATENCY:
            self._stop.wait(0.05 + 0.1 * self._rng.random())


def _swallow(server: socket.socket) -> None:
    """Take what the server has to say, until it falls silent."""
    while select.select([server], [], [], _QUIET)[0]:
        if not server.recv(_PIECE):
            return


def _reset(connection: socket.socket) -> None:
    """Close at once: whatever is under way is lost, and the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
