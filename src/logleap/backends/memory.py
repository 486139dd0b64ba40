"""The backend `memory`: everything in this process, lost on exit."""

from logleap.backends.backend import Backend, backend_factory
from logleap.ordering.scratch import Scratch
from logleap.settings import Settings


@backend_factory(durable=False, shared=False, worker_inside=True, keeps_keys=False, requires_keys=False)
def open_memory(
    settings: Settings, *, visibility_timeout: float | None = None, max_deliveries: int = 5
) -> Backend:
    """An empty one. The options are those of `open_backend`."""
    from logleap.adapters.memory.archive import MemoryArchiveStore
    from logleap.adapters.memory.artifacts import MemoryArtifactStore
    from logleap.adapters.memory.database import MemoryDatabase
    from logleap.adapters.memory.datasets import MemoryDatasetRepository
    from logleap.adapters.memory.entries import MemoryEntryStore
    from logleap.adapters.memory.events import MemoryEventOutbox
    from logleap.adapters.memory.keys import MemoryKeyRepository
    from logleap.adapters.memory.queue import MemoryTrainingQueue
    from logleap.adapters.memory.receipts import MemoryReceiptLedger
    from logleap.adapters.memory.runs import MemoryRunRepository

    database = MemoryDatabase(announces=settings.events_on)
    scratch = Scratch(settings.temporary_limit)
    if visibility_timeout is None:
        visibility_timeout = 2 * settings.run_lease
    return Backend(
        datasets=MemoryDatasetRepository(database),
        ledger=MemoryReceiptLedger(database),
        store=MemoryEntryStore(scratch),
        runs=MemoryRunRepository(database),
        queue=MemoryTrainingQueue(visibility_timeout=visibility_timeout, max_deliveries=max_deliveries),
        archives=MemoryArchiveStore(scratch),
        artifacts=MemoryArtifactStore(),
        keys=MemoryKeyRepository(),
        events=MemoryEventOutbox(database),
    )
