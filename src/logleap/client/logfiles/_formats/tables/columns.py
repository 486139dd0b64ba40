"""The columns of CSV and TSV: which are the time and the message is named, or shows by their names."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Reading

DELIMITERS = ",;\t|"
TIMES = ("timestamp", "@timestamp", "datetime", "date and time", "date_time", "time")
MESSAGES = ("message", "msg")


@dataclass(frozen=True)
class Columns:
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
        if len(self.time) == 1:
            return row[self.time[0]].strip()
        return " ".join(row[at].strip() for at in self.time)

    def message_of(self, row: Sequence[str]) -> str:
        """The text of a row's message."""
        return row[self.message[0]] if len(self.message) == 1 else " ".join(row[at] for at in self.message)

    @cached_property
    def others(self) -> Sequence[tuple[int, str]]:
        """The columns that go into the context, and their names."""
        used = {*self.time, *self.message}
        return [(at, name) for at, name in enumerate(self.names) if at not in used]

    def context_of(self, row: Sequence[str]) -> str | None:
        """A row's context, as JSON; None if it has none."""
        if not self.others:
            return None
        if self.context is not None:
            return json.dumps(row[self.context], ensure_ascii=False) if row[self.context] else None
        rest = {name: row[at] for at, name in self.others if row[at]}
        return json.dumps(rest, ensure_ascii=False) if rest else None

    def wrong_length(self, row: Sequence[str]) -> str:
        """What is wrong with a row of another length."""
        return f"a row of {len(row)} fields under a header of {len(self.names) - self.more}"


def _separator(line: str) -> str | None:
    """What Excel's first line names: `sep=;`."""
    line = line.strip().strip('"')
    return line[4:] if line[:4].lower() == "sep=" and len(line) == 5 else None


def delimiter_of(reading: Reading, sample: str) -> tuple[str, int]:
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


def names_time_and_message(line: str) -> bool:
    """Whether a header's columns are known by their names, or it is Excel's line that names the delimiter."""
    if _separator(line):
        return True
    header = _header(line)
    return _of_time(header) is not None and _of_message(header) is not None


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


def columns_of(reading: Reading, rows: Sequence[tuple[int, list[str]]]) -> tuple[Columns, int]:
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
        return Columns(names, time, message, _only_context(names, {*time, *message}), more), 1
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
    return Columns(
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
