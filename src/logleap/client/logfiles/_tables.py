"""CSV files: a header row that names the columns, then one entry a row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from logleap.client.logfiles._entries import LogEntry
from logleap.client.logfiles._text import MAX_ENTRY, LogText
from logleap.client.logfiles._timestamps import Stamp, Timestamps

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = ",;\t"
COLUMNS = {
    "timestamp": "timestamp",
    "@timestamp": "timestamp",
    "datetime": "timestamp",
    "time": "timestamp",
    "message": "message",
    "msg": "message",
    "context": "context",
}
"""The names a column may have, in any case, and what each means."""


def is_header(head: str) -> bool:
    """Whether a text that starts like this starts with a header row."""
    return {"timestamp", "message"} <= _meanings(head, _delimiter(head))


def read_csv(text: LogText, timestamps: Timestamps) -> Iterator[LogEntry]:
    """The entries of a CSV file with `,`, `;` or a tab between its fields; a quoted field may hold line ends.

    Times are read as in plain logs. A context is text, even if it looks like JSON; an empty field is none.
    Side effect: raises the csv module's limit of 128 KiB a field, which holds for the whole process.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ENTRY))
    rows = _numbered(text, csv.reader(text.lines(), delimiter=_delimiter(text.head), strict=True))
    line, header = next(rows, (1, []))
    if not header:
        return
    meanings = _columns(text, line, header)
    stamp: Stamp | None = None
    for line, row in rows:
        if len(row) != len(header):
            raise text.error(line, f"a row of {len(row)} fields under a header of {len(header)}.")
        fields = dict(zip(meanings, row, strict=True))
        time = fields["timestamp"].strip()
        try:
            stamp = stamp or timestamps.choose([time])
            stamped = stamp.read(time) if stamp else None
        except ValueError as error:
            raise text.error(line, f"{error}.") from None
        if stamped is None or stamped.message:
            raise text.error(line, f"{time[:60]!r} is no known time. {timestamps.known_forms()}")
        yield LogEntry(stamped.timestamp, fields["message"], fields.get("context") or None, line)


def _numbered(text: LogText, rows: Reader) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't blank, with the line on which each begins."""
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            reason = str(error).partition(" - ")[0]  # what follows is advice for programmers
            raise text.error(line, f"not CSV, in the row that begins here: {reason}.") from None
        if row is None:
            return
        if row:
            yield line, row


def _columns(text: LogText, line: int, header: list[str]) -> list[str]:
    """What each column means."""
    unknown = [name for name in header if _plain(name) not in COLUMNS]
    if unknown:
        raise text.error(
            line,
            f"unknown columns: {', '.join(map(repr, unknown))}. Known are timestamp, message and context: "
            "rename or remove the others.",
        )
    meanings = [COLUMNS[_plain(name)] for name in header]
    for meaning in ("timestamp", "message"):
        if meaning not in meanings:
            raise text.error(line, f"the header row names no column {meaning!r}.")
    if len(set(meanings)) < len(meanings):
        raise text.error(line, f"two columns of the same meaning: {', '.join(header)}.")
    return meanings


def _delimiter(head: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: len(_meanings(head, delimiter)))


def _meanings(head: str, delimiter: str) -> set[str]:
    try:
        header = next(csv.reader(_first_line(head), delimiter=delimiter), [])
    except csv.Error:
        return set()
    return {COLUMNS[_plain(name)] for name in header if _plain(name) in COLUMNS}


def _first_line(head: str) -> Iterable[str]:
    return head.lstrip("\r\n").split("\n")[:1]


def _plain(name: str) -> str:
    return name.strip().lower()
