"""Times as microseconds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.times import from_micros, to_micros


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_comes_back_exactly_and_in_utc(time: datetime) -> None:
    try:
        meant = time.astimezone(UTC)
    except OverflowError:
        return  # no time of the years 1 to 9999 in UTC
    back = from_micros(to_micros(time))
    assert back == meant
    assert back.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00+00:00", 0),
        ("1969-12-31T23:59:59.999999+00:00", -1),
        ("1970-01-01T01:00:00.000001+01:00", 1),
        ("0001-01-01T00:00:00+00:00", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999+00:00", 253_402_300_799_999_999),
    ],
)
def test_microseconds_count_from_1970_in_utc(text: str, micros: int) -> None:
    assert to_micros(datetime.fromisoformat(text)) == micros
    assert from_micros(micros) == datetime.fromisoformat(text)


def test_what_lies_beyond_the_year_9999_is_no_time() -> None:
    with pytest.raises(OverflowError):
        from_micros(to_micros(datetime.max.replace(tzinfo=UTC)) + 1)
