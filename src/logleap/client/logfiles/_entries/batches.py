"""Entries in batches, as lines of NDJSON that the API takes."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Batch:
    """Entries that are posted together, as NDJSON; `starts` are the lines of the file on which they begin."""

    name: str
    body: bytes
    starts: "array[int]"
    end_line: int
    """The last line of the file that belongs to them."""
    nth: int = 0
    """How many entries that begin on the first one's line are in the batches before."""

    @property
    def entries(self) -> int:
        """How many they are."""
        return len(self.starts)

    @property
    def first_line(self) -> int:
        """The line on which the first one begins."""
        return self.starts[0]

    def place(self, index: int) -> str:
        """Where in the file the entry with this index begins: the line, and its number among that line's."""
        line, nth = self.starts[index], 0
        while index > nth and self.starts[index - nth - 1] == line:
            nth += 1
        return f"{line}-{nth + self.nth if line == self.first_line else nth}"

    def part(self, entries: range) -> bytes:
        """The body of some of the entries, which follow each other."""
        if len(entries) == self.entries:
            return self.body
        lines = self.body.split(b"\n")[entries.start : entries.stop]
        return b"".join(line + b"\n" for line in lines)


class Limits(NamedTuple):
    """What one batch may hold at most. A single larger entry is a batch of its own."""

    entries: int
    bytes: int


@dataclass(slots=True)
class Batcher:
    """Puts the entries of one file into batches: the same ones, whenever it is read in the same way.

    Entries that begin on the lines up to `skip` are left out.
    """

    name: str
    limits: Limits
    skip: int = 0
    _parts: list[bytes] = field(default_factory=list)
    _starts: "array[int]" = field(default_factory=lambda: array("q"))
    _size: int = 0
    _end: int = 0
    _line: int = 0
    _on_line: int = 0

    def add(self, encoded: bytes, line: int, end: int) -> Iterator[Batch]:
        """Adds the entry of the lines from `line` to `end`; gives the batches that become full."""
        if line <= self.skip:
            return
        if self._starts and self._size + len(encoded) > self.limits.bytes:
            yield self._taken()
        self._parts.append(encoded)
        self._starts.append(line)
        self._size += len(encoded)
        self._end = end
        if len(self._starts) >= self.limits.entries:
            yield self._taken()

    def room(self) -> Limits:
        """What the batch at hand still takes."""
        return Limits(self.limits.entries - len(self._starts), self.limits.bytes - self._size)

    @property
    def empty(self) -> bool:
        """Whether no entry waits."""
        return not self._starts

    def extend(self, body: bytes, starts: "array[int]", end: int) -> Iterator[Batch]:
        """Adds entries for which there is room; `starts`: the lines on which they begin, `end`: the last."""
        self._parts.append(body)
        self._starts.extend(starts)
        self._size += len(body)
        self._end = end
        if len(self._starts) >= self.limits.entries:
            yield self._taken()

    def close(self) -> Iterator[Batch]:
        """The entries that wait, as a batch."""
        if self._starts:
            yield self._taken()

    def _taken(self) -> Batch:
        starts = self._starts
        nth = self._on_line if starts[0] == self._line else 0
        batch = Batch(self.name, b"".join(self._parts), starts, self._end, nth)
        self._on_line = (nth if starts[-1] == starts[0] else 0) + _equal_to_last(starts)
        self._line = starts[-1]
        self._parts, self._starts, self._size = [], array("q"), 0
        return batch


def _equal_to_last(starts: "array[int]") -> int:
    count = 1
    while count < len(starts) and starts[-1 - count] == starts[-1]:
        count += 1
    return count
