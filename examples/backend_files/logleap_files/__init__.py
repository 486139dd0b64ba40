"""An example of a backend: files in one folder. Small rather than quick, and it keeps the promise.

LOGLEAP_BACKEND=logleap_files:open_files chooses it; the folder is LOGLEAP_DATA_DIR.
"""

from logleap.adapters.local.archive import LocalArchiveStore
from logleap.adapters.local.artifacts import LocalArtifactStore
from logleap.backends import Backend, backend_factory
from logleap.settings import Settings, SettingsError
from logleap_files.datasets import FileDatasetRepository
from logleap_files.entries import FileEntryStore
from logleap_files.folder import Folder
from logleap_files.keys import FileKeyRepository
from logleap_files.queue import FileTrainingQueue
from logleap_files.receipts import FileReceiptLedger
from logleap_files.runs import FileRunRepository


@backend_factory(durable=True, shared=True, worker_inside=True, keeps_keys=True, requires_keys=False)
def open_files(settings: Settings) -> Backend:
    """The backend in the settings' data folder, which is made if there is none."""
    try:
        folder = Folder(settings.data_dir)
    except OSError as error:
        raise SettingsError(f"LOGLEAP_DATA_DIR is {str(settings.data_dir)!r}: {error}") from error
    return Backend(
        datasets=FileDatasetRepository(folder),
        ledger=FileReceiptLedger(folder),
        store=FileEntryStore(folder),
        runs=FileRunRepository(folder),
        queue=FileTrainingQueue(folder, visibility_timeout=2 * settings.run_lease),
        archives=LocalArchiveStore(settings.archive_to),  # adapters may be mixed
        artifacts=LocalArtifactStore(settings.artifacts_to),
        keys=FileKeyRepository(folder),
        check=folder.check,
        close=folder.close,
        location=str(settings.data_dir),
    )
