"""The rows of CSV and TSV, made into entries: by the compiled reader where there is one, else row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._fast.readers import (
    FULL,
    LINE,
    MOST_FIELDS,
    OFFSET,
    FastRows,
    Fields,
    fast_rows,
)
from logleap.client.logfiles._fast.times import Scanned
from logleap.client.logfiles._formats.tables.columns import Columns
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Reading, Times
from logleap.client.logfiles._text.log_text import MAX_ENTRY, UNDECODED

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_MOST_AT_ONCE = 1024  # rows that are read one by one before the compiled reader is tried again


@dataclass(frozen=True, slots=True)
class Table:
    """How a file is a table.

    `header`: its first row if that is no entry; so is none that is equal to it. `skipped`: lines before the
    first row.
    """

    columns: Columns
    header: Sequence[str] | None
    delimiter: str
    skipped: int

    def time_of(self, row: Sequence[str]) -> str:
        """The text of a row's time, if it has all fields."""
        return self.columns.time_of(row) if len(row) == len(self.columns.names) else ""


class Rows:
    """The rows of one file. `sample`: times of the first ones; without any, the first row tells the form."""

    def __init__(self, reading: Reading, table: Table, sample: Sequence[Line]) -> None:
        """Raises LogFileError if the sample's times have no known form."""
        self._reading = reading
        self._table = table
        self._sample = sample
        self._times = Times(reading, sample) if sample else None

    def batches(self) -> Iterator[Batch]:
        """The entries of all rows, but for those that wait for a batch to be full."""
        fast = self._fast()
        if fast is None:
            yield from self._by_rows()
        else:
            yield from _Blocks(self, self._reading, self._table, fast).batches()

    def forms(self) -> Sequence[str]:
        """The names of the forms that the times had."""
        return self._times.forms() if self._times else ()

    def give(self, number: int, row: list[str], end: int) -> Iterator[Batch]:
        """The batches that are full with the row of the lines from `number` to `end`."""
        reading = self._reading
        reading.report.lines = end
        if row == self._table.header:
            return
        columns = self._table.columns
        try:
            if len(row) != len(columns.names):
                raise BadLine(columns.wrong_length(row))
            text = columns.time_of(row)
            if self._times is None:
                self._times = Times(reading, [Line(number, text)])
            message = columns.message_of(row)
            if not message or message.isspace():
                raise BadLine("its message is empty")
            entry = LogEntry(self._times.read(text), message, columns.context_of(row), number)
        except BadLine as bad:
            reading.refuse(number, self._table.delimiter.join(row), str(bad))
            return
        yield from reading.give(entry, end, end - number)

    def _by_rows(self) -> Iterator[Batch]:
        skipped = self._table.skipped
        reader = csv.reader(self._lines(), delimiter=self._table.delimiter, strict=True)
        for number, row in numbered(self._reading, reader, skipped, last=False):
            yield from self.give(number, row, skipped + reader.line_num)

    def _lines(self) -> Iterator[str]:
        number = 0
        for block in self._reading.text.blocks():
            for line in text_lines(block.data):
                number += 1
                if number > self._table.skipped:
                    yield line

    def _fast(self) -> FastRows | None:
        table, columns = self._table, self._table.columns
        names = [name for _, name in columns.others]
        if (
            self._times is None
            or len(columns.names) > MOST_FIELDS
            or len(set(names)) < len(names)  # the last one of a name counts
            or not "\0" < table.delimiter < "\x7f"
            or (table.header is not None and self._times.can_read(table.time_of(table.header)))
        ):
            return None
        keys = {at: f"{json.dumps(name, ensure_ascii=False)}: ".encode() for at, name in columns.others}
        fields = Fields(
            ord(table.delimiter),
            bytes(columns.time),
            bytes(columns.message),
            -1 if columns.context is None else columns.context,
            tuple(keys.get(at, b"") for at in range(len(columns.names))),
        )
        return fast_rows(self._reading, self._times.layout, [line.text for line in self._sample], fields)


class _Blocks:
    """Blocks of rows, read by the compiled reader where it can, and row by row where it stops."""

    def __init__(self, rows: Rows, reading: Reading, table: Table, fast: FastRows) -> None:
        self._rows = rows
        self._reading = reading
        self._fast = fast
        self._blocks = reading.text.blocks()
        self._table = table
        self._reader = csv.reader(self._lines(), delimiter=table.delimiter, strict=True)
        self._data = b""
        self._at = 0
        self._line = 1
        self._at_once = 1

    def batches(self) -> Iterator[Batch]:
        """The entries of all rows, but for those that wait for a batch to be full."""
        while self._line <= self._table.skipped and self._next_line() is not None:
            pass
        while self._at < len(self._data) or self._load():
            if self._reading.is_for_python(self._line):
                yield from self._slowly(1)
                continue
            batcher = self._reading.batcher
            scanned = self._fast.scan(self._data, self._at, self._line, batcher.room(), empty=batcher.empty)
            yield from self._take(scanned)
            if scanned.reason == FULL:
                yield from batcher.close()
            elif scanned.reason == LINE or (
                scanned.reason == OFFSET and not self._fast.times.learn(scanned.local)
            ):
                self._at_once = 1 if scanned.starts else min(self._at_once * 2, _MOST_AT_ONCE)
                yield from self._slowly(self._at_once)
            elif scanned.reason != OFFSET and (len(self._data) - self._at > MAX_ENTRY or not self._load()):
                yield from self._slowly(1)  # which says what is wrong with the row that does not end

    def _take(self, scanned: Scanned) -> Iterator[Batch]:
        self._at, self._line = scanned.done, scanned.done_line
        if not scanned.starts:
            return
        report = self._reading.report
        report.lines = scanned.end_line
        report.entries += len(scanned.starts)
        report.continuation_lines += scanned.below
        report.seen(scanned.first, scanned.last)
        yield from self._reading.batcher.extend(scanned.body, scanned.starts, scanned.end_line)

    def _slowly(self, rows: int) -> Iterator[Batch]:
        """Reads so many rows one by one."""
        before = self._line - 1 - self._reader.line_num
        for number, row in islice(numbered(self._reading, self._reader, before, last=False), rows):
            yield from self._rows.give(number, row, self._line - 1)
            self._fast.times.adapt(self._table.time_of(row))

    def _lines(self) -> Iterator[str]:
        while (line := self._next_line()) is not None:
            yield line

    def _next_line(self) -> str | None:
        end = self._data.find(b"\n", self._at) + 1
        if not end:
            return self._next_line() if self._load() else None
        line = self._data[self._at : end].decode()
        self._at = end
        self._line += 1
        return line

    def _load(self) -> bool:
        """Has one block more; False at the end."""
        block = next(self._blocks, None)
        if block is None:
            return False
        data = block.data.replace(UNDECODED, b"")
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        if not self._data.endswith(b"\n"):
            self._data += b"\n"
        return True


def text_lines(data: bytes) -> Iterator[str]:
    """Lines with their ends; nothing but a line feed ends one."""
    parts = data.replace(UNDECODED, b"").decode().split("\n")
    for part in parts[:-1]:
        yield part + "\n"
    if parts[-1]:
        yield parts[-1]


def numbered(
    reading: Reading, rows: CsvReader, skipped: int, *, last: bool
) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't blank, with the line on which each begins. `last`: the text may be cut."""
    while True:
        line = skipped + rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            reason = str(error).partition(" - ")[0]  # what follows is advice for programmers
            if last:
                return  # the text may be cut here; an error is met again
            reading.refuse(line, "", f"not CSV, in the row that begins here: {reason}")
            continue
        if row is None:
            return
        if row:
            yield line, row
