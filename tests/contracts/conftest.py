"""The contract suites run over every backend. A new one needs a `Backend` class and a line in BACKENDS.

Backends may be shared and never empty (an emulator): a test makes ids of its own and looks at those alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import TableReference
from google.pubsub_v1 import PublisherClient

from logleap.adapters.gcp.archive import GcpArchiveStore
from logleap.adapters.gcp.bigquery.layouts import Layout, SharedTable, TablePerDataset
from logleap.adapters.gcp.bigquery.schema import entries_table
from logleap.adapters.gcp.bigquery.writers.storage_write import StorageWriter
from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
from logleap.adapters.gcp.datasets import FirestoreDatasetRepository
from logleap.adapters.gcp.entries import BigQueryEntryStore
from logleap.adapters.gcp.firestore.database import FirestoreDatabase
from logleap.adapters.gcp.google.clients import FirestoreClient, bigquery_client, write_client
from logleap.adapters.gcp.keys import FirestoreKeyRepository
from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames, publisher, subscriber
from logleap.adapters.gcp.receipts import FirestoreReceiptLedger
from logleap.adapters.gcp.runs import FirestoreRunRepository
from logleap.adapters.local.archive import LocalArchiveStore
from logleap.adapters.local.datasets import SqliteDatasetRepository
from logleap.adapters.local.entries import SqliteEntryStore
from logleap.adapters.local.keys import SqliteKeyRepository
from logleap.adapters.local.queue import SqliteTrainingQueue
from logleap.adapters.local.receipts import SqliteReceiptLedger
from logleap.adapters.local.runs import SqliteRunRepository
from logleap.adapters.local.sqlite.database import Database
from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.keys import MemoryKeyRepository
from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Action, Dataset, Event, EventKind
from logleap.domain.entries import Batch, Entry, Receipt
from logleap.ports.archive import ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.keys import KeyRepository
from logleap.ports.queue import TrainingQueue
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from tools.emulators import Emulators


class Backend(ABC):
    """The adapters of one backend, each made when a test first asks for it (so that none pays for the rest).

    `rounds` is how often a race is run. Of the queue: `max_deliveries`, the shortest time in seconds that a
    message can be held (`moment`), the longest wait for a message that must come (`arrival`), and how long
    none must come until a test believes that there is none (`silence`, longer than `moment`).
    """

    rounds: int
    max_deliveries: int = 5
    moment: float
    arrival: float
    silence: float

    @property
    @abstractmethod
    def datasets(self) -> DatasetRepository: ...

    @property
    @abstractmethod
    def ledger(self) -> ReceiptLedger: ...

    @property
    @abstractmethod
    def store(self) -> EntryStore: ...

    @property
    @abstractmethod
    def runs(self) -> RunRepository: ...

    @property
    @abstractmethod
    def queue(self) -> TrainingQueue:
        """A queue of this test's own."""

    @property
    @abstractmethod
    def archives(self) -> ArchiveStore: ...

    @property
    @abstractmethod
    def keys(self) -> KeyRepository: ...

    @abstractmethod
    def archived_files(self) -> set[str]:
        """The names of all files that `archives` keeps, whole or not."""


class MemoryBackend(Backend):
    rounds = 150
    moment = 0.05
    arrival = 10.0
    silence = 0.1

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._database = MemoryDatabase()

    @cached_property
    def datasets(self) -> DatasetRepository:
        return MemoryDatasetRepository(self._database)

    @cached_property
    def ledger(self) -> ReceiptLedger:
        return MemoryReceiptLedger(self._database)

    @cached_property
    def store(self) -> EntryStore:
        return MemoryEntryStore()

    @cached_property
    def runs(self) -> RunRepository:
        return MemoryRunRepository(self._database)

    @cached_property
    def queue(self) -> TrainingQueue:
        return MemoryTrainingQueue(max_deliveries=self.max_deliveries)

    @cached_property
    def archives(self) -> MemoryArchiveStore:
        return MemoryArchiveStore()

    @cached_property
    def keys(self) -> KeyRepository:
        return MemoryKeyRepository()

    def archived_files(self) -> set[str]:
        return set(self.archives._files)


class LocalBackend(Backend):
    """One SQLite file."""

    rounds = 50
    moment = 0.1
    arrival = 10.0
    silence = 0.2

    def __init__(self, request: pytest.FixtureRequest) -> None:
        folder: Path = request.getfixturevalue("tmp_path")
        self._archive = folder / "archive"
        self._database = Database(folder)
        request.getfixturevalue("closing_later").callback(self._database.close)

    @cached_property
    def datasets(self) -> DatasetRepository:
        return SqliteDatasetRepository(self._database)

    @cached_property
    def ledger(self) -> ReceiptLedger:
        return SqliteReceiptLedger(self._database)

    @cached_property
    def store(self) -> EntryStore:
        return SqliteEntryStore(self._database)

    @cached_property
    def runs(self) -> RunRepository:
        return SqliteRunRepository(self._database)

    @cached_property
    def queue(self) -> TrainingQueue:
        return SqliteTrainingQueue(self._database, max_deliveries=self.max_deliveries)

    @cached_property
    def archives(self) -> ArchiveStore:
        return LocalArchiveStore(self._archive.as_uri())

    @cached_property
    def keys(self) -> KeyRepository:
        return SqliteKeyRepository(self._database)

    def archived_files(self) -> set[str]:
        return {str(path) for path in self._archive.rglob("*") if path.is_file()}


class GcpBackend(Backend):
    """The real Google clients against the three emulators."""

    rounds = 10
    moment = 1.0
    arrival = 30.0
    silence = 1.0

    def __init__(
        self,
        request: pytest.FixtureRequest,
        layout: type[Layout] = TablePerDataset,
        writer: str = "storage-write",
    ) -> None:
        self._site: GcpSite = request.getfixturevalue("gcp_site")
        self._layout = layout
        self._writer = writer
        self._folder: Path = request.getfixturevalue("tmp_path")
        self._closing: ExitStack = request.getfixturevalue("closing_later")

    @cached_property
    def datasets(self) -> DatasetRepository:
        return FirestoreDatasetRepository(self._site.database)

    @cached_property
    def ledger(self) -> ReceiptLedger:
        return FirestoreReceiptLedger(self._site.database)

    @cached_property
    def store(self) -> EntryStore:
        client = partial(bigquery_client, self._site.project)
        writer = StorageWriter(write_client) if self._writer == "storage-write" else StreamingInserter(client)
        store = BigQueryEntryStore(client, self._site.dataset, "US", self._layout(), writer)
        self._closing.callback(store.close)
        return store

    @cached_property
    def runs(self) -> RunRepository:
        return FirestoreRunRepository(self._site.database)

    @cached_property
    def queue(self) -> TrainingQueue:
        unique = uuid4().hex
        names = QueueNames(self._site.project, f"topic-{unique}", f"subscription-{unique}")
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        with (
            closing(publisher(credentials).transport) as topics,
            subscriber(credentials) as subscriptions,
        ):
            publishing = PublisherClient(transport=topics)
            for topic in (names.topic_path, names.dead_topic_path):
                publishing.create_topic(name=topic)
            dead = {"name": names.dead_subscription_path, "topic": names.dead_topic_path}
            subscriptions.create_subscription(request=dead)
            letters = {
                "dead_letter_topic": names.dead_topic_path,
                "max_delivery_attempts": self.max_deliveries,
            }
            main = {"name": names.subscription_path, "topic": names.topic_path, "ack_deadline_seconds": 10}
            subscriptions.create_subscription(request={**main, "dead_letter_policy": letters})
        queue = PubSubTrainingQueue(names, credentials)
        self._closing.callback(queue.close)
        return queue

    @cached_property
    def archives(self) -> ArchiveStore:
        return GcpArchiveStore(self._folder.as_uri(), lambda: pytest.fail("a folder needs no bucket"))

    @cached_property
    def keys(self) -> KeyRepository:
        """Of this test's own: of keys there is one list."""
        return FirestoreKeyRepository(FirestoreDatabase(self._site.database.client, f"keys-{uuid4().hex}"))

    def archived_files(self) -> set[str]:
        return {str(path) for path in self._folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class GcpSite:
    """What the gcp backends of a test session share."""

    project: str
    dataset: str
    database: FirestoreDatabase


@pytest.fixture(scope="session")
def gcp_site(emulators: Emulators) -> Iterator[GcpSite]:
    """The environment of the emulators, with a BigQuery dataset and a Firestore prefix of its own."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as clients:
        for name, value in emulators.exports().items():
            patch.setenv(name, value)
        project = emulators.exports()["GOOGLE_CLOUD_PROJECT"]
        name = f"contracts_{uuid4().hex}"
        bigquery = clients.enter_context(closing(bigquery_client(project)))
        bigquery.create_dataset(name)
        bigquery.create_table(entries_table(TableReference.from_string(f"{project}.{name}.entries")))
        firestore = FirestoreClient(project=project)
        clients.callback(firestore._firestore_api.transport.close)
        yield GcpSite(project, name, FirestoreDatabase(firestore, name.replace("_", "-")))


@pytest.fixture
def closing_later() -> Iterator[ExitStack]:
    """Takes what is to be closed after the test."""
    with ExitStack() as stack:
        yield stack


# How each is made, anew for each test. The request gives what a backend builds on: `tmp_path`, `emulators`.
# A suite that runs over more (the entry store's layouts and writers) names them in a parametrize of its own.
BACKENDS: dict[str, Callable[[pytest.FixtureRequest], Backend]] = {
    "memory": MemoryBackend,
    "local": LocalBackend,
    "gcp": GcpBackend,
    "gcp[table-per-dataset, streaming-insert]": partial(GcpBackend, writer="streaming-insert"),
    "gcp[shared-table, storage-write]": partial(GcpBackend, layout=SharedTable),
    "gcp[shared-table, streaming-insert]": partial(GcpBackend, layout=SharedTable, writer="streaming-insert"),
}


@pytest.fixture(params=["memory", "local", "gcp"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param](request)


@pytest.fixture
def datasets(backend: Backend) -> DatasetRepository:
    return backend.datasets


@pytest.fixture
def ledger(backend: Backend) -> ReceiptLedger:
    return backend.ledger


@pytest.fixture
def store(backend: Backend) -> EntryStore:
    return backend.store


@pytest.fixture
def runs(backend: Backend) -> RunRepository:
    return backend.runs


@pytest.fixture
def queue(backend: Backend) -> TrainingQueue:
    return backend.queue


@pytest.fixture
def archives(backend: Backend) -> ArchiveStore:
    return backend.archives


@pytest.fixture
def keys(backend: Backend) -> KeyRepository:
    return backend.keys


@pytest.fixture
def archived_files(backend: Backend) -> Callable[[], set[str]]:
    return backend.archived_files


@pytest.fixture
def rounds(backend: Backend) -> int:
    return backend.rounds


@pytest.fixture
def max_deliveries(backend: Backend) -> int:
    return backend.max_deliveries


@pytest.fixture
def moment(backend: Backend) -> float:
    return backend.moment


@pytest.fixture
def arrival(backend: Backend) -> float:
    return backend.arrival


@pytest.fixture
def silence(backend: Backend) -> float:
    return backend.silence


@pytest.fixture
def announce(datasets: DatasetRepository) -> Callable[..., Dataset]:
    """Stores a new data set (of a new owner, unless told another) and returns it."""

    def call(**fields: Any) -> Dataset:
        now = datetime.now(UTC)
        values: dict[str, Any] = {"owner": f"owner-{uuid4()}", "created_at": now, "updated_at": now} | fields
        dataset = Dataset(str(uuid4()), **values)
        datasets.add(dataset, Event(dataset.created_at, EventKind.ANNOUNCED, "Announced."))
        return dataset

    return call


@pytest.fixture
def announce_uploading(
    announce: Callable[..., Dataset], datasets: DatasetRepository
) -> Callable[..., Dataset]:
    """Stores a data set that takes entries."""

    def call(**fields: Any) -> Dataset:
        announced = announce(**fields)
        dataset = announced.after(Action.UPLOAD, announced.created_at)
        datasets.save(dataset, Event(dataset.updated_at, EventKind.FIRST_ENTRIES, "First entries came in."))
        return dataset

    return call


@pytest.fixture
def receipt_for() -> Callable[..., Receipt]:
    """A receipt that is not stored yet, of a new batch with a new key unless told another."""

    def call(dataset: Dataset, **fields: Any) -> Receipt:
        batch_id = str(uuid4())
        receipt = Receipt(dataset.dataset_id, batch_id, batch_id, 3, "ab" * 32, datetime.now(UTC))
        return replace(receipt, **fields)

    return call


@pytest.fixture
def upload(
    store: EntryStore, ledger: ReceiptLedger, receipt_for: Callable[..., Receipt]
) -> Callable[..., str]:
    """Stores a batch in one append, and acknowledges it: from then on its rows must be readable. Its id."""

    def call(dataset: Dataset, entries: list[Entry]) -> str:
        receipt = receipt_for(dataset, entries=len(entries))
        store.append(Batch(dataset.dataset_id, dataset.owner, receipt.batch_id), entries, 0)
        assert ledger.add(receipt, dataset.version) == receipt
        return receipt.batch_id

    return call


@pytest.fixture
def race() -> Callable[..., list[Any]]:
    """Makes all calls at the same moment, each in a thread. What each returned or raised, in their order."""

    def outcome(barrier: Barrier, call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001
            return error

    def run(*calls: Callable[[], object]) -> list[Any]:
        barrier = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as threads:
            futures = [threads.submit(outcome, barrier, call) for call in calls]
            return [future.result() for future in futures]

    return run
