"""Firestore's requests on documents, with protobuf's own messages.

Google's client puts an object of its own around each message and each value in it (proto-plus), and copies
each answer twice: of an upload of one entry that took more CPU than all that LogLeap does. Here the bare
messages go over a channel of our own, with the headers, errors and retries of the library.

The requests: https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/firestore.proto
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from google.api_core import exceptions
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.gapic_v1 import routing_header
from google.api_core.grpc_helpers import wrap_errors
from google.api_core.retry import Retry
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.documents import Document
from logleap.adapters.gcp.firestore.values import decoded, encoded
from logleap.adapters.gcp.google.clients import FirestoreConnection

VERIFY_UNSUPPORTED = (exceptions.InvalidArgument, exceptions.MethodNotImplemented, exceptions.Unknown)
"""How a service refuses `Writes.verify` that does not know it."""


class FirestoreRpc:
    """Methods of `google.firestore.v1.Firestore` on one database (`projects/…/databases/…`).

    They take the fields of their request without `database`, and `retry` and `timeout` as in CallOptions.
    `batch_get` answers BatchGetDocumentsResponses as they come. All raise Google's errors.
    """

    def __init__(self, connection: FirestoreConnection, database: str) -> None:
        self._database = database
        user_agent = DEFAULT_CLIENT_INFO.to_grpc_metadata()  # type: ignore[no-untyped-call]
        routing = routing_header.to_grpc_metadata({"database": database})  # type: ignore[no-untyped-call]
        prefix = ("google-cloud-resource-prefix", database)
        self._metadata = [user_agent, prefix, *connection.headers, routing]
        self.close: Callable[[], None] = connection.channel.close
        streamed, single = connection.channel.unary_stream, connection.channel.unary_unary
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


class StoredDocument:
    """What a request found under a document's name: the `fields` it asked for; none without a document."""

    def __init__(self, answer: Any) -> None:
        """`answer`: a BatchGetDocumentsResponse with a result."""
        self.name: str = answer.found.name or answer.missing
        self.fields: Document = decoded(answer.found.fields)
        self._answer = answer

    @property
    def read_time(self) -> datetime:
        """By the server's clock, to the nanosecond."""
        return _time(self._answer.read_time)

    @property
    def update_time(self) -> datetime:
        """Of the last write to the document, if there is one; likewise."""
        return _time(self.update_timestamp)

    @property
    def update_timestamp(self) -> Timestamp:
        """The update time as a precondition takes it."""
        message: Timestamp = self._answer.found.update_time
        return message


_time: Callable[[Any], datetime] = DatetimeWithNanoseconds.from_timestamp_pb


class Writes:
    """Changes to documents, each with its precondition: committed together, all or none, in this order.

    A document's name is `projects/…/databases/…/documents/…`.
    """

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def create(self, name: str, document: Document) -> None:
        """Add a document. The commit raises AlreadyExists if there is one."""
        self._put(name, document, current_document={"exists": False})

    def set(self, name: str, document: Document) -> None:
        """Put a document there, whatever was there before."""
        self._put(name, document)

    def update(self, name: str, fields: Document, *, if_unchanged_since: Timestamp | None = None) -> None:
        """Replace these fields of a document.

        The commit raises NotFound if there is none, and FailedPrecondition if the document was not written
        last at `if_unchanged_since`, where that is given.
        """
        condition = {"exists": True} if if_unchanged_since is None else {"update_time": if_unchanged_since}
        self._put(name, fields, update_mask={"field_paths": sorted(fields)}, current_document=condition)

    def raise_to(self, name: str, fields: Document, counter: str, value: int) -> None:
        """Replace these fields of a document, and its integer `counter` if that is smaller than `value`.

        If there is no document, it is added.
        """
        transform = {"field_path": counter, "maximum": {"integer_value": value}}
        self._put(name, fields, update_mask={"field_paths": sorted(fields)}, update_transforms=[transform])

    def delete(self, name: str, *, if_unchanged_since: Timestamp | None = None) -> None:
        """Remove a document, if there is one.

        The commit raises FailedPrecondition or NotFound if the document was not written last at
        `if_unchanged_since`, where that is given.
        """
        condition = {} if if_unchanged_since is None else {"update_time": if_unchanged_since}
        self.messages.append(_Write(delete=name, **({"current_document": condition} if condition else {})))

    def remove(self, name: str) -> None:
        """Remove a document. The commit raises NotFound if there is none."""
        self.messages.append(_Write(delete=name, current_document={"exists": True}))

    def verify(self, name: str, update_time: Timestamp) -> None:
        """Change nothing. The commit raises FailedPrecondition unless the document was last written then.

        It needs the right to read alone. Google's published messages lack it; Firebase's clients, which send
        it with their transactions, have it as field 5, a document's name as in `delete`
        (https://github.com/firebase/firebase-js-sdk/tree/main/packages/firestore/src/protos). A service that
        does not know it sees a write that does nothing: the emulator then raises InvalidArgument.
        """
        delete = _Write(delete=name, current_document={"update_time": update_time})
        self.messages.append(_with_field_number_5(delete))

    def _put(self, name: str, fields: Document, **others: Any) -> None:
        self.messages.append(_Write(update={"name": name, "fields": encoded(fields)}, **others))


_Write: Any = types.Write.pb()


def _with_field_number_5(delete: Any) -> Any:
    """The write with its first field, `delete` (2), renumbered: only its tag differs, which is one byte.

    https://protobuf.dev/programming-guides/encoding/#structure
    """
    tag = bytes([5 << 3 | 2])
    return _Write.FromString(tag + delete.SerializeToString()[1:])


def update_times(answer: Any) -> Sequence[Timestamp]:
    """When each document of a CommitResponse was written, in the order of the writes."""
    return [result.update_time for result in answer.write_results]
