"""Times as numbers since 1970: exactly, whatever the unit."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logleap.codecs.epoch import Unit, is_number, likely_unit, parse_epoch
from logleap.codecs.timestamps import BadTimestamp

START = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1772431200.123456", "s"),
        ("1772431200.1234569", "s"),
        ("1772431200123.456", "ms"),
        ("1.772431200123456e12", "ms"),
        ("1772431200123456", "us"),
        ("1772431200123456.9", "us"),
        ("1772431200123456999", "ns"),
    ],
)
def test_a_time_is_cut_to_microseconds_whatever_it_counts(text: str, unit: Unit) -> None:
    assert is_number(text)
    assert parse_epoch(text, unit) == MOMENT


FIRST, BEYOND = 631_152_000 * 10**6, 4_133_980_800 * 10**6  # 1990 and 2101, in microseconds


@given(st.integers(FIRST, BEYOND - 1), st.sampled_from(get_args(Unit)))
@example(FIRST, "ns")
@example(BEYOND - 1, "s")
def test_every_microsecond_of_the_years_1990_to_2100_is_met_exactly(microseconds: int, unit: Unit) -> None:
    nanoseconds = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
    whole, part = divmod(Fraction(microseconds * 1000, nanoseconds[unit]), 1)
    text = f"{whole}.{int(part * 10**6):06}"
    assert parse_epoch(text, unit) == START + timedelta(microseconds=microseconds)
    assert likely_unit(text) == unit


@pytest.mark.parametrize(
    ("text", "unit", "date", "remedy"),
    [
        ("1772431200", "ms", "1970-01-21", "likely a number of s, 2026-03-02T06:00:00Z"),
        ("1772431200123", "s", "no date", "likely a number of ms, 2026-03-02T06:00:00Z"),
        ("1772431200.5", "us", "1970-01-01", "likely a number of s, 2026-03-02T06:00:00Z"),
        ("1772431200123456789", "us", "no date", "likely a number of ns, 2026-03-02T06:00:00Z"),
        ("631151999", "s", "1989-12-31", "In no unit"),
        ("4133980800", "s", "2101-01-01", "In no unit"),
        ("5", "s", "1970-01-01", "In no unit"),
        ("-1", "s", "1969-12-31", "In no unit"),
        ("9" * 40, "s", "no date", "In no unit"),
        ("1e99", "s", "no date", "In no unit"),
    ],
)
def test_what_is_not_of_1990_to_2100_is_refused_with_the_likely_unit(
    text: str, unit: Unit, date: str, remedy: str
) -> None:
    with pytest.raises(BadTimestamp) as bad:
        parse_epoch(text, unit)
    assert bad.value.code == "TIMESTAMP_IMPLAUSIBLE"
    assert f"as {unit} since 1970 is {date}" in str(bad.value)
    assert remedy in str(bad.value)


@given(st.text(alphabet="0123456789.eE+-_ ٣x/", max_size=8))
@example("1" * 41)
@example("1e100")
@example("1_000")
@example("1/2")
def test_a_text_is_a_number_as_json_writes_them_or_none(text: str) -> None:
    if is_number(text):
        assert abs(Fraction(text)) < 10**140
        assert set(text) <= set("0123456789.eE+-")
    else:
        assert not (text.isascii() and text.isdigit() and len(text) <= 40)
