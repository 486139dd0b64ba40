"""RFC 3339 times, exactly: with an offset, cut to microseconds, in UTC."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from string import digits
from typing import Annotated

import msgspec

EXAMPLE = "2026-03-02T06:00:00.123456Z"

_RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<minute>\d\d:\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class BadTimestamp(ValueError):
    """A text that is no time that can be taken. The text says why and what to do; `code` is stable.

    Without a `remedy` of its own it shows a right one.
    """

    def __init__(self, code: str, why: str, value: str, remedy: str = f"A right one: {EXAMPLE!r}.") -> None:
        shown = value if len(value) <= 40 else value[:40] + "…"
        super().__init__(f"timestamp {shown!r} {why}. {remedy}")
        self.code = code


def parse_timestamp(value: str) -> datetime:
    """The time that `value` names, in UTC. Raises BadTimestamp.

    RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6), from the year 1 to 9999, as written and in
    UTC. Digits behind the microseconds are cut off. A leap second, which only the last day of a month in UTC
    can end with, becomes the second after it: `2016-12-31T23:59:60.5Z` is `2017-01-01T00:00:00Z`.
    """
    found = _RFC3339.fullmatch(value)
    if found is None:
        raise BadTimestamp("TIMESTAMP_INVALID", "is not a date and time as in RFC 3339", value)
    date, minute, second, fraction, offset = found.groups()
    if offset is None:
        raise BadTimestamp("TIMESTAMP_NO_OFFSET", "names no offset: end it with Z for UTC, or +01:00", value)
    leap = second == "60"
    clock = f"{minute}:59.0" if leap else f"{minute}:{second}.{(fraction or '0')[:6]}"
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset.upper()}").astimezone(UTC)
        if leap:
            moment = _after_leap_second(moment)
    except OverflowError:
        why = "is in UTC not within the years 0001 to 9999"
        raise BadTimestamp("TIMESTAMP_OUT_OF_RANGE", why, value) from None
    except ValueError as error:
        raise BadTimestamp("TIMESTAMP_INVALID", f"does not exist: {error}", value) from None
    return moment


def parse_timestamps(values: Sequence[str]) -> list[datetime]:
    """What `parse_timestamp` makes of each value, much faster. Raises BadTimestamp for the first bad one."""
    cut = values
    if max(map(len, values), default=0) > len("2026-03-02T06:00:00.123456Z"):
        # msgspec rounds to microseconds: cut the digits behind them.
        cut = [
            value[:26] + value[26:].lstrip(digits)
            if value[26:27].isdigit() and value[19] == "." and value[20:26].isdigit()
            else value
            for value in values
        ]
    try:
        moments = msgspec.convert(cut, list[_Aware])
        return [moment if moment.tzinfo is UTC else moment.astimezone(UTC) for moment in moments]
    except (msgspec.ValidationError, OverflowError):  # a bad one, or a leap second
        return [parse_timestamp(value) for value in values]


def _after_leap_second(moment: datetime) -> datetime:
    """The second after the one that ends a month; `moment` is the second before the leap second."""
    if (moment.hour, moment.minute) != (23, 59) or (moment + _DAY).day != 1:
        raise ValueError("a second 60 comes only at 23:59 UTC on the last day of a month")
    return moment + _SECOND
