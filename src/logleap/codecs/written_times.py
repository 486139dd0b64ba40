"""Times as loggers write them: RFC 3339, and the forms near it that leave no doubt about the instant."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from logleap.codecs.timestamps import BadTimestamp, parse_timestamp, parse_timestamps
from logleap.codecs.zones import ZoneUnknown, in_zone, zone_of

_DATE_FIRST = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)[Tt ]"
    r"(?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d+))?"
    r" ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?"
    r"(?: ?(?P<name>(?!AM|PM)[A-Z]{2,5})|\[(?P<zone>[A-Za-z0-9_+/-]{1,40})\])?",
    re.ASCII,
)
_COMMON_LOG = re.compile(
    r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) (?P<offset>[+-]\d{4})",
    re.ASCII,
)
_MONTHS: Mapping[str, str] = MappingProxyType(
    {
        name: f"{number:02}"
        for number, name in enumerate(
            ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
        )
    }
)


def parse_written_time(value: str, zone: tzinfo | None = None) -> datetime:
    """The time that `value` names, in UTC; one without an offset is of `zone`. Raises BadTimestamp.

    Besides RFC 3339: a comma before the fraction and an offset of hours alone (both ISO 8601), `/` between
    the parts of the date, a blank before the offset, `UTC`, `GMT` or another abbreviation that `zone` uses
    at that time, Java's `[Europe/Berlin]`, and the time of the common log format
    (`02/Mar/2026:06:00:00 +0000`). All begin with the year, or name the month: day and month cannot be
    mistaken for each other.
    """
    try:
        return parse_timestamp(value)
    except BadTimestamp as bad:
        if bad.code not in ("TIMESTAMP_INVALID", "TIMESTAMP_NO_OFFSET"):
            raise
        refused = bad
    found = _DATE_FIRST.fullmatch(value)
    if found is None:
        found = _COMMON_LOG.fullmatch(value)
        if found is None or found["month"] not in _MONTHS:
            raise refused
        date = f"{found['year']}-{_MONTHS[found['month']]}-{found['day']}"
        return _absolute(f"{date}T{found['clock']}{found['offset']}", value)
    date = f"{found['year']}-{found['month']}-{found['day']}"
    written = f"{date}T{found['clock']}.{found['fraction'] or '0'}"
    name, java_zone = found["name"], found["zone"]
    if found["offset"]:
        moment = _absolute(written + _with_minutes(found["offset"]), value)
        _check_agreement(moment, found["offset"], name, java_zone, value)
        return moment
    if name in ("UTC", "GMT"):
        return _absolute(f"{written}Z", value)
    naive = _absolute(f"{written}Z", value).replace(tzinfo=None)
    if java_zone:
        return in_zone(naive, _java_zone(java_zone, value), value)
    if zone is not None:
        return in_zone(naive, zone, value, name)
    if name:
        why = f"ends with {name}, and no time zone is given that uses this abbreviation"
        raise BadTimestamp("TIMESTAMP_ZONE_UNKNOWN", why, value, "Write the offset, or give the time zone.")
    why = "names no offset, and no time zone is given"
    raise BadTimestamp(
        "TIMESTAMP_NO_OFFSET", why, value, "Have the logger write the offset, or give the time zone."
    )


def parse_written_times(values: Sequence[str], zone: tzinfo | None = None) -> list[datetime]:
    """What `parse_written_time` makes of each value, much faster for RFC 3339. Raises BadTimestamp."""
    try:
        return parse_timestamps(values)
    except BadTimestamp:
        return [parse_written_time(value, zone) for value in values]


def _absolute(rfc3339: str, value: str) -> datetime:
    try:
        return parse_timestamp(rfc3339)
    except BadTimestamp as bad:
        why = "does not exist, or is in UTC not within the years 0001 to 9999"
        raise BadTimestamp(bad.code, why, value) from None


def _with_minutes(offset: str) -> str:
    return f"{offset}:00" if len(offset) == len("+01") else offset


def _java_zone(name: str, value: str) -> tzinfo:
    try:
        return zone_of(name)
    except ZoneUnknown as unknown:
        raise BadTimestamp(
            "TIMESTAMP_ZONE_UNKNOWN", f"has a zone in brackets, but {unknown}", value
        ) from None


def _check_agreement(
    moment: datetime, offset: str, name: str | None, java_zone: str | None, value: str
) -> None:
    """Raises BadTimestamp where a zone's name behind an offset contradicts it.

    Other abbreviations than UTC and GMT mean several zones: they add nothing to the offset.
    """
    stated = timedelta(0) if offset in ("Z", "z") else zone_of(offset).utcoffset(None)
    if java_zone:
        agrees = moment.astimezone(_java_zone(java_zone, value)).utcoffset() == stated
    else:
        agrees = name not in ("UTC", "GMT") or not stated
    if not agrees:
        why = f"has the offset {offset}, which contradicts {java_zone or name} behind it"
        raise BadTimestamp("TIMESTAMP_AMBIGUOUS", why, value, "Write only one of them.")
