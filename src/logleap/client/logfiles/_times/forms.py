"""The forms of time that are known, each written as a pattern of parts.

A part begins with `%`: `%Y` four digits, `%y` two, `%m %d` one or two (`%0m %0d` two), `%b` an English month,
`%1 %2 %3` numbers of which the file has to tell which is the day, the month and (two digits) the year, `%C` a
clock time (`%0C` without colons), `%z` what may be said about the zone, `%s` seconds and more since 1970. `~`
separates date and
time: a `T` or blanks. The rest is an expression as it stands. An English weekday may come first.
"""

import re
from dataclasses import dataclass
from enum import Enum

from logleap.client.logfiles._times.zones import ABBREVIATIONS, AREAS

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

BLANK = "[ \t\u00a0\u2009\u202f]"


class Strength(Enum):
    """How sure it is that a text of a form is a time."""

    STRONG = "wherever a line begins with it"
    WEAK = "only if most lines have it"
    NUMBER = "only if all lines have it"


@dataclass(frozen=True, slots=True)
class Form:
    """A form of time: its name, an example, its pattern, and the program in _fast/program.py."""

    name: str
    example: str
    pattern: str
    program: str | None = None
    strength: Strength = Strength.STRONG
    weekday: bool = True


FORMS = (
    Form("ISO 8601, RFC 3339", "2026-03-02T06:00:00.123+01:00", "%Y-%m-%d,?~%C%z", "Y-m-d?~C*"),
    Form("year first, slashes", "2026/03/02 06:00:00", "%Y/%m/%d,?~%C%z", "Y/m/d?~C*"),
    Form("year first, dots", "2026.03.02 06:00:00", r"%Y\.%m\.%d,?~%C%z", "Y.m.d?~C*"),
    Form("day first, dots", "02.03.2026 06:00:00", r"%d\.%m\.%Y,?~%C%z", "d.m.Y?~C*"),
    Form("day first, dots, two digits of the year", "02.03.26 06:00:00", r"%d\.%m\.%y,?~%C%z", "d.m.y?~C*"),
    Form("Apache, access log", "[02/Mar/2026:06:00:00 +0100]", r"%d/%b/%Y(?::| +)%C%z", "d/b/Y#C*"),
    Form("day, month's name", "02-Mar-2026 06:00:00.123", r"%d[- .]%b[- .]%Y,?~%C%z", "d&b&Y?~C*"),
    Form(
        "month's name, day, year", "Mar 02, 2026 6:00:00 AM", r"%b +%d,? +%Y,? +(?:at +)?%C%z", "b_d?_Y?_C*"
    ),
    Form("C, Apache's error log, date", "Mon Mar 02 06:00:00 CET 2026", r"%b +%d +%C%z +%Y", "b_d_C*_Y"),
    Form("syslog, without year", "Mar  2 06:00:00", r"%b +%d +%C%z%+", "b_d_C*"),
    Form(
        "numbers that tell the order",
        "13/03/2026 06:00:00",
        r"%1(?P<sep>[/-])%2(?P=sep)%Y,?~%C%z",
        "1&2&Y?~C*",
    ),
    Form("two digits each", "03/26/26 06:00:00", r"%1(?P<sep>[/-])%2(?P=sep)%3,?~%C%z", "1&2&3?~C*"),
    Form(
        "month and day, without year",
        "03-13 06:00:00.123",
        r"%1(?P<sep>[-./])%2,?~%C%z",
        "1&2?~C*",
        Strength.WEAK,
    ),
    Form("klog", "I0302 06:00:00.123456", r"(?P<level>[DEFIVW])%0m%0d +%C", "lMD_C*", weekday=False),
    Form(
        "glog, with year",
        "I20260302 06:00:00.123456",
        r"(?P<level>[DEFIVW])%Y%0m%0d +%C",
        "lYMD_C*",
        weekday=False,
    ),
    Form("compact", "20260302 06:00:00", r"%Y%0m%0d(?:[-T_ ]| +)%C%z", "YMD#C*", Strength.WEAK),
    Form("compact, clock too", "20260302T060000Z", r"%Y%0m%0d(?:[-T_ ]?)%0C%z", "YMD#K*", Strength.WEAK),
    Form("yyMMdd HHmmss", "260302 060000", r"%y%0m%0d[-T_ ]%0C", "yMD#K*", Strength.WEAK),
    Form("yyMMdd HH:mm:ss", "260302  6:00:00", r"%y%0m%0d +%C", "yMD_C*", Strength.WEAK),
    Form(
        "seconds since 1970, with their date",
        "1772427600 2026.03.02",
        r"(?P<s>\d{10})(?= (?P<day>\d{4}\.\d\d\.\d\d) )",
        strength=Strength.NUMBER,
        weekday=False,
    ),
    Form(
        "number since 1970",
        "1772427600.123",
        r"(?P<s>\d{19}|\d{16}|\d{13}|\d{10})(?:[.,](?P<f>\d+))?",
        strength=Strength.NUMBER,
        weekday=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Behind:
    """What may stand behind a clock time and belong to it, where the file as a whole shows that it does."""

    ampm: bool
    abbreviation: bool
    four_digits: bool
    """An offset behind a blank and without a colon: ` +0100`."""
    two_digits: bool
    """The same of two digits: ` -03`."""
    year: bool


ANYTHING = Behind(ampm=True, abbreviation=True, four_digits=True, two_digits=True, year=True)
NOTHING = Behind(ampm=False, abbreviation=False, four_digits=False, two_digits=False, year=False)

AMPM = rf"{BLANK}?(?P<p>[AaPp]\.?[Mm]\.?)"
FRACTION = r"(?:[.,](?P<f>\d+)|:(?P<ms>\d{9}|\d{6}|\d{1,3}))?"
# A time ends where no digit or letter, and no further part of a time, follows.
END = r"(?![0-9A-Za-z]|[:.,]\d)"

_NAMES = "|".join(sorted(ABBREVIATIONS))
_LONG = rf" ?\((?:{_NAMES}|UTC|GMT|[A-Z][a-z]+ [A-Za-z ]*Time)\)"
_PLACE = rf"(?:{AREAS})/[A-Za-z][\w+\-/]*"


def zone(behind: Behind) -> str:
    """The expression for what may be said about the zone."""
    ways = [
        r"[Zz](?: UTC)?",
        r" ?(?:UTC|GMT)(?:[+-]\d{1,2}(?::?\d\d)?)?",
        r" ?[+-]\d\d:\d\d",
        r"[+-]\d\d(?:\d\d)?",
        rf" {_PLACE}",
    ]
    if behind.four_digits:
        ways.append(r" [+-]\d{4}")
    if behind.two_digits:
        ways.append(r" [+-]\d\d")
    if behind.abbreviation:
        ways.append(rf" ?(?:{_NAMES})")
    ended = f"(?:{'|'.join(ways)}){END}"
    return rf"(?P<z>{ended}(?:{_LONG})?(?: ?\[{_PLACE}\])?| ?\[(?:{_PLACE}|UTC|GMT|Z)\])?"


def expression(form: Form, behind: Behind) -> str:
    """The regular expression of a form, with a named group for each part, to be ended by `END`."""
    ampm = f"(?:{AMPM}(?![A-Za-z]))?" if behind.ampm else ""
    year = r"(?: (?P<year>(?:19|20)\d\d))?" if behind.year else ""
    parts = {
        "%Y": r"(?P<Y>\d{4})",
        "%y": r"(?P<y>\d\d)",
        "%m": r"(?P<m>\d\d?)",
        "%0m": r"(?P<m>\d\d)",
        "%d": r"(?P<d>\d\d?)",
        "%0d": r"(?P<d>\d\d)",
        "%b": rf"(?P<b>(?i:{'|'.join(MONTHS)}))[a-z]*",
        "%1": r"(?P<n1>\d\d?)",
        "%2": r"(?P<n2>\d\d?)",
        "%3": r"(?P<n3>\d\d)",
        "%C": rf"(?P<H>\d\d?):(?:(?P<M>\d\d?):(?P<S>\d\d?){FRACTION}|(?P<M2>\d\d)){ampm}",
        "%0C": r"(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?:[.,](?P<f>\d+))?",
        "%z": zone(behind),
        "%+": year,
        "~": rf"(?:[Tt]|{BLANK}+)",
    }
    pattern = re.sub(r"%0?.|~", lambda part: parts[part[0]], form.pattern)
    weekday = rf"(?:(?P<a>(?i:{'|'.join(WEEKDAYS)}))[a-z]*,?[ ]+)?" if form.weekday else ""
    return weekday + pattern
