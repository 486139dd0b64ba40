"""BigQuery's emulator, a cable to it that can be cut, and a service that gives recorded answers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.arrow_results import ArrowResults
from logleap.adapters.gcp.bigquery.tables import Layout, SharedTable, TablePerDataset
from logleap.adapters.gcp.bigquery.writers.base import Writer
from logleap.adapters.gcp.bigquery.writers.storage_write import StorageWriter
from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
from logleap.adapters.gcp.entries import BigQueryEntryStore
from logleap.adapters.gcp.google.clients import bigquery_client, read_client, write_client
from logleap.domain.entries import Batch, Entry
from tools.emulators import Emulators

PROJECT = "logleap-dev"
HANG = "hang"
WRITERS: dict[str, Callable[[], Writer]] = {
    "storage-write": lambda: StorageWriter(write_client),
    "streaming-insert": lambda: StreamingInserter(lambda: bigquery_client(PROJECT)),
}
LAYOUTS: dict[str, Callable[[], Layout]] = {"table-per-dataset": TablePerDataset, "shared-table": SharedTable}


class Cable:
    """A TCP port that leads to another one, until it is cut or clogged."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._clogged = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break the connections that there are."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def clog(self) -> None:
        """Break the connections; new ones are taken, and nothing comes through."""
        self._clogged = True
        self.cut()

    def close(self) -> None:
        """Break the connections and refuse new ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._ends.append(near)
            if not self._clogged:
                far = socket.create_connection(self._target)
                self._ends.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


class Recorded:
    """An HTTP service that answers each request with the next of `answers` (status, JSON body).

    `requests` are (method, path without the query, body). Of the answers, None breaks the connection instead,
    and HANG waits for the end of the test.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any] | str | None] = []
        self.requests: list[tuple[str, str, Any]] = []
        self._over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0].removeprefix("/bigquery/v2")
                service.requests.append((self.command, path, json.loads(body or "null")))
                answer = service.answers.pop(0)
                if answer == HANG:
                    service._over.wait()
                if not isinstance(answer, tuple):
                    self.close_connection = True
                    return
                status, content = answer
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST  # noqa: N815 -- http.server's name

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


OpenStore = Callable[..., BigQueryEntryStore]


@pytest.fixture(autouse=True)
def addresses(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The emulators' variables, set."""
    exports = emulators.exports()
    for name, value in exports.items():
        monkeypatch.setenv(name, value)
    return exports


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, str]) -> Iterator[Recorded]:
    """The BigQuery that clients find from now on."""
    with closing(Recorded()) as service:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
        yield service


@pytest.fixture
def cables(addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Cable]]:
    """What clients of the emulator go through from now on: one for REST, one for gRPC."""
    rest = Cable(addresses["BIGQUERY_EMULATOR_HOST"].removeprefix("http://"))
    grpc = Cable(addresses["BIGQUERY_STORAGE_EMULATOR_HOST"])
    with closing(rest), closing(grpc):
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{rest.address}")
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", grpc.address)
        yield [rest, grpc]


@pytest.fixture
def tables(addresses: dict[str, str]) -> Iterator[bigquery.Client]:
    """A client of the emulator, for looking at what is stored and for changing it."""
    with closing(bigquery_client(PROJECT)) as client:
        yield client


@pytest.fixture
def dataset_name(tables: bigquery.Client) -> str:
    """A new BigQuery dataset."""
    name = f"test_{uuid4().hex}"
    tables.create_dataset(name)
    return name


@pytest.fixture
def open_store(dataset_name: str) -> Iterator[OpenStore]:
    """Makes a store with this writer and layout; it is closed after the test."""
    with ExitStack() as stores:

        def call(
            writer: str = "storage-write", layout: str = "table-per-dataset", **options: Any
        ) -> BigQueryEntryStore:
            store = BigQueryEntryStore(
                lambda: bigquery_client(PROJECT),
                dataset_name,
                "US",
                LAYOUTS[layout](),
                WRITERS[writer](),
                results=ArrowResults(read_client, pause=0.01),
                **options,
            )
            stores.callback(store.close)
            return store

        yield call


@pytest.fixture(params=list(WRITERS))
def writer(request: pytest.FixtureRequest) -> str:
    """Each writer's name in turn."""
    return str(request.param)


@pytest.fixture(params=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> str:
    """Each layout's name in turn."""
    return str(request.param)


@pytest.fixture
def dataset_id() -> str:
    return str(uuid4())


@pytest.fixture
def append(dataset_id: str) -> Callable[[BigQueryEntryStore, str, list[Entry]], None]:
    """Appends a whole batch to the data set."""

    def call(store: BigQueryEntryStore, batch_id: str, entries: list[Entry]) -> None:
        store.append(Batch(dataset_id, "owner", batch_id), entries, 0)

    return call
