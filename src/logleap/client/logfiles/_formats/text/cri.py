"""Kubernetes' container logs (CRI): a time, the stream, whether the line goes on, and the line."""

import json
import re
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading, Times
from logleap.domain.counts import counted

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([FP])(?::\S*)? ?(.*)")


def _recognises(beginning: Beginning) -> bool:
    lines = [line for line in beginning.lines if line.strip()][:100]
    return bool(lines) and all(map(_LINE.fullmatch, lines[:-1])) and _LINE.match(lines[0]) is not None


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a line; parts of a line (P) are put together up to its end (F), for each stream."""
    sample = [
        Line(line.number, found[1])
        for line in reading.sample_lines()
        if (found := _LINE.fullmatch(line.text))
    ]
    times = Times(reading, sample)
    begun: dict[str, LogEntry] = {}
    blank = 0
    try:
        for number, line in reading.text.lines():
            reading.report.lines = number
            found = _LINE.fullmatch(line)
            if found is None:
                if line.strip():
                    reading.refuse(
                        number, line, "it is no line of a container's log: time, stream, F or P, text"
                    )
                continue
            time, stream, part, message = found.groups()
            entry = begun.pop(stream, None)
            if entry is None:
                try:
                    entry = LogEntry(times.read(time), message, json.dumps({"stream": stream}), number)
                except BadLine as bad:
                    reading.refuse(number, line, str(bad))
                    continue
            else:
                entry = entry._replace(message=entry.message + message)
            if part == "P":
                begun[stream] = entry
            elif entry.message.strip():
                yield from reading.give(entry, number, number - entry.line)
            else:
                blank += 1
        for entry in begun.values():
            yield from reading.give(entry, reading.report.lines)
        yield from reading.end()
    finally:
        if blank:
            reading.report.note(f"left out: {counted(blank, 'line')} without text")
        reading.describe(times.forms())


READER = Reader("Kubernetes' container logs (CRI), parts of a line put together", _recognises, _read)
