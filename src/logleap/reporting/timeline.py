"""When entries happened: first, last, gaps and a histogram, in bounded memory and in one pass."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from logleap.domain.report import LISTED, Gap, Span
from logleap.domain.times import from_micros, to_micros

_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

WIDTHS = (
    *(_SECOND, 10 * _SECOND, 60 * _SECOND, 600 * _SECOND, _HOUR),
    *(number * _DAY for number in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)),
)
"""How wide cells may be. Each is a multiple of the one before; the last holds all time from the year 1 on."""

CELLS = 20_000
"""How many cells are kept at most: the narrowest that come to no more than these."""

SPANS = 1_000
"""How many spans a histogram has at most: the narrowest that come to no more, from an hour on."""

_BEGIN = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PENDING = 50_000  # times that are sorted at once


class Cell(NamedTuple):
    """The first and the last time in a cell, and how many there are."""

    first: datetime
    last: datetime
    times: int


class Timeline:
    """Takes times (UTC) in any order, and tells the same in whichever order they came.

    Time is cut into cells of one width, of which only those with an entry are kept. A gap that is longer than
    a cell is wide lies between two of them, so it is found, exactly.
    """

    def __init__(self, most_cells: int = CELLS) -> None:
        self._most_cells = most_cells
        self._level = 0
        self._cells: dict[int, Cell] = {}
        self._pending: list[int] = []

    def add(self, micros: Iterable[int]) -> None:
        """Add times, in any order, as microseconds since 1970 (UTC)."""
        self._pending += micros
        if len(self._pending) >= _PENDING:
            self._sort_in()

    def add_cell(self, cell: Cell) -> None:
        """Add times of which only this is known. All must be in one cell as wide as they are now, or will be.

        They are if they are in one of `WIDTHS` that no more than `most_cells` needed to be kept of them.
        """
        number = self._number(cell.first)
        if number != self._number(cell.last):
            self._widen()
            self.add_cell(cell)
            return
        known = self._cells.get(number)
        if known is not None:
            cell = Cell(min(known.first, cell.first), max(known.last, cell.last), known.times + cell.times)
        self._cells[number] = cell
        while len(self._cells) > self._most_cells:
            self._widen()

    @property
    def resolution(self) -> timedelta:
        """All gaps that are longer than this are known."""
        self._sort_in()
        return WIDTHS[self._level]

    @property
    def first(self) -> datetime | None:
        """The earliest time."""
        return min((cell.first for cell in self._ordered()), default=None)

    @property
    def last(self) -> datetime | None:
        """The latest time."""
        return max((cell.last for cell in self._ordered()), default=None)

    def gaps(self, most: int = LISTED) -> Sequence[Gap]:
        """The longest gaps of those longer than `resolution`; of gaps of one length the earliest first."""
        between = (Gap(before.last, after.first) for before, after in pairwise(self._ordered()))
        resolution = self.resolution
        long_ones = (gap for gap in between if gap.length > resolution)
        return nlargest(most, long_ones, key=attrgetter("length"))

    def histogram(self, most: int = SPANS) -> tuple[timedelta, Sequence[Span]]:
        """How wide its spans are, and those that have entries, in ascending order."""
        cells = self._ordered()
        level = max(self._level, WIDTHS.index(_HOUR))
        counts = _times_by_number(cells, WIDTHS[level])
        while len(counts) > most:
            level += 1
            counts = _times_by_number(cells, WIDTHS[level])
        width = WIDTHS[level]
        return width, [Span(_BEGIN + number * width, times) for number, times in counts.items()]

    def _ordered(self) -> Sequence[Cell]:
        self._sort_in()
        return sorted(self._cells.values())

    def _number(self, time: datetime) -> int:
        return (time - _BEGIN) // WIDTHS[self._level]

    def _sort_in(self) -> None:
        times, self._pending = sorted(self._pending), []
        begin = to_micros(_BEGIN)
        place = 0
        while place < len(times):
            # Found by bisection: many times in one cell cost hardly more than one.
            width = WIDTHS[self._level] // _MICROSECOND
            number = (times[place] - begin) // width
            end = bisect_left(times, begin + (number + 1) * width, place)
            self.add_cell(Cell(from_micros(times[place]), from_micros(times[end - 1]), end - place))
            place = end

    def _widen(self) -> None:
        cells, self._cells = self._cells, {}
        self._level += 1
        for cell in cells.values():
            self.add_cell(cell)


def _times_by_number(cells: Sequence[Cell], width: timedelta) -> Mapping[int, int]:
    """How many times there are in each cell of this width: no narrower than those given, in their order."""
    counts: dict[int, int] = {}
    for cell in cells:
        number = (cell.first - _BEGIN) // width
        counts[number] = counts.get(number, 0) + cell.times
    return counts
