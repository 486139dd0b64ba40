"""Times as numbers since 1970: exactly, whatever the unit."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logleap.codecs.epoch import Unit, is_number, parse_epoch
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


def test_what_is_finer_than_microseconds_is_cut_towards_the_past_before_1970_too() -> None:
    assert parse_epoch("-1", "ns") == START - timedelta(microseconds=1)
    assert parse_epoch("-1.5", "s") == START - timedelta(seconds=1.5)
    assert parse_epoch("-0", "s") == START


@given(st.integers(-62_135_596_800 * 10**6, 253_402_300_800 * 10**6 - 1), st.sampled_from(get_args(Unit)))
def test_every_microsecond_of_the_years_1_to_9999_is_met_exactly(microseconds: int, unit: Unit) -> None:
    nanoseconds = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
    in_units = Fraction(microseconds * 1000, nanoseconds[unit])
    whole, part = divmod(abs(in_units), 1)
    text = f"{'-' if in_units < 0 else ''}{whole}.{int(part * 10**6):06}"
    assert parse_epoch(text, unit) == START + timedelta(microseconds=microseconds)


@pytest.mark.parametrize("text", ["253402300800", "-62135596801", "9" * 40, "1e99", "-1e99"])
def test_what_is_beyond_the_years_1_to_9999_is_refused(text: str) -> None:
    with pytest.raises(BadTimestamp) as bad:
        parse_epoch(text, "s")
    assert bad.value.code == "TIMESTAMP_OUT_OF_RANGE"


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
