"""Times as numbers that count from 1970-01-01T00:00:00Z: exactly, cut to microseconds."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from logleap.codecs.timestamps import BadTimestamp

Unit = Literal["s", "ms", "us", "ns"]

# Longer ones are no times, and would take long to be reckoned with.
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS: Mapping[Unit, tuple[int, int]] = MappingProxyType(  # in so many units
    {"s": (1_000_000, 1), "ms": (1000, 1), "us": (1, 1), "ns": (1, 1000)}
)
_DIGITS: Mapping[Unit, int] = MappingProxyType({"s": 6, "ms": 3, "us": 0})  # of microseconds, in its fraction
# The units are a factor of 1000 apart, so in these years at most one of them gives a date.
_FIRST = int((datetime(1990, 1, 1, tzinfo=UTC) - _START).total_seconds()) * 1_000_000
_BEYOND = int((datetime(2101, 1, 1, tzinfo=UTC) - _START).total_seconds()) * 1_000_000


def is_number(text: str) -> bool:
    """Whether `text` is a number that may be a time."""
    return _NUMBER.fullmatch(text) is not None


def parse_epoch(text: str, unit: Unit) -> datetime:
    """The time that lies `text` units after 1970, in UTC.

    What is finer than microseconds is cut off. Raises BadTimestamp for a time before 1990 or after 2100: the
    number then counts something else, and the error names the unit that gives a date in those years.
    """
    return _START + timedelta(microseconds=epoch_micros(text, unit))


def epoch_micros(text: str, unit: Unit) -> int:
    """What `parse_epoch` gives, in microseconds since 1970. Raises BadTimestamp."""
    microseconds = _micros(text, unit)
    if not _FIRST <= microseconds < _BEYOND:
        raise _implausible(text, unit, microseconds)
    return microseconds


def likely_unit(text: str) -> Unit | None:
    """The unit in which the number `text` is a time from 1990 to 2100. None: there is none."""
    return next((unit for unit in _MICROSECONDS if _FIRST <= _micros(text, unit) < _BEYOND), None)


def _micros(text: str, unit: Unit) -> int:
    factor, divisor = _MICROSECONDS[unit]
    if text.isdecimal():  # this and the next are much faster
        return int(text) * factor // divisor
    whole, point, part = text.partition(".")
    if point and whole.isdecimal() and part.isdecimal() and divisor == 1:
        digits = _DIGITS[unit]
        return int(whole + part[:digits].ljust(digits, "0"))
    return math.floor(Fraction(text) * factor / divisor)


def _implausible(text: str, unit: Unit, microseconds: int) -> BadTimestamp:
    try:
        date = f"is {(_START + timedelta(microseconds=microseconds)).date()}"
    except OverflowError:
        date = "is no date"
    likely = likely_unit(text)
    remedy = (
        f"It is likely a number of {likely}, {parse_epoch(text, likely):%Y-%m-%dT%H:%M:%SZ}."
        if likely
        else "In no unit (s, ms, us, ns) does it give such a time."
    )
    why = f"as {unit} since 1970 {date}, but numbers are taken only for the years 1990 to 2100"
    return BadTimestamp("TIMESTAMP_IMPLAUSIBLE", why, text, remedy)
