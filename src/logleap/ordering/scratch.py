"""Room for temporary files, within a limit."""

import tempfile
from contextlib import suppress
from threading import Lock
from typing import IO

from logleap.ports.errors import TemporarySpaceFull

GIB = 1 << 30

DEFAULT_LIMIT = 4 * GIB
"""Bytes, unless set."""


class Scratch:
    """What this process may put into temporary files at a time, for all who need some together."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        """`limit`: bytes."""
        self.limit = limit
        self._lock = Lock()
        self._used = 0

    def take(self, size: int) -> None:
        """Reserve `size` bytes. Raises TemporarySpaceFull, which says what would help."""
        with self._lock:
            if self._used + size > self.limit:
                raise TemporarySpaceFull(
                    f"temporary files may have {self.limit} bytes in all (LOGLEAP_TEMPORARY_LIMIT)"
                )
            self._used += size

    def give_back(self, size: int) -> None:
        """Release what was taken."""
        with self._lock:
            self._used -= size


class ScratchFile:
    """A temporary file that counts against the limit. It has no name, and is gone when it is closed."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._file: IO[bytes] | None = None
        self.size = 0
        """Bytes written."""

    def append(self, data: bytes | memoryview) -> None:
        """Write at the end. Raises TemporarySpaceFull."""
        self._scratch.take(len(data))
        self.size += len(data)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="logleap-")  # noqa: SIM115 -- closed by close()
            self._file.seek(0, 2)
            self._file.write(data)
        except OSError as error:
            raise TemporarySpaceFull(
                f"the folder for temporary files cannot take more: {error.strerror}"
            ) from error

    def read(self, place: int, size: int) -> bytes:
        """`size` bytes from `place` on, fewer at the end. Raises TemporarySpaceFull if the disk fails."""
        if self._file is None:
            return b""
        try:
            self._file.seek(place)
            return self._file.read(size)
        except OSError as error:
            raise TemporarySpaceFull(f"a temporary file cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Remove the file, and release its room."""
        if self._file is not None:
            with suppress(OSError):  # what it could not write before, it tries once more
                self._file.close()
            self._file = None
        self._scratch.give_back(self.size)
        self.size = 0
