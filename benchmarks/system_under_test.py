"""LogLeap's inside, as far as the benchmark calls it directly: what changes there is followed here alone."""

import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask

from logleap.adapters.local.sqlite.chunks import chunk
from logleap.backends import Backend, open_backend
from logleap.codecs.json.strict import decode_array
from logleap.container import build_container
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.entries import Batch, Entry, Receipt
from logleap.entrypoints.logs import configure_logging
from logleap.entrypoints.web import create_web_app
from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.task import TrainingSet
from logleap.settings import Settings
from logleap.usecases.training.run_training.training_set import CheckedTrainingSet

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import TableReference

    from logleap.adapters.gcp.bigquery.writers.base import Writer

_ENTRY_LIMIT = 1 << 20
_BATCH = Batch(str(uuid.uuid4()), "anonymous", str(uuid.uuid4()))


def decode(body: bytes) -> Sequence[Entry]:
    """Decode and validate a JSON array of entries, as an upload does. Raises ValueError if it is bad."""
    entries = decode_array(body, _ENTRY_LIMIT)
    if not entries:
        raise ValueError("the array was not decoded in the quick way")
    return entries


@contextmanager
def local_backend(folder: Path) -> Iterator[Backend]:
    """The `local` backend in this process."""
    backend = open_backend(Settings(backend="local", data_dir=folder))
    try:
        yield backend
    finally:
        backend.close()


def announced(backend: Backend) -> Dataset:
    """A data set that takes entries."""
    now = datetime.now(UTC)
    dataset = Dataset(
        dataset_id=str(uuid.uuid4()), owner="anonymous", created_at=now, updated_at=now, state=State.UPLOADING
    )
    backend.datasets.add(dataset, Event(now, EventKind.ANNOUNCED, "Announced."))
    backend.store.prepare(dataset.dataset_id)
    return dataset


def append(backend: Backend, dataset: Dataset, entries: Sequence[Entry]) -> None:
    """What makes an upload durable: the rows, then the receipt."""
    batch = Batch(dataset.dataset_id, dataset.owner, str(uuid.uuid4()))
    backend.store.append(batch, entries, first_sequence=0)
    receipt = Receipt(
        dataset.dataset_id, batch.batch_id, batch.batch_id, len(entries), "0" * 64, datetime.now(UTC)
    )
    backend.ledger.add(receipt, dataset.version)


def training_set(backend: Backend, dataset: Dataset, entries: int) -> TrainingSet:
    """What a task reads of a data set with so many entries."""
    manifest = backend.ledger.manifest(dataset.dataset_id)
    store = backend.store
    return CheckedTrainingSet(
        entries,
        partial(store.count, manifest),
        partial(store.read, manifest),
        partial(store.columns, manifest),
    )


def packed(entries: Sequence[Entry]) -> bytes:
    """What `local` makes of a batch's entries before it writes them."""
    return chunk.pack(_BATCH, entries, 0).data


def flask_call(answer: Callable[[], flask.Response]) -> Callable[[], None]:
    """A call of a Flask app with one route, through WSGI, without a server."""
    app = flask.Flask("benchmark")
    app.add_url_rule("/data/<data_id>", view_func=lambda data_id: answer(), methods=["POST"])
    return partial(_call, app, _environ("/data/1", b""), b"")


def _environ(path: str, body: bytes) -> dict[str, Any]:
    context = flask.Flask("environ").test_request_context(
        path, method="POST", data=body, content_type="application/json"
    )
    return context.request.environ


def _call(app: flask.Flask, environ: dict[str, Any], body: bytes) -> None:
    statuses: list[str] = []

    def answer(status: str, headers: object, *rest: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda data: None

    parts = app.wsgi_app({**environ, "wsgi.input": io.BytesIO(body)}, answer)
    text = b"".join(parts)
    if not statuses[0].startswith("200"):
        raise ValueError(text)


@contextmanager
def uploading(folder: Path, body: bytes) -> Iterator[Callable[[], None]]:
    """An upload of a JSON array to `local`, whole, but through WSGI without a server."""
    configure_logging("text", "warning")
    container = build_container(Settings(backend="local", data_dir=folder))
    app = create_web_app(container)
    data_id = app.test_client().post("/data").get_json()["dataId"]
    yield partial(_call, app, _environ(f"/data/{data_id}", body), body)
    container.backend().close()


def gcp_writer(name: str, credentials: "Credentials") -> "tuple[TableReference, Writer]":
    """The writer `storage-write` or `streaming-insert`, and a table to write to."""
    from google.cloud.bigquery import TableReference

    from logleap.adapters.gcp.bigquery.writers.storage_write import StorageWriter
    from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
    from logleap.adapters.gcp.google.clients import bigquery_client, write_client

    writer: Writer
    if name == "storage-write":
        writer = StorageWriter(lambda: write_client(credentials))
    else:
        writer = StreamingInserter(lambda: bigquery_client("bench", credentials))
    return TableReference.from_string("bench.logleap.entries"), writer


class Web:
    """The API and the console over `local`, through WSGI without a server, with a worker in this process."""

    def __init__(self, folder: Path) -> None:
        configure_logging("text", "error")
        self._container = build_container(
            Settings(backend="local", data_dir=folder, task_isolation="thread", json_entries_limit=100_000)
        )
        self._http = create_web_app(self._container).test_client()
        self._stop = threading.Event()
        self._worker = threading.Thread(target=make_worker(self._container).run, args=(self._stop,))

    def __enter__(self) -> "Web":
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._worker.join()
        self._container.backend().close()

    def post(self, path: str, body: object = None) -> Any:
        """What a call answers."""
        answer = self._http.post(path, json=body)
        if not answer.status.startswith("2"):
            raise ValueError(answer.text)
        return answer.json

    def trained(self, data_id: str, **parameters: object) -> str:
        """The id of a run of `log-model` that has ended."""
        run = self.post(f"/train/{data_id}", {"task": "log-model", "parameters": parameters})["runId"]
        while (state := self.json(f"/train/{data_id}")["state"]) not in ("succeeded", "failed"):
            time.sleep(0.1)
        if state == "failed":
            raise ValueError(self.json(f"/train/{data_id}"))
        return str(run)

    def json(self, path: str) -> Any:
        """What a call answers."""
        return self._http.get(path).json

    def get(self, path: str, accept: str = "*/*") -> tuple[float, bytes]:
        """The seconds of this thread that the answer takes, to its last byte, and its body."""
        start = time.thread_time()
        answer = self._http.get(path, headers={"Accept": accept})
        body = answer.data
        seconds = time.thread_time() - start
        if answer.status_code != 200:
            raise ValueError(answer.text)
        return seconds, body
