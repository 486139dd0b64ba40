"""Times as numbers that count from 1970-01-01T00:00:00Z: exactly, cut to microseconds."""

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from logleap.codecs.timestamps import BadTimestamp

Unit = Literal["s", "ms", "us", "ns"]

# Longer ones are no times, and would take long to be reckoned with.
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = MappingProxyType(
    {"s": Fraction(1_000_000), "ms": Fraction(1000), "us": Fraction(1), "ns": Fraction(1, 1000)}
)


def is_number(text: str) -> bool:
    """Whether `text` is a number that may be a time."""
    return _NUMBER.fullmatch(text) is not None


def parse_epoch(text: str, unit: Unit) -> datetime:
    """The time that lies `text` units after 1970, in UTC. Raises BadTimestamp.

    What is finer than microseconds is cut off, of times before 1970 too: -0.5 ns is the microsecond before.
    """
    of_unit = _MICROSECONDS[unit]
    if text.isdecimal():  # much faster
        microseconds = int(text) * of_unit.numerator // of_unit.denominator
    else:
        microseconds = math.floor(Fraction(text) * of_unit)
    try:
        return _START + timedelta(microseconds=microseconds)
    except OverflowError:
        why = f"as {unit} since 1970 is not within the years 0001 to 9999"
        raise BadTimestamp("TIMESTAMP_OUT_OF_RANGE", why, text) from None
