"""Rows as Parquet files: written and read by row groups, in bounded memory."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logleap.codecs.export import arrow_columns
from logleap.codecs.packed.columns import text_size
from logleap.domain.entries import Entries, Entry, PlacedEntries, Row
from logleap.domain.times import from_micros
from logleap.ordering.merge import Piece
from logleap.reporting.block import Block

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("batchId", pa.string(), nullable=False),
    pa.field("sequence", pa.int64(), nullable=False),
    pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("content", pa.string(), nullable=False),
    pa.field("context", pa.string()),
]

SCHEMA = pa.schema(_FIELDS)

_GROUP_ROWS = 50_000
_GROUP_TEXT = 16_000_000  # bytes; about what one row group holds at most, but for a single long row
_PART_ROWS = 5_000
_READ_ROWS = 1_000


def write_entries(path: Path, entries: Iterable[PlacedEntries]) -> None:
    """Make a file of all entries, in their order. Raises ValueError if a text is not UTF-8."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for group in _groups(entries):
            writer.write_table(pa.Table.from_batches(group, SCHEMA), _GROUP_ROWS)


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """All rows, in the order of writing."""
    for columns in _read_columns(file):
        for batch_id, sequence, micros, message, context in zip(*columns, strict=True):
            yield Row(batch_id, sequence, Entry(from_micros(micros), message, context))


def read_blocks(file: BinaryIO, *, packed: bool = False) -> Iterator[Block]:
    """All rows as blocks, in the order of writing."""
    for ids, *columns in _read_columns(file):
        start = 0
        for batch_id, batch in groupby(ids):
            end = start + sum(1 for _ in batch)
            sequences, micros, messages, contexts = (column[start:end] for column in columns)
            yield Block(batch_id, sequences, Entries(array("q", micros), messages, contexts))
            start = end


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """The row groups, in the order of their earliest entry: read when they are its turn."""
    parquet = pq.ParquetFile(file)
    found = []
    for number in range(parquet.num_row_groups):
        first, last = _times_of(parquet, number)
        found.append(Piece(first, last, partial(_row_group, parquet, number)))
    return iter(sorted(found, key=attrgetter("first")))


def find_row(file: BinaryIO, batch_id: str, sequence: int) -> int | None:
    """The time of the row at this place, in microseconds since 1970."""
    parquet = pq.ParquetFile(file)
    for number in range(parquet.num_row_groups):
        places = parquet.read_row_group(number, ["batchId", "sequence"])
        same_batch = pc.equal(places["batchId"], pa.scalar(batch_id))
        same: Any = pc.and_(same_batch, pc.equal(places["sequence"], pa.scalar(sequence)))
        index = same.index(True).as_py()
        if index >= 0:
            times: Any = parquet.read_row_group(number, ["timestamp"])["timestamp"].cast(pa.int64())
            return int(times[index].as_py())
    return None


def _times_of(parquet: pq.ParquetFile, number: int) -> tuple[int, int]:
    """The times of the earliest and the latest row of a row group: from the footer, else by reading them."""
    column = parquet.metadata.row_group(number).column(SCHEMA.get_field_index("timestamp"))
    statistics = column.statistics
    if statistics is not None and statistics.has_min_max:
        raw: Any = statistics
        return int(raw.min_raw), int(raw.max_raw)
    found: Any = pc.min_max(parquet.read_row_group(number, ["timestamp"])["timestamp"].cast(pa.int64()))
    return int(found["min"].as_py()), int(found["max"].as_py())


def _row_group(parquet: pq.ParquetFile, number: int) -> PlacedEntries:
    columns: Any = parquet.read_row_group(number).columns
    ids, sequences, timestamps, messages, contexts = columns
    micros = array("q", timestamps.cast(pa.int64()).to_pylist())
    entries = Entries(micros, messages.to_pylist(), contexts.to_pylist())
    return PlacedEntries(entries, ids.to_pylist(), sequences.to_pylist())


def read_entries(file: BinaryIO) -> Iterator[Entries]:
    """All entries by column, in the order of writing."""
    for _, _, micros, messages, contexts in _read_columns(file):
        yield Entries(array("q", micros), messages, contexts)


def count_rows(file: BinaryIO) -> int:
    """The number of rows, by reading all of them."""
    return sum(batch.num_rows for batch in pq.ParquetFile(file).iter_batches(_GROUP_ROWS))


def _read_columns(file: BinaryIO) -> Iterator[list[list[Any]]]:
    """The columns of some rows at a time, as in `SCHEMA`; times in microseconds since 1970."""
    for batch in pq.ParquetFile(file).iter_batches(_READ_ROWS):
        ids, sequences, timestamps, messages, contexts = batch.columns
        yield [
            ids.to_pylist(),
            sequences.to_pylist(),
            timestamps.cast(pa.int64()).to_pylist(),
            messages.to_pylist(),
            contexts.to_pylist(),
        ]


def _groups(entries: Iterable[PlacedEntries]) -> Iterator[Sequence[pa.RecordBatch]]:
    """The entries in row groups, each in parts: between two of them the interpreter is free for others."""
    group: list[pa.RecordBatch] = []
    number = text = 0
    for block in entries:
        each = text_size(block.entries) / max(len(block), 1)
        start = 0
        while start < len(block):
            most = min(_PART_ROWS, _GROUP_ROWS - number, int((_GROUP_TEXT - text) / max(each, 1)) + 1)
            part = block.part(start, min(start + most, len(block)))
            start += len(part)
            group.append(_record_batch(part))
            number += len(part)
            text += int(each * len(part))
            if number == _GROUP_ROWS or text >= _GROUP_TEXT:
                yield group
                group, number, text = [], 0, 0
    if group:
        yield group


def _record_batch(part: PlacedEntries) -> pa.RecordBatch:
    entries = [part.entries]
    texts = [arrow_columns.messages(entries), arrow_columns.contexts(entries)]
    for column in texts:
        column.validate(full=True)  # packed texts were not decoded
    columns = [
        arrow_columns.batch_ids([part]),
        arrow_columns.sequences([part]),
        arrow_columns.times(entries),
        *texts,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
