"""What does not fit in memory: distinct lines in sorted runs, and the times of entries."""

from array import array
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import groupby
from typing import IO

OpenFile = Callable[[], IO[bytes]]
"""Opens a new, empty, temporary file to write and read, which is deleted when it is closed."""

_READ = 1 << 16


class DistinctLines:
    """Distinct texts without line breaks, sorted; those that are too many for memory wait in files."""

    def __init__(self, open_file: OpenFile, held: int) -> None:
        """`held`: about how many characters are held in memory."""
        self._open = open_file
        self._held = held
        self._size = 0
        self._lines: set[str] = set()
        self._runs: list[IO[bytes]] = []

    def add(self, line: str) -> None:
        """Add one line."""
        lines = self._lines
        before = len(lines)
        lines.add(line)
        if len(lines) > before:
            self._size += len(line) + 100  # about what a set and a string take beside the characters
            if self._size > self._held:
                self._spill()

    def __iter__(self) -> Iterator[str]:
        """All of them, sorted, each once."""
        if not self._runs:
            yield from sorted(self._lines)
            return
        self._spill()
        for line, _ in groupby(merge(*map(_lines_of, self._runs))):
            yield line.decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Delete the files."""
        for run in self._runs:
            run.close()

    def _spill(self) -> None:
        # Sorted as bytes of UTF-8, which is the order of the characters' numbers: that of str.
        lines = sorted([line.encode("utf-8", "surrogatepass") for line in self._lines])
        self._lines.clear()
        self._size = 0
        run = self._open()
        for start in range(0, len(lines), 1000):
            run.write(b"".join([line + b"\n" for line in lines[start : start + 1000]]))
        self._runs.append(run)


def _lines_of(run: IO[bytes]) -> Iterator[bytes]:
    run.seek(0)
    for line in run:
        yield line[:-1]


class Numbers64:
    """A sequence of 64-bit numbers, in a file beyond so many."""

    def __init__(self, open_file: OpenFile) -> None:
        self._open = open_file
        self._file: IO[bytes] | None = None
        self.length = 0

    def append(self, numbers: "array[int]") -> None:
        """Write them at the end."""
        if self._file is None:
            self._file = self._open()
        self._file.seek(0, 2)
        self._file.write(numbers.tobytes())
        self.length += len(numbers)

    def read(self, start: int, end: int) -> "array[int]":
        """Those from `start` to before `end`."""
        found = array("q")
        if self._file is not None and end > start:
            self._file.seek(8 * start)
            found.frombytes(self._file.read(8 * (end - start)))
        return found

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
