"""What a query found, as Arrow record batches: by the Storage Read API.

BigQuery keeps a query's result in a table of its own for a day, which whoever ran the query may read:
https://cloud.google.com/bigquery/docs/cached-results. One stream of it has the rows in the query's order, as
Google's own client reads an ordered result (`max_stream_count` of CreateReadSessionRequest).
"""

import logging
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pyarrow as pa
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.types import (
    CreateReadSessionRequest,
    DataFormat,
    ReadRowsRequest,
    ReadRowsResponse,
    ReadSession,
)

from logleap.adapters.gcp.google.clients import Lazy, close_read_client
from logleap.adapters.gcp.google.deadlines import retrying
from logleap.domain.entries import Entries, PlacedEntries

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
"""For a session to be opened, in one attempt; after so long no other one begins."""

FORGET_SECONDS = 300.0
"""After none could be opened, before the next one is tried."""

CALL_SECONDS = 60.0
"""How long a stream is read by one call: the next one goes on behind what has come."""

ATTEMPTS = 5
"""Calls that break one after another, without rows in between, before the reading is given up."""

_RESUMABLE = (
    exceptions.Aborted,
    exceptions.GatewayTimeout,  # DeadlineExceeded is one
    exceptions.InternalServerError,  # also Unknown, and a connection that broke
    exceptions.ServiceUnavailable,
    exceptions.TooManyRequests,  # ResourceExhausted is one
)

_Request: Any = ReadRowsRequest.pb()
_Response: Any = ReadRowsResponse.pb()


class ArrowResults:
    """Reads results in streams. Needs `bigquery.readsessions.create` in the project, as nothing else does."""

    def __init__(self, client: Callable[[], BigQueryReadClient], pause: float = 0.2) -> None:
        """`client` is called at the first use. `pause`: seconds before a second attempt, then doubled."""
        self._client = Lazy(client, close_read_client)
        self._pause = pause
        self._not_before = 0.0

    def batches(self, table: bigquery.TableReference) -> Iterator[pa.RecordBatch] | None:
        """The rows of a table in their order, some at a time, at least one.

        None, and a line in the log, where no session can be opened: the API is not reachable, or not
        permitted; for a while none is tried then. While they are read, the iterator raises
        GoogleAPICallError.
        """
        if time.monotonic() < self._not_before:
            return None
        try:
            session = self._opened(table)
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            self._not_before = time.monotonic() + FORGET_SECONDS
            cause = error.cause if isinstance(error, exceptions.RetryError) and error.cause else error
            log.warning(
                "BigQuery's Storage Read API opens no session (%s): entries are read in pages, which takes "
                "longer. It needs the role roles/bigquery.readSessionUser in the project.",
                type(cause).__name__,
            )
            return None
        return self._batches(session)

    def close(self) -> None:
        """Close the connection. The next use opens a new one."""
        self._client.close()

    def _opened(self, table: bigquery.TableReference) -> ReadSession:
        request = CreateReadSessionRequest(
            parent=f"projects/{table.project}",
            read_session=ReadSession(
                table=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
                data_format=DataFormat.ARROW,
            ),
            max_stream_count=1,
        )
        client: Any = self._client()
        session: ReadSession = client.create_read_session(
            request, retry=retrying(OPEN_SECONDS), timeout=OPEN_SECONDS
        )
        return session

    def _batches(self, session: ReadSession) -> Iterator[pa.RecordBatch]:
        if not session.streams:
            return  # there are no rows
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            for answer in self._answers(stream.name):
                data = pa.py_buffer(answer.arrow_record_batch.serialized_record_batch)
                rows = pa.ipc.read_record_batch(data, schema)
                if rows.num_rows:
                    yield rows

    def _answers(self, stream: str) -> Iterator[Any]:
        """What ReadRows answers, however often the connection breaks. Raises GoogleAPICallError."""
        transport: Any = self._client().transport
        # Not by the client's own method, which retries for a day.
        read_rows = transport.grpc_channel.unary_stream(
            "/google.cloud.bigquery.storage.v1.BigQueryRead/ReadRows",
            request_serializer=_Request.SerializeToString,
            response_deserializer=_Response.FromString,
        )
        metadata = [("x-goog-request-params", f"read_stream={stream}")]
        rows = failures = 0
        while True:
            request = _Request(read_stream=stream, offset=rows)
            call = read_rows(request, metadata=metadata, timeout=CALL_SECONDS)
            try:
                for answer in call:
                    rows += answer.row_count
                    failures = 0
                    yield answer
                return
            except grpc.RpcError as error:
                failures += 1
                failure = exceptions.from_grpc_error(error)  # type: ignore[no-untyped-call]
                if failures == ATTEMPTS or not isinstance(failure, _RESUMABLE):
                    raise failure from error
            finally:
                call.cancel()  # whoever reads may have stopped
            time.sleep(self._pause * 2 ** (failures - 1))


def entries_of(rows: pa.RecordBatch) -> Entries:
    """The entries of rows with the columns `timestamp`, `content` and `context`."""
    columns: Any = rows
    times = columns.column("timestamp").cast(pa.timestamp("us", tz="UTC"))
    buffer = times.buffers()[1]
    micros = array("q")
    micros.frombytes(buffer[8 * times.offset : 8 * (times.offset + len(times))])
    return Entries(micros, columns.column("content").to_pylist(), columns.column("context").to_pylist())


def placed_of(rows: pa.RecordBatch) -> PlacedEntries:
    """The same, and where they stand, by the columns `batchId` and `sequence`."""
    columns: Any = rows
    return PlacedEntries(
        entries_of(rows), columns.column("batchId").to_pylist(), columns.column("sequence").to_pylist()
    )
