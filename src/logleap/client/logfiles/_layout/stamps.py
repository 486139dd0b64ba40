"""Lines that begin with a time: the time is taken off, the rest is the message."""

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout.behind import first_seen, kinds_of
from logleap.client.logfiles._times.clock import Clock, Folded
from logleap.client.logfiles._times.forms import BLANK, END

MOST_BEFORE = 300
"""Characters of a line in which its time must begin."""

PRIORITY = r"(?P<priority><\d{1,3}>(?:\d{1,2} )?)?"
_OPENED = r"(?P<opened>[\[(<{\"'])?"
_CLOSED = r"(?P<closed>(?(opened)[\])>}\"']))?"
_SEPARATOR = rf"(?:{BLANK}*[|;,]{BLANK}*|{BLANK}+-{BLANK}+|{BLANK}*:{BLANK}+|{BLANK}+)?"
_BOUNDARY = r"(?<![^\s\[(<{\"'|;,])"

_NAMED = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun"
_MAY_BEGIN = re.compile(
    rf"(?:<\d{{1,3}}>(?:\d{{1,2}} )?)?[\[(<{{\"']?"
    rf"(?!\d{{10}}(?:\d{{3}}){{0,3}}(?!\d))(?:\d|(?i:{_NAMED})|[DEFIVW]\d{{4}})",
    re.ASCII,
)
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


def at_front(expression: str) -> str:
    """The expression of a time at the line's beginning, perhaps in brackets, and what separates the rest."""
    return f"{PRIORITY}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}"


def further_in(expression: str) -> str:
    """The same, behind other words, the first such time of the line."""
    lead = rf"(?P<lead>\S[^\n]{{0,{MOST_BEFORE}}}?){_BOUNDARY}"
    return f"{lead}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}"


def behind_words(expression: str, words: int | None) -> str:
    """The same behind so many words, or behind any up to the first bracket: found quickly, or not at all."""
    lead = rf"(?P<lead>\S[^\[\n]{{0,{MOST_BEFORE}}}){_BOUNDARY}(?=\[)"
    if words is not None:
        lead = rf"(?P<lead>(?:\S+[ \t]+){{{words}}})"
    return f"{lead}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}"


def behind_marks(expression: str, mark: str, marks: int) -> str:
    """The same behind so many marks that separate columns."""
    lead = rf"(?P<lead>(?=\S)(?:[^{mark}\n]*{re.escape(mark)}){{{marks}}} *)"
    return f"{lead}{_OPENED}(?P<time>{expression}){END}{_CLOSED}{_SEPARATOR}"


@lru_cache(256)
def compiled(expression: str) -> "re.Pattern[str]":
    """The expression, compiled where it is needed: that takes longer than to read a thousand lines."""
    return re.compile(expression, re.ASCII)


def may_begin_with_a_time(line: str) -> bool:
    """Whether a line may begin with a time of any form but those that are one number."""
    return _MAY_BEGIN.match(line) is not None


def may_hold_a_time(line: str) -> bool:
    """Whether a line may have a time that is written with a clock's colon, as most are. Quick."""
    return _MAY_HOLD_A_TIME.search(line, 0, MOST_BEFORE) is not None


def is_like_a_time(line: str) -> bool:
    """Whether a line begins so that a person would take it for a time."""
    return _LIKE_A_TIME.match(line) is not None


class Stamp:
    """One form of time at one place in the line. `absent`: what no time of the sample has behind it.

    Its expression is compiled, and its clock made, when it is first looked for.
    """

    def __init__(
        self,
        name: str,
        expression: str,
        clock: "Callable[[re.Pattern[str]], Clock]",
        absent: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.used = False
        self._expression = expression
        self._make_clock = clock
        self._absent = absent

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """The expression, compiled."""
        return compiled(self._expression)

    @cached_property
    def clock(self) -> Clock:
        """What makes a time of what the expression finds."""
        return self._make_clock(self.pattern)

    @cached_property
    def _groups(self) -> tuple[int | None, int | None, int | None]:
        groups = self.pattern.groupindex
        return groups.get("lead"), groups.get("level"), groups.get("priority")

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
        lead, level, first = self._groups
        priority = None
        if first is not None and (text := found[first]):
            priority = int(text[1 : text.index(">")])
            if priority > 191:
                raise BadLine(f"{text!r} is no priority of syslog's, which end with 191")
        if level is not None:
            message = f"{found[level]} {message}"
        if lead is not None:
            message = found[lead] + message
        return Stamped(time, message, priority)
