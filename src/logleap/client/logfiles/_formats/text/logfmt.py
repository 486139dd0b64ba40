"""logfmt: `time=… level=… msg="…"`, as many Go programs write."""

import json
import re
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading, Times

_TIMES = ("time", "timestamp", "ts", "@timestamp", "t", "datetime")
_MESSAGES = ("msg", "message")
_PAIR = re.compile(r'[ \t]*([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=[ \t]|$)')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _recognises(beginning: Beginning) -> bool:
    pairs = _pairs(beginning.first)
    return pairs is not None and len(pairs) > 1 and _named(pairs, _TIMES) is not None


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a line; lines that are no pairs belong to the message above. Other pairs are the context."""
    sample = []
    for seen in reading.sample_lines():
        found = _pairs(seen.text)
        if found and (name := _named(found, _TIMES)):
            sample.append(Line(seen.number, found[name]))
    times = Times(reading, sample)
    entry: LogEntry | None = None
    end = 0
    try:
        for number, line in reading.text.lines():
            reading.report.lines = number
            pairs = _pairs(line)
            if pairs is None:
                if entry is not None:
                    entry = entry._replace(message=f"{entry.message}\n{line}")
                    end = number if line.strip() else end
                elif line.strip():
                    reading.refuse(number, line, "it is no logfmt: name=value …")
                continue
            if entry is not None:
                yield from _given(reading, entry, end)
                entry = None
            try:
                entry, end = _entry(pairs, times, number), number
            except BadLine as bad:
                reading.refuse(number, line, str(bad))
        if entry is not None:
            yield from _given(reading, entry, end)
        yield from reading.end()
    finally:
        reading.describe(times.forms())


def _given(reading: Reading, entry: LogEntry, end: int) -> Iterator[Batch]:
    yield from reading.give(entry._replace(message=entry.message.rstrip("\n")), end, end - entry.line)


def _entry(pairs: dict[str, str], times: Times, number: int) -> LogEntry:
    name = _named(pairs, _TIMES)
    if name is None:
        raise BadLine(f"it has no time, which is {', '.join(_TIMES[:-1])} or {_TIMES[-1]}")
    message = _named(pairs, _MESSAGES)
    if message is None or not pairs[message]:
        raise BadLine("it has no message, which is msg or message")
    rest = {key: value for key, value in pairs.items() if key not in {name, message}}
    context = json.dumps(rest, ensure_ascii=False) if rest else None
    return LogEntry(times.read(pairs[name]), pairs[message], context, number)


def _named(pairs: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in pairs), None)


def _pairs(line: str) -> dict[str, str] | None:
    """The pairs of a line; None if it is none, or has a name twice."""
    pairs: dict[str, str] = {}
    at = 0
    stop = len(line.rstrip())
    while at < stop:
        found = _PAIR.match(line, at)
        if found is None or found[1] in pairs:
            return None
        value = found[2]
        pairs[found[1]] = _unquoted(value) if value[:1] == '"' else value
        at = found.end()
    return pairs or None


def _unquoted(value: str) -> str:
    text = _ESCAPE.sub(_unescaped, value[1:-1])
    try:
        text.encode()
    except UnicodeEncodeError:  # both halves of a character were escaped, or one
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _unescaped(found: "re.Match[str]") -> str:
    text = found[1]
    if len(text) == 1:
        return _ESCAPES.get(text, text)
    code = int(text[1:], 16)
    return "\ufffd" if code > 0x10FFFF else chr(code)


READER = Reader('logfmt: time=… msg="…" and other pairs, which become the context', _recognises, _read)
