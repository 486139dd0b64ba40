"""A part of a file, as a file."""

import io
import os
from typing import BinaryIO


class FilePart(io.RawIOBase):
    """The bytes of a file from `start` on, at most `length` of them (None: all). Closes the file with it."""

    def __init__(self, file: BinaryIO, start: int = 0, length: int | None = None) -> None:
        size = max(0, file.seek(0, os.SEEK_END) - start)
        self._file = file
        self._start = start
        self._size = size if length is None else min(size, length)
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position, from the beginning of the part."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position of the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Read what fits."""
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file, too."""
        super().close()
        self._file.close()
