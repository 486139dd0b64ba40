"""What one process holds of the file: its connections, and what waits to be written."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition
from typing import Any
from weakref import WeakSet

from logleap.adapters.local.sqlite.chunks.staging import Staging
from logleap.adapters.local.sqlite.group_commit import Writer
from logleap.ports.errors import Unavailable


class Connections:
    """Connections are opened when they are needed, used by one thread at a time, and kept for the next.

    They are closed for the moment of a fork: SQLite's locks are the process's, and a child that found
    them in its memory would believe that it holds them (https://www.sqlite.org/howtocorrupt.html, 2.6).
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        make_writer: Callable[[], Writer],
        timeout: float,
    ) -> None:
        """`timeout` is how many seconds `close` and a fork wait for those who are at work."""
        self._connect = connect
        self._make_writer = make_writer
        self._timeout = timeout
        self._renew()
        _all.add(self)

    def _renew(self) -> None:
        self.staging = Staging()
        self._gate = Condition()
        self._users = 0
        self._forking = False
        self._refusal = ""
        self._idle: list[sqlite3.Connection] = []
        self._writer = self._make_writer()

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile. Raises Unavailable after `close`."""
        self._enter()
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
        finally:
            self._leave()

    def first_row(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of what `reader` would read: a quarter faster, for what each request asks."""
        self._enter()
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                row = connection.execute(query, parameters).fetchone()
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return row
        finally:
            self._leave()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer's transaction. Raises Unavailable after `close`."""
        self._enter()
        try:
            with self._writer.transaction() as connection:
                yield connection
        finally:
            self._leave()

    def close(self) -> None:
        """Close all. Waits for what is under way; what comes later is refused."""
        with self._gate:
            self._refusal = "it is closed"
            if self._gate.wait_for(lambda: self._users == 0, self._timeout):
                self._close_all()

    def _enter(self) -> None:
        with self._gate:
            while self._forking:
                self._gate.wait()
            if self._refusal:
                raise Unavailable(self._refusal)
            self._users += 1

    def _leave(self) -> None:
        with self._gate:
            self._users -= 1
            if self._users == 0 and (self._refusal or self._forking):
                if self._refusal:
                    self._close_all()
                self._gate.notify_all()

    def _close_all(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._writer.close()

    def before_fork(self) -> None:
        """Admit nobody, wait for those who are at work, close all."""
        with self._gate:
            self._forking = True
            if self._gate.wait_for(lambda: self._users == 0, self._timeout):
                self._close_all()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        with self._gate:
            self._forking = False
            self._gate.notify_all()

    def after_fork_in_child(self) -> None:
        """Start over: the other threads, and what they held, do not exist in the child."""
        unsafe = self._users > 0
        if unsafe:
            _left_behind.append((self._idle, self._writer))  # to close them would disturb the parent's
        self._renew()
        if unsafe:
            self._refusal = "this process was forked while another thread used it: open it after the fork"


_all: WeakSet[Connections] = WeakSet()
_left_behind: list[object] = []


def _for_all(action: Callable[[Connections], None]) -> Callable[[], None]:
    def call() -> None:
        for connections in list(_all):
            action(connections)

    return call


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_for_all(Connections.before_fork),
        after_in_parent=_for_all(Connections.after_fork_in_parent),
        after_in_child=_for_all(Connections.after_fork_in_child),
    )
