"""Syslog as it comes over TCP by octet counting (RFC 6587): a length, a blank, a message, and no line end."""

import re
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._errors import shown
from logleap.client.logfiles._formats.text.grouping import Grouper
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading
from logleap.client.logfiles._text.log_text import MAX_ENTRY, UNDECODED

_LENGTH = re.compile(rb"\s*([1-9]\d{0,7}) (?=<\d{1,3}>)")
_BEGINS = re.compile(r"\d{1,8} <\d{1,3}>")


def _recognises(beginning: Beginning) -> bool:
    return _BEGINS.match(beginning.first) is not None


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a frame; a frame's lines belong together."""
    sample = [
        Line(number, frame.split("\n")[0])
        for number, _, frame in _frames(reading, iter([reading.text.raw_sample()]), whole=False)
    ]
    layout = reading.layout(sample)
    grouper = Grouper(reading, layout)
    blocks = (block.data for block in reading.text.blocks())
    try:
        for number, end, frame in _frames(reading, blocks, whole=True):
            reading.report.lines = end
            first, *below = frame.rstrip("\r\n\0").split("\n")
            grouper.take(number, first)
            entry = grouper.finish()
            if entry is not None:
                message = "\n".join([entry.entry.message, *below])
                yield from reading.give(entry.entry._replace(message=message), end, len(below))
        yield from reading.end()
    finally:
        reading.describe(layout.forms_used())


def _frames(reading: Reading, pieces: Iterator[bytes], *, whole: bool) -> Iterator[tuple[int, int, str]]:
    """The line on which each frame begins and ends, and its text."""
    data = b""
    line = 1
    for piece in pieces:
        data += piece.replace(UNDECODED, b"")
        at = 0
        while found := _LENGTH.match(data, at):
            end = found.end() + int(found[1])
            if int(found[1]) > MAX_ENTRY:
                raise reading.text.error(line, f"a frame of {int(found[1]):,} octets: no syslog?")
            if end > len(data):
                break
            line += data.count(b"\n", at, found.end())
            yield (
                line,
                line + data.count(b"\n", found.end(), end),
                _decoded(reading, data[found.end() : end], line),
            )
            line += data.count(b"\n", found.end(), end)
            at = end
            rest = data[at : at + 20]
            if rest.strip() and len(rest) == 20 and not _LENGTH.match(data, at):
                raise _broken(reading, line, rest)
        data = data[at:]
    if data.strip() and whole:
        raise _broken(reading, line, data[:40])


def _decoded(reading: Reading, data: bytes, line: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise reading.text.error(
            line,
            f"the octet count of a frame ends within a character: {shown(data.decode(errors='replace'))}.",
        ) from None


def _broken(reading: Reading, line: int, rest: bytes) -> Exception:
    return reading.text.error(
        line,
        f"the octet counts do not fit: after a frame comes {shown(rest.decode(errors='replace'))}, no "
        "length and <priority>. Was the file edited, or cut? Without counts, a line each, it is plain text.",
    )


READER = Reader("syslog with octet counts (RFC 6587)", _recognises, _read)
