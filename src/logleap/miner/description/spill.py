"""What does not fit in memory: distinct lines in sorted runs, and the times of entries."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import IO

OpenFile = Callable[[], IO[bytes]]
"""Opens a new, empty, temporary file to write and read, which is deleted when it is closed."""

_READ = 8 << 20  # bytes, of all runs together
_LEAST_READ = 1 << 16


class DistinctLines:
    """Distinct lines, without their breaks, sorted; those that are too many for memory wait in files.

    Each character of a line is below U+0100.
    """

    def __init__(self, open_file: OpenFile, held: int) -> None:
        """`held`: about how many bytes are held in memory."""
        self._open = open_file
        self._held = held
        self._size = 0
        self._lines: list[str] = []
        self._runs: list[IO[bytes]] = []

    def add(self, lines: Sequence[str]) -> None:
        """Add some lines, of which few were added before: these take memory until the lines are sorted."""
        self._lines += lines
        self._size += sum(map(len, lines)) + 64 * len(lines)  # with what an object and its place take
        if self._size > self._held:
            self._spill()

    def blocks(self) -> Iterator[list[str]]:
        """All of them, sorted, each once, some at a time."""
        if not self._runs:
            yield _distinct(self._lines)
            return
        if self._lines:
            self._spill()
        read = max(_READ // len(self._runs), _LEAST_READ)
        heads = [_Head(run, read) for run in self._runs]
        while heads := [head for head in heads if head.lines or head.read_on()]:
            # Every run has given all lines up to the first of the last ones that were read.
            bound = min(head.lines[-1] for head in heads)
            taken: list[str] = []
            for head in heads:
                taken += head.take(bound)
            yield _distinct(taken) if len(heads) > 1 else taken

    def close(self) -> None:
        """Delete the files."""
        for run in self._runs:
            run.close()

    def _spill(self) -> None:
        lines = _distinct(self._lines)
        self._lines.clear()
        self._size = 0
        run = self._open()
        for start in range(0, len(lines), 1000):
            run.write(("\n".join(lines[start : start + 1000]) + "\n").encode("latin-1"))
        self._runs.append(run)


def _distinct(lines: list[str]) -> list[str]:
    """The lines, sorted, each once. (Python sorts fast what consists of a few parts that are in order.)"""
    lines.sort()
    return [line for line, following in zip_longest(lines, islice(lines, 1, None)) if line != following]


class _Head:
    """Where the reading of a run is."""

    def __init__(self, run: IO[bytes], read: int) -> None:
        run.seek(0)
        self._run = run
        self._read = read
        self.lines: list[str] = []

    def read_on(self) -> bool:
        """Read lines; False if there are none left."""
        self.lines = [line[:-1].decode("latin-1") for line in self._run.readlines(self._read)]
        return bool(self.lines)

    def take(self, bound: str) -> list[str]:
        """Take away the lines up to this one."""
        end = bisect_right(self.lines, bound)
        taken, self.lines = self.lines[:end], self.lines[end:]
        return taken


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
