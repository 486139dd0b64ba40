"""The form of one file's times for the compiled readers, and what is known at the place that is read."""

import re
from array import array
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._fast.program import program_of
from logleap.client.logfiles._layout.layout import Layout
from logleap.client.logfiles._reading import Reading
from logleap.client.logfiles._times.zones import ABBREVIATIONS, AREAS, is_fixed

if TYPE_CHECKING:
    from logleap.client.logfiles._fast._lines import Form, Found, Now

_NAMES = f" {' '.join([*sorted(ABBREVIATIONS), *AREAS.split('|')])} "
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
    def form(self) -> "Form":
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
    def now(self) -> "Now":
        """What holds at the place at hand."""
        before = self._years.before if self._yearless else None
        latest = _LAST_DAY
        if self._yearless and self._years.given is None:
            latest = (self._years.latest - _EPOCH.date()).days
        return (*self._segment, before.year if before else 1, before.month if before else 0, latest)

    def took(self, found: "Found") -> Scanned:
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


def fast_times(reading: Reading, layout: Layout, sample: Sequence[str]) -> FastTimes | None:
    stamp = layout.main
    if not layout.is_simple:
        return None
    found = next(filter(None, map(stamp.pattern.match, map(layout.unindented, sample))), None)
    if found is None:
        return None
    program = program_of(layout, reading.options.timestamp_format, found)
    return None if program is None else FastTimes(reading, layout, program, found)


def _lead(layout: Layout, found: "re.Match[str]") -> tuple[int, int]:
    """How many words stand before the time, -1 for any up to a bracket; and what ends them, if no blank."""
    lead = layout.lead
    if lead is None:
        return 0, 0
    if lead.mark is not None:
        return lead.marks, ord(lead.mark)
    return -1 if lead.any_words and found["opened"] == "[" else len(found["lead"].split()), 0
