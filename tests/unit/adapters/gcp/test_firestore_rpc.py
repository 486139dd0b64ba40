"""What goes over the wire to Firestore is what Google's client would send; so is what is made of errors."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1._helpers import encode_dict
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.gcp.firestore.database import FirestoreDatabase, Snapshot, digest
from logleap.adapters.gcp.firestore.rpc import Writes
from logleap.adapters.gcp.firestore.values import decoded, encoded
from logleap.adapters.gcp.google.clients import connect_firestore, firestore_client
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.receipts import FirestoreReceiptLedger
from logleap.domain.datasets import Dataset, State
from logleap.domain.entries import Receipt

NAMES = st.from_regex(r"[a-zA-Z]{1,8}", fullmatch=True)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)


@given(DOCUMENTS)
def test_fields_are_encoded_as_googles_client_does(document: dict[str, Any]) -> None:
    theirs = {name: types.Value.pb(value) for name, value in encode_dict(document).items()}
    assert encoded(document) == theirs


@given(DOCUMENTS)
def test_fields_come_back_the_same(document: dict[str, Any]) -> None:
    assert decoded(encoded(document)) == document


def test_a_kind_that_no_document_has_is_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        encoded({"field": [1]})


# ---- a service that notes what it is asked -----------------------------------------------------------------

Answers = Callable[[Any, grpc.ServicerContext], Iterator[Any]]


@dataclass
class Service:
    """Answers reads as `answers` says, and takes all commits. `asked`: method, request and headers."""

    answers: Answers
    asked: list[tuple[str, bytes, dict[str, str | bytes]]] = field(default_factory=list)

    def batch_get(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._note("BatchGetDocuments", request, context)
        yield from self.answers(request, context)

    def commit(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._note("Commit", request, context)
        return types.CommitResponse.pb()()

    def rollback(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._note("Rollback", request, context)
        return Empty()

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]

    def _note(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        headers = dict(context.invocation_metadata())
        self.asked.append((method, request.SerializeToString(deterministic=True), headers))


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address at which it answers."""

    def form(request: Any) -> dict[str, Any]:
        return {
            "request_deserializer": request.pb().FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "BatchGetDocuments": grpc.unary_stream_rpc_method_handler(
            service.batch_get, **form(types.BatchGetDocumentsRequest)
        ),
        "Commit": grpc.unary_unary_rpc_method_handler(service.commit, **form(types.CommitRequest)),
        "Rollback": grpc.unary_unary_rpc_method_handler(service.rollback, **form(types.RollbackRequest)),
    }
    name = "google.firestore.v1.Firestore"
    with ThreadPoolExecutor(2, "service") as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Service], FirestoreDatabase]]:
    """Makes the database of a service."""
    with ExitStack() as stack:

        def database(service: Service) -> FirestoreDatabase:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.enter_context(serving(service)))
            made = FirestoreDatabase(firestore_client("p"), connect_firestore)
            stack.callback(made.close)
            return made

        yield database


def answer(**found: Any) -> Any:
    return types.BatchGetDocumentsResponse.pb()(read_time=Timestamp(seconds=2), **found)


def a_document(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    """Version 3, whatever is asked for."""
    document = {
        "name": request.documents[0],
        "fields": encoded({"version": 3}),
        "update_time": Timestamp(seconds=1, nanos=5),
    }
    yield answer(found=document, transaction=b"t" if request.HasField("new_transaction") else b"")


@pytest.mark.parametrize("fields", [None, ["gate", "version"]])
def test_a_read_is_googles_to_the_last_header(
    connect: Callable[[Service], FirestoreDatabase], fields: list[str] | None
) -> None:
    service = Service(a_document)
    database = connect(service)
    ours = database.read(database.dataset("d"), Deadline(), fields)
    theirs = database.datasets().document("d").get(fields, **Deadline().retryable())
    first, second = service.asked
    assert first == second
    assert ours.fields == theirs.to_dict()
    assert (ours.read_time, ours.update_time) == (theirs.read_time, theirs.update_time)


def test_a_commit_is_googles_to_the_last_header(connect: Callable[[Service], FirestoreDatabase]) -> None:
    service = Service(a_document)
    database = connect(service)
    document = {"entries": 3, "key": "key", "createdAt": datetime.now(UTC)}
    since = Timestamp(seconds=3, nanos=5_000)  # theirs cuts off what is below a microsecond
    with database.transaction(database.dataset("d"), ["version"], Deadline()) as (writes, _):
        writes.update(database.dataset("d"), {"gate": None})
        writes.create(database.receipt("d", "key"), document)
        writes.set(database.key("k"), document)
        writes.update(database.key("l"), document, if_unchanged_since=since)
        writes.delete(database.key("m"))
    theirs = database.client.transaction()
    theirs.update(database.datasets().document("d"), {"gate": None})
    theirs.create(database.receipts("d").document(digest("key")), document)
    theirs.set(database.keys().document("k"), document)
    seen = DatetimeWithNanoseconds.from_timestamp_pb(since)  # type: ignore[no-untyped-call]
    unchanged = database.client.write_option(last_update_time=seen)
    theirs.update(database.keys().document("l"), document, option=unchanged)
    theirs.delete(database.keys().document("m"))
    request = {"database": database.client._database_string, "transaction": b"t", "writes": theirs._write_pbs}
    database.client._firestore_api.commit(request, metadata=database.client._rpc_metadata)
    _, first, second = service.asked
    assert first == second


def test_a_commit_can_verify_that_a_document_is_as_it_was_found(
    connect: Callable[[Service], FirestoreDatabase],
) -> None:
    service = Service(a_document)
    database = connect(service)
    writes = Writes()
    found = database.read(database.dataset("d"), Deadline())
    writes.verify(found.name, found.update_timestamp)
    database.commit(writes, **Deadline().single_attempt())
    (verify,) = types.CommitRequest.pb().FromString(service.asked[-1][1]).writes
    assert verify.WhichOneof("operation") is None
    (unknown,) = UnknownFieldSet(verify)
    assert (unknown.field_number, unknown.data.decode()) == (5, database.dataset("d"))
    assert verify.current_document.update_time == Timestamp(seconds=1, nanos=5)


TRANSACTION = ["BatchGetDocuments", "Commit"]


class Refusing(Service):
    """A service that answers verifying commits with these codes in turn, and takes them after that."""

    def __init__(self, *codes: grpc.StatusCode) -> None:
        super().__init__(a_document)
        self._codes = iter(codes)

    def commit(self, request: Any, context: grpc.ServicerContext) -> Any:
        answer = super().commit(request, context)
        if any(write.WhichOneof("operation") is None for write in request.writes):
            code = next(self._codes, None)
            if code is not None:
                context.abort(code, "made up by a test")
        return answer


@pytest.fixture
def add_two(connect: Callable[[Service], FirestoreDatabase]) -> Callable[[Service], list[str]]:
    """Adds two receipts to a data set that was seen; the methods of the requests for that."""

    def methods(service: Service) -> list[str]:
        database = connect(service)
        now = datetime.now(UTC)
        dataset = Dataset("d", "owner", now, now, state=State.UPLOADING, version=3)
        database.snapshots.put("d", Snapshot(dataset, database.read(database.dataset("d"), Deadline())))
        ledger = FirestoreReceiptLedger(database)
        service.asked.clear()
        for key in ("first", "second"):
            receipt = Receipt("d", key, key, 3, "ab" * 32, now)
            assert ledger.add(receipt, dataset.version) == receipt
        return service.methods()

    return methods


def test_a_service_that_refuses_a_wrong_verification_is_asked_for_verifications(
    add_two: Callable[[Service], list[str]],
) -> None:
    service = Refusing(grpc.StatusCode.FAILED_PRECONDITION)
    assert add_two(service) == ["Commit", "Commit", "Commit"]
    (probe,), *commits = (types.CommitRequest.pb().FromString(each).writes for _, each, _ in service.asked)
    assert probe.current_document.update_time == Timestamp(seconds=0)
    for verify, create in commits:
        assert verify.current_document.update_time == Timestamp(seconds=1, nanos=5)
        assert create.current_document.exists is False


@pytest.mark.parametrize(
    "service",
    [
        Service(a_document),  # takes the commit and passes over what it does not know
        Refusing(grpc.StatusCode.INVALID_ARGUMENT),
        Refusing(grpc.StatusCode.UNIMPLEMENTED),
        Refusing(grpc.StatusCode.UNKNOWN),
    ],
    ids=["passes over it", "invalid", "unimplemented", "unknown"],
)
def test_a_service_without_verify_is_asked_for_transactions_from_then_on(
    add_two: Callable[[Service], list[str]], caplog: pytest.LogCaptureFixture, service: Service
) -> None:
    assert add_two(service) == ["Commit", *TRANSACTION, *TRANSACTION]
    assert caplog.text.count("does not support `verify`") == 1


def test_a_service_that_verifies_no_more_is_asked_for_transactions_from_then_on(
    add_two: Callable[[Service], list[str]],
) -> None:
    service = Refusing(grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT)
    assert add_two(service) == ["Commit", "Commit", *TRANSACTION, *TRANSACTION]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "PERMISSION_DENIED", "CANCELLED"])
def test_a_service_that_cannot_tell_now_whether_it_verifies_is_asked_again(
    add_two: Callable[[Service], list[str]], code: str
) -> None:
    service = Refusing(grpc.StatusCode[code], grpc.StatusCode.FAILED_PRECONDITION)
    assert add_two(service) == ["Commit", *TRANSACTION, "Commit", "Commit"]


def test_a_document_that_is_missing_has_no_fields(connect: Callable[[Service], FirestoreDatabase]) -> None:
    database = connect(Service(lambda request, context: iter([answer(missing=request.documents[0])])))
    assert database.read(database.dataset("d"), Deadline()).fields == {}


def test_a_transaction_may_be_told_before_its_document(
    connect: Callable[[Service], FirestoreDatabase],
) -> None:
    def answers(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield answer(transaction=b"first")
        yield from (answer(found=each.found) for each in a_document(request, context))

    service = Service(answers)
    database = connect(service)
    with database.transaction(database.dataset("d"), ["version"], Deadline()) as (_, found):
        assert found.fields == {"version": 3}
    assert b"first" in service.asked[-1][1]
    assert service.methods() == ["BatchGetDocuments", "Commit"]


def test_a_transaction_that_fails_is_rolled_back(connect: Callable[[Service], FirestoreDatabase]) -> None:
    service = Service(a_document)
    database = connect(service)
    with pytest.raises(KeyError), database.transaction(database.dataset("d"), ["version"], Deadline()):
        raise KeyError
    assert service.methods() == ["BatchGetDocuments", "Rollback"]


def test_a_read_is_tried_again_and_its_errors_are_googles(
    connect: Callable[[Service], FirestoreDatabase],
) -> None:
    codes = iter([grpc.StatusCode.UNAVAILABLE, None, grpc.StatusCode.PERMISSION_DENIED])

    def answers(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        code = next(codes)
        if code is not None:
            context.abort(code, "made up by a test")
        yield from a_document(request, context)

    service = Service(answers)
    database = connect(service)
    assert database.read(database.dataset("d"), Deadline()).fields == {"version": 3}
    with pytest.raises(exceptions.PermissionDenied):
        database.read(database.dataset("d"), Deadline())
    assert len(service.asked) == 3


def test_a_read_takes_no_thread_of_its_own(connect: Callable[[Service], FirestoreDatabase]) -> None:
    seen: set[threading.Thread] = set()

    def answers(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        seen.update(threading.enumerate())
        yield from a_document(request, context)

    database = connect(Service(answers))
    before = set(threading.enumerate())
    database.read(database.dataset("d"), Deadline())
    ours = [thread.name for thread in seen - before if not thread.name.startswith("service")]
    assert ours == []
