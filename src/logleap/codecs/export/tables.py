"""Entries as Arrow streams and Parquet files. Needs pyarrow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from logleap.codecs.export.arrow_columns import TIME, batch_ids, contexts, messages, sequences, times
from logleap.codecs.packed.columns import text_size
from logleap.domain.entries import PlacedEntries

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("timestamp", TIME, nullable=False),
    pa.field("message", pa.string(), nullable=False),
    pa.field("context", pa.string()),  # text, whatever JSON it is: readers make doubles of large numbers
    pa.field("batchId", pa.string(), nullable=False),
    pa.field("sequence", pa.int64(), nullable=False),
]

SCHEMA = pa.schema(_FIELDS)

BATCH_ROWS = 16_000
"""Rows of a record batch of a stream, about."""

GROUP_ROWS = 50_000
"""Rows of a Parquet row group: as many to twice as many, but for the last, and where texts are very long."""

_LARGE = 1 << 14
"""Bytes of what is sent as it lies in memory; less is put together first."""

_BYTES = 32 << 20
"""Bytes of what is put together, at most, but for a single block."""


def arrow(blocks: Iterable[PlacedEntries], metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """An Arrow IPC stream; `metadata` is put into its schema."""
    sink = _Sink()
    with pa.ipc.new_stream(_file(sink), SCHEMA.with_metadata(_bytes(metadata))) as writer:
        for batch in _together(blocks, BATCH_ROWS):
            writer.write_batch(batch)
            yield from sink.taken()
    yield from sink.taken()


def parquet(blocks: Iterable[PlacedEntries], metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """A Parquet file; `metadata` is put into its footer. Without the footer no reader opens it."""
    sink = _Sink()
    writer = pq.ParquetWriter(_file(sink), SCHEMA.with_metadata(_bytes(metadata)), compression="zstd")
    for batch in _together(blocks, GROUP_ROWS):
        writer.write_batch(batch, row_group_size=2 * GROUP_ROWS)
        yield from sink.taken()
    writer.close()  # not where something was raised: it would write a footer
    yield from sink.taken()


class _Sink:
    """What was written and not yet sent."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = []
        self._size = 0

    def write(self, data: "bytes | pa.Buffer") -> int:
        part = memoryview(data)
        # Of the record batches' columns nothing is copied: they do not change any more.
        self._parts.append(part if len(part) >= _LARGE else part.tobytes())
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def taken(self) -> "Iterator[bytes | memoryview]":
        for large, some in groupby(self._parts, lambda part: len(part) >= _LARGE):
            if large:
                yield from some
            else:
                yield b"".join(some)
        self._parts.clear()


def _file(sink: Any) -> pa.PythonFile:
    return pa.PythonFile(sink, mode="w")


def _bytes(metadata: Mapping[str, str]) -> dict[bytes | str, bytes | str]:
    return {name.encode(): value.encode() for name, value in metadata.items()}


def _together(blocks: Iterable[PlacedEntries], rows: int) -> Iterator[pa.RecordBatch]:
    """The entries in record batches of `rows`, of twice as many at most."""
    parts: list[PlacedEntries] = []
    number = size = 0
    for block in blocks:
        held = text_size(block.entries)
        for start in range(0, len(block), rows):
            part = block.part(start, min(start + rows, len(block)))
            parts.append(part)
            number += len(part)
            size += held * len(part) // len(block)
            if number >= rows or size >= _BYTES:
                yield _record_batch(parts)
                parts, number, size = [], 0, 0
    if parts:
        yield _record_batch(parts)


def _record_batch(parts: Sequence[PlacedEntries]) -> pa.RecordBatch:
    entries = [part.entries for part in parts]
    columns = [
        times(entries),
        messages(entries),
        contexts(entries),
        batch_ids(parts),
        sequences(parts),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
