"""The loop that waits for what happens on a server's connections: by epoll, where there is one.

waitress's own looks at every connection before it waits, and is woken, through a pipe, at the end of each
request, to look again. Here the thread that has answered says that its connection is to be watched again.
"""

import select
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from waitress.wasyncore import readwrite

_SWEEP = 0.2  # seconds between two looks at all connections: waitress may want to close one that is idle


class Loop:
    """Has waitress accept, read and send once that can be done. One thread runs it."""

    def __init__(self, server: Any, connections: Mapping[int, Any]) -> None:
        """`connections` are the server's, and itself, by descriptor."""
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

    def watch(self, connection: Any) -> None:
        """Wait once for what waitress wants of a connection now, if anything. For any thread.

        It is never told to wait for nothing. What a thread with older news makes of it, or one whose
        descriptor is another connection's by now, is right again at the next look at all.
        """
        if self._epoll is None:
            return
        events = select.EPOLLIN if connection.readable() else 0
        if connection.writable():
            events |= select.EPOLLOUT
        if events:
            with suppress(OSError, TypeError, ValueError):  # it was closed meanwhile, or the loop was
                self._epoll.modify(connection._fileno, events | select.EPOLLONESHOT)

    def run(self, seconds: float) -> None:
        """Wait until something happens, so long at most, and do what is to be done."""
        if self._epoll is None:
            self._server.asyncore.loop(timeout=seconds, map=self._connections, use_poll=True, count=1)
        else:
            for descriptor, events in self._epoll.poll(seconds):
                connection = self._connections.get(descriptor)
                if connection is not None:
                    readwrite(connection, events)
                    self.watch(connection)
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            self._server.accepting = True  # it may have paused
            for connection in list(self._connections.values()):
                if getattr(connection, "will_close", False):
                    connection.handle_close()  # waitress waits until it can send: perhaps for ever
                else:
                    self.watch(connection)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._epoll is not None:
            self._epoll.close()
