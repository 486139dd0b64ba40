"""Columns by the Storage Read API.

BigQuery's emulator keeps no tables of results, so it opens no session on one. The service here has the
emulator run the query, and gives what it found as the documentation of the API says:
https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#bigqueryread
"""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain

import grpc
import pyarrow as pa
import pytest
from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator
from google.cloud.bigquery_storage_v1.types import (
    ArrowRecordBatch,
    ArrowSchema,
    CreateReadSessionRequest,
    DataFormat,
    ReadRowsRequest,
    ReadRowsResponse,
    ReadSession,
    ReadStream,
)

from logleap.adapters.gcp.entries import BigQueryEntryStore
from logleap.domain.entries import Batch, Entry, Manifest, Row
from logleap.domain.selection import Selection
from logleap.domain.times import to_micros
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.usecases.training.run_training.training_set import CheckedTrainingSet

OpenStore = Callable[..., BigQueryEntryStore]

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
TYPES: dict[str, pa.DataType] = {
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "STRING": pa.string(),
    "INTEGER": pa.int64(),
}
PAGE = 4  # rows
ENTRIES = [
    Entry(NOON + timedelta(microseconds=7 * number), f"line {number} é", None if number % 3 else "{}")
    for number in range(PAGE * 5 + 1)
]


class ReadService:
    """BigQueryRead over gRPC: of each result PAGE rows an answer. `breaks`: after how many a call breaks.

    `refusal` is answered to whoever opens a session, `lost` are rows at the end that do not come.
    """

    def __init__(self, results: bigquery.Client) -> None:
        self.breaks: list[int] = []
        self.refusal: grpc.StatusCode | None = None
        self.lost = 0
        self.sessions: list[CreateReadSessionRequest] = []
        self.offsets: list[int] = []
        self.stopped = threading.Event()
        self._results = results
        self._tables: dict[str, pa.Table] = {}
        self._server = grpc.server(ThreadPoolExecutor(4))
        handlers = {
            "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                self._open, CreateReadSessionRequest.deserialize, ReadSession.serialize
            ),
            "ReadRows": grpc.unary_stream_rpc_method_handler(
                self._read, ReadRowsRequest.deserialize, ReadRowsResponse.serialize
            ),
        }
        service = "google.cloud.bigquery.storage.v1.BigQueryRead"
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        self._server.stop(0).wait()

    def _open(self, request: CreateReadSessionRequest, context: grpc.ServicerContext) -> ReadSession:
        self.sessions.append(request)
        if self.refusal is not None:
            context.abort(self.refusal, "not for you")
        digits = re.fullmatch(r".*/tables/anonlogleap([0-9a-f]{32})", request.read_session.table)
        assert digits is not None
        job_id = re.sub(r"(.{8})(.{4})(.{4})(.{4})", r"logleap-\1-\2-\3-\4-", digits[1])
        job = self._results.get_job(job_id)
        assert isinstance(job, bigquery.QueryJob)
        result = job.result()
        assert isinstance(result, RowIterator)
        rows = [row.values() for row in result]
        name = f"{request.parent}/locations/US/sessions/{job_id}/streams/0"
        columns = [list(column) for column in zip(*rows, strict=True)]
        schema = pa.schema([(field.name, TYPES[field.field_type]) for field in result.schema])
        self._tables[name] = pa.table(columns, schema=schema)
        return ReadSession(
            arrow_schema=ArrowSchema(serialized_schema=schema.serialize().to_pybytes()),
            streams=[ReadStream(name=name)],
        )

    def _read(self, request: ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[ReadRowsResponse]:
        context.add_callback(self.stopped.set)
        self.offsets.append(request.offset)
        table = self._tables[request.read_stream]
        breaks = self.breaks.pop(0) if self.breaks else None
        for number, start in enumerate(range(request.offset, len(table) - self.lost, PAGE)):
            if number == breaks:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
            rows = table.slice(start, PAGE).combine_chunks().to_batches()[0]
            data = ArrowRecordBatch(serialized_record_batch=rows.serialize().to_pybytes())
            yield ReadRowsResponse(arrow_record_batch=data, row_count=len(rows))


@pytest.fixture
def service(tables: bigquery.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadService]:
    """What the store's reader finds from now on. Rows are streamed in over REST meanwhile."""
    with closing(ReadService(tables)) as service:
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", service.address)
        monkeypatch.setattr("logleap.adapters.gcp.entries.PAGE_ROWS", PAGE)
        yield service


@pytest.fixture
def store(open_store: OpenStore, dataset_id: str, service: ReadService) -> BigQueryEntryStore:
    """With ENTRIES in two batches, one of them doubled in part, and an orphan."""
    store = open_store("streaming-insert")
    store.prepare(dataset_id)
    half = len(ENTRIES) // 2
    store.append(Batch(dataset_id, "owner", "a"), ENTRIES[:half], 0)
    store.append(Batch(dataset_id, "owner", "a"), ENTRIES[:3], 0)
    store.append(Batch(dataset_id, "owner", "b"), ENTRIES[half:], 0)
    store.append(Batch(dataset_id, "owner", "orphan"), ENTRIES, 0)
    return store


@pytest.fixture
def manifest(dataset_id: str) -> Manifest:
    half = len(ENTRIES) // 2
    return Manifest(dataset_id, {"a": half, "b": len(ENTRIES) - half})


def test_what_is_longer_than_a_page_comes_as_arrow_in_order_each_row_once(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService
) -> None:
    assert list(chain.from_iterable(store.columns(manifest))) == ENTRIES
    [session] = service.sessions
    assert session.parent == "projects/logleap-dev"
    assert session.max_stream_count == 1
    assert session.read_session.data_format == DataFormat.ARROW
    assert list(chain.from_iterable(store.columns(Manifest(manifest.dataset_id, {"orphan": 1})))) == ENTRIES


@pytest.mark.parametrize("entries_per_query", [2_000_000, len(ENTRIES) // 2])
def test_a_whole_selection_comes_as_arrow_in_the_time_order(
    store: BigQueryEntryStore,
    manifest: Manifest,
    service: ReadService,
    entries_per_query: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "_entries_per_query", entries_per_query)
    half = len(ENTRIES) // 2
    places = [("a", at) for at in range(half)] + [("b", at) for at in range(len(ENTRIES) - half)]
    rows = [Row(*place, entry) for place, entry in zip(places, ENTRIES, strict=True)]
    service.breaks = [1]
    for blocks in (store.select(manifest, Selection()), store.placed_columns(manifest)):
        assert [row for block in blocks for row in block.rows()] == rows
    assert len(service.sessions) == 2 * (1 if entries_per_query > len(ENTRIES) else 2)
    later = store.select(manifest, Selection(start=to_micros(ENTRIES[9].timestamp), contains="line"))
    assert [row for block in later for row in block.rows()] == rows[9:]


def test_a_single_page_opens_no_session(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logleap.adapters.gcp.entries.PAGE_ROWS", len(ENTRIES))
    assert list(chain.from_iterable(store.columns(manifest))) == ENTRIES
    assert service.sessions == []


def test_a_stream_that_breaks_is_read_on_from_where_it_broke(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService
) -> None:
    service.breaks = [2, 0, 0, 0, 1, 0]
    assert list(chain.from_iterable(store.columns(manifest))) == ENTRIES
    assert service.offsets == [0, *[2 * PAGE] * 4, 3 * PAGE, 3 * PAGE]


def test_a_stream_that_breaks_again_and_again_says_try_again(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService
) -> None:
    service.breaks = [1] + [0] * 20
    with pytest.raises(Unavailable, match=r"BigQuery is unavailable \(ServiceUnavailable"):
        list(store.columns(manifest))
    assert len(service.offsets) < 10


def test_rows_that_do_not_come_are_missed(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService
) -> None:
    service.lost = 1
    checked = CheckedTrainingSet(
        manifest.entries,
        lambda: store.count(manifest),
        lambda: store.read(manifest),
        lambda: store.columns(manifest),
    )
    with pytest.raises(CountMismatch):
        list(checked.columns())


def test_whoever_stops_reading_ends_the_call(
    store: BigQueryEntryStore, manifest: Manifest, service: ReadService
) -> None:
    columns = store.columns(manifest)
    next(columns)
    columns.close()  # type: ignore[attr-defined]
    assert service.stopped.wait(10)


@pytest.mark.parametrize(
    "refusal",
    [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND],
    ids=str,
)
def test_without_a_session_the_rows_are_read_in_pages_and_a_line_says_why(
    refusal: grpc.StatusCode,
    store: BigQueryEntryStore,
    manifest: Manifest,
    service: ReadService,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.refusal = refusal
    for _ in range(2):
        assert list(chain.from_iterable(store.columns(manifest))) == ENTRIES
    assert len(service.sessions) == 1  # it is not tried again so soon
    assert "roles/bigquery.readSessionUser" in caplog.text
    assert "not for you" not in caplog.text


def test_the_emulator_opens_no_session_on_a_result(
    store: BigQueryEntryStore,
    manifest: Manifest,
    addresses: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", addresses["BIGQUERY_STORAGE_EMULATOR_HOST"])
    assert list(chain.from_iterable(store.columns(manifest))) == ENTRIES
    assert "opens no session (NotFound)" in caplog.text
