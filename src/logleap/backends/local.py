"""The backend `local`: one SQLite file in a folder of this machine, archives and artifacts in folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.backends.backend import Backend, backend_factory
from logleap.ordering.scratch import Scratch
from logleap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from logleap.adapters.local.sqlite.backup import Contents as Contents  # noqa: PLC0414 -- for the command line


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
    from logleap.adapters.local.events import SqliteEventOutbox
    from logleap.adapters.local.keys import SqliteKeyRepository
    from logleap.adapters.local.queue import SqliteTrainingQueue
    from logleap.adapters.local.receipts import SqliteReceiptLedger
    from logleap.adapters.local.runs import SqliteRunRepository
    from logleap.adapters.local.sqlite.database import Database, StorageUnusable
    from logleap.adapters.parquet.locations import ArchiveUrlNotSupported

    scratch = Scratch(settings.temporary_limit)
    try:
        archives = LocalArchiveStore(settings.archive_to, scratch)
    except ArchiveUrlNotSupported as error:
        raise SettingsError(f"LOGLEAP_ARCHIVE_URL is {settings.archive_url!r}: {error}") from error
    try:
        artifacts = LocalArtifactStore(settings.artifacts_to)
    except ArtifactUrlRefused as error:
        raise SettingsError(f"LOGLEAP_ARTIFACT_URL is {settings.artifact_url!r}: {error}") from error
    try:
        database = Database(settings.data_dir, settings.disk_reserve, announces=settings.events_on)
    except StorageUnusable as error:
        text = f"LOGLEAP_DATA_DIR is {str(settings.data_dir)!r}: {_with_commands(error)}"
        raise SettingsError(text) from error
    if visibility_timeout is None:
        visibility_timeout = 2 * settings.run_lease
    queue = SqliteTrainingQueue(
        database, visibility_timeout=visibility_timeout, max_deliveries=max_deliveries
    )
    return Backend(
        datasets=SqliteDatasetRepository(database),
        ledger=SqliteReceiptLedger(database),
        store=SqliteEntryStore(database, scratch),
        runs=SqliteRunRepository(database),
        queue=queue,
        archives=archives,
        artifacts=artifacts,
        keys=SqliteKeyRepository(database),
        events=SqliteEventOutbox(database),
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


def back_up_local(settings: Settings, file: Path) -> "Contents":
    """Copy the database to a new file, while it is in use. Raises SettingsError."""
    from logleap.adapters.local.sqlite.backup import back_up

    with _file_errors(settings):
        return back_up(settings.data_dir, file)


def restore_local(settings: Settings, file: Path) -> "tuple[Contents, Path | None]":
    """Replace the database by such a copy.

    Returns also the folder with the files that were replaced; None if there were none. Raises SettingsError.
    """
    from logleap.adapters.local.sqlite.backup import restore

    with _file_errors(settings):
        return restore(settings.data_dir, file)


def accept_loss_of_local(settings: Settings) -> None:
    """Treat the database as complete, although commits are missing. Raises SettingsError."""
    from logleap.adapters.local.sqlite.database import Database

    with _file_errors(settings):
        Database(settings.data_dir, settings.disk_reserve, accept_loss=True).close()


@contextmanager
def _file_errors(settings: Settings) -> Iterator[None]:
    from logleap.adapters.local.sqlite.database import StorageUnusable

    if settings.backend != "local":
        raise SettingsError(
            f"LOGLEAP_BACKEND is {settings.backend!r}: only 'local' has a file to back up or restore."
        )
    try:
        yield
    except StorageUnusable as error:
        raise SettingsError(_with_commands(error)) from error


def _with_commands(error: Exception) -> str:
    """The text of a StorageUnusable, with the commands that are its remedies."""
    from logleap.adapters.local.sqlite.database import CommitsMissing

    if isinstance(error, CommitsMissing):
        return f"{error} Commands: `logleap restore FILE`, `logleap serve --accept-loss`."
    return str(error)
