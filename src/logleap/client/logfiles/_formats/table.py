"""CSV and TSV: which columns are the time and the message is named, or shows by their names."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logleap.client.logfiles._entries import Batch, LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading, Times
from logleap.client.logfiles._text import MAX_ENTRY, UNDECODED

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

DELIMITERS = ",;\t|"
TIMES = ("timestamp", "@timestamp", "datetime", "date and time", "date_time", "time")
MESSAGES = ("message", "msg")


def _recognises(beginning: Beginning) -> bool:
    if beginning.name.endswith((".csv", ".tsv")) or _separator(beginning.first):
        return True
    header = _header(beginning.first)
    return _of_time(header) is not None and _of_message(header) is not None


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the parts of an entry stand in a row, from 0."""

    names: Sequence[str]
    time: Sequence[int]
    message: Sequence[int]
    context: int | None
    """A column that is the context by its name, and the only one besides time and message."""
    more: int
    """Columns of the rows that the header does not name."""

    def time_of(self, row: Sequence[str]) -> str:
        """The text of a row's time."""
        return " ".join(row[at].strip() for at in self.time)

    def entry(self, row: Sequence[str], time: Times, number: int) -> LogEntry:
        """Raises BadLine."""
        message = " ".join(row[at] for at in self.message)
        if not message.strip():
            raise BadLine("its message is empty")
        return LogEntry(time.read(self.time_of(row)), message, self._context(row), number)

    def _context(self, row: Sequence[str]) -> str | None:
        if self.context is not None:
            return json.dumps(row[self.context], ensure_ascii=False) if row[self.context] else None
        used = {*self.time, *self.message}
        rest = {name: row[at] for at, name in enumerate(self.names) if at not in used and row[at]}
        return json.dumps(rest, ensure_ascii=False) if rest else None


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a row. Columns beside the time and the message become the context, a JSON object.

    Side effect: raises the csv module's limit of 128 KiB a field, which holds for the whole process.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ENTRY))
    sample = reading.text.raw_sample().replace(UNDECODED, b"").decode()
    whole_lines = sample[: sample.rfind("\n") + 1] or sample
    delimiter, skipped = _delimiter(reading, sample)
    lines = list(_kept(whole_lines.encode()))[skipped:]
    rows = list(_numbered(reading, csv.reader(lines, delimiter=delimiter, strict=True), skipped, last=True))
    if not rows:
        yield from reading.end()
        return
    columns, headed = _columns(reading, rows)
    body = rows[headed:]
    texts = [Line(number, columns.time_of(row)) for number, row in body if len(row) == len(columns.names)]
    if body and not texts:
        raise reading.text.error(body[0][0], _wrong_length(body[0][1], columns))
    times = Times(reading, texts) if texts else None
    reader = csv.reader(_lines(reading, skipped), delimiter=delimiter, strict=True)
    try:
        for position, (number, row) in enumerate(_numbered(reading, reader, skipped, last=False)):
            end = skipped + reader.line_num
            reading.report.lines = end
            if position < headed or (headed and row == rows[0][1]):
                continue
            try:
                if len(row) != len(columns.names):
                    raise BadLine(_wrong_length(row, columns))
                times = times or Times(reading, [Line(number, columns.time_of(row))])
                entry = columns.entry(row, times, number)
            except BadLine as bad:
                reading.refuse(number, delimiter.join(row), str(bad))
                continue
            yield from reading.give(entry, end, end - number)
        yield from reading.end()
    finally:
        reading.describe(times.forms() if times else ())


def _lines(reading: Reading, skipped: int) -> Iterator[str]:
    number = 0
    for block in reading.text.blocks():
        for line in _kept(block.data):
            number += 1
            if number > skipped:
                yield line


def _kept(data: bytes) -> Iterator[str]:
    """Lines with their ends; nothing but a line feed ends one."""
    parts = data.replace(UNDECODED, b"").decode().split("\n")
    for part in parts[:-1]:
        yield part + "\n"
    if parts[-1]:
        yield parts[-1]


def _wrong_length(row: Sequence[str], columns: _Columns) -> str:
    return f"a row of {len(row)} fields under a header of {len(columns.names) - columns.more}"


def _numbered(
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


def _separator(line: str) -> str | None:
    """What Excel's first line names: `sep=;`."""
    line = line.strip().strip('"')
    return line[4:] if line[:4].lower() == "sep=" and len(line) == 5 else None


def _delimiter(reading: Reading, sample: str) -> tuple[str, int]:
    """The delimiter, and how many lines stand before the header."""
    lines = sample.split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    named = _separator(lines[first])
    if named:
        return named, first + 1
    wanted = {name.lower() for names in (reading.options.columns or {}).values() for name in names}
    wanted |= set() if wanted else {*TIMES, *MESSAGES}

    def fit(delimiter: str) -> tuple[int, int]:
        header = _split(lines[first], delimiter)
        return len(wanted & {_plain(name) for name in header}), len(header)

    return max(DELIMITERS, key=fit), first


def _header(line: str) -> Sequence[str]:
    return max(
        (_split(line, delimiter) for delimiter in DELIMITERS), key=lambda names: (_known(names), len(names))
    )


def _known(names: Sequence[str]) -> int:
    return len({*TIMES, *MESSAGES, "date"} & {_plain(name) for name in names})


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    return name.strip().lower()


def _of_time(names: Sequence[str]) -> Sequence[int] | None:
    plain = [_plain(name) for name in names]
    if "date" in plain and "time" in plain and not set(plain) & set(TIMES[:-1]):
        return plain.index("date"), plain.index("time")
    found = [at for at, name in enumerate(plain) if name in TIMES]
    return found if len(found) == 1 else None


def _of_message(names: Sequence[str]) -> Sequence[int] | None:
    found = [at for at, name in enumerate(names) if _plain(name) in MESSAGES]
    return found if len(found) == 1 else None


def _columns(reading: Reading, rows: Sequence[tuple[int, list[str]]]) -> tuple[_Columns, int]:
    """The columns, and how many rows the header is: one or none."""
    line, first = rows[0]
    given = reading.options.columns
    widths = {len(row) for _, row in rows[1:]}
    more = max(0, widths.pop() - len(first)) if len(widths) == 1 else 0
    names = [*first, *(f"column {len(first) + at + 1}" for at in range(more))]
    if given is None:
        time, message = _of_time(first), _of_message(first)
        if time is None or message is None:
            missing = "time" if time is None else "message"
            raise reading.text.error(
                line,
                f"no column, or more than one, is the {missing} by its name; there are: "
                f"{', '.join(map(repr, names))}. Name them: --columns {_example(names)}.",
            )
        return _Columns(names, time, message, _only_context(names, {*time, *message}), more), 1
    plain = [_plain(name) for name in names]
    wanted = [name for group in given.values() for name in group]
    headed = 0 if all(name.isdecimal() and name not in plain for name in wanted) else 1
    if not headed and not _is_number_row(reading, first, given):
        headed = 1
    if not headed:
        names = [f"column {at + 1}" for at in range(max(len(first), *(len(row) for _, row in rows)))]
    try:
        time = [_at(plain, name) for name in given["timestamp"]]
        message = [_at(plain, name) for name in given["message"]]
    except ValueError as error:
        raise reading.text.error(
            line, f"--columns: there is no column {error}; there are: {', '.join(map(repr, names))}."
        ) from None
    return _Columns(
        names, time, message, _only_context(names, {*time, *message}), more if headed else 0
    ), headed


def _is_number_row(reading: Reading, row: Sequence[str], given: object) -> bool:
    """Whether the first row has a time where the others do: then there is no header."""
    columns = reading.options.columns or {}
    try:
        text = " ".join(row[int(name) - 1].strip() for name in columns["timestamp"])
        reading.finder.find([Line(1, text)])
    except (ValueError, IndexError, KeyError):
        return False
    return True


def _only_context(names: Sequence[str], used: set[int]) -> int | None:
    rest = [at for at in range(len(names)) if at not in used]
    return rest[0] if len(rest) == 1 and _plain(names[rest[0]]) == "context" else None


def _at(plain: Sequence[str], name: str) -> int:
    wanted = _plain(name)
    if plain.count(wanted) == 1:
        return plain.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(plain):
        return int(wanted) - 1
    raise ValueError(repr(name) if wanted not in plain else f"of this name alone: {name!r}")


def _example(names: Sequence[str]) -> str:
    plain = [_plain(name) for name in names]
    if "date" in plain and "time" in plain:
        time = f"{names[plain.index('date')]}+{names[plain.index('time')]}"
    else:
        time = next((name for name in names if "time" in name.lower() or "date" in name.lower()), "COLUMN")
    message = next(
        (name for name in names if _plain(name) in {*MESSAGES, "content", "text", "body"}), "COLUMN"
    )
    text = f"timestamp={time},message={message}"
    return f"'{text}'" if " " in text else text


READER = Reader("CSV and TSV, by --columns or the names of their columns", _recognises, _read)
