"""W3C's extended log format, as IIS and CloudFront write it: `#Fields:` names the columns."""

import contextlib
import re
from collections.abc import Iterator, Sequence

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading, Times

_DIRECTIVE = re.compile(r"#(Software|Version|Fields|Date|Start-Date|End-Date|Remark):\s*(.*)", re.IGNORECASE)
_VALUE = re.compile(r'"(?:[^"]|"")*"|[^\s"]\S*')


def _recognises(beginning: Beginning) -> bool:
    return _DIRECTIVE.match(beginning.first) is not None


class _Columns:
    """The columns of the rows below the last `#Fields:`, and the day of the last `#Date:`."""

    def __init__(self) -> None:
        self.names: Sequence[str] = ()
        self._day = ""

    def direct(self, line: str) -> bool:
        """Whether the line is a directive, which is obeyed."""
        found = _DIRECTIVE.match(line)
        if found is None:
            return line.startswith("#")
        if found[1].lower() == "fields":
            self.names = found[2].split()
        elif found[1].lower() == "date":
            self._day = found[2].split(" ")[0].split("\t")[0]
        return True

    def parts(self, line: str) -> tuple[str, str]:
        """The time and the rest of a row. Raises BadLine."""
        tabbed = "\t" in line
        values = line.split("\t") if tabbed else _VALUE.findall(line)
        if not self.names:
            raise BadLine("no #Fields: stands before it")
        if len(values) != len(self.names):
            raise BadLine(f"it has {len(values)} values, and #Fields: names {len(self.names)}")
        row = dict(zip(self.names, values, strict=True))
        if "time" not in row or ("date" not in row and not self._day):
            raise BadLine("its #Fields: name no date and time")
        time = f"{row.pop('date', self._day)} {row.pop('time')}"
        return time, ("\t" if tabbed else " ").join(row.values())


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a row: its message is the row without date and time."""
    times = Times(reading, list(_sample(reading)))
    columns = _Columns()
    try:
        for number, line in reading.text.lines():
            reading.report.lines = number
            if not line.strip() or columns.direct(line):
                continue
            try:
                time, message = columns.parts(line)
                entry = LogEntry(times.read(time), message or time, None, number)
            except BadLine as bad:
                reading.refuse(number, line, str(bad))
                continue
            yield from reading.give(entry, number)
        yield from reading.end()
    finally:
        reading.describe(times.forms())


def _sample(reading: Reading) -> Iterator[Line]:
    columns = _Columns()
    for number, line in reading.sample_lines():
        if line.strip() and not columns.direct(line):
            with contextlib.suppress(BadLine):  # which is met again
                yield Line(number, columns.parts(line)[0])


READER = Reader("W3C's extended format (IIS, CloudFront), by its #Fields", _recognises, _read)
