"""Where the bars, ticks and labels of charts lie: numbers, which `templates/macros/charts.html` draws as SVG.

Places from left to right are percentages of the chart's width, so that it fits any screen without scaling its
letters; heights are pixels. Times are microseconds since 1970 (UTC).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from math import isfinite

from logleap.domain.report import Span
from logleap.domain.times import from_micros, to_micros
from logleap.miner.description.timeline import windows_of
from logleap.miner.model import Windows

HEIGHT = 120
"""Of a histogram's plot, in pixels."""

_BARS = 60
_STEP_HEIGHT = 20
_LEVELS = [f"V{_STEP_HEIGHT - height}" for height in range(_STEP_HEIGHT + 1)]
_MICROSECOND = timedelta(microseconds=1)
_SMALLEST = 2.0  # pixels: what is there can be seen
_EDGE = 6.0  # percent: a label nearer to the edge begins or ends at its tick

_MILLISECOND = 1000
_SECOND = 1000 * _MILLISECOND
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_STEPS = (
    *(10**power * factor for power in range(6) for factor in (1, 2, 5)),
    *(_SECOND * seconds for seconds in (1, 2, 5, 10, 15, 30)),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY * days for days in (1, 2, 7, 14)),
)
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000, 24_000, 60_000)
_MONDAY = 4 * _DAY  # the first one after the beginning of 1970: steps of weeks count from it


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis. `anchor` is the label's `text-anchor`."""

    at: float
    label: str
    anchor: str = "middle"
    value: float = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """The entries from `start` to before `end`. `left`, `width` in percent, `top`, `height` in pixels."""

    start: datetime
    end: datetime
    entries: int
    left: float
    width: float
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Entries over time. `across`: the ticks of the time axis; `up`: those of the counts, from the top."""

    bars: Sequence[Bar]
    across: Sequence[Tick]
    up: Sequence[Tick]
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Pair:
    """Two amounts as the widths of bars, and what the second was expected to be; in percent."""

    before: float
    after: float
    expected: float | None


@dataclass(frozen=True, slots=True)
class Extent:
    """From the least to the greatest of some numbers, and their median; in percent."""

    left: float
    width: float
    median: float


def histogram(windows: Windows, counts: Sequence[int]) -> Histogram:
    """A histogram of the entries in each window; windows without entries have no bar."""
    ticks = count_ticks(max(counts, default=0))
    top = ticks[-1]
    each = 100 / max(windows.count, 1)
    bars = []
    for number, entries in enumerate(counts):
        if entries:
            height = max(HEIGHT * entries / top, _SMALLEST)
            start = windows.start + number * windows.width
            bars.append(
                Bar(
                    time_of(start),
                    time_of(start + windows.width),
                    entries,
                    _places(each * number),
                    _places(each * 0.9 if windows.count > 1 else each),
                    _places(HEIGHT - height),
                    _places(height),
                )
            )
    end = windows.start + windows.width * windows.count
    up = [Tick(_places(HEIGHT - HEIGHT * tick / top), "", value=tick) for tick in ticks]
    return Histogram(bars, time_axis(windows.start, end), up)


def over_time(blocks: Iterable[Sequence[int]]) -> Histogram | None:
    """The histogram of these times, in any order, in at most 60 bars. None: there are none."""
    counter = Counter()
    for times in blocks:
        counter.add(times)
    if counter.first is None or counter.last is None:
        return None
    windows = windows_of(counter.first, counter.last, _BARS)
    return histogram(windows, counter.within(windows))


def of_spans(spans: Sequence[Span], width: timedelta) -> Histogram | None:
    """The histogram of a report, in at most 60 bars. None: there are no entries."""
    if not spans:
        return None
    first, each = to_micros(spans[0].start), width // _MICROSECOND
    number = (to_micros(spans[-1].start) - first) // each + 1
    joined = -(-number // _BARS)
    counts = [0] * -(-number // joined)
    for span in spans:
        counts[(to_micros(span.start) - first) // each // joined] += span.entries
    return histogram(Windows(first, each * joined, len(counts)), counts)


def count_ticks(most: int, wanted: int = 3) -> list[int]:
    """Round numbers from 0 to the first not below `most`: about `wanted` steps, two numbers at least."""
    step = 1
    for factor in _round_steps():
        step = factor
        if step * wanted >= most:
            break
    last = max(-(-most // step), 1)
    return [step * number for number in range(last + 1)]


def _round_steps() -> Iterable[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def time_axis(start: int, end: int) -> list[Tick]:
    """The ticks of an axis from `start` to `end`."""
    length = max(end - start, 1)
    ticks = []
    for micros, label in time_ticks(start, end):
        at = 100 * (micros - start) / length
        anchor = "start" if at < _EDGE else "end" if at > 100 - _EDGE else "middle"
        ticks.append(Tick(_places(at), label, anchor, micros))
    return ticks


def time_ticks(start: int, end: int, wanted: int = 6) -> list[tuple[int, str]]:
    """Round times from `start` to `end`, `wanted` of them at most, and what is written there."""
    length = end - start
    for step in _STEPS:
        if length < step * wanted:
            return [(at, _label(at, step)) for at in _multiples(start, end, step)][:wanted]
    for months in _MONTHS:
        found = list(_months(start, end, months, wanted + 1))
        if len(found) <= wanted:
            break
    written = "%Y" if months % 12 == 0 else "%b %Y"
    return [(to_micros(at), _written(at, written)) for at in found[:wanted]]


def _multiples(start: int, end: int, step: int) -> Iterable[int]:
    shift = _MONDAY if step % (7 * _DAY) == 0 else 0
    first = -((shift - start) // step) * step + shift
    return takewhile(lambda at: at <= end, (first + step * number for number in range(1 << 16)))


def _months(start: int, end: int, months: int, most: int) -> Iterable[datetime]:
    """The beginnings of every so many months, `most` of them at most."""
    begin = time_of(start)
    month = (begin.year * 12 + begin.month - 1) // months * months
    found = 0
    while found < most and month // 12 <= 9999:
        if month >= 12:  # the year 0 is none
            at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if to_micros(at) > end:
                return
            if to_micros(at) >= start:
                found += 1
                yield at
        month += months


def _label(micros: int, step: int) -> str:
    at = time_of(micros)
    if step >= _DAY or (step >= _MINUTE and micros % _DAY == 0):
        return f"{at.day} {at:%b}"
    if step >= _MINUTE:
        return f"{at:%H:%M}"
    seconds = f"{at:%H:%M:%S}"
    if step >= _SECOND:
        return seconds
    return f"{seconds}.{at.microsecond // 1000:03}" if step >= _MILLISECOND else f"{seconds}.{at:%f}"


def _written(at: datetime, form: str) -> str:
    return str(at.year) if form == "%Y" else f"{at:%b} {at.year}"


def time_of(micros: int) -> datetime:
    """The time, within the years 1 to 9999, whose ends a window may lie beyond."""
    return from_micros(min(max(micros, _FIRST), _LAST))


_FIRST = to_micros(datetime.min.replace(tzinfo=UTC))
_LAST = to_micros(datetime.max.replace(tzinfo=UTC))


def pair(before: float, after: float, expected: float | None = None) -> Pair:
    """Two amounts side by side; what is there at all can be seen."""
    most = max(before, after, expected or 0) or 1

    def width(amount: float) -> float:
        return _places(max(100 * amount / most, 0.5) if amount else 0)

    return Pair(width(before), width(after), width(expected) if expected is not None else None)


def extents(*numbers: tuple[float, float, float]) -> list[Extent]:
    """Of each (least, median, greatest), on one scale."""
    least = min((low for low, _, _ in numbers), default=0.0)
    length = max((high for _, _, high in numbers), default=0.0) - least
    if not isfinite(length) or length <= 0:
        return [Extent(49.5, 1, 50) for _ in numbers]
    found = []
    for low, median, high in numbers:
        left, right = 100 * ((low - least) / length), 100 * ((high - least) / length)
        width = min(max(right - left, 0.5), 100 - left)
        middle = 100 * ((median - least) / length)
        found.append(Extent(_places(min(left, 99.5)), _places(max(width, 0.5)), _places(middle)))
    return found


def steps(count: int, windows: Iterable[tuple[int, int]]) -> str:
    """The outline of a template's entries in each of `count` windows: the `d` of a path, each one wide."""
    heights = [0] * count
    found = [(number, entries) for number, entries in windows if 0 <= number < count and entries]
    most = max((entries for _, entries in found), default=1)
    for number, entries in found:
        heights[number] = max(_STEP_HEIGHT * entries // most, 1)
    drawn, level, width = [f"M0 {_STEP_HEIGHT}"], 0, 0
    for height in heights:
        if height != level:
            drawn.append(f"h{width}{_LEVELS[height]}" if width else _LEVELS[height])
            level, width = height, 0
        width += 1
    drawn.append(f"h{width}{_LEVELS[0]}z")
    return "".join(drawn)


class Counter:
    """Counts times in cells, narrow at first, and wider once there are too many: in bounded memory."""

    def __init__(self, cells: int = 20_000) -> None:
        self._cells = cells
        self._width = 1
        self._counts: dict[int, int] = {}
        self.first: int | None = None
        self.last: int | None = None

    def add(self, times: Sequence[int]) -> None:
        """Count times, in any order."""
        if not times:
            return
        first, last = min(times), max(times)
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        width, counts = self._width, self._counts
        for time in times:
            cell = time // width
            counts[cell] = counts.get(cell, 0) + 1
        while len(self._counts) > self._cells:
            self._widen()

    def _widen(self) -> None:
        self._width *= 10
        wider: dict[int, int] = {}
        for cell, count in self._counts.items():
            wider[cell // 10] = wider.get(cell // 10, 0) + count
        self._counts = wider

    def within(self, windows: Windows) -> list[int]:
        """How many of them lie in each window. Those of a cell that windows share lie where it begins."""
        counts = [0] * windows.count
        ends = [windows.start + windows.width * (number + 1) for number in range(windows.count)]
        for cell, count in self._counts.items():
            number = bisect_left(ends, max(cell * self._width, windows.start) + 1)
            counts[min(number, windows.count - 1)] += count
        return counts


def _places(value: float) -> float:
    return round(value, 2)
