"""The loop that waits for events on a server's connections: by epoll, where there is one.

waitress's own loop checks every connection before it waits, and is woken, through a pipe, at the end of each
request, to check them again. Here the thread that has answered registers its own connection again.

What this and server.py take from waitress's inside is pinned by tests/unit/http/test_waitress.py.
"""

import select
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from waitress.wasyncore import readwrite

SWEEP_SECONDS = 0.2
"""Between two checks of all connections: waitress may want to close one that is idle."""


class Loop:
    """Has waitress accept, read and send as soon as that is possible. One thread runs it."""

    def __init__(self, server: Any, connections: Mapping[int, Any], request_time: float) -> None:
        """`connections`: the server's, and the server itself, by descriptor.

        `request_time` is how long a client may take to send a request (seconds).
        """
        self._request_time = request_time
        self._to_answer: list[Any] = []
        self._thread = 0
        self._server = server
        self._connections = connections
        self._served = threading.local()
        self._swept = time.monotonic()
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        if self._epoll is not None:
            server.pull_trigger = lambda: self.watch(self._served.connection)
            self.add(server)

    def add(self, connection: Any) -> None:
        """Watch a new connection."""
        if self._epoll is not None:
            self._epoll.register(connection.socket, 0)
            self.watch(connection)

    def serving(self, connection: Any) -> None:
        """This thread serves a connection now."""
        self._served.connection = connection

    def is_here(self) -> bool:
        """Whether the calling thread is the one that runs the loop."""
        return threading.get_ident() == self._thread

    def answer(self, connection: Any) -> None:
        """Answer a connection's request in the loop's thread, once what is under way there has ended."""
        self._to_answer.append(connection)

    def watch(self, connection: Any) -> None:
        """Wait once for what waitress wants to do with a connection now, if anything. For any thread.

        Never registers an empty mask. A stale registration is corrected by the next sweep.
        """
        if self._epoll is None:
            return
        events = select.EPOLLIN if connection.readable() else 0
        if connection.writable():
            events |= select.EPOLLOUT
        if events:
            with suppress(
                OSError, TypeError, ValueError
            ):  # the connection was closed meanwhile, or the loop was
                self._epoll.modify(connection.socket, events | select.EPOLLONESHOT)

    def run(self, seconds: float) -> None:
        """Wait for events, for `seconds` at most, and handle them."""
        self._thread = threading.get_ident()
        if self._epoll is None:
            self._server.asyncore.loop(timeout=seconds, map=self._connections, use_poll=True, count=1)
        else:
            for descriptor, events in self._epoll.poll(seconds):
                connection = self._connections.get(descriptor)
                if connection is not None:
                    readwrite(connection, events)
                    self._answer()
                    self.watch(connection)
        self._answer()
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._server.accepting = True  # it may have paused
            for connection in list(self._connections.values()):
                if hasattr(connection, "expire"):
                    connection.expire(self._swept, self._request_time)
                if getattr(connection, "will_close", False):
                    connection.handle_close()  # waitress would wait until it can send: perhaps for ever
                else:
                    self.watch(connection)

    def _answer(self) -> None:
        while self._to_answer:
            self._to_answer.pop().service()

    def close(self) -> None:
        """Release the epoll."""
        if self._epoll is not None:
            self._epoll.close()
