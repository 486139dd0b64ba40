"""A training set as Arrow record batches, for pandas, Polars, DuckDB, PyTorch. Needs the extra `arrow`.

import pyarrow as pa
from logleap.arrow import SCHEMA, record_batches

def train_model(context):
    table = pa.Table.from_batches(record_batches(context.training_set), SCHEMA)
"""

from collections.abc import Iterator, Sequence
from typing import Any

from logleap.codecs.packed.columns import text_size
from logleap.domain.entries import Entries
from logleap.extras import needing
from logleap.ports.task import TrainingSet

with needing("arrow", "logleap.arrow"):
    import pyarrow as pa

    from logleap.codecs.export.arrow_columns import TIME, contexts, messages, times

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("timestamp", TIME, nullable=False),
    pa.field("message", pa.string(), nullable=False),
    pa.field("context", pa.string()),
]

SCHEMA = pa.schema(_FIELDS)

MAX_ROWS = 10_000
MAX_TEXT = 64 << 20
"""Bytes of a record batch's texts, about, but for one that is longer because its entries came together."""


def record_batches(training_set: TrainingSet, max_rows: int = MAX_ROWS) -> Iterator[pa.RecordBatch]:
    """Each entry once, in record batches of `SCHEMA` with `max_rows` rows at most, in bounded memory.

    The order is that of `columns()`: a batch's entries in theirs, the batches in any. Raises CountMismatch,
    at the end, if entries were missing or too many; ValueError for a `max_rows` below 1.
    """
    if max_rows < 1:
        raise ValueError(f"max_rows is {max_rows}; it must be 1 or more.")
    parts: list[Entries] = []
    rows = text = 0
    for entries in training_set.columns():
        held = text_size(entries)
        start = 0
        while start < len(entries):
            part = entries[start : start + max_rows - rows]
            start += len(part)
            parts.append(part)
            rows += len(part)
            text += held * len(part) // len(entries)
            if rows == max_rows or text >= MAX_TEXT:
                yield _record_batch(parts)
                parts, rows, text = [], 0, 0
    if parts:
        yield _record_batch(parts)


def _record_batch(parts: Sequence[Entries]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([times(parts), messages(parts), contexts(parts)], schema=SCHEMA)
