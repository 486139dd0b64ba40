"""Google's services as far as an upload needs them, answering at once: what is left is the client's own cost.

    python -m benchmarks.servers.google_stub HTTP_PORT GRPC_PORT

Over HTTP BigQuery's REST API takes all rows and all tables; over gRPC the Storage Write API takes all rows,
and Firestore keeps documents in memory, looks at no precondition but that of `verify`, and adds up nothing:
sums are 0.
"""

import itertools
import re
import socketserver
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1.types import AppendRowsResponse
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    Document,
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    WriteResult,
)
from google.protobuf.timestamp_pb2 import Timestamp

_TABLE = b'{"tableReference": {"projectId": "bench", "datasetId": "logleap", "tableId": "entries"}}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_TABLE),
    _TABLE,
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_THREADS = 16


class _Rest(socketserver.BaseRequestHandler):
    """A kept connection: reads each request whole and gives the one answer."""

    def handle(self) -> None:
        data = b""
        while True:
            while (end := data.find(b"\r\n\r\n")) < 0:
                piece = self.request.recv(1 << 16)
                if not piece:
                    return
                data += piece
            length = _LENGTH.search(data, 0, end + 2)
            left = end + 4 + int(length[1] if length else 0) - len(data)
            while left > 0:
                left -= len(self.request.recv(1 << 18))
            self.request.sendall(_ANSWER)
            data = b""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


# The messages as protobuf has them: the library's own, around them, take more time than all else here.
_Document = Document.meta.pb
_Found = BatchGetDocumentsResponse.meta.pb
_Committed = CommitResponse.meta.pb
_Written = WriteResult.meta.pb
_Aggregated = RunAggregationQueryResponse.meta.pb

_taken = AppendRowsResponse.serialize(AppendRowsResponse(append_result=AppendRowsResponse.AppendResult()))
_now = Timestamp(seconds=1_772_431_200)
_documents: dict[str, Any] = {}
_transactions = itertools.count(1)


def _append_rows(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    for _ in requests:
        yield _taken


def _batch_get(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    begins = request.HasField("new_transaction")
    transaction = str(next(_transactions)).encode() if begins else b""
    for name in request.documents:
        document = _documents.get(name)
        found = {"missing": name} if document is None else {"found": document}
        yield _Found(read_time=_now, transaction=transaction, **found)


def _commit(request: Any, context: grpc.ServicerContext) -> Any:
    for write in request.writes:
        if not write.HasField("update"):  # `verify`, which the published messages lack
            if write.current_document.update_time != _now:
                context.abort(
                    grpc.StatusCode.FAILED_PRECONDITION, "The document was written at another time."
                )
            continue
        document = _Document(name=write.update.name, create_time=_now, update_time=_now)
        if write.update_mask.field_paths and document.name in _documents:
            document.MergeFrom(_documents[document.name])
        for field, value in write.update.fields.items():
            document.fields[field].CopyFrom(value)
        _documents[document.name] = document
    return _Committed(write_results=[_Written(update_time=_now) for _ in request.writes], commit_time=_now)


def _aggregate(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    answer = _Aggregated(read_time=_now)
    for each in request.structured_aggregation_query.aggregations:
        answer.result.aggregate_fields[each.alias].integer_value = 0
    yield answer


def _rollback(request: bytes, context: grpc.ServicerContext) -> bytes:
    return b""  # google.protobuf.Empty


def _services() -> list[grpc.GenericRpcHandler]:
    unary: Callable[..., Any] = grpc.unary_unary_rpc_method_handler
    streaming: Callable[..., Any] = grpc.unary_stream_rpc_method_handler
    return [
        grpc.method_handlers_generic_handler(
            "google.cloud.bigquery.storage.v1.BigQueryWrite",
            {"AppendRows": grpc.stream_stream_rpc_method_handler(_append_rows)},
        ),
        grpc.method_handlers_generic_handler(
            "google.firestore.v1.Firestore",
            {
                "BatchGetDocuments": streaming(_batch_get, **_messages(BatchGetDocumentsRequest)),
                "Commit": unary(_commit, **_messages(CommitRequest)),
                "Rollback": unary(_rollback),
                "RunAggregationQuery": streaming(_aggregate, **_messages(RunAggregationQueryRequest)),
            },
        ),
    ]


def _messages(request: Any) -> dict[str, Any]:
    return {
        "request_deserializer": request.meta.pb.FromString,
        "response_serializer": lambda message: message.SerializeToString(),
    }


def main() -> None:
    """Answer until the process is ended."""
    http_port, grpc_port = map(int, sys.argv[1:])
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers(tuple(_services()))
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    server.start()
    with _Server(("127.0.0.1", http_port), _Rest) as rest:
        rest.serve_forever()


if __name__ == "__main__":
    main()
