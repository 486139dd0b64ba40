"""The compiled readers, of plain lines and of rows.

They take what is sure to be read as Python reads it (`_formats/text/grouping.py`, `_formats/tables/rows.py`),
and stop at all else.
"""

from collections.abc import Sequence
from typing import NamedTuple

from logleap.client.logfiles._entries.batches import Limits
from logleap.client.logfiles._fast.times import FastTimes, Scanned, fast_times
from logleap.client.logfiles._layout.layout import Layout
from logleap.client.logfiles._reading import Reading

try:
    from logleap.client.logfiles._fast import _lines, _rows
except ImportError:
    COMPILED = False
else:
    COMPILED = True

ENDED, FULL, LINE, OFFSET = range(4)

MOST_FIELDS = 256
"""Of a row."""


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
    times = fast_times(reading, layout, sample) if COMPILED else None
    return None if times is None else FastLines(times)


def fast_rows(reading: Reading, layout: Layout, sample: Sequence[str], fields: Fields) -> FastRows | None:
    """The compiled reader for this table; None if there is none, or none for such times: `sample`."""
    if not COMPILED or layout.lead is not None or layout.indented:
        return None
    times = fast_times(reading, layout, sample)
    return None if times is None else FastRows(times, fields)
