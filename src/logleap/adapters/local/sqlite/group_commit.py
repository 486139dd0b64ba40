"""The connection of a process that writes, and how its threads share the wait for the disk."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event

from logleap.adapters.local.sqlite.process_lock import Turnstile, pauses
from logleap.ports.errors import Unavailable

_MOST = 64  # transactions in one commit, so that none waits long for it


@dataclass(eq=False, slots=True)
class _Group:
    """Transactions that are committed together, all or none."""

    members: int = 0  # whose changes are in
    ended: Event | None = None  # made for those who leave the commit to another thread
    committed: bool = False
    error: sqlite3.Error | None = None

    def end(self) -> None:
        """Nothing more will come of it."""
        if self.ended is not None:
            self.ended.set()


class Writer:
    """Runs transactions one after the other, and writes those to the disk at once that come at the same time.

    Whoever ends a transaction while another thread waits for its turn leaves the commit to that one, and
    waits for it. A transaction sees the changes of those before it in the commit; if that fails, all fail.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        turnstile: Turnstile,
        *,
        begun: Callable[[sqlite3.Connection], None],
        committed: Callable[[sqlite3.Connection], None],
        patience: float,
    ) -> None:
        """`connect` opens a connection that does not wait for locks. `begun` and `committed` are called then.

        `patience` is how long to wait for other threads, then for other processes, in seconds.
        """
        self._connect = connect
        self._turnstile = turnstile
        self._begun = begun
        self._committed = committed
        self._patience = patience
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
            self._pass_on()
        if group.ended is not None:
            group.ended.wait()
        if not group.committed:
            raise group.error or Unavailable("its commit was broken off")

    def close(self) -> None:
        """Close the connection. Nobody may be using it."""
        self._turnstile.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take_turn(self) -> None:
        with self._turn:
            self._waiting += 1
            free = self._turn.wait_for(lambda: not self._taken, self._patience)
            self._waiting -= 1
            if not free:
                raise Unavailable(f"other threads have been writing for {self._patience:.0f} s")
            self._taken = True

    def _pass_on(self) -> None:
        with self._turn:
            group = self._group
            if group is None or (self._waiting and group.members < _MOST):
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
        with self._turnstile:
            for _ in pauses(self._patience):
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                        raise
            else:
                raise Unavailable(f"another process has been writing for {self._patience:.0f} s")
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
            connection.execute("COMMIT")
            group.committed = True
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
