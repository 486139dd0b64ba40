"""When the entries of each template came, and which template follows which.

Entries arrive in any order, in runs that are sorted here one by one and merged at the end, a part of the time
at a time. Entries of one time are in the order of their templates' ids.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, pairwise

from logleap.miner import _fast
from logleap.miner.description.spill import Numbers64, OpenFile
from logleap.miner.model import Windows

SECOND = 1_000_000
_LADDER = (
    *(10**power * factor for power in range(6) for factor in (1, 2, 5)),
    *(SECOND * seconds for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)),
    *(SECOND * 3600 * hours for hours in (3, 4, 6, 8, 12, 24, 48, 96, 168, 336, 672)),
)
_HELD = 1 << 20  # entries in memory
_MERGED = 1 << 18  # entries that are merged at once, if not too many have the same time
_STEP = 1024  # of these, each run's index holds the time of one
_PAIRS = 500_000  # of templates, above which those that are not wanted are dropped


def windows_of(first: int, last: int, most: int) -> Windows:
    """Windows from `first` to `last`, of the smallest round width of which no more than `most` are needed."""
    for width in _LADDER:
        if last // width - first // width < most:
            break
    else:
        while last // width - first // width >= most:
            width *= 2
    start = first // width * width
    return Windows(start, width, (last - start) // width + 1)


class Timeline:
    """The times of all entries, each with a number that says what it is (a template, or what becomes one)."""

    def __init__(
        self, open_file: OpenFile, held: int = _HELD, merged: int = _MERGED, *, compiled: bool = True
    ) -> None:
        """`held`: entries in memory; `merged`: those that are merged at once.

        `compiled`: the compiled part is used, if it is there.
        """
        self._compiled = compiled and _fast.COMPILED
        self._times = Numbers64(open_file)
        self._numbers = Numbers64(open_file)
        self._runs: list[_Run] = []
        self._most, self._merged = held, merged
        self._held = 0

    def add(self, times: Sequence[int], numbers: Sequence[int]) -> None:
        """Add entries, one or more, in the order of time: their times, and their numbers."""
        run = _Run(array("q", times), array("q", numbers))
        self._runs.append(run)
        self._held += run.length
        if self._held > self._most:
            for run in self._runs:
                run.spill(self._times, self._numbers)
            self._held = 0

    @property
    def span(self) -> tuple[int, int] | None:
        """The earliest and the latest time; None without entries."""
        if not self._runs:
            return None
        return min(run.first for run in self._runs), max(run.last for run in self._runs)

    def summary(
        self, ranks: Sequence[int], windows: Windows, followed: Set[int]
    ) -> tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]]:
        """How many entries of each rank lie in each window, and which rank comes directly after which.

        `ranks` has a rank for each number: entries of one time are in the order of their ranks. Both results
        count pairs: (rank, window), and (rank, next rank), where both are in `followed`.
        """
        found = _Order(ranks, windows, followed, compiled=self._compiled)
        for start, end in self._parts():
            if end - start == 1:  # one time, perhaps of so many entries that they must not be held
                counts: Counter[int] = Counter()
                for run in self._runs:
                    for _, numbers in run.until(end, 1 << 16):
                        counts.update(map(ranks.__getitem__, numbers))
                found.add_time(start, counts)
            else:
                found.add_part(start, chain.from_iterable(run.until(end) for run in self._runs))
        found.keep_followed()
        return found.among, found.pairs

    def close(self) -> None:
        """Delete its files."""
        self._times.close()
        self._numbers.close()

    def _parts(self) -> Iterator[tuple[int, int]]:
        """Parts of time, half-open, that hold all entries: each few, or entries of one time."""
        span = self.span
        if span is None:
            return
        start = span[0]
        held = 0
        for time, steps in sorted(Counter(chain.from_iterable(run.index for run in self._runs)).items()):
            if steps * _STEP > self._merged:
                if start < time:
                    yield start, time
                yield time, time + 1
                start, held = time + 1, 0
            elif held + steps * _STEP > self._merged and start < time:
                yield start, time
                start, held = time, steps * _STEP
            else:
                held += steps * _STEP
        if start <= span[1]:
            yield start, span[1] + 1


class _Order:
    """Counts entries as they come in order."""

    def __init__(self, ranks: Sequence[int], windows: Windows, followed: Set[int], *, compiled: bool) -> None:
        self.among: Counter[tuple[int, int]] = Counter()
        self.pairs: Counter[tuple[int, int]] = Counter()
        self._ranks = ranks
        self._size = max(ranks, default=0) + 1
        self._ends = [windows.start + windows.width * (at + 1) for at in range(windows.count)]
        self._followed = followed
        self._before: int | None = None
        self._compiled = compiled
        if compiled:
            self._rank_array, self._end_array = array("q", ranks), array("q", self._ends)
            self._flags = bytes([rank in followed for rank in range(self._size)])

    def add_time(self, time: int, counts: Mapping[int, int]) -> None:
        """Entries of one time, counted by rank."""
        window = bisect_right(self._ends, time)
        for rank, count in sorted(counts.items()):
            self.among[rank, window] += count
            self.pairs[rank, rank] += count - 1
            self._follow(rank)
            self._before = rank

    def add_part(self, start: int, entries: "Iterable[tuple[array[int], array[int]]]") -> None:
        """Entries from `start` on, in any order: their times and numbers."""
        if self._compiled:
            self._count(list(entries))
            return
        size, ranks = self._size, self._ranks
        keys: list[int] = []
        for times, numbers in entries:
            keys += [
                (time - start) * size + rank
                for time, rank in zip(times, map(ranks.__getitem__, numbers), strict=True)
            ]
        if not keys:
            return
        keys.sort()
        ordered = [key % size for key in keys]
        at, window = 0, bisect_right(self._ends, start + keys[0] // size)
        while at < len(keys):
            until = bisect_left(keys, (self._ends[window] - start) * size, at)
            for rank, count in Counter(ordered[at:until]).items():
                self.among[rank, window] += count
            at = until
            window += 1
        self._follow(ordered[0])
        self.pairs.update(pairwise(ordered))
        self._before = ordered[-1]
        if len(self.pairs) > _PAIRS:
            self.keep_followed()

    def _count(self, entries: "list[tuple[array[int], array[int]]]") -> None:
        among, pairs, first, last = _fast.order(entries, self._rank_array, self._end_array, self._flags)
        if first < 0:
            return
        self.among.update(among)
        self._follow(first)
        self.pairs.update(pairs)
        self._before = last

    def keep_followed(self) -> None:
        """Drop the pairs of which one is not in `followed`."""
        followed = self._followed
        for pair in [
            pair
            for pair, count in self.pairs.items()
            if not (count and pair[0] in followed and pair[1] in followed)
        ]:
            del self.pairs[pair]

    def _follow(self, rank: int) -> None:
        if self._before is not None:
            self.pairs[self._before, rank] += 1


class _Run:
    """Entries in the order of time, in memory or in files; read once, from the first to the last."""

    def __init__(self, times: "array[int]", numbers: "array[int]") -> None:
        self.length = len(times)
        self.first, self.last = times[0], times[-1]
        self.index = times[::_STEP]
        self._at = 0
        self._held: tuple[array[int], array[int]] | None = (times, numbers)
        self._files: tuple[Numbers64, Numbers64, int] | None = None

    def spill(self, times: Numbers64, numbers: Numbers64) -> None:
        """Move them to the end of these files, if they are in memory."""
        if self._held is not None:
            self._files = times, numbers, times.length
            times.append(self._held[0])
            numbers.append(self._held[1])
            self._held = None

    def until(self, end: int, most: int = 1 << 20) -> "Iterator[tuple[array[int], array[int]]]":
        """Times and numbers of the entries before `end` that were not read yet, at most `most` at once."""
        while self._at < self.length:
            step = max(bisect_left(self.index, end), 1)
            stop = min(self.length, step * _STEP, self._at + most)
            times, numbers = self._read(self._at, stop)
            found = bisect_left(times, end)
            if not found:
                return
            self._at += found
            yield times[:found], numbers[:found]
            if found < len(times):
                return

    def _read(self, start: int, stop: int) -> "tuple[array[int], array[int]]":
        if self._held is not None:
            return self._held[0][start:stop], self._held[1][start:stop]
        assert self._files is not None  # noqa: S101 -- one of the two holds the entries
        times, numbers, offset = self._files
        return times.read(offset + start, offset + stop), numbers.read(offset + start, offset + stop)
