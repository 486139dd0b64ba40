from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.report import Gap, Span
from logleap.domain.times import to_micros
from logleap.reporting.timeline import WIDTHS, Cell, Timeline

BEGIN = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

times = st.lists(
    st.datetimes(timezones=st.just(UTC))
    | st.floats(0, 100_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
    | st.sampled_from([BEGIN, END, NOON, NOON - timedelta(microseconds=1)]),
    max_size=40,
)
most = st.integers(1, 20)


def narrowest(given: Sequence[datetime], most: int, least: timedelta) -> timedelta:
    """The narrowest width, from `least` on, of which no more than `most` cells have times."""
    return next(
        width
        for width in WIDTHS
        if width >= least and len({(time - BEGIN) // width for time in given}) <= most
    )


def timeline_of(times: Sequence[datetime], most_cells: int = 20_000) -> Timeline:
    timeline = Timeline(most_cells)
    timeline.add(map(to_micros, times))
    return timeline


@given(times, most)
def test_every_gap_longer_than_the_resolution_is_told_exactly(given: list[datetime], most: int) -> None:
    timeline = timeline_of(given, most)
    assert timeline.resolution == narrowest(given, most, SECOND)
    gaps = [Gap(*pair) for pair in pairwise(sorted(given)) if pair[1] - pair[0] > timeline.resolution]
    assert timeline.gaps(3) == sorted(gaps, key=lambda gap: -gap.length)[:3]
    assert (timeline.first, timeline.last) == (min(given, default=None), max(given, default=None))


@given(times, most, most)
def test_the_histogram_counts_each_time_once_in_spans_as_narrow_as_fit(
    given: list[datetime], most_cells: int, most: int
) -> None:
    timeline = timeline_of(given, most_cells)
    width, spans = timeline.histogram(most)
    assert width == narrowest(given, min(most, most_cells), HOUR)
    counts = Counter((time - BEGIN) // width for time in given)
    assert spans == [Span(BEGIN + number * width, times) for number, times in sorted(counts.items())]


@given(st.lists(times, max_size=4), most)
def test_the_order_and_the_parts_in_which_times_come_change_nothing(
    parts: list[list[datetime]], most: int
) -> None:
    together = timeline_of([time for part in parts for time in part], most)
    apart = Timeline(most)
    for part in reversed(parts):
        apart.add(map(to_micros, part))
        assert apart.first is not None or not part  # looking at it between the parts does no harm
    assert (apart.resolution, apart.gaps(), apart.histogram()) == (
        together.resolution,
        together.gaps(),
        together.histogram(),
    )


@given(st.lists(times, max_size=3), most)
def test_cells_that_others_counted_are_worth_as_much_as_their_times(
    parts: list[list[datetime]], most: int
) -> None:
    together, from_cells = Timeline(most), Timeline(most)
    for part in parts:
        together.add(map(to_micros, part))
        width = narrowest(part, most, SECOND)
        for number in {(time - BEGIN) // width for time in part}:
            inside = sorted(time for time in part if (time - BEGIN) // width == number)
            from_cells.add_cell(Cell(inside[0], inside[-1], len(inside)))
    assert from_cells.histogram() == together.histogram()
    assert from_cells.gaps() == together.gaps()


def test_many_times_are_sorted_in_on_the_way() -> None:
    timeline = Timeline()
    for hour in range(3):
        start = to_micros(NOON + hour * HOUR)
        timeline.add(range(start, start + 30_000_000, 1000))
    assert timeline.histogram() == (HOUR, [Span(NOON + hour * HOUR, 30_000) for hour in range(3)])
    assert [gap.start for gap in timeline.gaps()] == [
        NOON + timedelta(milliseconds=29_999),
        NOON + HOUR + timedelta(milliseconds=29_999),
    ]


def test_one_time_of_another_century_does_not_blur_the_rest() -> None:
    timeline = timeline_of([datetime(1970, 1, 1, tzinfo=UTC), NOON, NOON + 2 * SECOND])
    assert timeline.resolution == SECOND
    assert timeline.gaps()[1] == Gap(NOON, NOON + 2 * SECOND)
