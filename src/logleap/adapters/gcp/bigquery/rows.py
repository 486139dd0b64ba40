"""Entries as the rows that BigQuery's two ways of streaming take, in pieces that fit into one request."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from logleap.domain.entries import Batch, Entries, Entry

REQUEST_BYTES = 4_000_000
"""How large a request grows at most, unless a single row is larger (an entry has up to 1 MiB).

AppendRows takes less than 20 MB (the documentation of AppendRowsRequest), insertAll 10 MB
(https://cloud.google.com/bigquery/quotas#streaming_inserts). A smaller one is through, or sent again, within
the time for a call on a slower line too; from here on larger ones save little.
"""

INSERT_ROWS = 500
"""Rows of an insertAll: the documentation advises 500 at most, 50,000 are refused (same page)."""

_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("segmentId", pa.string(), nullable=False),
    pa.field("owner", pa.string()),
    pa.field("content", pa.string(), nullable=False),
    pa.field("context", pa.string()),
    pa.field("batchId", pa.string()),
    pa.field("sequence", pa.int64()),
]

ARROW_SCHEMA = pa.schema(_FIELDS)


def arrow_pieces(batch: Batch, entries: Sequence[Entry], first_sequence: int) -> Iterator[pa.RecordBatch]:
    """The entries as Arrow record batches: built column by column, then cut without copying."""
    given = Entries.of(entries)
    rows = len(given)
    columns: list[pa.Array[Any]] = [
        pa.Array.from_buffers(pa.timestamp("us", tz="UTC"), rows, [None, pa.py_buffer(given.micros)]),
        pa.repeat(batch.dataset_id, rows),
        pa.repeat(batch.owner, rows),
        pa.array(given.messages, pa.string()),
        pa.array(given.contexts, pa.string()),
        pa.repeat(batch.batch_id, rows),
        pa.arange(first_sequence, first_sequence + rows),  # type: ignore[attr-defined]  # of pyarrow 21
    ]
    return _halved(pa.RecordBatch.from_arrays(columns, schema=ARROW_SCHEMA))


def _halved(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if rows.nbytes <= REQUEST_BYTES or rows.num_rows == 1:
        yield rows
        return
    middle = rows.num_rows // 2
    yield from _halved(rows.slice(0, middle))
    yield from _halved(rows.slice(middle))


JsonRow = dict[str, Any]


def json_pieces(batch: Batch, entries: Sequence[Entry], first_sequence: int) -> Iterator[list[JsonRow]]:
    """The entries as lists of rows for insertAll, which is sent as JSON."""
    piece: list[JsonRow] = []
    size = 0
    for sequence, entry in enumerate(entries, first_sequence):
        grown = size + _most_json_bytes(entry)
        if piece and (len(piece) == INSERT_ROWS or grown > REQUEST_BYTES):
            yield piece
            piece, grown = [], _most_json_bytes(entry)
        size = grown
        piece.append(
            {
                "timestamp": entry.timestamp.isoformat(),
                "segmentId": batch.dataset_id,
                "owner": batch.owner,
                "content": entry.message,
                "context": entry.context,
                "batchId": batch.batch_id,
                "sequence": sequence,
            }
        )
    if piece:
        yield piece


def _most_json_bytes(entry: Entry) -> int:
    """A bound that costs no encoding: the client escapes what is not ASCII (😀 takes 12 bytes)."""
    texts = (entry.message, entry.context or "")
    return 1_000 + sum(len(text) * (6 if text.isascii() else 12) for text in texts)
