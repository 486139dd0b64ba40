"""Time zones: the time on a clock in a zone becomes one in UTC, or is refused where it is none or two."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from logleap.codecs.timestamps import BadTimestamp

_OFFSET = re.compile(r"[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?", re.ASCII)


class ZoneUnknown(ValueError):
    """A text that names no time zone. The text says so and shows right ones."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The time zone that `name` gives: `Z`, `UTC`, `GMT`, an offset, or a name of the IANA database.

    Raises ZoneUnknown.
    """
    if name in ("Z", "z", "UTC", "GMT"):
        return UTC
    if _OFFSET.fullmatch(name):
        sign, hours, minutes = name[0], int(name[1:3]), int(name[3:].removeprefix(":") or 0)
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not there; a folder of zones; a path
        raise _unknown(name) from None


def in_zone(naive: datetime, zone: tzinfo, text: str, abbreviation: str | None = None) -> datetime:
    """The time in UTC at which a clock of `zone` shows `naive`. Raises BadTimestamp, which quotes `text`.

    In the hour that a clock shows twice the `abbreviation` decides (CEST, CET). Without one it is ambiguous.
    """
    readings = []
    try:
        for fold in (0, 1):
            local = naive.replace(tzinfo=zone, fold=fold)
            moment = local.astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None) == naive and moment not in readings:
                readings.append(moment)
    except OverflowError:
        why = "is in UTC not within the years 0001 to 9999"
        raise BadTimestamp("TIMESTAMP_OUT_OF_RANGE", why, text) from None
    if not readings:
        why = f"does not exist in {zone}: a clock change skips it"
        raise BadTimestamp("TIMESTAMP_INVALID", why, text)
    if abbreviation is not None:
        named = [moment for moment in readings if moment.astimezone(zone).tzname() == abbreviation]
        if len(named) != 1:
            why = f"ends with {abbreviation}, which {zone} does not use at that time"
            raise BadTimestamp("TIMESTAMP_ZONE_UNKNOWN", why, text, "Write the offset, such as +01:00.")
        return named[0]
    if len(readings) > 1:
        why = f"comes twice in {zone}, as clocks are set back"
        raise BadTimestamp("TIMESTAMP_AMBIGUOUS", why, text, "Write the offset, such as +01:00.")
    return readings[0]


def _unknown(name: str) -> ZoneUnknown:
    shown = name if len(name) <= 40 else name[:40] + "…"
    return ZoneUnknown(f"there is no time zone {shown!r}: give one such as Europe/Berlin, UTC or +01:00")
