"""The one way in: which format a file has, and its entries."""

import re
from collections.abc import Iterator
from datetime import UTC, date, tzinfo
from pathlib import PurePath
from typing import BinaryIO, Literal, get_args

from logleap.client.logfiles._documents import is_ndjson, read_json, read_ndjson
from logleap.client.logfiles._entries import LogEntry, LogFileError
from logleap.client.logfiles._plain import read_plain
from logleap.client.logfiles._tables import is_header, read_csv
from logleap.client.logfiles._text import LogText
from logleap.client.logfiles._timestamps import Timestamps

Format = Literal["auto", "plain", "ndjson", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)

SUFFIXES: dict[str, Format] = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".tsv": "csv"}

_JSON_ARRAY = re.compile(r"\[\s*(\{|\]\s*\Z)")


def read_log(
    stream: BinaryIO,
    *,
    name: str = "-",
    format: Format = "auto",
    encoding: str = "utf-8",
    timezone: tzinfo = UTC,
    timestamp_format: str | None = None,
    latest: date | None = None,
) -> Iterator[LogEntry]:
    """The entries of a log file, in its order, gzipped or not, in bounded memory whatever its size.

    Args:
        stream: The file's bytes, read from where it stands to its end. It needn't be seekable and stays open.
        name: The file's name; errors say it, and its suffix helps to tell the format. "-" is standard input.
        format: "auto" tells it by the suffix (.ndjson, .jsonl, .json, .csv, .tsv, each also with .gz), then
            by how the text begins. What begins like none of the others is plain text.
        encoding: The text's encoding, as Python names it. UTF-8 may have a byte order mark.
        timezone: For times in plain and CSV files that name no offset.
        timestamp_format: A strptime format, for plain and CSV files whose times have none of the known forms.
        latest: A time without a year (syslog) gets the latest year that does not put it after this day:
            tomorrow unless given, so for a log of 2005 say 31 December 2005.

    Raises:
        LogFileError: While iterating, at the first line that can't be read; the entries before it were given.
            An empty file is no error and has no entries.
    """
    text = LogText(stream, name=name, encoding=encoding)
    kind = detect(name, text.head) if format == "auto" else format
    if kind in {"json", "ndjson"}:
        if timestamp_format is not None:
            raise LogFileError(name, None, "--timestamp-format is not for JSON, whose times are RFC 3339.")
        yield from read_json(text) if kind == "json" else read_ndjson(text)
        return
    try:
        timestamps = Timestamps(timezone, latest, timestamp_format)
    except ValueError as error:
        raise LogFileError(name, None, f"--timestamp-format {timestamp_format!r}: {error}.") from None
    yield from read_csv(text, timestamps) if kind == "csv" else read_plain(text, timestamps)


def detect(name: str, head: str) -> Format:
    """The format of a file with this name whose text begins like this; never "auto"."""
    suffix = PurePath(name.lower().removesuffix(".gz")).suffix
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    start = head.lstrip()
    if suffix == ".json" or start.startswith("{") or _JSON_ARRAY.match(start):
        return "ndjson" if is_ndjson(start) else "json"
    return "csv" if is_header(start) else "plain"
