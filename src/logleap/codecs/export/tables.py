"""Entries as Arrow streams and Parquet files. Needs pyarrow."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from logleap.domain.entries import PlacedEntries

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
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

_BYTES = 32 << 20
"""Bytes of what is put together, at most, but for a single block."""


def arrow(blocks: Iterable[PlacedEntries], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """An Arrow IPC stream; `metadata` is put into its schema."""
    sink = _Sink()
    with pa.ipc.new_stream(_file(sink), SCHEMA.with_metadata(_bytes(metadata))) as writer:
        for batch in _together(blocks, BATCH_ROWS):
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


def parquet(blocks: Iterable[PlacedEntries], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """A Parquet file; `metadata` is put into its footer. Without the footer no reader opens it."""
    sink = _Sink()
    writer = pq.ParquetWriter(_file(sink), SCHEMA.with_metadata(_bytes(metadata)), compression="zstd")
    for batch in _together(blocks, GROUP_ROWS):
        writer.write_batch(batch, row_group_size=2 * GROUP_ROWS)
        yield sink.taken()
    writer.close()  # not where something was raised: it would write a footer
    yield sink.taken()


class _Sink:
    """What was written and not yet sent."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

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

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _file(sink: Any) -> pa.PythonFile:
    return pa.PythonFile(sink, mode="w")


def _bytes(metadata: Mapping[str, str]) -> dict[bytes | str, bytes | str]:
    return {name.encode(): value.encode() for name, value in metadata.items()}


def _together(blocks: Iterable[PlacedEntries], rows: int) -> Iterator[pa.RecordBatch]:
    """The entries in record batches of `rows`, of twice as many at most."""
    batches: list[pa.RecordBatch] = []
    number = size = 0
    for block in blocks:
        for start in range(0, len(block), rows):
            batch = _record_batch(block.part(start, min(start + rows, len(block))))
            batches.append(batch)
            number += batch.num_rows
            size += batch.nbytes
            if number >= rows or size >= _BYTES:
                yield _joined(batches)
                batches, number, size = [], 0, 0
    if batches:
        yield _joined(batches)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _record_batch(block: PlacedEntries) -> pa.RecordBatch:
    entries, ids = block.entries, block.batch_ids
    rows = len(block)
    same = ids[0] == ids[-1] and ids.count(ids[0]) == rows
    columns: list[pa.Array[Any]] = [
        pa.Array.from_buffers(pa.timestamp("us", tz="UTC"), rows, [None, pa.py_buffer(entries.micros)]),
        pa.array(entries.messages, pa.string()),
        pa.array(entries.contexts, pa.string()),
        pa.repeat(ids[0], rows) if same else pa.array(ids, pa.string()),
        pa.array(block.sequences, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
