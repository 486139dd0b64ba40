"""Rows by the Storage Write API: Arrow record batches over gRPC, to a table's default stream."""

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse, RowError

from logleap.adapters.gcp.bigquery.rows import ARROW_SCHEMA, arrow_pieces
from logleap.adapters.gcp.bigquery.writers.append_streams import AppendStreams, Request, routing
from logleap.adapters.gcp.bigquery.writers.base import (
    APPEND_SECONDS,
    AppendRejected,
    RowsRefused,
    Writer,
    retry_append,
)
from logleap.adapters.gcp.google.clients import Lazy, close_write_client
from logleap.domain.entries import Batch, Entry

_error: Callable[[int, str], exceptions.GoogleAPICallError] = exceptions.from_grpc_status

_SCHEMA = {"serialized_schema": ARROW_SCHEMA.serialize().to_pybytes()}


class StorageWriter(Writer):
    """Costs about $0.025 a GB: https://cloud.google.com/bigquery/pricing#data_ingestion_pricing.

    A project has 3 GB/s in the multi-regions US and EU, 300 MB/s elsewhere
    (https://cloud.google.com/bigquery/quotas#write-api-limits). The default stream takes rows at least once,
    and needs no CreateWriteStream, of which a project has 10,000 an hour.
    """

    def __init__(self, client: Callable[[], BigQueryWriteClient]) -> None:
        """`client` is called when the first rows come; the writer closes what it made."""
        self._client = Lazy(client, close_write_client)
        self._streams = AppendStreams(self._client)

    def append(
        self, table: bigquery.TableReference, batch: Batch, entries: Sequence[Entry], first_sequence: int
    ) -> None:
        name = (
            f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}/streams/_default"
        )
        for rows in arrow_pieces(batch, entries, first_sequence):
            data = {
                "writer_schema": _SCHEMA,
                "rows": {"serialized_record_batch": rows.serialize().to_pybytes()},
            }
            self._send(Request(write_stream=name, arrow_rows=data))

    def close(self) -> None:
        self._streams.close()
        self._client.close()

    def _send(self, request: Any) -> None:
        # What breaks a shared stream may be another's fault: only a stream of its own tells.
        ways = chain((self._streams.send,), repeat(self._send_alone))
        retry_append(lambda: _check(next(ways)(request)))

    def _send_alone(self, request: Any) -> Any:
        calls, requests = self._client().append_rows, iter((AppendRowsRequest.wrap(request),))
        answers = list(calls(requests, retry=None, timeout=APPEND_SECONDS, metadata=[routing(request)]))
        if not answers:
            raise AppendRejected("the stream ended without an answer")
        return AppendRowsResponse.pb(answers[0])


def _check(answer: Any) -> None:
    if answer.row_errors:
        first = answer.row_errors[0]
        raise RowsRefused(
            f"The Storage Write API refused {len(answer.row_errors)} rows. Row {first.index}: "
            f"{RowError.RowErrorCode(first.code).name}. Compare the table's columns with the docs."
        )
    if answer.error.code:
        raise _error(answer.error.code, answer.error.message)
