"""Which adapters make up which backend."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.domain.errors import DatasetNotFound
from logleap.ports.archive import ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.keys import KeyRepository
from logleap.ports.queue import TrainingQueue
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from logleap.adapters.gcp.google.credentials import Access
    from logleap.adapters.gcp.provisioning import Check, Resources, Step


@dataclass(frozen=True, slots=True)
class Backend:
    """One adapter per port, all of one backend. `check` raises Unavailable unless the backend can serve.

    `folders` are those, by name, whose disk may become full; uploads leave `disk_reserve` bytes free.
    `bury` puts a message that was pushed to us, not received from `queue`, among the dead letters, with why.
    """

    datasets: DatasetRepository
    ledger: ReceiptLedger
    store: EntryStore
    runs: RunRepository
    queue: TrainingQueue
    archives: ArchiveStore
    keys: KeyRepository
    check: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    bury: Callable[[bytes, str], None] = lambda body, reason: None  # only gcp pushes
    folders: Mapping[str, Path] = field(default_factory=dict)
    disk_reserve: int = 0


def build_backend(settings: Settings) -> Backend:
    """The backend that the settings choose. Only its own libraries are imported."""
    if settings.backend == "memory":
        return _memory(settings)
    if settings.backend == "local":
        return _local(settings)
    with needing("gcp"):
        return _gcp(settings)


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Turn a missing library into the one line that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("logleap"):
            raise
        raise SettingsError(
            f"LOGLEAP_BACKEND is {extra!r}, but {error.name} is not installed: pip install 'logleap[{extra}]'"
        ) from error


def _memory(settings: Settings) -> Backend:
    from logleap.adapters.memory.archive import MemoryArchiveStore
    from logleap.adapters.memory.database import MemoryDatabase
    from logleap.adapters.memory.datasets import MemoryDatasetRepository
    from logleap.adapters.memory.entries import MemoryEntryStore
    from logleap.adapters.memory.keys import MemoryKeyRepository
    from logleap.adapters.memory.queue import MemoryTrainingQueue
    from logleap.adapters.memory.receipts import MemoryReceiptLedger
    from logleap.adapters.memory.runs import MemoryRunRepository

    database = MemoryDatabase()
    return Backend(
        datasets=MemoryDatasetRepository(database),
        ledger=MemoryReceiptLedger(database),
        store=MemoryEntryStore(),
        runs=MemoryRunRepository(database),
        queue=MemoryTrainingQueue(hold=2 * settings.run_lease),
        archives=MemoryArchiveStore(),
        keys=MemoryKeyRepository(),
    )


def _local(settings: Settings) -> Backend:
    from logleap.adapters.local.datasets import SqliteDatasetRepository
    from logleap.adapters.local.entries import SqliteEntryStore
    from logleap.adapters.local.keys import SqliteKeyRepository
    from logleap.adapters.local.queue import SqliteTrainingQueue
    from logleap.adapters.local.receipts import SqliteReceiptLedger
    from logleap.adapters.local.runs import SqliteRunRepository
    from logleap.adapters.local.sqlite.database import Database, StorageUnusable
    from logleap.adapters.parquet.archive import ParquetArchiveStore

    if not settings.archive_to.startswith("file:"):
        raise SettingsError(
            f"LOGLEAP_ARCHIVE_URL is {settings.archive_url!r}: backend 'local' archives to file:///folder."
        )
    try:
        database = Database(settings.data_dir, settings.disk_reserve)
    except StorageUnusable as error:
        raise SettingsError(f"LOGLEAP_DATA_DIR is {str(settings.data_dir)!r}: {error}") from error
    return Backend(
        datasets=SqliteDatasetRepository(database),
        ledger=SqliteReceiptLedger(database),
        store=SqliteEntryStore(database),
        runs=SqliteRunRepository(database),
        queue=SqliteTrainingQueue(database, hold=2 * settings.run_lease),
        archives=ParquetArchiveStore(settings.archive_to),
        keys=SqliteKeyRepository(database),
        check=database.check,
        close=database.close,
        folders={
            "data": settings.data_dir.absolute(),
            "archive": Path(url2pathname(urlsplit(settings.archive_to).path)),
            "temporary": Path(gettempdir()),
        },
        disk_reserve=database.space.reserve,
    )


def _gcp(settings: Settings) -> Backend:
    from logleap.adapters.gcp.archive import ArchiveBucket
    from logleap.adapters.gcp.bigquery.writers.storage_write import StorageWriter
    from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
    from logleap.adapters.gcp.datasets import FirestoreDatasetRepository
    from logleap.adapters.gcp.entries import BigQueryEntryStore
    from logleap.adapters.gcp.firestore.database import FirestoreDatabase
    from logleap.adapters.gcp.google.clients import (
        bigquery_client,
        connect_firestore,
        firestore_client,
        storage_client,
        write_client,
    )
    from logleap.adapters.gcp.keys import FirestoreKeyRepository
    from logleap.adapters.gcp.queue import PubSubTrainingQueue
    from logleap.adapters.gcp.receipts import FirestoreReceiptLedger
    from logleap.adapters.gcp.runs import FirestoreRunRepository
    from logleap.adapters.parquet.archive import ParquetArchiveStore

    access = _access(settings)
    credentials = access.credentials
    database = FirestoreDatabase(
        firestore_client(access.project, credentials["firestore"]),
        partial(connect_firestore, credentials["firestore"]),
        settings.firestore_prefix,
    )
    open_bigquery = partial(bigquery_client, access.project, credentials["bigquery"])
    open_storage = partial(storage_client, access.project, credentials.get("storage"))
    resources = gcp_resources(settings, access.project)
    store = BigQueryEntryStore(
        open_bigquery,
        settings.bigquery_dataset,
        settings.bigquery_location,
        resources.layout,
        StorageWriter(partial(write_client, credentials["bigquery"]))
        if settings.bigquery_writer == "storage-write"
        else StreamingInserter(open_bigquery),
    )
    queue = PubSubTrainingQueue(resources.queue, credentials["pubsub"], hold=2 * settings.run_lease)
    datasets = FirestoreDatasetRepository(database)

    def check() -> None:
        with suppress(DatasetNotFound):
            datasets.get("", "is-anybody-there")

    def close() -> None:
        queue.close()
        store.close()
        database.close()

    return Backend(
        datasets=datasets,
        ledger=FirestoreReceiptLedger(database),
        store=store,
        runs=FirestoreRunRepository(database),
        queue=queue,
        archives=ParquetArchiveStore(settings.archive_to, ArchiveBucket(open_storage)),
        keys=FirestoreKeyRepository(database),
        check=check,
        close=close,
        bury=queue.bury,
    )


def gcp_resources(settings: Settings, project: str) -> "Resources":
    """What the `gcp` backend uses in the project."""
    from logleap.adapters.gcp.bigquery.layouts import SharedTable, TablePerDataset
    from logleap.adapters.gcp.provisioning import Resources
    from logleap.adapters.gcp.queue import QueueNames

    return Resources(
        queue=QueueNames(project, settings.pubsub_topic, settings.pubsub_subscription),
        dataset=settings.bigquery_dataset,
        layout=SharedTable() if settings.bigquery_layout == "shared-table" else TablePerDataset(),
        location=settings.bigquery_location,
        firestore_prefix=settings.firestore_prefix,
        hold=round(2 * settings.run_lease),
    )


def gcp_setup(settings: Settings) -> "Iterator[Step]":
    """Make what the `gcp` backend needs, as far as it is missing. Raises SettingsError."""
    with needing("gcp"):
        from logleap.adapters.gcp import provisioning

        access = _access(settings)
        yield from provisioning.setup(access, gcp_resources(settings, access.project))


def gcp_check(settings: Settings) -> "Iterator[Check]":
    """Look at what the `gcp` backend needs. Raises SettingsError."""
    with needing("gcp"):
        from logleap.adapters.gcp import provisioning

        access = _access(settings)
        yield from provisioning.check(access, gcp_resources(settings, access.project))


def _access(settings: Settings) -> "Access":
    from logleap.adapters.gcp.google.credentials import CredentialsError, find_access

    try:
        buckets: tuple[Literal["storage"], ...] = (
            ("storage",) if settings.archive_to.startswith("gs://") else ()
        )
        return find_access(settings.gcp_project, ("bigquery", "firestore", "pubsub", *buckets))
    except CredentialsError as error:
        raise SettingsError(str(error)) from error
