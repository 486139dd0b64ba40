"""The backend `local`: one SQLite file in a folder of this machine, archives and artifacts in folders."""

from pathlib import Path
from tempfile import gettempdir
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.backends.backend import Backend, backend_factory
from logleap.settings import Settings, SettingsError


@backend_factory(durable=True, shared=True, worker_inside=True, keeps_keys=True, requires_keys=False)
def open_local(
    settings: Settings, *, visibility_timeout: float | None = None, max_deliveries: int = 5
) -> Backend:
    """The one in `data_dir`, created if there is none. The options are those of `open_backend`."""
    from logleap.adapters.files.artifacts import ArtifactUrlRefused
    from logleap.adapters.local.archive import LocalArchiveStore
    from logleap.adapters.local.artifacts import LocalArtifactStore
    from logleap.adapters.local.datasets import SqliteDatasetRepository
    from logleap.adapters.local.entries import SqliteEntryStore
    from logleap.adapters.local.keys import SqliteKeyRepository
    from logleap.adapters.local.queue import SqliteTrainingQueue
    from logleap.adapters.local.receipts import SqliteReceiptLedger
    from logleap.adapters.local.runs import SqliteRunRepository
    from logleap.adapters.local.sqlite.database import Database, StorageUnusable
    from logleap.adapters.parquet.locations import ArchiveUrlNotSupported

    try:
        archives = LocalArchiveStore(settings.archive_to)
    except ArchiveUrlNotSupported as error:
        raise SettingsError(f"LOGLEAP_ARCHIVE_URL is {settings.archive_url!r}: {error}") from error
    try:
        artifacts = LocalArtifactStore(settings.artifacts_to)
    except ArtifactUrlRefused as error:
        raise SettingsError(f"LOGLEAP_ARTIFACT_URL is {settings.artifact_url!r}: {error}") from error
    try:
        database = Database(settings.data_dir, settings.disk_reserve)
    except StorageUnusable as error:
        raise SettingsError(f"LOGLEAP_DATA_DIR is {str(settings.data_dir)!r}: {error}") from error
    if visibility_timeout is None:
        visibility_timeout = 2 * settings.run_lease
    queue = SqliteTrainingQueue(
        database, visibility_timeout=visibility_timeout, max_deliveries=max_deliveries
    )
    return Backend(
        datasets=SqliteDatasetRepository(database),
        ledger=SqliteReceiptLedger(database),
        store=SqliteEntryStore(database),
        runs=SqliteRunRepository(database),
        queue=queue,
        archives=archives,
        artifacts=artifacts,
        keys=SqliteKeyRepository(database),
        check=database.check,
        close=database.close,
        location=str(settings.data_dir),
        folders={
            "data": settings.data_dir.absolute(),
            "archive": Path(url2pathname(urlsplit(settings.archive_to).path)),
            "artifacts": Path(url2pathname(urlsplit(settings.artifacts_to).path)),
            "temporary": Path(gettempdir()),
        },
        disk_reserve=database.space.reserve,
    )
