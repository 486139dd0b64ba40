"""Entries that overlap in time, merged into the time order."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import eq, lt
from typing import Any, NamedTuple

from logleap.domain.entries import PackedEntries, PlacedEntries
from logleap.ordering.scratch import Scratch, ScratchFile
from logleap.ordering.spill import spill, weight

MEMORY = 32 << 20
"""Bytes of entries that are held while they wait for others, about; more go to a temporary file."""

RUNS = 64
"""Runs that are held apart in memory; above that, the shortest become one."""

Key = tuple[Any, ...]


class Piece(NamedTuple):
    """Entries that lie together: none is earlier than `first` or later than `last` (microseconds since 1970).

    `load` reads them, in any order; None: they do not count, or are damaged.
    """

    first: int
    last: int
    load: Callable[[], PlacedEntries | None]


def ordered(placed: PlacedEntries) -> PlacedEntries:
    """The same in the time order."""
    if isinstance(placed.entries, PackedEntries) and placed.entries.ordered:
        return placed
    micros = placed.entries.micros
    if all(map(lt, micros, islice(micros, 1, None))):
        return placed
    return placed.picked(_order(placed)[0])


def merged(
    pieces: Iterable[Piece],
    scratch: Scratch,
    *,
    streams: Iterable[Iterator[PlacedEntries]] = (),
    memory: int = MEMORY,
) -> Iterator[PlacedEntries]:
    """The entries of all pieces, which come in the order of their `first`, in the time order, each once.

    A piece is loaded when it is its turn. `streams`: further entries, each stream in the time order already.
    An entry that is there twice, at the same place, is shown once. Raises TemporarySpaceFull.
    """
    file = ScratchFile(scratch)
    try:
        yield from _Merge(iter(pieces), streams, file, memory)
    finally:
        file.close()


class _Run:
    """Entries in the time order, from `at` on still to be shown; `more` gives those that come after them."""

    __slots__ = ("at", "block", "more")

    def __init__(self, block: PlacedEntries, more: Iterator[PlacedEntries] | None = None) -> None:
        self.block = block
        self.at = 0
        self.more = more

    def key(self, index: int) -> Key:
        block = self.block
        entry = block.entries[index]
        return (
            block.entries.micros[index],
            entry.message,
            entry.context is not None,
            entry.context,
            block.batch_ids[index],
            block.sequences[index],
        )

    def cut(self, bound: Key | None) -> int:
        """The index of the first entry beyond `bound`."""
        if bound is None:
            return len(self.block)
        micros, limit = self.block.entries.micros, bound[0]
        if micros[-1] < limit:
            return len(self.block)
        begin = bisect_left(micros, limit, self.at)
        if len(bound) == 1:
            return begin  # an entry at that time has a greater key
        end = bisect_right(micros, limit, begin)
        return bisect_right(range(end), bound, begin, key=self.key)

    def left(self) -> PlacedEntries:
        return self.block.part(self.at, len(self.block))


class _Merge:
    def __init__(
        self,
        pieces: Iterator[Piece],
        streams: Iterable[Iterator[PlacedEntries]],
        file: ScratchFile,
        memory: int,
    ) -> None:
        self._pieces = pieces
        self._next = next(pieces, None)
        self._file = file
        self._memory = memory
        self._runs = [_Run(block, stream) for stream in streams if (block := next(stream, None)) is not None]
        self._held = 0

    def __iter__(self) -> Iterator[PlacedEntries]:
        while self._runs or self._next is not None:
            ready = self._ready(self._bound())
            if len(ready) == 2:  # where two meet, most of the longer one often comes after all of the other
                ready = self._ready(min(run.key(end - 1) for run, end in ready))
            parts = [run.block.part(run.at, end) for run, end in ready]
            for run, end in ready:
                run.at = end
            if parts:
                self._runs = [run for run in self._runs if self._goes_on(run)]
                if not self._runs:
                    self._held = 0
                yield parts[0] if len(parts) == 1 else _merged(parts)
            else:  # only a piece that is not loaded can hold up all runs
                self._load()

    def _ready(self, bound: Key | None) -> list[tuple[_Run, int]]:
        """The runs with entries up to `bound`, each with the index of its first one beyond."""
        cuts = [(run, run.cut(bound)) for run in self._runs]
        return [(run, end) for run, end in cuts if end > run.at]

    def _bound(self) -> Key | None:
        """Up to which key all entries are here. None: there are no others."""
        bounds = [run.key(-1) for run in self._runs if run.more is not None]
        if self._next is not None:
            bounds.append((self._next.first,))
        return min(bounds, default=None)

    def _goes_on(self, run: _Run) -> bool:
        if run.at < len(run.block):
            return True
        if run.more is None:
            return False
        block = next(run.more, None)
        if block is None:
            return False
        run.block, run.at = block, 0
        return True

    def _load(self) -> None:
        if self._next is None:
            return
        placed = self._next.load()
        self._next = next(self._pieces, None)
        if not placed:
            return
        placed = ordered(placed)
        if self._runs:
            self._held += weight(placed)
        self._runs.append(_Run(placed))
        if self._held > self._memory:  # of what is held, much may have been shown since
            held = [run.left() for run in self._runs if run.more is None]
            self._held = sum(map(weight, held))
            if self._held > self._memory:
                self._spill(held)
        elif len(self._runs) > RUNS:
            self._join()

    def _spill(self, held: Sequence[PlacedEntries]) -> None:
        """What is held goes to the file."""
        written = [run for run in self._runs if run.more is not None]
        stream = spill(self._file, _merged(held) if len(held) > 1 else held[0])
        self._runs = [*written, _Run(next(stream), stream)]
        self._held = 0

    def _join(self) -> None:
        """The shortest of what is held become one: so each is joined but a few times."""
        held = [run for run in self._runs if run.more is None]
        held.sort(key=lambda run: len(run.block) - run.at)
        shortest = held[: len(held) // 2 + 1]
        if len(shortest) > 1:
            written = [run for run in self._runs if run.more is not None]
            joined = _Run(_merged([run.left() for run in shortest]))
            self._runs = [*written, *held[len(shortest) :], joined]


def _merged(parts: Sequence[PlacedEntries]) -> PlacedEntries:
    """The entries of the parts in the time order, each once."""
    first = parts[0].entries
    if isinstance(first, PackedEntries) and all(isinstance(part.entries, PackedEntries) for part in parts):
        found = first.merged(parts)
        if found is not None:
            return found
    together = PlacedEntries.joined(parts)
    order, keys = _order(together)
    sorted_keys = list(map(keys.__getitem__, order))
    if any(map(eq, sorted_keys, islice(sorted_keys, 1, None))):
        order = [
            index
            for position, index in enumerate(order)
            if position == 0 or sorted_keys[position] != sorted_keys[position - 1]
        ]
    return together.picked(order)


def _order(placed: PlacedEntries) -> tuple[list[int], list[Key]]:
    """The indexes in the time order, and the keys by index."""
    entries = placed.entries
    keys: list[Key] = list(
        zip(
            entries.micros,
            entries.messages,
            [context is not None for context in entries.contexts],
            [context or "" for context in entries.contexts],
            placed.batch_ids,
            placed.sequences,
            strict=True,
        )
    )
    return sorted(range(len(keys)), key=keys.__getitem__), keys
