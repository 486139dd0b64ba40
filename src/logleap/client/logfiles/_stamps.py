"""Lines that begin with a time: the time is taken off, the rest is the message."""

import re
from typing import NamedTuple

from logleap.client.logfiles._behind import first_seen, kinds_of
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._times.clock import Clock, Folded
from logleap.client.logfiles._times.forms import BLANK, END

MOST_BEFORE = 300
"""Characters of a line in which its time must begin."""

PRIORITY = r"(?P<priority><\d{1,3}>(?:\d{1,2} )?)?"
_OPENED = r"(?P<opened>[\[(<{\"'])?"
_CLOSED = r"(?P<closed>(?(opened)[\])>}\"']))?"
_SEPARATOR = rf"(?:{BLANK}*[|;,]{BLANK}*|{BLANK}+-{BLANK}+|{BLANK}*:{BLANK}+|{BLANK}+)?"
_BOUNDARY = r"(?<![^\s\[(<{\"'|;,])"

_MAY_HOLD_A_TIME = re.compile(r"\d:\d\d")
_LIKE_A_TIME = re.compile(
    r"[\[(<\"']?(?:\d{4}[-./]\d\d?[-./]\d\d?,?[T ]+|\d\d?[-./]\d\d?[-./]\d{4},?[T ]+"
    r"|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* +\d\d?,? +"
    r"|\d\d?[-/ ](?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/ ]\d{4}[ :]+)\d\d?:\d"
)


class Stamped(NamedTuple):
    """A line that begins with a time, taken apart. `priority`: syslog's, if one stands before the time."""

    time: str | Folded
    message: str
    priority: int | None


def at_front(expression: str) -> "re.Pattern[str]":
    """The expression of a time at the line's beginning, perhaps in brackets, and what separates the rest."""
    return re.compile(f"{PRIORITY}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}", re.ASCII)


def further_in(expression: str) -> "re.Pattern[str]":
    """The same, behind other words, the first such time of the line."""
    lead = rf"(?P<lead>\S[^\n]{{0,{MOST_BEFORE}}}?){_BOUNDARY}"
    return re.compile(f"{lead}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}", re.ASCII)


def may_hold_a_time(line: str) -> bool:
    """Whether a line may have a time that is written with a clock's colon, as most are. Quick."""
    return _MAY_HOLD_A_TIME.search(line, 0, MOST_BEFORE) is not None


def is_like_a_time(line: str) -> bool:
    """Whether a line begins so that a person would take it for a time."""
    return _LIKE_A_TIME.match(line) is not None


class Stamp:
    """One form of time at one place in the line. `absent`: what no time of the sample has behind it."""

    def __init__(
        self, name: str, pattern: "re.Pattern[str]", clock: Clock, absent: frozenset[str] = frozenset()
    ) -> None:
        self.name = name
        self.pattern = pattern
        self.clock = clock
        self.used = False
        self._absent = absent
        groups = pattern.groupindex
        self._lead = groups.get("lead")
        self._level = groups.get("level")
        self._priority = groups.get("priority")

    def read(self, line: str) -> Stamped | None:
        """Takes the time off a line; None if it has none of this form. BadLine if there is no such time."""
        found = self.pattern.match(line)
        return None if found is None else self.taken(found, line)

    def taken(self, found: "re.Match[str]", line: str) -> Stamped:
        """The line whose time was found."""
        if self._absent:
            for kind in kinds_of(found):
                if kind in self._absent:
                    raise first_seen(kind, found["time"])
        time = self.clock.read(found)
        self.used = True
        message = line[found.end() :]
        opened = found["opened"]
        if opened and not found["closed"]:
            message = opened + message  # it closes later, as in "[2026-03-02 06:00:00 INF] …"
        priority = None
        if self._priority and (text := found[self._priority]):
            priority = int(text[1 : text.index(">")])
            if priority > 191:
                raise BadLine(f"{text!r} is no priority of syslog's, which end with 191")
        if self._level:
            message = f"{found[self._level]} {message}"
        if self._lead:
            message = found[self._lead] + message
        return Stamped(time, message, priority)
