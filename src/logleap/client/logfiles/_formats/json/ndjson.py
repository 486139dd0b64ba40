"""NDJSON: one entry a line, in LogLeap's own form or by a mapping."""

from array import array
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch, Batcher
from logleap.client.logfiles._formats.json.reading import describe, give_all, give_each, refuse_times
from logleap.client.logfiles._formats.json.shapes import Shape, iso, shape_of
from logleap.client.logfiles._formats.json.texts import lines, lines_of, wraps
from logleap.client.logfiles._reading import Beginning, Reader, Reading
from logleap.codecs.json.strict import decode_lines
from logleap.domain.times import from_micros


def _recognises(beginning: Beginning) -> bool:
    if beginning.name.endswith((".ndjson", ".jsonl")):
        return True
    first = beginning.first.lstrip("\x1e").strip()
    whole = first.endswith("}") or len([line for line in beginning.lines if line.strip()]) == 1
    return first.startswith("{") and whole and not wraps(first)


def _read(reading: Reading) -> Iterator[Batch]:
    refuse_times(reading)
    shape = shape_of(reading)
    if reading.options.mapping is None and not reading.options.skip_lines:
        yield from _own_blocks(reading, shape)
    else:
        yield from give_all(reading, lines(reading), shape)


def _own_blocks(reading: Reading, shape: Shape) -> Iterator[Batch]:
    """LogLeap's own form, a block at a time: lines that the API takes go on as they stand."""
    try:
        for block in reading.text.clean_blocks():
            data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
            entries = decode_lines(data) if data[:1] == b"{" and b"\n\n" not in data else None
            count = data.count(b"\n")
            if entries is None or len(entries) != count:
                yield from give_each(reading, lines_of(reading, block), shape)
                continue
            reading.report.lines = block.line + count - 1
            reading.report.entries += count
            reading.report.seen(iso(from_micros(min(entries.micros))), iso(from_micros(max(entries.micros))))
            yield from _whole(reading.batcher, data, block.line)
        yield from reading.end()
    finally:
        describe(reading)


def _whole(batcher: Batcher, data: bytes, line: int) -> Iterator[Batch]:
    """Lines that are all entries, cut where batches are full."""
    at = 0
    while at < len(data):
        room = batcher.room()
        end = (
            len(data) if len(data) - at <= room.bytes else data.rfind(b"\n", at, at + max(room.bytes, 0)) + 1
        )
        if end <= at:
            if not batcher.empty:
                yield from batcher.close()
                continue
            end = data.find(b"\n", at) + 1
        count = data.count(b"\n", at, end)
        if count > room.entries:
            count, end = room.entries, at
            for _ in range(count):
                end = data.find(b"\n", end) + 1
        starts = array("q", range(line, line + count))
        yield from batcher.extend(data[at:end], starts, line + count - 1)
        line += count
        at = end


READER = Reader("one JSON object a line: LogLeap's own form, or any by --mapping", _recognises, _read)
