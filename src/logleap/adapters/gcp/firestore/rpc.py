"""Firestore's requests that every upload makes, with protobuf's own messages.

Google's client puts an object of its own around each message and each value in it (proto-plus), and copies
what it read, twice: of an upload of one entry that took more CPU than all that LogLeap does. Here the bare
messages go over that client's connection. What the library does about errors, repetitions, deadlines and
headers, it does here too.

The requests: https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/firestore.proto
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.gapic_v1 import routing_header
from google.api_core.grpc_helpers import wrap_errors
from google.api_core.retry import Retry
from google.cloud.firestore import Client, DocumentReference
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.documents import Document
from logleap.adapters.gcp.firestore.values import decoded, encoded


class FirestoreRpc:
    """Methods of `google.firestore.v1.Firestore`, over a client's connection.

    They take the fields of their request without `database`, and `retry` and `timeout` as in CallOptions.
    `batch_get` answers BatchGetDocumentsResponses as they come. All raise Google's errors.
    """

    def __init__(self, client: Client) -> None:
        """Opens the client's connection: build it in the process that uses it."""
        self._database = client._database_string
        user_agent = DEFAULT_CLIENT_INFO.to_grpc_metadata()  # type: ignore[no-untyped-call]
        routing = routing_header.to_grpc_metadata({"database": self._database})  # type: ignore[no-untyped-call]
        self._metadata = [user_agent, *client._rpc_metadata, routing]
        channel = client._firestore_api.transport.grpc_channel
        streamed, single = channel.unary_stream, channel.unary_unary
        reading, found = types.BatchGetDocumentsRequest.pb(), types.BatchGetDocumentsResponse.pb()
        self.batch_get = self._method(streamed, "BatchGetDocuments", reading, found)
        self.commit = self._method(single, "Commit", types.CommitRequest.pb(), types.CommitResponse.pb())
        self.rollback = self._method(single, "Rollback", types.RollbackRequest.pb(), Empty)

    def _method(self, kind: Callable[..., Any], name: str, request: Any, answer: Any) -> Callable[..., Any]:
        stub = kind(
            f"/google.firestore.v1.Firestore/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        send: Callable[..., Any] = wrap_errors(stub)  # type: ignore[no-untyped-call]

        def call(fields: dict[str, Any], *, retry: Retry | None, timeout: float) -> Any:
            message = request(database=self._database, **fields)
            attempt = partial(send, message, timeout=timeout, metadata=self._metadata)
            return attempt() if retry is None else retry(attempt)()

        return call


class Found:
    """What a request found at a place. `fields` are those asked for; none if there is no document."""

    def __init__(self, answer: Any, place: DocumentReference) -> None:
        self.place = place
        self.fields: Document = decoded(answer.found.fields)
        self._answer = answer

    @property
    def read_time(self) -> datetime:
        """By the server's clock, to the nanosecond."""
        return _time(self._answer.read_time)

    @property
    def update_time(self) -> datetime:
        """When the document, if there is one, was written last; likewise."""
        return _time(self.update_time_message)

    @property
    def update_time_message(self) -> Timestamp:
        """The same, as it came."""
        message: Timestamp = self._answer.found.update_time
        return message


_time: Callable[[Any], datetime] = DatetimeWithNanoseconds.from_timestamp_pb


class Writes:
    """What a transaction changes, in its order."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def create(self, place: DocumentReference, document: Document) -> None:
        """Add a document. The commit raises AlreadyExists if there is one."""
        self._add(place, document, current_document={"exists": False})

    def update(self, place: DocumentReference, fields: Document) -> None:
        """Replace these fields of a document. The commit raises NotFound if there is none."""
        self._add(place, fields, update_mask={"field_paths": fields}, current_document={"exists": True})

    def verify(self, place: DocumentReference, update_time: Timestamp) -> None:
        """Change nothing. The commit raises FailedPrecondition unless the document was written last then.

        It needs a right to read alone. Google's published messages lack it; Firebase's clients, which send it
        with their transactions, have it as number 5, a document's name as in `delete`
        (https://github.com/firebase/firebase-js-sdk/tree/main/packages/firestore/src/protos). A service that
        does not know it sees a write that does nothing: the emulator then raises InvalidArgument.
        """
        condition = {"update_time": update_time}
        message = _Write(delete=place._document_path, current_document=condition)
        self.messages.append(_Write.FromString(_VERIFY + message.SerializeToString()[1:]))

    def _add(self, place: DocumentReference, fields: Document, **condition: Any) -> None:
        document = {"name": place._document_path, "fields": encoded(fields)}
        self.messages.append(_Write(update=document, **condition))


_Write: Any = types.Write.pb()
_VERIFY = bytes([5 << 3 | 2])  # its tag: https://protobuf.dev/programming-guides/encoding/#structure
