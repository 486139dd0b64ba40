"""The marker: a small file beside the database that names its last commit, by which a loss is noticed.

Up to some 16 MiB of what was acknowledged is only in the write-ahead log (`logleap.db-wal`). SQLite opens
a database whose log is missing without an error, and reads a damaged log up to the damage. So each commit
is written here afterwards. The database may be ahead of the marker, by what was committed as a process ended;
if it is behind, something is missing.

Commits that only add receipts are named by the last receipt. All others increment a number in the database:
for uploads that would cost one more page in the log, and with it a tenth of the CPU time of the commit.
"""

import logging
import os
import sqlite3
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from logleap.domain.times import from_micros

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class LastCommit(NamedTuple):
    """The number and time of the last counted commit and, if receipts were added since, the last receipt.

    Times are in microseconds since 1970; `at` is the later one. A receipt is named by its data set and key.
    """

    number: int
    at: int
    dataset_id: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        at = f"{from_micros(self.at):%Y-%m-%d %H:%M:%S} UTC"
        if self.dataset_id is None:
            return f"change {self.number:,} of {at}"
        return f"the batch that was uploaded to data set {self.dataset_id} at {at}"


NO_COMMIT = LastCommit(0, 0)
_decode = msgspec.json.Decoder(LastCommit).decode


def count_commit(connection: sqlite3.Connection, number: int) -> LastCommit:
    """Count the commit that is about to be made, the one after `number`."""
    commit = LastCommit(number + 1, time.time_ns() // 1000)
    connection.execute("UPDATE changes SET number = ?, at = ? WHERE id = 1", commit[:2])
    return commit


def last_counted(connection: sqlite3.Connection) -> LastCommit:
    """The last counted commit, as the database has it."""
    return LastCommit(*connection.execute("SELECT number, at FROM changes WHERE id = 1").fetchone())


def marker_of(database: Path) -> "Marker":
    """The marker beside a database."""
    return Marker(database.with_name(f"{database.name}-last"))


class Marker:
    """The file: a line of JSON after its length and checksum, always at the same offset.

    It is not synced, so it costs no wait: the commit is on the disk before, so the marker can only be behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._failing = False

    def read(self) -> LastCommit | None:
        """What it names; None if the file is missing or damaged. Raises OSError."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        line = content[16 : 16 + int(content[:4])] if content[:4].isdigit() else b""
        if not line or content[:16] != _head(line):
            return None
        return _decode(line)

    def make(self, commit: LastCommit) -> None:
        """Write the file, synced. Raises OSError."""
        descriptor = self._open()
        _write(descriptor, commit)
        os.fsync(descriptor)

    def write(self, commit: LastCommit) -> None:
        """Name a commit, which has been made; a failure is logged, once."""
        try:
            _write(self._open(), commit)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.warning(
                    "cannot write %s, so the loss of a write-ahead log may go unnoticed: %s", self.path, error
                )
            self._failing = True

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, _FLAGS, 0o600)
        return self._descriptor


def _head(line: bytes) -> bytes:
    return b"%04d %010d " % (len(line), zlib.crc32(line))


def _write(descriptor: int, commit: LastCommit) -> None:
    line = _encode(commit)
    content = _head(line) + line
    if hasattr(os, "pwrite"):
        os.pwrite(descriptor, content, 0)  # forked processes share the descriptor's own offset
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)
