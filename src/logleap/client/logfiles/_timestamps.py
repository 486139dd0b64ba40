"""The times that begin the lines of logs: the forms that are known, and how a file's form is found."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOST_LEADING_WORDS = 3  # Apache's access log: host, identity and user stand before the time

_FRACTION = r"(?:[.,](?P<fraction>\d+))?"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)" + _FRACTION
_ZONE = r"(?P<zone>[Zz]| ?(?:UTC|GMT)| ?[+-]\d\d:?[0-5]\d|[+-]\d\d)?"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"


class Form(NamedTuple):
    """A form of timestamp: its name, an example, and a pattern with a named group for each part."""

    name: str
    example: str
    pattern: str


FORMS = (
    Form(
        "ISO 8601, RFC 3339",
        "2026-03-02T06:00:00.123+01:00",
        rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)[Tt ]{_CLOCK}{_ZONE}",
    ),
    Form(
        "with slashes",
        "2026/03/02 06:00:00",
        rf"(?P<year>\d{{4}})/(?P<month>\d\d)/(?P<day>\d\d) {_CLOCK}{_ZONE}",
    ),
    Form(
        "day first",
        "02.03.2026 06:00:00",
        rf"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{{4}}) {_CLOCK}{_ZONE}",
    ),
    Form(
        "Apache, access log",
        "[02/Mar/2026:06:00:00 +0100]",
        rf"(?P<day>\d\d)/{_MONTH}/(?P<year>\d{{4}}):{_CLOCK}{_ZONE}",
    ),
    Form(
        "Apache, error log",
        "[Mon Mar 02 06:00:00.123456 2026]",
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} +(?P<day>\d\d?) {_CLOCK} (?P<year>\d{{4}})",
    ),
    Form("syslog, without year", "Mar  2 06:00:00", rf"{_MONTH} +(?P<day>\d\d?) {_CLOCK}"),
    Form(
        "yyMMdd HHmmss",
        "260302 060000",
        r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
        + _FRACTION,
    ),
    Form("seconds since 1970", "1772427600.123", r"(?P<seconds>\d{10})" + _FRACTION),
    Form("milliseconds since 1970", "1772427600123", r"(?P<milliseconds>\d{13})"),
)

# A time ends where no digit or letter, and no further part of a time, follows.
_END = r"(?![0-9A-Za-z]|[:.,]\d)"
_SEPARATOR = r"(?:[ \t]*\|[ \t]*|[ \t]+-[ \t]+|[ \t]*:[ \t]+|[ \t]+)?"

DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d\d",
    "%f": r"\d{1,6}",
    "%z": r"(?:Z|[+-]\d\d:?\d\d)",
    "%%": "%",
    **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), r"\d\d?"),
    **dict.fromkeys(("%a", "%A", "%b", "%B", "%p"), r"(?u:[^\W\d_]+)\.?"),
}


class Stamped(NamedTuple):
    """A line that begins with a time, taken apart. The time is in UTC."""

    timestamp: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """How the lines of one file carry their time: its form, and how many words stand before it."""

    pattern: re.Pattern[str]
    moment: Callable[[re.Match[str]], datetime]

    def read(self, line: str) -> Stamped | None:
        """Takes the time off a line; None if the line has none. ValueError if there is no such time."""
        found = self.pattern.match(line)
        if found is None:
            return None
        try:
            timestamp = self.moment(found).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{found['time']!r} is no possible time: {error}") from None
        # A bracket that closes later, as in "[2026-03-02 06:00:00 INF] …", stays with what it encloses.
        opened = "" if found["closed"] else found["opened"] or ""
        return Stamped(timestamp, found["lead"] + opened + line[found.end() :])


class Timestamps:
    """Reads the times of a log, in the known forms or, if `timestamp_format` is given, in that alone.

    `timezone` is for times that name no offset; of a time that a change of clocks repeats, the first is
    meant. Digits beyond microseconds are cut off, as the API does. A time without a year gets the latest year
    that does not put it after the day `latest`, which is tomorrow unless given: a log may hold a New Year.

    ValueError if `timestamp_format` names no day, a directive twice, or another than `DIRECTIVES`.
    """

    def __init__(
        self, timezone: tzinfo = UTC, latest: date | None = None, timestamp_format: str | None = None
    ) -> None:
        self._timezone = timezone
        self._latest = latest or datetime.now(timezone).date() + timedelta(days=1)
        self._format = timestamp_format
        if timestamp_format is None:
            self._patterns = [form.pattern for form in FORMS]
        else:
            self._patterns = [_format_pattern(timestamp_format)]

    def choose(self, lines: Sequence[str]) -> Stamp | None:
        """The stamp of a file that begins with these lines; None if none of them has a time.

        It holds for the whole file, so that a number which begins a later line isn't taken for a time. The
        form with which the first line begins is it. If none or several do, the number of lines decides.
        """

        def lines_with(stamp: Stamp) -> int:
            return sum(stamp.pattern.match(line) is not None for line in lines)

        at_front = [stamp for stamp in self._stamps(0) if lines and stamp.pattern.match(lines[0])]
        anywhere = (stamp for words in range(MOST_LEADING_WORDS + 1) for stamp in self._stamps(words))
        best = max(at_front or anywhere, key=lines_with)
        return best if lines_with(best) else None

    def known_forms(self) -> str:
        """What to tell someone whose times were not found: the forms, and the way to name another."""
        if self._format is not None:
            return f"The times were to have the form {self._format!r} (--timestamp-format)."
        examples = "; ".join(f"{form.example} ({form.name})" for form in FORMS)
        return f"Known forms: {examples}. Name another with --timestamp-format, such as '%d-%b-%Y %H:%M:%S'."

    def _stamps(self, words: int) -> Iterator[Stamp]:
        moment = self._moment if self._format is None else self._formatted
        return (Stamp(_at_word(pattern, words), moment) for pattern in self._patterns)

    def _moment(self, found: re.Match[str]) -> datetime:
        part = found.groupdict()
        micros = int((part.get("fraction") or "0")[:6].ljust(6, "0"))
        if seconds := part.get("seconds"):
            return EPOCH + timedelta(seconds=int(seconds), microseconds=micros)
        if milliseconds := part.get("milliseconds"):
            return EPOCH + timedelta(milliseconds=int(milliseconds))
        name = part["month"]
        month = int(name) if name.isdecimal() else MONTHS.index(name) + 1
        day = int(part["day"])
        year = self._year(part.get("year"), month, day)
        zone = self._zone(part.get("zone"))
        return datetime(
            year, month, day, int(part["hour"]), int(part["minute"]), int(part["second"]), micros, tzinfo=zone
        )

    def _formatted(self, found: re.Match[str]) -> datetime:
        form = self._format or ""
        has_year = not {"%Y", "%y"}.isdisjoint(_parts(form))
        added = ("", "") if has_year else ("2000 ", "%Y ")  # a year that has a 29 February
        moment = datetime.strptime(added[0] + found["time"], added[1] + form)  # noqa: DTZ007 aware below
        if not has_year:
            moment = moment.replace(year=self._year(None, moment.month, moment.day))
        return moment if moment.tzinfo else moment.replace(tzinfo=self._timezone)

    def _year(self, digits: str | None, month: int, day: int) -> int:
        if digits is None:
            year = self._latest.year - ((month, day) > (self._latest.month, self._latest.day))
            while (month, day) == (2, 29) and not _leap(year):
                year -= 1
            return year
        year = int(digits)
        if len(digits) == 4:
            return year
        return year + (1900 if year >= 69 else 2000)  # as POSIX and strptime read two digits

    def _zone(self, text: str | None) -> tzinfo:
        if text is None:
            return self._timezone
        text = text.strip()
        if text[0] not in "+-":
            return UTC
        offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]) if len(text) > 3 else 0)
        return timezone(-offset if text[0] == "-" else offset)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _at_word(pattern: str, words: int) -> re.Pattern[str]:
    """The pattern behind so many words, perhaps in brackets, with what separates it from the message."""
    lead = rf"(?P<lead>(?:\S+[ \t]+){{{words}}})"
    time = rf"(?P<opened>[\[(])?(?P<time>{pattern}){_END}(?P<closed>(?(opened)[\])]))?"
    return re.compile(lead + time + _SEPARATOR, re.ASCII)


def _format_pattern(form: str) -> str:
    """The regular expression for a strptime format."""
    parts = _parts(form)
    if "%d" not in parts or {"%m", "%b", "%B"}.isdisjoint(parts):
        raise ValueError("it must name the day, by %d and %m, %b or %B")
    pattern = ""
    for part in parts:
        if part[0] != "%":
            pattern += r"\s+" if part.isspace() else re.escape(part)
        elif part not in DIRECTIVES:
            raise ValueError(f"{part!r} is not supported; supported are {' '.join(sorted(DIRECTIVES))}")
        elif part != "%%" and parts.count(part) > 1:
            raise ValueError(f"it names {part} twice")
        else:
            pattern += DIRECTIVES[part]
    return pattern


def _parts(form: str) -> list[str]:
    """A strptime format's directives, blanks and texts."""
    return re.findall(r"%.?|\s+|[^%\s]+", form)
