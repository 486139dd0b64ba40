"""The file: opening it, transactions on it, and what its errors mean."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from logleap.adapters.files.durable import make_durable
from logleap.adapters.local.sqlite.chunks.staging import Staging
from logleap.adapters.local.sqlite.connections import Connections
from logleap.adapters.local.sqlite.folder import (
    make_private_file,
    network_file_system,
    prepare_folder,
    restrict_access,
)
from logleap.adapters.local.sqlite.group_commit import Writer
from logleap.adapters.local.sqlite.loss import describe_loss
from logleap.adapters.local.sqlite.marker import LastCommit, count_commit, last_counted, marker_of
from logleap.adapters.local.sqlite.process_lock import ProcessLock
from logleap.adapters.local.sqlite.schema import APPLICATION_ID, MIGRATIONS
from logleap.adapters.local.sqlite.space import LEAST_LOG, LOG_LIMIT, MIB, DiskSpace
from logleap.adapters.snapshots import SnapshotCache
from logleap.domain.datasets import Dataset
from logleap.domain.entries import Receipt
from logleap.domain.times import to_micros
from logleap.ports.errors import StorageFull, Unavailable

log = logging.getLogger(__name__)

FILE_NAME = "logleap.db"

LOCK_SECONDS = 3.0
"""For a turn in this process, and as many for other processes: an answer within 10."""

VACUUM_PAGES = 1000
"""Released at a time: uploads get in between."""

SCARCE_VACUUM_PAGES = 100
"""The same where a thousand may not fit into the write-ahead log."""

READY_BYTES = MIB
"""Of an upload that must find room, or the store is not ready."""

AMPLE_BYTES = 64 * MIB
"""Free on the disk: an SQLITE_FULL then is not for want of room."""

TRANSACTION_OVERHEAD = 32 * 1024
"""Bytes of a transaction in the log, beside its payload: a generous estimate."""


_THE_STORE = f"the store {FILE_NAME}: "
_BUSY = f"other processes have been writing for {LOCK_SECONDS:.0f} s"
_READ_ONLY = "it cannot be written: check its owner and permissions, and that its disk is mounted for writing"
_FULL = "its disk is full: free some space"
_DAMAGED = "it is damaged: stop every process that uses it, and restore a backup"
_NO_DATABASE = "it is not an SQLite file: move it away, or choose another data folder"
_MEANING = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "its disk fails to read or write",
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that it is there, its owner and permissions",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    sqlite3.SQLITE_NOMEM: "out of memory",
}


class StorageUnusable(Exception):
    """The folder, or the file in it, cannot be used. One line: which, why, and what to do about it."""


class CommitsMissing(StorageUnusable):
    """The database lacks what was committed last, or nothing says whether it does."""


class Database:
    """One SQLite file, shared by any number of threads and processes of one machine.

    Readers wait for nobody. Writers take turns. What `writing` stored is on the disk when it ends.
    """

    def __init__(
        self,
        folder: Path,
        reserve: int | None = None,
        *,
        accept_loss: bool = False,
        announces: bool = False,
    ) -> None:
        """Open the file in `folder`, or make what is missing of both.

        `reserve`: bytes of the disk that `adding` leaves free; None for a default, see DiskSpace.
        `announces`: changes of data sets are also put where others are told of them.
        Raises StorageUnusable: CommitsMissing, unless `accept_loss`, if the latest changes are not there.
        """
        self.announces = announces
        self._folder = folder.absolute()
        self._path = self._folder / FILE_NAME
        self._marker = marker_of(self._path)
        self.space = DiskSpace(self._folder, self._path.with_name(f"{FILE_NAME}-wal"), reserve)
        self._translated = _Translated(self._means_full)
        self.snapshots = SnapshotCache[Dataset]()
        self._connections = Connections(self._connect, self._make_writer, 2 * LOCK_SECONDS)
        # Of the commit that is being prepared: the number of the last counted commit before it, whether it is
        # to be counted, the last receipt in it, and the receipt of the transaction that runs now.
        self._number = 0
        self._counts = False
        self._last_added: Receipt | None = None
        self._added: Receipt | None = None
        self._logged = 0  # bytes that this process has put into the write-ahead log since it last emptied it
        self._version = len(MIGRATIONS)
        self._identity: tuple[int, int] | None = None
        try:
            self._open(accept_loss)
        except OSError as error:
            raise StorageUnusable(f"{self._folder} cannot be the data folder: {error.strerror}.") from error
        except Unavailable as error:
            raise StorageUnusable(f"{self._path}: {str(error).removeprefix(_THE_STORE)}.") from error

    @property
    def folder(self) -> Path:
        """Where the file is."""
        return self._folder

    @property
    def staging(self) -> Staging:
        """The chunks that this process has taken, and not written yet."""
        return self._connections.staging

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Each statement sees all that was stored before it began.

        Use up or close each cursor in the block: one that is open keeps the write-ahead log from being
        emptied. Raises Unavailable.
        """
        with self._translated, self._connections.reader() as connection:
            yield connection

    def first_row(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query, as `reading` would see it. Raises Unavailable."""
        with self._translated:
            return self._connections.first_row(query, parameters)

    @contextmanager
    def writing(self, payload: int = 0) -> Iterator[sqlite3.Connection]:
        """A transaction, with no other writer beside it. What the block raises undoes it.

        `payload` is about how many bytes it stores. Raises Unavailable.
        """
        with self._translated, self._connections.transaction() as connection:
            self._added = None
            yield connection
            self._count(payload)

    @contextmanager
    def adding(self, payload: int = 0) -> Iterator[sqlite3.Connection]:
        """The same for what makes the file larger. Raises StorageFull where that would use up the reserve."""
        try:
            with self._translated, self._connections.transaction() as connection:
                self._added = None
                self.space.take(payload + TRANSACTION_OVERHEAD)
                yield connection
                self._count(payload)
        except StorageFull:
            if self.space.log_size > LEAST_LOG:  # empty the log: there may be room for the next try
                self._logged = max(self._logged, LOG_LIMIT)
                with self.writing():
                    pass
            raise

    def _count(self, payload: int) -> None:
        """A transaction is complete, and will be committed."""
        self._last_added = self._added
        self._counts = self._counts or self._added is None
        self._logged += payload + TRANSACTION_OVERHEAD

    def added(self, receipt: Receipt) -> None:
        """Declare that the current transaction stores this receipt with its batch, and nothing else."""
        self._added = receipt

    def check(self) -> None:
        """Store something, as an upload would. Raises Unavailable if that cannot be done."""
        self._write_heartbeat()
        self.space.hold()
        if self.space.reserve and self.space.left() < 2 * READY_BYTES:
            raise StorageFull(f"{_THE_STORE}{self.space.full()}")

    def release_space(self) -> None:
        """Return freed space to the file system, a few MiB at a time. Raises Unavailable."""
        left, before = 1, 2
        while 0 < left < before:
            pages = SCARCE_VACUUM_PAGES if self.space.scarce else VACUUM_PAGES
            with self.writing(2 * pages * 4096) as connection:
                before = _number(connection, "PRAGMA freelist_count")
                for _ in range(min(before, pages)):
                    connection.execute("PRAGMA incremental_vacuum(1)")  # Python's module does one page a call
                left = _number(connection, "PRAGMA freelist_count")

    def close(self) -> None:
        """Close the file. Waits for calls under way; later ones raise Unavailable."""
        self._connections.close()
        self._marker.close()

    def _open(self, accept_loss: bool) -> None:
        prepare_folder(self._folder)
        network = network_file_system(self._folder)
        if network is not None:
            raise StorageUnusable(
                f"{self._folder} is on a network file system ({network}), where several machines could "
                "damage the file: choose a data folder on a disk of this machine."
            )
        for path in (self._folder, self._path):
            if path.exists() and not _may_write(path):
                raise StorageUnusable(f"{path}: {_READ_ONLY}.")
        loss = describe_loss(self._path, self._marker)
        if loss is not None:
            if not accept_loss:
                raise CommitsMissing(loss)
            log.warning("the loss is accepted: %s", loss)
        make_private_file(self._path)  # SQLite gives the files that it makes beside it the same mode
        self._twice(self._prepare_file)
        restrict_access(self._folder, self._folder.glob(f"{FILE_NAME}*"))  # it is known to be LogLeap's now
        unmarked = loss is not None or self._marker.read() is None
        if unmarked:
            self._make_marker()
        make_durable(self._folder)
        self._identity = _identity(self._path)
        # Left by a process that was killed; emptied at once if the file is new, so that the file alone, as a
        # copy may be, has a counted commit and is not taken for one that was never used.
        self._logged = LOG_LIMIT if unmarked else self.space.log_size
        try:
            self._twice(self.check)
        except StorageFull as error:
            log.warning("no uploads for now: %s", error)
        except Unavailable as error:
            if not _says_full(error.__cause__):
                self.close()
                raise
            log.error("nothing can be stored for now, only read: %s", error)

    def _twice(self, call: Callable[[], None]) -> None:
        """On a disk that is full to the last byte, the first time releases what is held: `_means_full`."""
        try:
            call()
        except Unavailable as error:
            if not _says_full(error.__cause__):
                raise
            call()

    def _prepare_file(self) -> None:
        with self._translated, closing(self._connect(mode="rwc")) as connection:
            if self._is_new(connection):
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # cannot be set later
            self._use_log(connection)
            self._migrate(connection)

    def _make_marker(self) -> None:
        with self._translated, closing(self._connect()) as connection:
            last = last_counted(connection)
        try:
            self._marker.make(last)
        except OSError:
            if not self.space.release():
                raise
            self._marker.make(last)

    def _write_heartbeat(self) -> None:
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO heartbeat VALUES (1, ?)", (time.time_ns() // 1000,))

    def _means_full(self) -> bool:
        """Whether SQLite's “full” is: it is what damage to the file's last page looks like, too.

        Of that page SQLite makes a number of pages, and that is above the largest that a file may have.
        """
        if self.space.free < AMPLE_BYTES:
            self.space.release()
            return True
        try:
            with closing(self._connect()) as connection:
                pages = _number(connection, "PRAGMA page_count")
                return (_number(connection, "PRAGMA max_page_count") - pages) * 4096 < AMPLE_BYTES
        except sqlite3.Error:
            return False

    def _connect(self, *, mode: str = "rw", timeout: float = LOCK_SECONDS) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode={mode}",
            uri=True,
            timeout=LOCK_SECONDS,  # even with timeout 0: another process may be opening or recovering it
            isolation_level=None,  # transactions are begun and ended by us
            check_same_thread=False,  # one thread at a time, but any
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")  # see _empty_log
            connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT}")
            connection.execute("PRAGMA temp_store = MEMORY")  # nothing depends on the temporary folder
            connection.execute("PRAGMA secure_delete = OFF")  # some builds have it on; see release_space
            connection.execute(f"PRAGMA busy_timeout = {1000 * timeout:.0f}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is still to be filled. Raises StorageUnusable if it is another program's."""
        connection.execute("BEGIN")
        application = _number(connection, "PRAGMA application_id")
        version = _number(connection, "PRAGMA user_version")
        empty = not _number(connection, "SELECT count(*) FROM sqlite_master")
        connection.execute("COMMIT")
        new = empty and application == version == 0
        if not new and application != APPLICATION_ID:
            raise StorageUnusable(
                f"{self._path} is an SQLite file of another program: move it away, or choose another data "
                "folder."
            )
        return new

    def _use_log(self, connection: sqlite3.Connection) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                # Another process is making the same file; SQLite does not always wait for it here.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise StorageUnusable(
                f"{self._folder} is on a file system on which processes cannot share memory, as SQLite's "
                "write-ahead log needs it: choose another data folder."
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = _number(connection, "PRAGMA user_version")
        if version == self._version:
            return
        connection.execute("BEGIN IMMEDIATE")
        version = _number(connection, "PRAGMA user_version")  # another process may have been quicker
        if version > self._version:
            raise StorageUnusable(
                f"{self._path} was written by a newer LogLeap (its schema is {version}, this one knows up to "
                f"{self._version}): use that version, or choose another data folder."
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {self._version}")
        connection.execute("UPDATE changes SET schema = ? WHERE id = 1", (self._version,))
        connection.execute("COMMIT")

    def _make_writer(self) -> Writer:
        lock = ProcessLock(self._path.with_name(f"{FILE_NAME}-next"), LOCK_SECONDS)
        return Writer(
            partial(self._connect, timeout=0),
            lock,
            begun=self._begun,
            ending=self._mark_commit,
            committed=partial(self._empty_log, lock),
            timeout=LOCK_SECONDS,
        )

    def _begun(self, connection: sqlite3.Connection) -> None:
        self._check_unchanged(connection)
        self._counts, self._last_added = False, None
        self.space.begin()

    def _check_unchanged(self, connection: sqlite3.Connection) -> None:
        # A file that was deleted can be written on: what is stored there is lost.
        if _identity(self._path) != self._identity:
            raise Unavailable("the file was moved, deleted or replaced: put it back, or restart LogLeap")
        query = "SELECT schema, number FROM changes WHERE id = 1"
        version, self._number = connection.execute(query).fetchone()
        if version != self._version:
            raise Unavailable("a newer LogLeap has migrated the file: restart with that version")

    def _mark_commit(self, connection: sqlite3.Connection) -> Callable[[], None]:
        """Prepare the marker for the transaction that is about to be committed. The result writes it."""
        last = self._last_added
        if self._counts or last is None:
            return partial(self._marker.write, count_commit(connection, self._number))
        commit = LastCommit(self._number, to_micros(last.created_at), last.dataset_id, last.key)
        return partial(self._marker.write, commit)

    def _empty_log(self, lock: ProcessLock, connection: sqlite3.Connection) -> None:
        """Bring the write-ahead log into the file (a checkpoint) if it is large.

        FULL takes the lock of the writer first. A checkpoint beside one, as SQLite does it by itself, can
        lose data in versions before 3.51.3: https://www.sqlite.org/wal.html#walresetbug
        Where room is scarce, TRUNCATE gives the log's room back besides.
        """
        if self._logged < self.space.log_limit:
            return
        mode = "TRUNCATE" if self.space.scarce else "FULL"
        self._logged = 0
        try:
            with lock:
                connection.execute(f"PRAGMA busy_timeout = {1000 * LOCK_SECONDS:.0f}")
                try:
                    connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
                finally:
                    connection.execute("PRAGMA busy_timeout = 0")
        except (sqlite3.Error, Unavailable) as error:
            # What was to be stored is on the disk, in the log, which grows until this works again.
            log.warning("could not checkpoint the write-ahead log of %s: %s", self._path, error)


def lookup(text: str) -> str | bytes:
    """A text, as anybody may have sent it, as the value to search for. Invalid Unicode matches nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")  # SQLite takes bytes for a BLOB, which equals no TEXT
    return text


def _says_full(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE


def meaning_of(error: sqlite3.Error, means_full: Callable[[], bool] = lambda: True) -> str | None:
    """What an error means for the operator; None if it means a mistake in this code.

    `means_full`: whether SQLite's “full” is to be believed.
    """
    meaning = _MEANING.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if _says_full(error):
        meaning = _FULL if means_full() else _DAMAGED
    return meaning and f"{meaning} ({error.sqlite_errorname})"


class _Translated:
    """Around what may fail: the errors come out as what they mean."""

    def __init__(self, means_full: Callable[[], bool]) -> None:
        self._means_full = means_full

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Unavailable):
            raise type(error)(f"{_THE_STORE}{error}") from error.__cause__
        if isinstance(error, sqlite3.Error) and (meaning := meaning_of(error, self._means_full)) is not None:
            raise Unavailable(f"{_THE_STORE}{meaning}") from error


def _may_write(path: Path) -> bool:
    # Asked before SQLite opens it: that would leave files beside it that cannot be written either.
    return os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _number(connection: sqlite3.Connection, question: str) -> int:
    (number,) = connection.execute(question).fetchone()
    return int(number)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()  # never open() it: closing it would take SQLite's locks away
    except OSError:
        return None
    return status.st_dev, status.st_ino
