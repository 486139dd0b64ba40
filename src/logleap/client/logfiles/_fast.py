"""The compiled readers, of plain lines and of rows: what they are told about a file, and as the file goes on.

They take what is sure to be read as Python reads it (`_grouping.py`, `table_rows.py`), and stop at all else.

The form of the times is a program of one part a character: `Y` four digits of the year and `y` two, `m d`
one or two digits of month and day (`M D` two), `b` a month's name, `a` a weekday's with the blanks behind it
(`A` without), `l` klog's level, `~` a `T` or blanks, `_` blanks (`+` tabs too), `?` perhaps a comma, `o`
perhaps a dot, `C` a clock time and `K` one without colons, `h n s` one or two digits of hour, minute and
second, `f` perhaps a fraction behind the character that follows, `P` AM/PM, `z` the zone, `=` the character
that follows, other characters themselves. In `Form.program` stands also what only the file's first time
tells: `*` what stands behind the clock time, `#` what stands before it, `&` what separates the numbers
`1 2 3`, or day and month. Of a number that counts from 1970 the program has what its fraction may stand
behind.
"""

import re
from array import array
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from logleap.client.logfiles._entries import Limits
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout import Layout
from logleap.client.logfiles._reading import Reading
from logleap.client.logfiles._times.clock import Order
from logleap.client.logfiles._times.custom import custom_program
from logleap.client.logfiles._times.forms import FORMS, Strength
from logleap.client.logfiles._times.zones import ABBREVIATIONS, AREAS, is_fixed

try:
    from logleap.client.logfiles import _lines, _rows
except ImportError:
    COMPILED = False
else:
    COMPILED = True

ENDED, FULL, LINE, OFFSET = range(4)

_NAMES = f" {' '.join([*sorted(ABBREVIATIONS), *AREAS.split('|')])} "
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- local times are counted from it
_ALWAYS = (-(1 << 60), 1 << 60)
_NEVER = (0, 0)
_LAST_DAY = (date.max - _EPOCH.date()).days
MOST_FIELDS = 256
"""Of a row."""


class Scanned(NamedTuple):
    """What was made of a part of a block; see `_lines.pyi`."""

    body: bytes
    starts: "array[int]"
    done: int
    done_line: int
    end_line: int
    reason: int
    problem: int
    local: int
    below: int
    first: str
    last: str


class FastTimes:
    """The form of one file's times, and what is known about the offset and the year at the place at hand."""

    def __init__(self, reading: Reading, layout: Layout, program: str, found: "re.Match[str]") -> None:
        groups = found.re.groupindex
        zone = found["z"] if "z" in groups else None
        self._reading = reading
        self._stamp = layout.main
        self._program = program
        self._opened = ord(found["opened"]) if found["opened"] else 0
        self._lead, self._mark = _lead(layout, found)
        self._zone = zone
        self._priority = "priority" in groups and found["priority"] is not None
        self._counted = len(found["s"]) if "s" in groups else 0
        self._indented = layout.indented
        self._custom = layout.custom
        self._yearless = self._stamp.clock.without_year
        self._years = reading.years
        self._segment = (*_NEVER, 0)

    @property
    def form(self) -> "_lines.Form":
        """What holds for the whole file, as long as its zone stays the same."""
        zone = self._zone or ""
        return (
            self._program,
            self._opened,
            self._lead,
            self._mark,
            int(bool(zone)),
            zone,
            int(self._priority),
            int(self._yearless),
            self._counted,
            int(self._indented),
            int(self._custom),
            _NAMES,
        )

    @property
    def now(self) -> "_lines.Now":
        """What holds at the place at hand."""
        before = self._years.before if self._yearless else None
        latest = _LAST_DAY
        if self._yearless and self._years.given is None:
            latest = (self._years.latest - _EPOCH.date()).days
        return (*self._segment, before.year if before else 1, before.month if before else 0, latest)

    def took(self, found: "_lines.Found") -> Scanned:
        """What was found, after what it tells about the file's days has been kept."""
        body, starts, done, done_line, end_line, reason, problem, local, below, first, last, month, day = (
            found
        )
        numbers = array("q")
        numbers.frombytes(starts)
        before = self._years.before if self._yearless else None
        if numbers:
            self._stamp.used = True
            if before is not None:
                self._years.go_on(date(before.year, month, day))
                self._stamp.clock.forget()
        return Scanned(
            body,
            numbers,
            done,
            done_line,
            end_line,
            reason,
            problem,
            local,
            below,
            first.decode(),
            last.decode(),
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


class FastLines:
    """Reads the lines of one file, as far as they have its main form."""

    def __init__(self, times: FastTimes) -> None:
        self.times = times

    def scan(self, data: bytes, start: int, line: int, room: Limits, *, final: bool, empty: bool) -> Scanned:
        """Reads on from `start` in whole lines."""
        times = self.times
        return times.took(
            _lines.scan(data, start, line, final, room.entries, room.bytes, empty, times.form, times.now)
        )


class Fields(NamedTuple):
    """How the rows of a table become entries: numbers of fields, from 0.

    `names`: those of the fields that go into the context, as JSON; empty for the others. `context`: the field
    that is the context as it stands, or -1.
    """

    delimiter: int
    times: bytes
    messages: bytes
    context: int
    names: tuple[bytes, ...]


class FastRows:
    """Reads the rows of one table, as far as their times have its main form."""

    def __init__(self, times: FastTimes, fields: Fields) -> None:
        self.times = times
        self._fields = fields

    def scan(self, data: bytes, start: int, line: int, room: Limits, *, empty: bool) -> Scanned:
        """Reads on from `start`, where a row begins, in whole rows."""
        times = self.times
        return times.took(
            _rows.scan(
                data, start, line, room.entries, room.bytes, empty, times.form, times.now, self._fields
            )
        )


def fast_lines(reading: Reading, layout: Layout, sample: Sequence[str]) -> FastLines | None:
    """The compiled reader for this file; None if there is none, or none for such lines."""
    times = _fast_times(reading, layout, sample)
    return None if times is None else FastLines(times)


def fast_rows(reading: Reading, layout: Layout, sample: Sequence[str], fields: Fields) -> FastRows | None:
    """The compiled reader for this table; None if there is none, or none for such times: `sample`."""
    if layout.lead is not None or layout.indented:
        return None
    times = _fast_times(reading, layout, sample)
    return None if times is None else FastRows(times, fields)


def _fast_times(reading: Reading, layout: Layout, sample: Sequence[str]) -> FastTimes | None:
    stamp = layout.main
    if not COMPILED or not layout.is_simple:
        return None
    found = next(filter(None, map(stamp.pattern.match, map(layout.unindented, sample))), None)
    if found is None:
        return None
    program = _program_of(reading, layout, found)
    return None if program is None else FastTimes(reading, layout, program, found)


def _program_of(reading: Reading, layout: Layout, found: "re.Match[str]") -> str | None:
    if layout.custom:
        return custom_program(reading.options.timestamp_format or "")
    form = next((form for form in FORMS if form.name == layout.main.name), None)
    if form is None:
        return None
    if form.strength is Strength.NUMBER:
        return None if "day" in found.re.groupindex else ".,"
    return _program(form.program or "", found, layout.main.clock.order)


def _lead(layout: Layout, found: "re.Match[str]") -> tuple[int, int]:
    """How many words stand before the time, -1 for any up to a bracket; and what ends them, if no blank."""
    lead = layout.lead
    if lead is None:
        return 0, 0
    if lead.mark is not None:
        return lead.marks, ord(lead.mark)
    return -1 if lead.any_words and found["opened"] == "[" else len(found["lead"].split()), 0


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
