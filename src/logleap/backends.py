"""Which adapters make up which backend."""

from collections.abc import Callable
from dataclasses import dataclass

from logleap.ports.archive import ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore, ReceiptLedger
from logleap.ports.training import RunRepository, TrainingQueue
from logleap.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Backend:
    """One adapter per port, all of one backend. `check` raises Unavailable unless the backend can serve."""

    datasets: DatasetRepository
    ledger: ReceiptLedger
    store: EntryStore
    runs: RunRepository
    queue: TrainingQueue
    archives: ArchiveStore
    check: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None


def build_backend(settings: Settings) -> Backend:
    """The backend that the settings choose. Only its own libraries are imported."""
    if settings.backend == "memory":
        return _memory(settings)
    raise SettingsError(
        f"LOGLEAP_BACKEND is {settings.backend!r}: not there yet in this version, use 'memory'."
    )


def _memory(settings: Settings) -> Backend:
    from logleap.adapters.memory.archive import MemoryArchiveStore
    from logleap.adapters.memory.database import MemoryDatabase
    from logleap.adapters.memory.datasets import MemoryDatasetRepository
    from logleap.adapters.memory.entries import MemoryEntryStore, MemoryReceiptLedger
    from logleap.adapters.memory.training import MemoryRunRepository, MemoryTrainingQueue

    database = MemoryDatabase()
    return Backend(
        datasets=MemoryDatasetRepository(database),
        ledger=MemoryReceiptLedger(database),
        store=MemoryEntryStore(),
        runs=MemoryRunRepository(database),
        queue=MemoryTrainingQueue(hold=2 * settings.run_lease),
        archives=MemoryArchiveStore(),
    )
