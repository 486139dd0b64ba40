"""The parts of a written time, put together to the time in UTC that they mean."""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._times.forms import MONTHS, WEEKDAYS
from logleap.client.logfiles._times.years import Years
from logleap.client.logfiles._times.zones import Fold, Zones
from logleap.codecs.timestamps import BadTimestamp, parse_timestamp

FIRST_PLAUSIBLE, LAST_PLAUSIBLE = 1990, 2100
"""The years in which a number that counts from 1970 must lie to be taken for a time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_KEPT = 10_000

_OF_MINUTE = ("Y", "y", "m", "d", "b", "a", "j", "n1", "n2", "n3", "H", "M", "M2", "p", "z", "year")


class Order(NamedTuple):
    """Which of a form's numbers (`n1`, `n2`, `n3`) are the day, the month and the year's two digits."""

    day: str
    month: str
    year: str | None = None


class Folded(NamedTuple):
    """A time that a change of clocks repeats, as text: both that it may be."""

    first: str
    second: str


class Clock:
    """Makes the time in UTC, as `2026-03-02T06:00:00.123456Z`, of what a form's expression has found.

    Digits beyond microseconds are cut off, as the API does; a leap second becomes the second after it. It
    keeps what it found out about a minute.
    """

    def __init__(
        self, pattern: re.Pattern[str], zones: Zones, years: Years, order: Order | None = None
    ) -> None:
        self._zones = zones
        self._years = years
        self.order = order
        groups = pattern.groupindex
        self._minute_groups = tuple(groups[name] for name in _OF_MINUTE if name in groups)
        self._names = tuple(name for name in _OF_MINUTE if name in groups)
        self._seconds = groups.get("S")
        self._fraction = groups.get("f")
        self._milliseconds = groups.get("ms")
        self._number = groups.get("s")
        self.without_year = not {"Y", "y", "n3", "s"} & groups.keys()
        self._day: date | None = None
        self._prefixes: dict[tuple[str | None, ...], str] = {}
        self._minutes: dict[int, str] = {}

    def read(self, found: "re.Match[str]") -> str | Folded:
        """Raises BadLine if there is no such time."""
        if self._number is not None:
            return self._counted(found[self._number], found[self._fraction] if self._fraction else None)
        key = found.group(0, *self._minute_groups)[1:]
        second = (found[self._seconds] or "00") if self._seconds else "00"
        if len(second) == 1:
            second = f"0{second}"
        fraction = self._micros(found)
        prefix = self._prefixes.get(key)
        if prefix is None or second > "59":
            return self._exactly(found, key, second, fraction)
        return f"{prefix}{second}.{fraction}Z"

    def forget(self) -> None:
        """The file has been read on by other means: what is known of its days may not hold any more."""
        self._prefixes.clear()

    def _micros(self, found: "re.Match[str]") -> str:
        if self._fraction and (digits := found[self._fraction]):
            return digits[:6] if len(digits) > 5 else f"{digits:0<6}"
        if self._milliseconds and (digits := found[self._milliseconds]):
            return digits[:6] if len(digits) > 3 else f"{digits:0>3}000"
        return "000000"

    def _exactly(
        self, found: "re.Match[str]", key: tuple[str | None, ...], second: str, fraction: str
    ) -> str | Folded:
        part = {name: value for name, value in zip(self._names, key, strict=True) if value is not None}
        whole = found.groupdict().get("time") or found[0]
        try:
            moments = self._minute(part, leap=second == "60")
        except (ValueError, OverflowError) as error:
            if isinstance(error, BadLine):
                raise BadLine(f"{whole!r}: {error}") from None
            raise BadLine(f"{whole!r} is no possible time: {error}") from None
        if second == "60":
            return self._leap(whole, moments)
        if second > "59":
            raise BadLine(f"{whole!r} is no possible time: a second {second}")
        texts = [_text(moment, second, fraction) for moment in moments]
        if len(texts) > 1:
            return Folded(*texts)
        if moments[0].second == 0:
            day = moments[0].date()
            if len(self._prefixes) > _MOST_KEPT or (self.without_year and day != self._day):
                self._prefixes.clear()  # without years, what is known of another day may not hold any more
            self._day = day
            self._prefixes[key] = texts[0][:17]
        return texts[0]

    def _leap(self, whole: str, moments: list[datetime]) -> str:
        last = [moment for moment in moments if (moment.hour, moment.minute) == (23, 59)]
        written = f"{last[0].isoformat()[:16]}:60Z" if last else "2026-03-02T06:00:60Z"
        try:
            return _text(parse_timestamp(written), None, "000000")
        except BadTimestamp:
            raise BadLine(
                f"{whole!r} is no possible time: a second 60 comes only at 23:59 UTC on a month's last day"
            ) from None

    def _minute(self, part: Mapping[str, str], *, leap: bool) -> list[datetime]:
        """The minute in UTC, without its seconds; two of them if a change of clocks repeats it."""
        local = datetime.combine(self._date(part), datetime.min.time())
        hour = _hour(int(part.get("H", "0")), part.get("p"))
        minute = int(part.get("M") or part.get("M2") or "0")
        local = local.replace(hour=hour, minute=minute)
        moment = self._zones.to_utc(local, part.get("z"))
        return [moment.first, moment.second] if isinstance(moment, Fold) else [moment]

    def _date(self, part: Mapping[str, str]) -> date:
        order = self.order
        if order is None and "n1" in part:
            raise BadLine(
                "which of its numbers are the day, the month and the year cannot be told. Name the form: "
                "--timestamp-format, with %d, %m and %Y or %y in their order"
            )
        if "j" in part:
            year = self._year(part, 1, 1)
            day_of_year = int(part["j"])
            if not 1 <= day_of_year <= 365 + calendar.isleap(year):
                raise ValueError(f"day {day_of_year} of the year {year}")
            return date(year, 1, 1) + timedelta(days=day_of_year - 1)
        if order is not None:
            day, month = int(part[order.day]), int(part[order.month])
            if order.year is not None:
                part = {**part, "y": part[order.year]}
        else:
            day = int(part["d"])
            name = part.get("b")
            month = MONTHS.index(name.lower()) + 1 if name else int(part["m"])
        date(2000, month, day)  # there is such a day, in some year
        found = date(self._year(part, month, day), month, day)
        weekday = part.get("a")
        if weekday and WEEKDAYS[found.weekday()] != weekday.lower():
            remedy = "" if {"Y", "y", "year"} & part.keys() else ". Name the year of the first entry: --year"
            raise BadLine(f"{found.isoformat()} is no {weekday.title()}{remedy}")
        return found

    def _year(self, part: Mapping[str, str], month: int, day: int) -> int:
        if digits := part.get("Y") or part.get("year"):
            return int(digits)
        if digits := part.get("y"):
            return int(digits) + (
                1900 if int(digits) >= 69 else 2000
            )  # as POSIX and strptime read two digits
        return self._years.of(month, day)

    def _counted(self, digits: str, fraction: str | None) -> str:
        """A number of ten digits counts seconds; three, six or nine digits more are those of its fraction."""
        seconds = digits[:10]
        more = digits[10:] or fraction or ""
        minute, second = divmod(int(seconds), 60)
        prefix = self._minutes.get(minute)
        if prefix is None:
            moment = _EPOCH + timedelta(minutes=minute)
            if not FIRST_PLAUSIBLE <= moment.year < LAST_PLAUSIBLE:
                raise BadLine(f"{digits!r} counted from 1970 is of the year {moment.year}: not likely a time")
            if len(self._minutes) > _MOST_KEPT:
                self._minutes.clear()
            prefix = self._minutes[minute] = moment.isoformat()[:17]
        return f"{prefix}{second:02d}.{more[:6]:0<6}Z"


def _text(moment: datetime, second: str | None, fraction: str) -> str:
    iso = moment.replace(
        tzinfo=None
    ).isoformat()  # four digits of the year on every platform, strftime has not
    if second is None:
        return f"{iso}.{fraction}Z"
    if moment.second:  # an offset of whole seconds, before 1972
        iso = (moment.replace(tzinfo=None) + timedelta(seconds=int(second))).isoformat()
        return f"{iso}.{fraction}Z"
    return f"{iso[:17]}{second}.{fraction}Z"


def _hour(hour: int, ampm: str | None) -> int:
    if ampm is None:
        return hour
    if ampm[0] in "aA":
        if hour > 12:
            raise BadLine(f"hour {hour} and {ampm}")
        return 0 if hour == 12 else hour
    return hour + 12 if hour < 12 else hour
