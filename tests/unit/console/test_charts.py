from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.times import to_micros
from logleap.entrypoints.console import charts
from logleap.miner.description.timeline import windows_of

FIRST, LAST = to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))
SECOND, HOUR, DAY = 10**6, 3600 * 10**6, 86_400 * 10**6
TIMES = st.integers(FIRST, LAST)
AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-3, 1e18))


def at(*parts: int) -> int:
    return to_micros(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


@given(st.integers(0, 10**15))
def test_the_ticks_of_counts_are_round_begin_at_0_and_reach_the_greatest(most: int) -> None:
    ticks = charts.count_ticks(most)
    step = ticks[1]
    assert ticks == [step * number for number in range(len(ticks))]
    assert ticks[-1] >= most > ticks[-2] or most == 0
    assert 2 <= len(ticks) <= 4
    assert str(step).rstrip("0") in {"1", "2", "5"}


@given(TIMES, TIMES)
def test_the_ticks_of_times_lie_within_ascend_and_are_few(one: int, other: int) -> None:
    start, end = sorted((one, other))
    ticks = charts.time_ticks(start, end)
    times = [micros for micros, _ in ticks]
    assert len(times) <= 6
    assert all(start <= micros <= end for micros in times)
    assert all(before < after for before, after in pairwise(times))
    if end - start > 10 * 366 * DAY:
        assert len(times) >= 2 or end - start > 4000 * 366 * DAY


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        (at(2026, 3, 2, 6), at(2026, 3, 2, 9, 30), ["06:00", "07:00", "08:00", "09:00"]),
        (at(2026, 3, 2, 22), at(2026, 3, 3, 2), ["22:00", "23:00", "3 Mar", "01:00", "02:00"]),
        (at(2026, 3, 2), at(2026, 3, 6), ["2 Mar", "3 Mar", "4 Mar", "5 Mar", "6 Mar"]),
        (at(2026, 1, 1), at(2026, 4, 1), ["Jan 2026", "Feb 2026", "Mar 2026", "Apr 2026"]),
        (at(2024, 1, 1), at(2027, 1, 1), ["2024", "2025", "2026", "2027"]),
        (0, 3 * SECOND, ["00:00:00", "00:00:01", "00:00:02", "00:00:03"]),
        (0, 3000, ["00:00:00.000", "00:00:00.001", "00:00:00.002", "00:00:00.003"]),
        (5, 5, ["00:00:00.000005"]),
    ],
)
def test_times_are_labelled_as_closely_as_they_lie(start: int, end: int, labels: list[str]) -> None:
    assert [label for _, label in charts.time_ticks(start, end)] == labels


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), TIMES)
def test_each_window_with_entries_has_a_bar_within_the_plot(counts: list[int], start: int) -> None:
    windows = windows_of(start, start, 60)
    windows = type(windows)(windows.start, HOUR, len(counts))
    drawn = charts.histogram(windows, counts)
    assert [bar.entries for bar in drawn.bars] == [count for count in counts if count]
    for bar in drawn.bars:
        assert 0 <= bar.left <= bar.left + bar.width <= 100.01
        assert bar.height >= 2
        assert abs(bar.top + bar.height - drawn.height) < 0.02
        assert bar.top >= 0
    for before, after in pairwise(drawn.bars):
        assert before.left + before.width <= after.left + 0.02


@given(AMOUNTS, AMOUNTS, st.one_of(st.none(), AMOUNTS))
def test_of_two_amounts_the_greatest_is_the_whole_and_none_is_hidden(
    before: float, after: float, expected: float | None
) -> None:
    drawn = charts.pair(before, after, expected)
    widths = [width for width in (drawn.before, drawn.after, drawn.expected) if width is not None]
    amounts = [amount for amount in (before, after, expected) if amount is not None]
    assert max(widths) == (100 if any(amounts) else 0)
    assert all((width > 0) == (amount > 0) for width, amount in zip(widths, amounts, strict=True))


NUMBERS = st.floats(-1e18, 1e18)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted).map(tuple), max_size=3))
def test_the_extents_of_numbers_lie_on_one_scale(numbers: list[tuple[float, float, float]]) -> None:
    for extent in charts.extents(*numbers):
        assert 0 <= extent.left <= extent.left + extent.width <= 100.01
        assert extent.width >= 0.5
        assert 0 <= extent.median <= 100


def test_the_extent_of_numbers_that_are_no_distance_apart_is_in_the_middle() -> None:
    assert charts.extents((3, 3, 3), (3, 3, 3)) == [charts.Extent(49.5, 1, 50)] * 2
    assert charts.extents((-1.7e308, 0, 1.7e308)) == [charts.Extent(49.5, 1, 50)]


def test_the_outline_of_windows_goes_up_and_down_with_their_entries() -> None:
    assert charts.steps(4, [(1, 10), (2, 5), (99, 3)]) == "M0 20h1V0h1V10h1V20h1V20z"
    assert charts.steps(0, []) == "M0 20h0V20z"


@given(st.lists(st.lists(TIMES, max_size=50), max_size=5))
def test_a_counter_counts_each_time_once_however_wide_its_cells_have_become(blocks: list[list[int]]) -> None:
    counter = charts.Counter(cells=8)
    for block in blocks:
        counter.add(block)
    times = [time for block in blocks for time in block]
    if not times:
        assert counter.first is None
        return
    assert (counter.first, counter.last) == (min(times), max(times))
    assert sum(counter.within(windows_of(min(times), max(times), 60))) == len(times)


def test_a_counter_puts_times_into_their_windows() -> None:
    counter = charts.Counter()
    counter.add([0, 1, SECOND, 59 * SECOND + 5])
    windows = windows_of(0, 59 * SECOND + 5, 60)
    counts: Sequence[int] = counter.within(windows)
    assert (counts[0], counts[1], counts[59], sum(counts)) == (2, 1, 1, 4)
