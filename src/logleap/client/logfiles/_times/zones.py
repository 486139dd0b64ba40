"""From a local time and what is said about its zone to UTC: never by a guess."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from logleap.client.logfiles._errors import BadLine

AREAS = (
    "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico"
    "|Pacific|US"
)

# Abbreviations that the IANA database has for its zones, or that programs with German names write. A capital
# word behind a time that is none of these, or of the next ones, is text.
_USED = frozenset(
    """
    ACDT ACST ADT AEDT AEST AKDT AKST AST AWDT AWST BST CAT CDT CEST CET CST CHST EAT EDT EEST EET EST
    HDT HKT HST IDT IST JST KST MDT MEST MESZ MET MEZ MSK MST NDT NST NZDT NZST PDT PKT PST SAST SST
    WAT WEST WET WIB WIT WITA
    """.split()  # noqa: SIM905 -- a table to read
)
# Those that it has numbers for today (-03), and that programs with older tables write.
_OLDER = frozenset(
    """
    AFT AMT ART AZT BOT BRST BRT BTT CLST CLT COT EGT FJT FKT GST GYT ICT IRDT IRKT IRST KGT KRAT MAGT MMT
    MSD MYT NPT OMST PET PETT PHT PYT SAMT SGT TJT TMT TRT UYT UZT VET VLAT WAST WGT YAKT YEKT
    """.split()  # noqa: SIM905 -- a table to read
)
ABBREVIATIONS = _USED | _OLDER
_SAME_AS = {"MEZ": "CET", "MESZ": "CEST", "MEST": "CEST"}
_EXAMPLES = {
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "MEZ": "Europe/Berlin",
    "MESZ": "Europe/Berlin",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "BST": "Europe/London",
    "JST": "Asia/Tokyo",
    "IST": "Asia/Kolkata",
}

LEAST_OFFSET, LARGEST_OFFSET = -12 * 60, 14 * 60  # minutes; those in use are also whole quarters of an hour

_SHOWN = 5

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?", re.ASCII)


class Fold(NamedTuple):
    """The two times in UTC that a local time means which a change of clocks repeats."""

    first: datetime
    second: datetime


def named_zone(name: str) -> tzinfo:
    """The zone of this name, `Europe/Berlin` or `UTC`, or of an offset such as `+01:00`. Or ValueError."""
    if name.upper() == "UTC":
        return UTC
    if _OFFSET.fullmatch(name):
        return timezone(timedelta(minutes=offset_minutes(name)))
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is no time zone") from None


def is_offset_in_use(minutes: int) -> bool:
    """Whether some country's clocks may differ from UTC by that much."""
    return LEAST_OFFSET <= minutes <= LARGEST_OFFSET and minutes % 15 == 0


def offset_minutes(text: str) -> int:
    """The minutes of an offset: `+01:00`, `-0330`, `+05`, `GMT+1`. ValueError if there is no such offset."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no offset")
    sign, hours, minutes = found.groups()
    total = int(hours) * 60 + int(minutes or 0)
    if int(minutes or 0) > 59 or int(hours) > 23:
        raise ValueError(f"{text!r} is no offset")
    return -total if sign == "-" else total


@lru_cache(4096)
def _zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_fixed(text: str | None, default: tzinfo) -> bool:
    """Whether a zone, or the default one where none is named, has one offset for ever."""
    if text is None:
        return default is UTC or isinstance(default, timezone)
    text = text.strip()
    return text in {"Z", "z", "Z UTC", "UTC", "GMT"} or _OFFSET.fullmatch(text) is not None


class Zones:
    """What the zones in a file's times mean, with the one that holds for times without any.

    `given` tells whether `--timezone` named the zone; else it is UTC because nothing else was said.
    """

    def __init__(self, default: tzinfo, *, given: bool) -> None:
        self.default = default
        self.given = given
        self._without = False
        self._written: set[str] = set()

    @property
    def name(self) -> str:
        """The default zone's name."""
        return str(self.default)

    def described(self) -> str:
        """Which zones the times had, and where that is known from; empty if there were none."""
        said = []
        if self._written:
            shown = sorted(self._written)
            more = ", …" if len(shown) > _SHOWN else ""
            said.append(f"as the times say ({', '.join(shown[:_SHOWN])}{more})")
        if self._without:
            origin = "--timezone" if self.given else "assumed, since the times name none: see --timezone"
            said.append(f"{self.name} ({origin})")
        return "; ".join(said)

    def to_utc(self, local: datetime, text: str | None) -> datetime | Fold:
        """The time in UTC; `text` is what stands for the zone, None if nothing does.

        Raises BadLine if there is no such time, or the zone isn't known.
        """
        if not text:
            self._without = True
        elif len(self._written) <= _SHOWN:
            self._written.add(text.strip())
        try:
            return self._to_utc(local, text.strip() if text else "")
        except OverflowError:
            raise BadLine(f"{local.isoformat(' ')} is in UTC not within the years 1 to 9999") from None

    def _to_utc(self, local: datetime, text: str) -> datetime | Fold:  # noqa: PLR0911 -- a way for each kind of zone
        if not text:
            return _by_zone(local, self.default, self.name)
        bracketed = re.fullmatch(r"(.*?)[ ]?\[([^\]]+)\]", text)
        if bracketed:
            zone = self._by_name(bracketed[2])
            if not bracketed[1]:
                return _by_zone(local, zone, bracketed[2])
            moment = self._to_utc(local, bracketed[1])
            if isinstance(moment, datetime) and moment.astimezone(zone).replace(tzinfo=None) != local:
                raise BadLine(f"the offset {bracketed[1]} is not that of {bracketed[2]} at this time")
            return moment
        text = re.sub(r" ?\([^)]*\)$", "", text)
        if text in {"Z", "z", "Z UTC", "UTC", "GMT"}:
            return local.replace(tzinfo=UTC)
        if _OFFSET.fullmatch(text):
            return local.replace(tzinfo=timezone(_offset(text))).astimezone(UTC)
        if "/" in text:
            return _by_zone(local, self._by_name(text), text)
        return self._by_abbreviation(local, text)

    def _by_name(self, name: str) -> tzinfo:
        if name in {"UTC", "GMT", "Z"}:
            return UTC
        try:
            return _zone_of(name)
        except (ValueError, OSError, KeyError):
            raise BadLine(f"{name!r} is no time zone that this machine knows") from None

    def _by_abbreviation(self, local: datetime, text: str) -> datetime:
        wanted = _SAME_AS.get(text, text)
        for fold in (0, 1):
            stamped = local.replace(tzinfo=self.default, fold=fold)
            name = stamped.tzname() or ""
            older = text in _OLDER and self.given and name[:1] in {"+", "-"}
            if (name in {wanted, text} or older) and not _is_skipped(local, self.default):
                return stamped.astimezone(UTC)
        example = _EXAMPLES.get(text)
        such = f", such as --timezone {example}" if example and example != self.name else ""
        raise BadLine(
            f"the time zone {text!r}: several places use such an abbreviation, and {self.name} does not at "
            f"{local.isoformat(' ')}. Name the zone that is meant by --timezone{such}"
        )


def _offset(text: str) -> timedelta:
    try:
        minutes = offset_minutes(text)
    except ValueError as error:
        raise BadLine(str(error)) from None
    if not is_offset_in_use(minutes):
        raise BadLine(f"{text!r} is an offset that no time zone has")
    return timedelta(minutes=minutes)


def _offsets(local: datetime, zone: tzinfo) -> tuple[timedelta, timedelta]:
    both = [local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
    return both[0], both[1]


def _is_skipped(local: datetime, zone: tzinfo) -> bool:
    before, after = _offsets(local, zone)
    return before < after


def _by_zone(local: datetime, zone: tzinfo, name: str) -> datetime | Fold:
    before, after = _offsets(local, zone)
    if before < after:
        raise BadLine(
            f"there is no {local.isoformat(' ')} in {name}: the clocks are put forward over it. Is the zone "
            "right (--timezone)"
        )
    moments = [(local - offset).replace(tzinfo=UTC) for offset in (before, after)]
    return moments[0] if before == after else Fold(moments[0], moments[1])
