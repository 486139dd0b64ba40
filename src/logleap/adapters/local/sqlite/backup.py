"""Backups of the database: made while it is in use, verified by reading them, and restored."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.adapters.files.durable import make_durable
from logleap.adapters.local.sqlite.chunks.chunk import READABLE, Chunk, distinct
from logleap.adapters.local.sqlite.database import FILE_NAME, CommitsMissing, StorageUnusable, meaning_of
from logleap.adapters.local.sqlite.folder import prepare_folder
from logleap.adapters.local.sqlite.loss import COUNTED, describe_loss, last_change
from logleap.adapters.local.sqlite.marker import NO_COMMIT, LastCommit, last_counted, marker_of
from logleap.adapters.local.sqlite.schema import APPLICATION_ID, MIGRATIONS
from logleap.domain.times import from_micros

if sys.platform != "win32":
    import fcntl

_IN_STORE = "SELECT dataset_id FROM datasets WHERE state <> 'deleting' AND archive_url IS NULL"
_BATCHES = "SELECT coalesce(batch_id, key), entries FROM receipts WHERE dataset_id = ?"
_CHUNKS = f"SELECT {READABLE} FROM chunks WHERE dataset_id = ? ORDER BY batch_id, first, chunk_id"  # noqa: S608

# The bytes that SQLite's connections lock as long as they are open: https://www.sqlite.org/src/file/src/os.h
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read in a copy: the number of data sets, and of the entries of those that are not archived.

    `until` is when something was stored last. `incomplete` are the data sets of which entries are missing.
    `archives` are the URLs of the files of the archived data sets, which are in no copy.
    """

    file: Path
    datasets: int
    entries: int
    last_counted: LastCommit
    until: datetime
    incomplete: Sequence[str]
    archives: Sequence[str]

    @property
    def missing_archives(self) -> Sequence[str]:
        """The archives whose files do not exist on this machine."""
        return [url for url in self.archives if not Path(url2pathname(urlsplit(url).path)).exists()]


def back_up(folder: Path, file: Path) -> Contents:
    """Copy the database in `folder` to a new `file`, and read the copy. Raises StorageUnusable.

    The copy is of one moment, whatever is written meanwhile. It is made in one step: in several, SQLite would
    begin anew after each commit of others in between.
    """
    path = folder.absolute() / FILE_NAME
    with _one_line_errors(f"{path} cannot be copied to {file}"):
        if not path.exists():
            raise StorageUnusable(f"There is no {path} to make a backup of: check LOGLEAP_DATA_DIR.")
        loss = describe_loss(path, marker_of(path))
        if loss is not None:
            raise CommitsMissing(loss)
        _refuse_existing(file)
        unfinished = file.with_name(f".{file.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(_connect(path, "ro")) as source, closing(_connect(unfinished, "rw")) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
            found = verify(unfinished)
            _sync(unfinished)
            _refuse_existing(file)
            unfinished.rename(file)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        make_durable(file.absolute().parent)
        return replace(found, file=file)


def restore(folder: Path, file: Path) -> tuple[Contents, Path | None]:
    """Replace the database in `folder` by a copy.

    Returns what it holds, and the folder with the files that were replaced. Raises StorageUnusable; then the
    files are as they were, or the next start is refused.
    """
    path = folder.absolute() / FILE_NAME
    with _one_line_errors(f"{file} cannot be restored to {path}"):
        if not file.is_file():
            raise StorageUnusable(f"There is no file {file} to restore.")
        verify(file)
        prepare_folder(path.parent)
        copy = path.with_name(f"{FILE_NAME}-restored")
        with _exclusive(path):
            try:
                shutil.copyfile(file, copy)
                copy.chmod(0o600)
                _sync(copy)
                found = verify(copy)
                replaced = _put_aside(path)
                copy.rename(path)
            except BaseException:
                copy.unlink(missing_ok=True)
                raise
            make_durable(path.parent)
            # Last: until now the database is not what the marker says, so that a start is refused.
            with closing(marker_of(path)) as marker:
                marker.make(found.last_counted)
            make_durable(path.parent)
        return found, replaced


def verify(file: Path) -> Contents:
    """Read all of a copy. Raises StorageUnusable if it is damaged, or not LogLeap's."""
    with _one_line_errors(str(file)), closing(_connect(file, "ro")) as connection:
        _check_ours(connection, file)
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise StorageUnusable(f"{file} is damaged: {' '.join(found.split())}. Use another copy.")
        version = _number(connection, "PRAGMA user_version")
        counted = last_counted(connection) if version >= COUNTED else NO_COMMIT
        entries, incomplete = 0, []
        for (dataset_id,) in connection.execute(_IN_STORE).fetchall():
            batches: dict[str, int] = dict(connection.execute(_BATCHES, (dataset_id,)))
            chunks = (Chunk(*row) for row in connection.execute(_CHUNKS, (dataset_id,)))
            read = sum(chunk.first + chunk.entries - fresh for chunk, fresh in distinct(chunks, batches))
            entries += read
            if read != sum(batches.values()):
                incomplete.append(dataset_id)
        archives = connection.execute("SELECT archive_url FROM datasets WHERE archive_url IS NOT NULL")
        return Contents(
            file,
            _number(connection, "SELECT count(*) FROM datasets"),
            entries,
            counted,
            from_micros(last_change(connection, counted)),
            incomplete,
            [url for (url,) in archives],
        )


def _check_ours(connection: sqlite3.Connection, file: Path) -> None:
    if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise StorageUnusable(f"{file} is not a backup that LogLeap made.")
    version = _number(connection, "PRAGMA user_version")
    if version > len(MIGRATIONS):
        raise StorageUnusable(
            f"{file} was made by a newer LogLeap (its schema is {version}, this one knows up to "
            f"{len(MIGRATIONS)}): use that version."
        )


def _put_aside(path: Path) -> Path | None:
    """Move the database's files to a new folder; its marker is copied. None if there are none."""
    log, memory = path.with_name(f"{FILE_NAME}-wal"), path.with_name(f"{FILE_NAME}-shm")
    # The log goes first: SQLite would apply it to another database beside it.
    files = [file for file in (log, memory, path) if file.exists()]
    if not files:
        return None
    aside = path.with_name(f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    aside.mkdir(mode=0o700)
    marker = marker_of(path).path
    if marker.exists():
        shutil.copy2(marker, aside)
    for file in files:
        file.rename(aside / file.name)
        make_durable(path.parent)
    return aside


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Lock the database against other processes. Raises StorageUnusable if one has it open."""
    if sys.platform == "win32" or not path.exists():
        yield
        return
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError as error:
            raise StorageUnusable(f"{path} is in use: stop every LogLeap on this folder first.") from error
        yield


@contextmanager
def _one_line_errors(what: str) -> Iterator[None]:
    """Raise errors of the disk and of SQLite as StorageUnusable, which is one line."""
    try:
        yield
    except OSError as error:
        raise StorageUnusable(f"{what}: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        raise StorageUnusable(f"{what}: {meaning_of(error) or error}.") from error


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=3.0, isolation_level=None)


def _number(connection: sqlite3.Connection, question: str) -> int:
    (number,) = connection.execute(question).fetchone()
    return int(number)


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise StorageUnusable(f"{file} exists already: choose another name, or move it away.")


def _sync(file: Path) -> None:
    with file.open("r+b") as written:
        os.fsync(written.fileno())
