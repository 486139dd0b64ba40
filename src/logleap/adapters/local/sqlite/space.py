"""The room on the disk of the file: what uploads may use, and what is kept for everything else."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from logleap.ports.errors import StorageFull

MIB = 1 << 20

DEFAULT_RESERVE = 256 * MIB
"""Bytes that uploads leave free, unless set; a tenth of the disk where that is less."""

LOG_LIMIT = 16 * MIB
"""Bytes that a process puts into the write-ahead log before it empties it; less where room is scarce."""

LEAST_LOG = MIB
"""The same where room is scarcest."""

_HELD = 4 * MIB  # at most, of the reserve, in a file of its own: enough to start and to delete
_AMPLE = 1 << 30  # bytes of room that nobody uses up between two measurements
_MEASURE = 0.5  # seconds between two measurements where there is ample room


class DiskSpace:
    """Room for uploads. Not thread-safe: `begin` and `take` are for whoever has the turn to write.

    An upload lies on the disk twice until the write-ahead log is emptied: in the log, and in the file. So
    there is room for it if both fit beside what the log holds now, and the reserve is left free. With that
    room, and less, a deletion works: it needs little of the log at a time, and each time it empties the log
    the file becomes smaller.

    `hold` puts a part of the reserve into a file: other programs cannot use that either. `release` removes it
    when the disk is full to the last byte, so that even then LogLeap starts and deletes.
    """

    def __init__(self, folder: Path, log: Path, reserve: int | None) -> None:
        """`log`: the write-ahead log. `reserve`: bytes; None for the default, 0 for none."""
        self._folder = folder
        self._log = log
        self._held = folder / "logleap.db-reserve"
        self._chosen = reserve
        self._room = 0
        self._measured = -_MEASURE

    @property
    def free(self) -> int:
        """Bytes that are free on the disk."""
        return shutil.disk_usage(self._folder).free

    @property
    def log_size(self) -> int:
        """Bytes of the write-ahead log's file."""
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    @property
    def reserve(self) -> int:
        """Bytes that uploads leave free."""
        if self._chosen is not None:
            return self._chosen
        return min(DEFAULT_RESERVE, shutil.disk_usage(self._folder).total // 10)

    @property
    def scarce(self) -> bool:
        """Whether the log is to be kept short, by the last measurement."""
        return self.log_limit < LOG_LIMIT

    @property
    def log_limit(self) -> int:
        """How many bytes a process may put into the log before it empties it."""
        return min(LOG_LIMIT, max(LEAST_LOG, self._room // 8))

    def left(self) -> int:
        """The bytes that uploads may use, and the copy of what the log holds. Negative: none."""
        return self.free - self.log_size - self.reserve

    def begin(self) -> None:
        """A transaction begins; nothing is on its way to the disk."""
        now = time.monotonic()
        if self._room < _AMPLE or now - self._measured > _MEASURE:
            self._measured = now
            with suppress(OSError):  # the folder is gone: then SQLite says so
                self._room = self.left()

    def take(self, size: int) -> None:
        """An upload of so many bytes is stored in this transaction. Raises StorageFull if it has no room."""
        if 2 * size > self._room and self.reserve:
            raise self.full()
        self._room -= 2 * size

    def full(self) -> StorageFull:
        """What is wrong, and what to do about it."""
        return StorageFull(
            f"its disk is full except for {self.free // MIB} MiB, and {self.reserve // MIB} MiB are reserved "
            "for deleting, archiving and training: delete data sets that are no longer needed, archive "
            "others to another disk, or free some space"
        )

    def hold(self) -> None:
        """Put a part of the reserve into a file, if it is not there and there is room for it."""
        size = min(_HELD, self.reserve // 2)
        if size < LEAST_LOG or self._held.exists() or self.left() < 2 * size:
            return
        try:
            descriptor = os.open(self._held, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except FileExistsError:
            pass  # another process was quicker
        except OSError:
            self.release()

    def release(self) -> bool:
        """Make room by what is held. Whether there was anything."""
        try:
            self._held.unlink()
        except OSError:
            return False
        return True
