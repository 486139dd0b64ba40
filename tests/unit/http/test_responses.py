"""What answers are made of."""

from datetime import UTC, datetime, timedelta, timezone

from logleap.entrypoints.http.contract.responses import time


def test_a_time_is_utc_to_the_microsecond_with_four_digits_of_the_year() -> None:
    east = timezone(timedelta(hours=2))
    assert time(datetime(2026, 3, 2, 8, 0, tzinfo=east)) == "2026-03-02T06:00:00.000000Z"
    assert time(datetime(91, 6, 12, 14, 18, 18, 5, tzinfo=UTC)) == "0091-06-12T14:18:18.000005Z"
