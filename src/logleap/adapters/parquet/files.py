"""Rows as Parquet files: written and read by row groups, in bounded memory."""

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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
_GROUP_TEXT = 16_000_000  # characters; what one row group holds at most, but for a single long row
_READ_ROWS = 1_000


def write_rows(path: Path, rows: Iterator[Row]) -> None:
    """Make a file of all rows, in their order."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_batch(_record_batch(group))


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


def _groups(rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
    group: list[Row] = []
    text = 0
    for row in rows:
        group.append(row)
        text += len(row.entry.message) + len(row.entry.context or "")
        if len(group) == _GROUP_ROWS or text >= _GROUP_TEXT:
            yield group
            group, text = [], 0
    if group:
        yield group


def _record_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    columns: dict[str, Any] = {
        "batchId": [row.batch_id for row in rows],
        "sequence": [row.sequence for row in rows],
        "timestamp": [row.entry.timestamp for row in rows],
        "content": [row.entry.message for row in rows],
        "context": [row.entry.context for row in rows],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
