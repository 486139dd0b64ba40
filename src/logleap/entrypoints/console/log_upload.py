"""A log file from the browser as one batch: all of its entries are stored, or none."""

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from logleap.client.logfiles import FORMATS, LogFile, LogFileError, ReadOptions, Report, named_zone
from logleap.codecs.errors import BodyTooLarge, EntryTooLarge
from logleap.codecs.json.stream import EntryStream, read_ndjson
from logleap.codecs.limits import Limits
from logleap.codecs.mappings import FieldMapping
from logleap.domain.entries import Entry
from logleap.domain.errors import BatchEmpty, InvalidEntries
from logleap.entrypoints.http.errors.refusals import HttpError

_BATCHES_KEPT = 4
"""Whose lines are remembered, to name that of an entry which is refused: entries are decoded right behind."""

_LABELS: Mapping[str, str] = {
    "--columns": "“Column of the time” and “Column of the message”",
    "--encoding": "“Encoding”",
    "--format": "“Format”",
    "--mapping": "“Field mapping”",
    "--on-bad-line skip": "choose “leave them out” under “Lines that cannot be read”",
    "--on-bad-line": "“Lines that cannot be read”",
    "--repeated-hour": "“Repeated hour”",
    "--timestamp-format": "“Form of the times”",
    "--timezone": "“Time zone”",
    "--year": "“Year of the first entry”",
}
"""What the options of `logleap push`, which the readers' messages name, are called in the form."""

_OPTION = re.compile("|".join(map(re.escape, sorted(_LABELS, key=len, reverse=True))))


class LogUpload:
    """The entries of a log file, as the readers of `logleap push` read it: the use cases' EntrySource.

    `limits` hold for the entries as NDJSON; `sha256` is their digest, so that the same file read in another
    way is something else. While it is iterated it raises LogFileError for a line that cannot be read, or
    that the server refuses, and BodyTooLarge.
    """

    def __init__(self, stream: BinaryIO, name: str, options: ReadOptions, limits: Limits) -> None:
        """Reads the file's beginning. Raises LogFileError if nothing can be read."""
        self._file = LogFile(stream, name=name, options=options)
        self._limits = limits
        self._digest = hashlib.sha256()
        self._lines: deque[tuple[int, Sequence[int]]] = deque(maxlen=_BATCHES_KEPT)
        self._stream = EntryStream(_Pieces(self), limits, read_ndjson)
        self._entries: Iterator[Sequence[Entry]] = self._read()

    @property
    def report(self) -> Report:
        """What the file was read as. Grows while it is read."""
        return self._file.report

    @property
    def sha256(self) -> str:
        """Hex, of the entries as NDJSON."""
        return self._digest.hexdigest()

    def begin(self) -> None:
        """Read the first entries, which are given again. Raises as the iteration; BatchEmpty without any."""
        entries = self._entries
        first = next(entries, None)
        if first is None:
            raise BatchEmpty
        self._entries = chain([first], entries)

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        return self._entries

    def _read(self) -> Iterator[Sequence[Entry]]:
        try:
            yield from self._stream
        except InvalidEntries as error:
            first = error.errors[0]
            raise self._refused(first.index, first.detail) from error
        except EntryTooLarge as error:
            raise self._refused(error.index, f"it has more than {error.limit} bytes") from error

    def pieces(self) -> Iterator[bytes]:
        """The entries as NDJSON, until one is refused."""
        size = index = 0
        for batch in self._file.batches():
            size += len(batch.body)
            if size > self._limits.ndjson_bytes:
                raise BodyTooLarge(self._limits.ndjson_bytes)
            self._lines.append((index, batch.starts))
            index += batch.entries
            self._digest.update(batch.body)
            yield batch.body
            if self._stream.refused is not None:
                return

    def _refused(self, index: int, detail: str) -> LogFileError:
        line = next(
            (starts[index - first] for first, starts in self._lines if 0 <= index - first < len(starts)), None
        )
        return LogFileError(self._file.name, line, f"the entry cannot be stored: {detail}")


class _Pieces:
    """A LogUpload's NDJSON as the body of an EntryStream."""

    def __init__(self, upload: LogUpload) -> None:
        self._upload = upload

    def __iter__(self) -> Iterator[bytes]:
        return self._upload.pieces()

    @property
    def sha256(self) -> str:
        return self._upload.sha256


def read_options(
    fields: Mapping[str, str], mappings: Mapping[str, FieldMapping], unpacked_bytes: int
) -> ReadOptions:
    """How the file is to be read, by the fields of the form. Raises HttpError for one that cannot be."""
    given: dict[str, Any] = {
        name: value
        for name in ("encoding", "timestamp_format", "mapping", "repeated_hour", "format")
        if (value := fields.get(name, "").strip())
    }
    if given.get("format", "auto") not in FORMATS:
        raise _invalid("Format", given["format"], f"one of {', '.join(FORMATS)}")
    if "mapping" in given and given["mapping"] not in mappings:
        raise _invalid("Field mapping", given["mapping"], f"one of {', '.join(sorted(mappings))}")
    if given.get("repeated_hour", "first") not in ("first", "second"):
        raise _invalid("Repeated hour", given["repeated_hour"], "first or second")
    if zone := fields.get("timezone", "").strip():
        try:
            given["timezone"] = named_zone(zone)
        except ValueError:
            raise _invalid(
                "Time zone", zone, "a name such as Europe/Berlin, or an offset such as +01:00"
            ) from None
    if year := fields.get("year", "").strip():
        if not re.fullmatch("[0-9]{1,4}", year) or int(year) == 0:
            raise _invalid("Year of the first entry", year, "a year from 1 to 9999")
        given["year"] = int(year)
    times, message = (fields.get(name, "").strip() for name in ("time_column", "message_column"))
    if bool(times) != bool(message):
        raise HttpError("FORM_INVALID", "For a table, name the columns of both the time and the message.")
    if times:
        given["columns"] = {"timestamp": tuple(times.split("+")), "message": (message,)}
    if fields.get("bad_lines") == "skip":
        given["on_bad_line"] = "skip"
    return ReadOptions(mappings=mappings, unpacked_bytes=unpacked_bytes, **given)


def in_the_forms_words(said: str) -> str:
    """What the readers say, with the names that their options have in the form."""
    return _OPTION.sub(lambda found: _LABELS[found[0]], said)


def _invalid(label: str, value: str, allowed: str) -> HttpError:
    return HttpError("FORM_INVALID", f"“{label}” is {value[:100]!r}, which is not {allowed}.")
