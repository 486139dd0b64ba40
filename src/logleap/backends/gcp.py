"""The backend `gcp`: Firestore, BigQuery, Pub/Sub and Cloud Storage of a Google Cloud project."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from logleap.backends.backend import Backend, backend_factory
from logleap.domain.errors import DatasetNotFound
from logleap.extras import install_command
from logleap.ordering.scratch import Scratch
from logleap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from logleap.adapters.gcp.google.credentials import Access
    from logleap.adapters.gcp.provisioning import Check, Resources, Step


@backend_factory(durable=True, shared=True, worker_inside=False, keeps_keys=True, requires_keys=True)
def open_gcp(settings: Settings) -> Backend:
    """The one in the settings' project."""
    with _needing_libraries():
        return _open(settings)


def _open(settings: Settings) -> Backend:
    from logleap.adapters.files.artifacts import ArtifactUrlRefused
    from logleap.adapters.gcp.archive import GcpArchiveStore
    from logleap.adapters.gcp.artifacts import artifact_store
    from logleap.adapters.gcp.bigquery.arrow_results import ArrowResults
    from logleap.adapters.gcp.bigquery.writers.storage_write import StorageWriter
    from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
    from logleap.adapters.gcp.datasets import FirestoreDatasetRepository
    from logleap.adapters.gcp.entries import BigQueryEntryStore
    from logleap.adapters.gcp.events import FirestoreEventOutbox
    from logleap.adapters.gcp.firestore.database import FirestoreDatabase
    from logleap.adapters.gcp.google.clients import (
        bigquery_client,
        connect_firestore,
        firestore_client,
        read_client,
        storage_client,
        write_client,
    )
    from logleap.adapters.gcp.google.credentials import handover
    from logleap.adapters.gcp.keys import FirestoreKeyRepository
    from logleap.adapters.gcp.pubsub.event_topic import PubSubEventTopic
    from logleap.adapters.gcp.queue import PubSubTrainingQueue
    from logleap.adapters.gcp.receipts import FirestoreReceiptLedger
    from logleap.adapters.gcp.runs import FirestoreRunRepository
    from logleap.adapters.parquet.locations import ArchiveUrlNotSupported

    access = _access(settings)
    credentials = access.credentials
    database = FirestoreDatabase(
        firestore_client(access.project, credentials["firestore"]),
        partial(connect_firestore, credentials["firestore"]),
        settings.firestore_prefix,
        announces=settings.events_on,
    )
    open_bigquery = partial(bigquery_client, access.project, credentials["bigquery"])
    open_storage = partial(storage_client, access.project, credentials.get("storage"))
    scratch = Scratch(settings.temporary_limit)
    try:
        archives = GcpArchiveStore(settings.archive_to, open_storage, scratch)
    except ArchiveUrlNotSupported as error:
        raise SettingsError(f"LOGLEAP_ARCHIVE_URL is {settings.archive_url!r}: {error}") from error
    try:
        artifacts = artifact_store(settings.artifacts_to, open_storage)
    except ArtifactUrlRefused as error:
        raise SettingsError(f"LOGLEAP_ARTIFACT_URL is {settings.artifact_url!r}: {error}") from error
    resources = _resources(settings, access.project)
    store = BigQueryEntryStore(
        open_bigquery,
        settings.bigquery_dataset,
        settings.bigquery_location,
        resources.layout,
        StorageWriter(partial(write_client, credentials["bigquery"]))
        if settings.bigquery_writer == "storage-write"
        else StreamingInserter(open_bigquery),
        results=ArrowResults(partial(read_client, credentials["bigquery"])),
        scratch=scratch,
    )
    queue = PubSubTrainingQueue(resources.queue, credentials["pubsub"], ack_deadline=2 * settings.run_lease)
    datasets = FirestoreDatasetRepository(database)

    def check_firestore() -> None:
        with suppress(DatasetNotFound):
            datasets.get("", "is-anybody-there")

    def event_topic(name: str, source: str) -> PubSubEventTopic:
        path = f"projects/{access.project}/topics/{name}"
        return PubSubEventTopic(path, credentials["pubsub"], source)

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
        archives=archives,
        artifacts=artifacts,
        keys=FirestoreKeyRepository(database),
        events=FirestoreEventOutbox(database),
        check=check_firestore,
        close=close,
        dead_letter=queue.dead_letter,
        location=f"project {access.project}",
        handover=handover,
        event_topic=event_topic,
    )


def _resources(settings: Settings, project: str) -> "Resources":
    """What the `gcp` backend uses in the project."""
    from logleap.adapters.gcp.bigquery.tables import SharedTable, TablePerDataset
    from logleap.adapters.gcp.provisioning import Resources
    from logleap.adapters.gcp.queue import QueueNames

    return Resources(
        queue=QueueNames(project, settings.pubsub_topic, settings.pubsub_subscription),
        dataset=settings.bigquery_dataset,
        layout=SharedTable() if settings.bigquery_layout == "shared-table" else TablePerDataset(),
        location=settings.bigquery_location,
        firestore_prefix=settings.firestore_prefix,
        ack_deadline=round(2 * settings.run_lease),
        events_topic=settings.events_topic,
    )


def setup(settings: Settings) -> "Iterator[Step]":
    """Make what the `gcp` backend needs, as far as it is missing. Raises SettingsError."""
    with _needing_libraries():
        from logleap.adapters.gcp import provisioning

        access = _access(settings)
        yield from provisioning.setup(access, _resources(settings, access.project))


def check(settings: Settings) -> "Iterator[Check]":
    """Look at what the `gcp` backend needs. Raises SettingsError."""
    with _needing_libraries():
        from logleap.adapters.gcp import provisioning

        access = _access(settings)
        yield from provisioning.check(access, _resources(settings, access.project))


def terraform(settings: Settings) -> dict[str, Any]:
    """The same resources for Terraform. Raises SettingsError."""
    with _needing_libraries():
        from logleap.adapters.gcp.provisioning.terraform import configuration

        return configuration(_resources(settings, settings.gcp_project or "PROJECT"))


def _access(settings: Settings) -> "Access":
    from logleap.adapters.gcp.google.credentials import CredentialsError, find_access

    try:
        buckets: tuple[Literal["storage"], ...] = (
            ("storage",)
            if any(url.startswith("gs://") for url in (settings.archive_to, settings.artifacts_to))
            else ()
        )
        return find_access(settings.gcp_project, ("bigquery", "firestore", "pubsub", *buckets))
    except CredentialsError as error:
        raise SettingsError(str(error)) from error


@contextmanager
def _needing_libraries() -> Iterator[None]:
    """Turn a missing library into the one line that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("logleap"):
            raise
        raise SettingsError(
            f"LOGLEAP_BACKEND is 'gcp', but {error.name} is not installed: {install_command('gcp')}"
        ) from error
