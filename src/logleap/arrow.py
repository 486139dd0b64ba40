"""A training set as Arrow record batches, for pandas, Polars, DuckDB, PyTorch. Needs the extra `arrow`.

import pyarrow as pa
from logleap.arrow import SCHEMA, record_batches

def train_model(context):
    table = pa.Table.from_batches(record_batches(context.training_set), SCHEMA)
"""

from array import array
from collections.abc import Iterator
from typing import Any

from logleap.extras import needing
from logleap.ports.task import TrainingSet

with needing("arrow", "logleap.arrow"):
    import pyarrow as pa

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("message", pa.string(), nullable=False),
    pa.field("context", pa.string()),
]

SCHEMA = pa.schema(_FIELDS)

MAX_ROWS = 10_000
MAX_TEXT = 64 << 20
"""Characters of a record batch, but for one that is longer because its entries came together."""


def record_batches(training_set: TrainingSet, max_rows: int = MAX_ROWS) -> Iterator[pa.RecordBatch]:
    """Each entry once, in record batches of `SCHEMA` with `max_rows` rows at most, in bounded memory.

    The order is that of `columns()`: a batch's entries in theirs, the batches in any. Raises CountMismatch,
    at the end, if entries were missing or too many; ValueError for a `max_rows` below 1.
    """
    if max_rows < 1:
        raise ValueError(f"max_rows is {max_rows}; it must be 1 or more.")
    micros, messages, contexts = array("q"), list[str](), list[str | None]()
    text = 0
    for entries in training_set.columns():
        start = 0
        while start < len(entries):
            part = slice(start, start + max_rows - len(messages))
            start = part.stop
            micros.extend(entries.micros[part])
            messages += entries.messages[part]
            contexts += entries.contexts[part]
            text += sum(map(len, entries.messages[part]))
            if len(messages) == max_rows or text >= MAX_TEXT:
                yield _record_batch(micros, messages, contexts)
                micros, messages, contexts, text = array("q"), [], [], 0
    if messages:
        yield _record_batch(micros, messages, contexts)


def _record_batch(micros: "array[int]", messages: list[str], contexts: list[str | None]) -> pa.RecordBatch:
    # The times as they lie in memory: Arrow's are 64-bit numbers in the machine's order, too.
    times = pa.Array.from_buffers(SCHEMA.field("timestamp").type, len(micros), [None, pa.py_buffer(micros)])
    columns = [times, pa.array(messages, pa.string()), pa.array(contexts, pa.string())]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
