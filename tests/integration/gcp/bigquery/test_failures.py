"""What the entry store does when BigQuery is away, breaks off, or says no."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse, RowError
from google.rpc.status_pb2 import Status

from logleap.adapters.gcp.bigquery.queries import Queries
from logleap.adapters.gcp.bigquery.writers.base import RowsRefused
from logleap.adapters.gcp.entries import BigQueryEntryStore
from logleap.adapters.gcp.google.clients import bigquery_client
from logleap.domain.entries import Batch, Entry, Manifest
from logleap.ports.errors import Unavailable


class Cable(Protocol):
    def cut(self) -> None: ...
    def clog(self) -> None: ...
    def close(self) -> None: ...


class Recorded(Protocol):
    answers: list[tuple[int, Any] | str | None]
    requests: list[tuple[str, str, Any]]


HANG = "hang"

OpenStore = Callable[..., BigQueryEntryStore]
Append = Callable[[BigQueryEntryStore, str, list[Entry]], None]


def some_entries(number: int) -> list[Entry]:
    noon = datetime(2026, 8, 1, 12, tzinfo=UTC)
    return [Entry(noon + timedelta(seconds=index), f"line {index}") for index in range(number)]


def unavailable_after(call: Callable[[], object]) -> float:
    """Seconds until the call said so."""
    start = time.monotonic()
    with pytest.raises(Unavailable):
        call()
    return time.monotonic() - start


# ---- the service is away -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        ("storage-write", "table-per-dataset", "close"),
        ("storage-write", "table-per-dataset", "clog"),
        ("streaming-insert", "shared-table", "close"),
        ("streaming-insert", "shared-table", "clog"),
    ],
    ids=" ".join,
)
def test_a_service_that_is_down_is_reported_within_ten_seconds(
    open_store: OpenStore, dataset_id: str, append: Append, cables: list[Cable], case: tuple[str, str, str]
) -> None:
    writer, layout, fault = case
    store = open_store(writer, layout)
    store.prepare(dataset_id)
    append(store, "batch", some_entries(2))  # so that there are connections
    manifest = Manifest(dataset_id, {"batch": 2})
    for cable in cables:
        getattr(cable, fault)()
    calls: list[Callable[[], object]] = [
        lambda: store.prepare(str(uuid4())),
        lambda: append(store, "other", some_entries(2)),
        lambda: store.count(manifest),
        lambda: list(store.read(manifest)),
        lambda: store.remove_orphans(manifest),
        lambda: store.drop(dataset_id),
    ]
    with ThreadPoolExecutor(len(calls)) as threads:
        assert max(threads.map(unavailable_after, calls)) < 10


def test_an_open_stream_that_broke_is_replaced(
    open_store: OpenStore, dataset_id: str, append: Append, cables: list[Cable]
) -> None:
    store = open_store("storage-write")
    store.prepare(dataset_id)
    batch_ids = ["one", "two", "three"]
    for batch_id in batch_ids:
        append(store, batch_id, some_entries(2))
        for cable in cables:
            cable.cut()
    assert store.count(Manifest(dataset_id, dict.fromkeys(batch_ids, 2))) == 6


# ---- tables that are not there -----------------------------------------------------------------------------


def test_a_data_set_without_a_table_has_no_rows(open_store: OpenStore, layout: str, dataset_id: str) -> None:
    store = open_store("storage-write", layout)
    manifest = Manifest(dataset_id, {"batch": 2})
    assert store.count(manifest) == 0
    assert list(store.read(manifest)) == []
    assert store.remove_orphans(manifest) == 0
    store.drop(dataset_id)


def test_appending_to_a_table_that_never_comes_says_try_again(
    open_store: OpenStore, writer: str, append: Append
) -> None:
    store = open_store(writer)
    assert unavailable_after(lambda: append(store, "batch", some_entries(1))) < 10


def test_a_bigquery_dataset_that_is_not_there_is_no_empty_data_set(
    open_store: OpenStore, dataset_id: str, tables: bigquery.Client, dataset_name: str
) -> None:
    store = open_store()
    tables.delete_dataset(dataset_name)
    with pytest.raises(exceptions.NotFound):
        store.prepare(dataset_id)


# ---- what insertAll answers --------------------------------------------------------------------------------
# The emulator answers 500 to a bad row, and knows no streaming buffer and no delay of a new table. What the
# service answers is recorded here from its documentation, tabledata.insertAll and "Error messages":
# https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll#response-body
# https://cloud.google.com/bigquery/docs/error-messages

TAKEN = (200, {"kind": "bigquery#tableDataInsertAllResponse"})


def insert_errors(*errors: tuple[int, dict[str, str]]) -> tuple[int, Any]:
    failed = [{"index": index, "errors": [error]} for index, error in errors]
    return 200, {"kind": "bigquery#tableDataInsertAllResponse", "insertErrors": failed}


def error(status: int, reason: str, message: str) -> tuple[int, Any]:
    detail = {"message": message, "domain": "global", "reason": reason}
    return status, {"error": {"code": status, "message": message, "errors": [detail]}}


BAD_ROW = {"reason": "invalid", "location": "content", "debugInfo": "", "message": "Bad value: secret line"}
STOPPED = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
UNKNOWN_TABLE = error(404, "notFound", "Not found: Table logleap-dev:test.entries_1")


@pytest.fixture
def inserting(open_store: OpenStore, append: Append) -> Callable[[], None]:
    """Appends a batch of three rows by insertAll."""
    store = open_store("streaming-insert")
    return lambda: append(store, "batch", some_entries(3))


def test_rows_that_insert_all_refuses_are_an_error_that_names_row_and_column_but_no_content(
    inserting: Callable[[], None], recorded: Recorded
) -> None:
    recorded.answers = [insert_errors((1, BAD_ROW), (0, STOPPED), (2, STOPPED))]
    with pytest.raises(RowsRefused, match=r"refused 3 of 3 rows\. Row 1, column content: invalid") as raised:
        inserting()
    assert "secret" not in str(raised.value)
    assert len(recorded.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        insert_errors((2, {"reason": "backendError"})),
        insert_errors((0, {"reason": "timeout"}), (1, {"reason": "stopped"})),
        UNKNOWN_TABLE,
        error(503, "backendError", "Try again."),
        error(429, "rateLimitExceeded", "Slow down."),
        None,
    ],
    ids=["backendError", "timeout", "new table", "503", "429", "no answer"],
)
def test_what_passes_by_itself_is_sent_again_with_the_same_insert_ids(
    inserting: Callable[[], None], recorded: Recorded, answer: tuple[int, Any] | None
) -> None:
    recorded.answers = [answer, answer, TAKEN]
    inserting()
    first, _, last = (body["rows"] for _, _, body in recorded.requests)
    assert first == last
    assert [row["insertId"] for row in first] == ["batch-0", "batch-1", "batch-2"]


def test_rows_stopped_without_a_reason_are_an_error(
    inserting: Callable[[], None], recorded: Recorded
) -> None:
    recorded.answers = [insert_errors((0, STOPPED))]
    with pytest.raises(RowsRefused, match="stopped"):
        inserting()


def test_a_request_that_is_wrong_is_not_sent_again(inserting: Callable[[], None], recorded: Recorded) -> None:
    recorded.answers = [error(400, "invalid", "No rows present in the request.")]
    with pytest.raises(exceptions.BadRequest):
        inserting()


def test_an_insert_all_has_five_hundred_rows_at_most(
    open_store: OpenStore, recorded: Recorded, append: Append
) -> None:
    recorded.answers = [TAKEN] * 3
    append(open_store("streaming-insert"), "batch", some_entries(1_001))
    assert [len(body["rows"]) for _, _, body in recorded.requests] == [500, 500, 1]


# ---- what a query job answers ------------------------------------------------------------------------------

BUFFERED = (
    "UPDATE or DELETE statement over table test.entries would affect rows in the streaming buffer, "
    "which is not supported"
)


def job(**more: Any) -> tuple[int, Any]:
    status = {"state": "DONE", **more.pop("status", {})}
    return 200, {
        "jobReference": {"projectId": "logleap-dev", "jobId": "a-job", "location": "US"},
        "configuration": {"query": {"query": "DELETE …"}},
        "status": status,
        "statistics": {"query": {"statementType": "DELETE", **more}},
    }


def failed(reason: str, message: str) -> tuple[int, Any]:
    problem = {"reason": reason, "message": message}
    return job(status={"errorResult": problem, "errors": [problem]})


REFUSALS = [
    failed("invalidQuery", BUFFERED),
    error(400, "invalidQuery", BUFFERED),
    failed("invalidQuery", "Could not serialize access to table test.entries due to concurrent update"),
]


@pytest.mark.parametrize("answer", REFUSALS, ids=["buffer, job", "buffer, request", "concurrent"])
def test_rows_that_cannot_be_deleted_yet_stay_for_now(
    open_store: OpenStore, recorded: Recorded, dataset_id: str, answer: tuple[int, Any]
) -> None:
    store = open_store("streaming-insert", "shared-table")
    recorded.answers = [answer, answer]
    assert store.remove_orphans(Manifest(dataset_id, {"batch": 1})) == 0
    with pytest.raises(Unavailable, match="30 to 90 minutes"):
        store.drop(dataset_id)


def test_another_error_of_a_query_is_not_taken_for_not_yet(
    open_store: OpenStore, recorded: Recorded, dataset_id: str
) -> None:
    store = open_store("streaming-insert", "shared-table")
    recorded.answers = [failed("invalidQuery", "Unrecognized name: batchId")]
    with pytest.raises(exceptions.BadRequest):
        store.remove_orphans(Manifest(dataset_id, {"batch": 1}))


def test_a_job_whose_beginning_was_not_answered_is_found_again(
    open_store: OpenStore, recorded: Recorded, dataset_id: str
) -> None:
    store = open_store("storage-write", "shared-table")
    pending = job(status={"state": "RUNNING"})
    recorded.answers = [
        None,
        error(409, "duplicate", "Already Exists: Job"),
        pending,
        pending,
        job(numDmlAffectedRows="7"),
    ]
    assert store.remove_orphans(Manifest(dataset_id, {"batch": 1})) == 7
    (_, _, first), (_, _, second) = recorded.requests[:2]
    assert first["jobReference"]["jobId"] == second["jobReference"]["jobId"]


def test_a_service_that_goes_away_before_a_result_is_fetched_is_reported_within_ten_seconds(
    open_store: OpenStore, recorded: Recorded, dataset_id: str
) -> None:
    store = open_store()
    recorded.answers = [job(), HANG, HANG]
    assert unavailable_after(lambda: store.count(Manifest(dataset_id, {"batch": 1}))) < 10


def test_a_query_that_never_ends_is_cancelled(recorded: Recorded) -> None:
    running = job(status={"state": "RUNNING"})
    recorded.answers = [running, running, (200, {"job": running[1]})]
    with closing(bigquery_client("logleap-dev")) as client:
        queries = Queries(lambda: client, "US", timeout=0)
        with pytest.raises(TimeoutError, match="more than 0 seconds"):
            queries.changed_rows("DELETE FROM entries WHERE TRUE", {})
    assert recorded.requests[-1][:2] == ("POST", "/projects/logleap-dev/jobs/a-job/cancel")


def test_a_query_job_that_fails_inside_bigquery_says_try_again(
    open_store: OpenStore, recorded: Recorded, dataset_id: str
) -> None:
    recorded.answers = [failed("backendError", "Retry the job.")]
    with pytest.raises(Unavailable):
        open_store().count(Manifest(dataset_id, {"batch": 1}))


# ---- what AppendRows answers -------------------------------------------------------------------------------
# The emulator gives no row errors, and refuses no stream for a passing reason. The answers are recorded from
# the documentation of AppendRowsResponse and the Storage Write API's error handling:
# https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#appendrowsresponse

APPENDED = AppendRowsResponse(append_result=AppendRowsResponse.AppendResult())
Answer = AppendRowsResponse | tuple[grpc.StatusCode, str] | str


def status(code: int, message: str) -> AppendRowsResponse:
    return AppendRowsResponse(error=Status(code=code, message=message))


class RecordedStreams:
    """AppendRows over gRPC: answers each request with the next of `answers`; a status ends the stream."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[AppendRowsRequest] = []
        self.opened = 0
        self._released: Future[None] = Future()
        self._server = grpc.server(ThreadPoolExecutor(8))
        handler = grpc.stream_stream_rpc_method_handler(
            self._append,
            request_deserializer=AppendRowsRequest.deserialize,
            response_serializer=AppendRowsResponse.serialize,
        )
        service = "google.cloud.bigquery.storage.v1.BigQueryWrite"
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(service, {"AppendRows": handler})]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        self._released.set_result(None)
        self._server.stop(0).wait()

    def _append(
        self, requests: Iterator[AppendRowsRequest], context: grpc.ServicerContext
    ) -> Iterator[AppendRowsResponse]:
        self.opened += 1
        for request in requests:
            self.requests.append(request)
            answer = self.answers.pop(0)
            if isinstance(answer, AppendRowsResponse):
                yield answer
            elif isinstance(answer, tuple):
                context.abort(*answer)
            else:
                self._released.result()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedStreams]:
    with closing(RecordedStreams()) as service:
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", service.address)
        yield service


@pytest.fixture
def appending(
    streams: RecordedStreams, open_store: OpenStore, append: Append
) -> Iterator[Callable[[], None]]:
    """Appends a batch of three rows by AppendRows."""
    with closing(open_store("storage-write")) as store:
        yield lambda: append(store, "batch", some_entries(3))


PASSING: dict[str, Answer] = {
    "aborted": status(10, "Try again."),
    "stream ended as idle": (grpc.StatusCode.ABORTED, "Closing the stream because it has been inactive"),
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "Task is overloaded"),
    "new table": (grpc.StatusCode.NOT_FOUND, "Requested entity was not found."),
    "new table, in other words": (
        grpc.StatusCode.PERMISSION_DENIED,
        "Permission 'TABLES_UPDATE_DATA' denied on resource (or it may not exist).",
    ),
    "no answer": HANG,
}


@pytest.mark.parametrize("answer", PASSING)
def test_an_append_that_did_not_get_through_is_sent_again(
    appending: Callable[[], None], streams: RecordedStreams, answer: str
) -> None:
    streams.answers = [PASSING[answer], APPENDED]  # the first on a shared stream, the second on its own
    appending()
    first, second = streams.requests
    assert first == second


@pytest.mark.parametrize("answer", sorted(PASSING.keys() - {"no answer"}))
def test_an_append_is_sent_again_more_than_once(
    appending: Callable[[], None], streams: RecordedStreams, answer: str
) -> None:
    streams.answers = [PASSING[answer], PASSING[answer], PASSING[answer], APPENDED]
    appending()
    assert len(streams.requests) == 4


def test_rows_that_append_rows_refuses_are_an_error_that_names_row_and_reason_but_no_content(
    appending: Callable[[], None], streams: RecordedStreams
) -> None:
    bad = RowError(index=2, code=RowError.RowErrorCode.FIELDS_ERROR, message="Field content: secret line")
    streams.answers = [
        AppendRowsResponse(error=Status(code=3, message="Errors found: secret line"), row_errors=[bad])
    ]
    with pytest.raises(RowsRefused, match=r"refused 1 rows\. Row 2: FIELDS_ERROR") as raised:
        appending()
    assert "secret" not in str(raised.value)


def test_columns_that_do_not_fit_are_an_error(
    appending: Callable[[], None], streams: RecordedStreams
) -> None:
    streams.answers = [status(3, "Input schema has more fields than BigQuery schema")]
    with pytest.raises(exceptions.InvalidArgument):
        appending()
    assert len(streams.requests) == 1


def test_what_breaks_a_shared_stream_is_blamed_on_the_request_only_when_it_comes_alone(
    appending: Callable[[], None], streams: RecordedStreams
) -> None:
    broken: Answer = (grpc.StatusCode.INVALID_ARGUMENT, "The table's columns do not fit.")
    streams.answers = [broken, APPENDED]
    appending()
    streams.answers = [broken, broken]
    with pytest.raises(exceptions.InvalidArgument):
        appending()


def test_a_missing_permission_says_so(appending: Callable[[], None], streams: RecordedStreams) -> None:
    denied: Answer = (grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
    streams.answers = [denied, denied]
    with pytest.raises(Unavailable, match="credentials"):
        appending()


def test_many_threads_and_tables_share_a_few_streams(streams: RecordedStreams, open_store: OpenStore) -> None:
    streams.answers = [APPENDED] * 200
    with closing(open_store("storage-write")) as store, ThreadPoolExecutor(8) as threads:
        batches = [Batch(str(uuid4()), "owner", f"batch-{number}") for number in range(200)]
        list(threads.map(lambda batch: store.append(batch, some_entries(1), 0), batches))
    assert len({request.write_stream for request in streams.requests}) == len(streams.requests) == 200
    assert streams.opened <= 2
