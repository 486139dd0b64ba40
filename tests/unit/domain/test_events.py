from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.datasets import Event, EventKind
from logleap.domain.events import DELETED, LONGEST_PAUSE, back_off, outgoing

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIRST = timedelta(seconds=5)


def test_an_event_is_about_a_data_set_or_a_run() -> None:
    with pytest.raises(ValueError, match="needs a data set or a run"):
        outgoing("e", Event(NOON, EventKind.ANNOUNCED, "Created."))


def test_the_deletion_is_no_line_of_a_log() -> None:
    assert DELETED not in {kind.value for kind in EventKind}


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [back_off(attempt, FIRST, 0) for attempt in range(1, 13)]
    assert pauses[:4] == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert pauses[-1] == LONGEST_PAUSE


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_a_pause_is_shortened_by_a_half_at_most(attempts: int, jitter: float) -> None:
    longest = back_off(attempts, FIRST, 0)
    assert longest / 2 <= back_off(attempts, FIRST, jitter) <= longest <= LONGEST_PAUSE
