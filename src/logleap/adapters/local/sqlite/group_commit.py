"""The connection of a process that writes, and how its threads share the wait for the disk."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event

from logleap.adapters.local.sqlite.process_lock import ProcessLock, pauses
from logleap.ports.errors import Unavailable

MAX_GROUP_SIZE = 64
"""Transactions in one commit, so that none waits long for it."""


@dataclass(eq=False, slots=True)
class _Group:
    """Transactions that are committed together, all or none."""

    members: int = 0  # whose changes are in
    ended: Event | None = None  # made for those who leave the commit to another thread
    committed: bool = False
    error: sqlite3.Error | None = None

    def end(self) -> None:
        """Wake those who wait for its commit."""
        if self.ended is not None:
            self.ended.set()


class Writer:
    """Group commit: transactions run one after the other, and concurrent ones share one write to the disk.

    A thread that ends its transaction while another one waits for its turn leaves the commit to that thread,
    and waits for it. A transaction sees the changes of those before it in the commit; if that fails, all do.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        lock: ProcessLock,
        *,
        begun: Callable[[sqlite3.Connection], None],
        ending: Callable[[sqlite3.Connection], Callable[[], None]],
        committed: Callable[[sqlite3.Connection], None],
        timeout: float,
    ) -> None:
        """`connect` opens a connection that does not wait for locks. `begun` is called after each BEGIN,
        `ending` before each COMMIT and what it returns right after it, before any caller knows that it is
        committed; `committed` comes after that.

        `timeout` is how long to wait for other threads, then for other processes, in seconds.
        """
        self._connect = connect
        self._lock = lock
        self._begun = begun
        self._ending = ending
        self._committed = committed
        self._timeout = timeout
        self._turn = Condition()
        self._taken = False
        self._waiting = 0
        self._connection: sqlite3.Connection | None = None
        self._group: _Group | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: on the disk when it ends, undone if the block raises. May raise Unavailable."""
        self._take_turn()
        try:
            connection = self._connection = self._connection or self._connect()
            group = self._group = self._group or self._begin(connection)
            try:
                if group.members:
                    connection.execute("SAVEPOINT mine")
                yield connection
                if group.members:
                    connection.execute("RELEASE mine")
            except BaseException as error:
                self._undo(connection, group, error)
                raise
            group.members += 1
        finally:
            self._release_turn()
        if group.ended is not None:
            group.ended.wait()
        if not group.committed:
            raise group.error or Unavailable("its commit was broken off")

    def close(self) -> None:
        """Close the connection. Nobody may be using it."""
        self._lock.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take_turn(self) -> None:
        with self._turn:
            self._waiting += 1
            free = self._turn.wait_for(lambda: not self._taken, self._timeout)
            self._waiting -= 1
            if not free:
                raise Unavailable(f"other threads have been writing for {self._timeout:.0f} s")
            self._taken = True

    def _release_turn(self) -> None:
        with self._turn:
            group = self._group
            if group is None or (self._waiting and group.members < MAX_GROUP_SIZE):
                if group is not None and group.ended is None:
                    group.ended = Event()
                self._taken = False
                self._turn.notify()
                return
        try:
            self._commit(group)
        finally:
            with self._turn:
                self._taken = False
                self._turn.notify()

    def _begin(self, connection: sqlite3.Connection) -> _Group:
        with self._lock:
            for _ in pauses(self._timeout):
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                        raise
            else:
                raise Unavailable(f"another process has been writing for {self._timeout:.0f} s")
        try:
            self._begun(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return _Group()

    def _commit(self, group: _Group) -> None:
        self._group = None
        connection = self._connection
        if connection is None:
            return
        try:
            done = self._ending(connection)
            connection.execute("COMMIT")
            group.committed = True
            done()
        except sqlite3.Error as error:
            group.error = error
            self.close()  # and so undo what is left of it
        finally:
            group.end()
        if group.committed:
            self._committed(connection)

    def _undo(self, connection: sqlite3.Connection, group: _Group, error: BaseException) -> None:
        """Take back what the block did. After some errors SQLite has taken back the whole group already."""
        try:
            if group.members and connection.in_transaction:
                connection.execute("ROLLBACK TO mine")
                connection.execute("RELEASE mine")
                return
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()  # which takes back what is left
        self._group = None
        group.error = error if isinstance(error, sqlite3.Error) else None
        group.end()
