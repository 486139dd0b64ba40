"""Where and how the lines of one file carry their time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout.stamps import (
    MOST_BEFORE,
    Stamp,
    Stamped,
    compiled,
    is_like_a_time,
    may_begin_with_a_time,
    may_hold_a_time,
)

_WITHOUT_COLONS = frozenset({"compact, clock too", "yyMMdd HHmmss"})
_PRIORITY = re.compile(r"<\d{1,3}>")
_LIKE_LOGGERS = re.compile(
    r"(?:(?:\[[^\]\n]{1,60}\]|\d{1,12}|trace|debug|info|notice|warn|warning|error|severe|critical|fatal)"
    r"[:|]?[ \t]+){1,4}$",
    re.IGNORECASE | re.ASCII,
)


class Line(NamedTuple):
    """A line of the sample, with its number in the file."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands before the times of a file whose lines do not begin with them.

    `marks`: how many of `mark` (a tab, `;`, `|`, `,`) do, if that is the same in all lines; else `words`
    tells the numbers of words that were seen. None of both: whatever stands there, the time is in brackets.
    """

    mark: str | None
    marks: int
    words: frozenset[int] | None
    any_words: bool


class Layout:
    """How the lines of one file carry their time. `read` is applied to each of them."""

    def __init__(
        self,
        front: Sequence[Stamp],
        leaded: Sequence[Stamp],
        lead: Lead | None,
        *,
        indented: bool,
        custom: bool,
        others: Sequence[Stamp] = (),
        with_priority: bool = False,
    ) -> None:
        self.front = front
        self.leaded = leaded
        self.lead = lead
        self._indented = indented
        self._custom = custom
        self._others = others
        self._with_priority = with_priority
        self._first = front[0]
        self.main = leaded[0] if lead else front[0]
        self._quick: re.Pattern[str] | None = None

    @property
    def is_simple(self) -> bool:
        """Whether a compiled reader may look for the times: at the front, or behind equally many words."""
        lead = self.lead
        if lead is None:
            return True
        if self._indented or self._custom or any(stamp.name in _WITHOUT_COLONS for stamp in self.front):
            return False
        return lead.mark is not None or lead.any_words or (lead.words is not None and len(lead.words) == 1)

    def forms_used(self) -> list[str]:
        """The names of the forms that the times had."""
        return list(dict.fromkeys(stamp.name for stamp in [*self.front, *self.leaded] if stamp.used))

    @property
    def indented(self) -> bool:
        """Whether lines that begin with a blank may begin an entry."""
        return self._indented

    @property
    def custom(self) -> bool:
        """Whether the form is that of `--timestamp-format`."""
        return self._custom

    def unindented(self, line: str) -> str:
        """The line as its time is looked for."""
        return line.lstrip(" \t") if self._indented else line

    def look_first(self, expression: str) -> None:
        """Has the main form looked for by a quicker expression, which finds what its own does or nothing."""
        if self.is_simple and self.lead is not None:
            self._quick = compiled(expression)

    def read(self, line: str) -> Stamped | None:
        """Takes the time off a line; None if it belongs to the entry above. BadLine if nobody can tell."""
        line = self.unindented(line)
        if self._quick is not None:
            found = self._quick.match(line)
            if found is not None and found.end("lead") <= MOST_BEFORE and not may_hold_a_time(found["lead"]):
                return self.main.taken(found, line)
        found = self._first.pattern.match(line)
        if found is not None:
            return self._first.taken(found, line)
        if not self._may_begin(line):
            return None
        return self._read(line)

    def _may_begin(self, line: str) -> bool:
        if self._with_priority and line.startswith("<"):
            return True
        return may_hold_a_time(line) and not line.startswith((" ", "\t"))

    def _read(self, line: str) -> Stamped | None:
        for stamp in self.front if self._custom or may_begin_with_a_time(line) else ():
            found = stamp.pattern.match(line)
            if found is not None:
                return stamp.taken(found, line)
        for stamp in self._others:
            if stamp.pattern.match(line):
                raise BadLine("it begins with a time of another form than --timestamp-format names")
        if self._with_priority and _PRIORITY.match(line):
            raise BadLine("it begins with syslog's priority, but tells no time that is known")
        if is_like_a_time(line):
            raise BadLine(
                "it begins like a time, but in no form that is known. Name it with --timestamp-format"
            )
        return self._read_leaded(line)

    def _read_leaded(self, line: str) -> Stamped | None:
        for stamp in self.leaded:
            found = stamp.pattern.match(line)
            if found is None:
                continue
            if self.lead is None:
                if not _LIKE_LOGGERS.match(found["lead"]):
                    return None
            elif not _fits(self.lead, found):
                raise BadLine(
                    f"its time {found['time']!r} stands behind {_words(found)} words, other than in the "
                    "lines at the file's beginning: an entry, or text of the one before"
                )
            return stamp.taken(found, line)
        return None


def _words(found: "re.Match[str]") -> int:
    return len(found["lead"].split())


def _fits(lead: Lead, found: "re.Match[str]") -> bool:
    if lead.mark is not None:
        return found["lead"].count(lead.mark) == lead.marks
    return lead.any_words or lead.words is None or _words(found) in lead.words


class CustomLayout(Layout):
    """A form of one's own may have no colon, or be no time of day at all."""

    def _may_begin(self, line: str) -> bool:
        return not line.startswith((" ", "\t"))
