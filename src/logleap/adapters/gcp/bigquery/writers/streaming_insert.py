"""Rows by `tabledata.insertAll`: plain HTTP, for where gRPC does not get through."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.rows import JsonRow, json_pieces
from logleap.adapters.gcp.bigquery.writers.base import (
    APPEND_SECONDS,
    AppendRejected,
    RowsRefused,
    Writer,
    retry_append,
)
from logleap.adapters.gcp.google.clients import Lazy
from logleap.domain.entries import Batch, Entry

_TRANSIENT_REASONS = {"backendError", "internalError", "quotaExceeded", "rateLimitExceeded", "timeout"}
# https://cloud.google.com/bigquery/docs/error-messages


class StreamingInserter(Writer):
    """Costs $0.01 for 200 MB, each row counted as 1 KB at least, and up to eight times as much CPU.

    The price: https://cloud.google.com/bigquery/pricing#data_ingestion_pricing. A project has 1 GB/s in the
    multi-regions US and EU, 300 MB/s elsewhere (https://cloud.google.com/bigquery/quotas#streaming_inserts).
    Each row has an insertId, by which BigQuery drops some repetitions of the last minute, but not all.
    """

    def __init__(self, client: Callable[[], bigquery.Client]) -> None:
        """`client` is called when the first rows come; the writer closes what it made."""
        self._client = Lazy(client, bigquery.Client.close)

    def append(
        self, table: bigquery.TableReference, batch: Batch, entries: Sequence[Entry], first_sequence: int
    ) -> None:
        for rows in json_pieces(batch, entries, first_sequence):
            retry_append(lambda rows=rows: self._insert(table, rows))  # type: ignore[misc]

    def close(self) -> None:
        self._client.close()

    def _insert(self, table: bigquery.TableReference, rows: list[JsonRow]) -> None:
        ids = [f"{row['batchId']}-{row['sequence']}" for row in rows]
        once: Any = None  # the client takes it, but does not say so
        refused = self._client().insert_rows_json(
            table, rows, row_ids=ids, retry=once, timeout=APPEND_SECONDS
        )
        if refused:
            _raise(refused, len(rows))


def _raise(refused: Sequence[Mapping[str, Any]], rows: int) -> None:
    # Of the rows beside a bad one BigQuery says `stopped`; whether it stored others does not matter here,
    # because an append that failed counts for nothing.
    errors = [(row["index"], error) for row in refused for error in row["errors"]]
    causes = [(index, error) for index, error in errors if error.get("reason") != "stopped"]
    if causes and all(error.get("reason") in _TRANSIENT_REASONS for _, error in causes):
        raise AppendRejected(f"insertAll: {causes[0][1]['reason']}")
    index, error = (causes or errors)[0]
    raise RowsRefused(
        f"insertAll refused {len(refused)} of {rows} rows. Row {index}, column "
        f"{error.get('location') or 'unknown'}: {error.get('reason')}. Compare the table's columns with "
        "docs/operations."
    )
