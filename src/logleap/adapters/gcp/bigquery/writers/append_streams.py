"""Streams of the Storage Write API that stay open, shared by all threads and tables of the process."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse

from logleap.adapters.gcp.bigquery.writers.base import AppendRejected
from logleap.adapters.gcp.google.deadlines import ATTEMPT_SECONDS

MAX_STREAMS = 2
IDLE_SECONDS = 30.0
"""After that a stream is ended; BigQuery ends it after 600."""


Request: Any = AppendRowsRequest.pb()
"""The messages are protobuf's own: around them the client's take as long as all else here."""

_Response: Any = AppendRowsResponse.pb()


def routing(request: Any) -> tuple[str, str]:
    """The header that leads a stream to the table's region.

    https://cloud.google.com/bigquery/docs/write-api#error_handling
    """
    return "x-goog-request-params", f"write_stream={request.write_stream}"


class AppendStreams:
    """Sends each request on the less busy of two open streams, without waiting for the answers to others.

    BigQuery wants few connections with many appends on each, which may go to several tables of a region:
    https://cloud.google.com/bigquery/docs/write-api#connections and the documentation of AppendRowsRequest.
    Against a stream for each append this saves the opening, some 0.3 s on the real service
    (https://github.com/googleapis/python-bigquery-storage/pull/284), and about 0.4 ms of our CPU: 0.4 ms are
    left for an append of one row, 1 ms for one of 1000.
    """

    def __init__(self, client: Callable[[], BigQueryWriteClient]) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._streams: list[_Stream] = []

    def send(self, request: Any) -> Any:
        """The answer to `request`. Raises AppendRejected if the stream broke, for any reason, or hung."""
        stream, answer = self._submit(request)
        try:
            return answer.result(ATTEMPT_SECONDS)
        except TimeoutError as error:
            stream.cancel()
            raise AppendRejected("no answer on a shared stream") from error

    def close(self) -> None:
        """End the streams, and wait a moment for the answers that are due."""
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.end()
        for stream in streams:
            stream.join()

    def _submit(self, request: Any) -> "tuple[_Stream, Future[Any]]":
        with self._lock:
            self._streams = [stream for stream in self._streams if not stream.ended]
            idlest = min(self._streams, key=lambda stream: stream.busy, default=None)
            if idlest is None or (idlest.busy and len(self._streams) < MAX_STREAMS):
                idlest = _Stream(self._client(), request)
                self._streams.append(idlest)
            return idlest, idlest.send(request)


class _Stream:
    """One AppendRows call. Answers come in the order of the requests."""

    def __init__(self, client: BigQueryWriteClient, first: Any) -> None:
        self._lock = threading.Lock()
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._waiting: deque[Future[Any]] = deque()
        self.ended = False
        # Not by the client's own method, which returns after the first answer: too late to cancel.
        transport: Any = client.transport
        append_rows = transport.grpc_channel.stream_stream(
            "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows",
            request_serializer=Request.SerializeToString,
            response_deserializer=_Response.FromString,
        )
        self._call = append_rows(iter(self._next_request, None), metadata=[routing(first)])
        self._receiver = threading.Thread(target=self._receive, name="bigquery-append", daemon=True)
        self._receiver.start()

    @property
    def busy(self) -> int:
        """How many answers are due."""
        return len(self._waiting)

    def send(self, request: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._lock:
            if self.ended:
                answer.set_exception(AppendRejected("the stream has ended"))
            else:
                self._waiting.append(answer)
                self._requests.put(request)
        return answer

    def end(self) -> None:
        with self._lock:
            self.ended = True
        self._requests.put(None)

    def join(self) -> None:
        self._receiver.join(ATTEMPT_SECONDS)

    def cancel(self) -> None:
        self._call.cancel()

    def _next_request(self) -> Any:
        """Called by gRPC's own thread; None ends the stream."""
        while True:
            try:
                return self._requests.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if not self._waiting:
                        self.ended = True
                        return None

    def _receive(self) -> None:
        reason: grpc.RpcError | None = None
        try:
            for answer in self._call:
                self._waiting.popleft().set_result(answer)
        except grpc.RpcError as error:
            reason = error
        finally:
            self.end()
            while self._waiting:
                broken = AppendRejected("the stream broke")
                broken.__cause__ = reason
                self._waiting.popleft().set_exception(broken)
