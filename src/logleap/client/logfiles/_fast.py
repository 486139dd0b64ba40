"""The compiled reader of plain lines: what it is told about a file, at first and as the file goes on.

It takes what is sure to be read as `_grouping.py` reads it, and stops at all else.

The form of the times is a program of one part a character: `Y` four digits of the year and `y` two, `m d`
one or two digits of month and day (`M D` two), `b` a month's name, `a` a weekday's, `l` klog's level, `~` a
`T` or blanks, `_` blanks, `?` perhaps a comma, `C` a clock time and `K` one without colons, `P` AM/PM, `z`
the zone, other characters themselves. In `Form.program` stands also what only the file's first time tells:
`*` what stands behind the clock time, `#` what stands before it, `&` what separates the numbers `1 2 3`, or
day and month.
"""

import re
from array import array
from datetime import date, datetime, timedelta
from typing import NamedTuple

from logleap.client.logfiles._entries import Limits
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout import Layout
from logleap.client.logfiles._reading import Reading
from logleap.client.logfiles._stamps import Stamp
from logleap.client.logfiles._times.clock import Order
from logleap.client.logfiles._times.forms import FORMS, Strength
from logleap.client.logfiles._times.zones import ABBREVIATIONS, is_fixed

try:
    from logleap.client.logfiles import _lines
except ImportError:
    COMPILED = False
else:
    COMPILED = True

ENDED, FULL, LINE, OFFSET = range(4)

_NAMES = f" {' '.join(sorted(ABBREVIATIONS))} "
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- local times are counted from it
_ALWAYS = (-(1 << 60), 1 << 60)
_NEVER = (0, 0)
_LAST_DAY = (date.max - _EPOCH.date()).days


class Scanned(NamedTuple):
    """What was made of a part of a block; see `_lines.pyi`."""

    body: bytes
    starts: "array[int]"
    done: int
    done_line: int
    reason: int
    problem: int
    local: int
    below: int
    first: str
    last: str


class FastLines:
    """Reads the lines of one file, as far as they have its main form."""

    def __init__(
        self, reading: Reading, stamp: Stamp, program: str, found: "re.Match[str]", *, lead: int
    ) -> None:
        groups = found.re.groupindex
        zone = found["z"] if "z" in groups else None
        self._reading = reading
        self._stamp = stamp
        self._program = program
        self._opened = ord(found["opened"]) if found["opened"] else 0
        self._lead = lead
        self._zone = zone
        self._priority = "priority" in groups and found["priority"] is not None
        self._counted = len(found["s"]) if "s" in groups else 0
        self._yearless = stamp.clock.without_year
        self._years = reading.years
        self._segment = (*_NEVER, 0)

    def scan(self, data: bytes, start: int, line: int, room: Limits, *, final: bool, empty: bool) -> Scanned:
        """Reads on from `start` in whole lines."""
        zone = self._zone or ""
        form = (
            self._program,
            self._opened,
            self._lead,
            int(bool(zone)),
            zone,
            int(self._priority),
            int(self._yearless),
            self._counted,
            _NAMES,
        )
        before = self._years.before if self._yearless else None
        latest = _LAST_DAY
        if self._yearless and self._years.given is None:
            latest = (self._years.latest - _EPOCH.date()).days
        now = (*self._segment, before.year if before else 1, before.month if before else 0, latest)
        body, starts, done, done_line, reason, problem, local, below, first, last, month, day = _lines.scan(
            data, start, line, final, room.entries, room.bytes, empty, form, now
        )
        numbers = array("q")
        numbers.frombytes(starts)
        if numbers:
            self._stamp.used = True
            if before is not None:
                self._years.go_on(date(before.year, month, day))
                self._stamp.clock.forget()
        return Scanned(
            body, numbers, done, done_line, reason, problem, local, below, first.decode(), last.decode()
        )

    def learn(self, local: int) -> bool:
        """Finds the offset that holds at a local time; False if Python has to read its line."""
        moment = _EPOCH + timedelta(seconds=local)
        day = datetime.combine(moment.date(), datetime.min.time())
        for begin, length, steps in ((day, 24, 3), (moment.replace(minute=0, second=0), 1, 5)):
            offset = self._steady(begin, timedelta(hours=length), steps)
            if offset is not None:
                first = (begin - _EPOCH) // timedelta(seconds=1)
                self._segment = (first, first + length * 3600, offset)
                if is_fixed(self._zone, self._reading.zones.default):
                    self._segment = (*_ALWAYS, offset)
                return True
        return False

    def _steady(self, begin: datetime, length: timedelta, steps: int) -> int | None:
        """The offset in seconds that holds from a local time on, for that long."""
        offsets = set()
        for step in range(steps):
            local = (
                begin
                + length * step / (steps - 1)
                - (timedelta(minutes=1) if step == steps - 1 else timedelta())
            )
            try:
                utc = self._reading.zones.to_utc(local, self._zone)
            except (BadLine, OverflowError):
                return None
            if not isinstance(utc, datetime):
                return None
            offsets.add(local - utc.replace(tzinfo=None))
        offset = offsets.pop()
        seconds = offset // timedelta(seconds=1)
        return None if offsets or seconds % 60 else seconds

    def adapt(self, line: str) -> None:
        """Takes over another zone, from a line that Python has read."""
        found = self._stamp.pattern.match(line)
        if found is None or "z" not in found.re.groupindex:
            return
        zone = found["z"]
        if zone != self._zone and bool(zone) == bool(self._zone):
            self._zone = zone
            self._segment = (*_NEVER, 0)


def fast_lines(reading: Reading, layout: Layout, sample: list[str]) -> FastLines | None:
    """The compiled reader for this file; None if there is none, or none for such lines."""
    stamp = layout.main
    form = next((form for form in FORMS if form.name == stamp.name), None)
    if not COMPILED or not layout.is_simple or form is None or reading.options.skip_lines:
        return None
    line = next((line for line in sample if stamp.pattern.match(line)), None)
    if line is None:
        return None
    found = stamp.pattern.match(line)
    if found is None or (form.strength is Strength.NUMBER and "day" in found.re.groupindex):
        return None
    program = (
        "" if form.strength is Strength.NUMBER else _program(form.program or "", found, stamp.clock.order)
    )
    if program is None:
        return None
    lead = 0
    if layout.lead is not None:
        lead = -1 if layout.lead.any_words and found["opened"] == "[" else len(found["lead"].split())
    return FastLines(reading, stamp, program, found, lead=lead)


def _program(program: str, found: "re.Match[str]", order: Order | None) -> str | None:
    groups = found.re.groupindex
    if "z" in groups and found["z"] and re.search(r"[\[(]", found["z"]):
        return None
    behind = ("P" if "p" in groups and found["p"] else "") + ("z" if "z" in groups and found["z"] else "")
    if "year" in groups and found["year"]:
        return None
    before = found.string[found.start("H") - 1]
    program = program.replace("*", behind)
    if "#" in program:
        if before.isdigit():
            before = ""
        elif before == "_":
            return None
        elif before == " " and "K" not in program:
            before = "_"
        program = program.replace("#", before)
    if "&" in program:
        mark = found["sep"] if "sep" in groups else found.string[found.end("d")]
        program = program.replace("&", mark)
    for name, letter in _letters(order):
        program = program.replace(name, letter)
    return ("a" if "a" in groups and found["a"] else "") + program


def _letters(order: Order | None) -> list[tuple[str, str]]:
    if order is None:
        return []
    parts = [(order.day, "d"), (order.month, "m"), (order.year, "y")]
    return [(name[1], letter) for name, letter in parts if name]
