"""Docker's json-file: `{"log": "…\\n", "stream": "stdout", "time": "…"}`; long lines are in several."""

import json
from collections.abc import Iterator

import msgspec

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._formats.json.reading import refuse_times, shown
from logleap.client.logfiles._formats.json.shapes import iso
from logleap.client.logfiles._formats.json.texts import JsonText, lines
from logleap.client.logfiles._reading import Beginning, Reader, Reading
from logleap.codecs.timestamps import BadTimestamp, parse_timestamp
from logleap.domain.counts import counted


class _Line(msgspec.Struct):
    log: str
    time: str
    stream: str = ""
    attrs: dict[str, str] | None = None


_decode = msgspec.json.Decoder(_Line).decode


def _recognises(beginning: Beginning) -> bool:
    first = beginning.first.strip()
    return (
        first.startswith("{")
        and all(f'"{name}":' in first for name in ("log", "stream", "time"))
        and _is_one(first)
    )


def _is_one(line: str) -> bool:
    try:
        names = set(json.loads(line))
    except (ValueError, TypeError):
        return False
    return {"log", "stream", "time"} <= names <= {"log", "stream", "time", "attrs"}


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a line of the container, at the time of its first part. The stream is in the context."""
    refuse_times(reading)
    begun: dict[str, tuple[LogEntry, int]] = {}
    blank = 0
    for text in lines(reading):
        try:
            line = _decoded(text)
        except BadLine as bad:
            reading.refuse(text.line, shown(text.text), str(bad))
            continue
        entry, _ = begun.pop(line.stream, (None, 0))
        entry = _begun(line, text) if entry is None else entry._replace(message=entry.message + line.log)
        if not line.log.endswith("\n"):
            begun[line.stream] = entry, text.end
        elif entry.message.strip():
            yield from reading.give(_ended(entry), text.end, text.end - entry.line)
        else:
            blank += 1
    for entry, end in begun.values():
        if entry.message.strip():
            yield from reading.give(_ended(entry), end)
    yield from reading.end()
    reading.describe(["RFC 3339"])
    reading.report.zone = "as the times say"
    if blank:
        reading.report.note(f"left out: {counted(blank, 'line')} without text")


def _decoded(text: JsonText) -> _Line:
    try:
        line = _decode(text.text)
        return msgspec.structs.replace(line, time=iso(parse_timestamp(line.time)))
    except (msgspec.DecodeError, BadTimestamp, RecursionError) as error:
        raise BadLine(f"no line of Docker's json-file: {error}") from None


def _begun(line: _Line, text: JsonText) -> LogEntry:
    context: dict[str, object] = {"stream": line.stream} if line.stream else {}
    if line.attrs:
        context["attrs"] = line.attrs
    return LogEntry(
        line.time, line.log, json.dumps(context, ensure_ascii=False) if context else None, text.line
    )


def _ended(entry: LogEntry) -> LogEntry:
    return entry._replace(message=entry.message.removesuffix("\n").removesuffix("\r"))


READER = Reader("Docker's json-file, parts of a line put together", _recognises, _read)
