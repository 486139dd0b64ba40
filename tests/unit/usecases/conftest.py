"""The use cases over the memory adapters, with a clock that moves only when it is told to.

A test that needs an adapter with a fault subclasses the memory adapter, makes it on `database`, and puts it
into a use case with `dataclasses.replace`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.domain.datasets import NO_RETENTION, Dataset
from logleap.domain.entries import Entry
from logleap.domain.errors import Refusal
from logleap.domain.log_models import LOG_MODEL, MODEL_FILE
from logleap.domain.runs import JsonObject, Run, TrainingMessage
from logleap.miner.text.mask import Masks
from logleap.ports.queue import TrainingQueue
from logleap.ports.task import TrainingContext, TrainingTask
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset, ShowDatasets
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep
from logleap.usecases.loaded_models import LoadedModels
from logleap.usecases.training.cancel_training import CancelTraining
from logleap.usecases.training.run_training import ExecuteTask, RunTraining, TaskThreads
from logleap.usecases.training.start_training import ShowTraining, StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Source(EntrySource):
    """A body of these messages, in chunks, that ends with a refusal if one is given."""

    def __init__(self, messages: Sequence[str], chunk: int, refusal: Refusal | None) -> None:
        self._messages = messages
        self._chunk = chunk
        self._refusal = refusal
        self._read = False

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        assert not self._read, "a body can be read once"
        for first in range(0, len(self._messages), self._chunk):
            yield [Entry(NOON, message) for message in self._messages[first : first + self._chunk]]
        self._read = True
        if self._refusal is not None:
            raise self._refusal

    @property
    def sha256(self) -> str:
        assert self._read, "the digest is known after the reading"
        return f"digest of {list(self._messages)}"


@pytest.fixture
def source() -> Callable[..., EntrySource]:
    def call(*messages: str, chunk: int = 2, refusal: Refusal | None = None) -> EntrySource:
        return Source(messages, chunk, refusal)

    return call


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def now(clock: Clock) -> Callable[[], datetime]:
    return clock


@pytest.fixture
def advance(clock: Clock) -> Callable[[float], None]:
    """Lets seconds pass on the use cases' clock."""
    return clock.advance


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def datasets(database: MemoryDatabase) -> MemoryDatasetRepository:
    return MemoryDatasetRepository(database)


@pytest.fixture
def ledger(database: MemoryDatabase) -> MemoryReceiptLedger:
    return MemoryReceiptLedger(database)


@pytest.fixture
def store() -> MemoryEntryStore:
    return MemoryEntryStore()


@pytest.fixture
def runs(database: MemoryDatabase) -> MemoryRunRepository:
    return MemoryRunRepository(database)


@pytest.fixture
def queue() -> MemoryTrainingQueue:
    return MemoryTrainingQueue()


@pytest.fixture
def archives() -> MemoryArchiveStore:
    return MemoryArchiveStore()


@pytest.fixture
def artifacts() -> MemoryArtifactStore:
    return MemoryArtifactStore()


@pytest.fixture
def messages(queue: TrainingQueue) -> Callable[[], list[TrainingMessage]]:
    """Takes all messages off the queue."""

    def call() -> list[TrainingMessage]:
        found = []
        while delivery := queue.receive(0):
            found.append(TrainingMessage.from_bytes(delivery.body))
            delivery.ack()
        return found

    return call


@pytest.fixture
def announce(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
) -> AnnounceDataset:
    return AnnounceDataset(datasets, store, now, new_id)


@pytest.fixture
def append(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    ledger: MemoryReceiptLedger,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
) -> AppendEntries:
    return AppendEntries(datasets, store, ledger, now, new_id)


@pytest.fixture
def archive_dataset(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    ledger: MemoryReceiptLedger,
    archives: MemoryArchiveStore,
    now: Callable[[], datetime],
) -> ArchiveDataset:
    return ArchiveDataset(datasets, store, ledger, archives, now)


@pytest.fixture
def delete_dataset(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    archives: MemoryArchiveStore,
    artifacts: MemoryArtifactStore,
    *,
    now: Callable[[], datetime],
) -> DeleteDataset:
    return DeleteDataset(datasets, store, archives, artifacts, now)


@pytest.fixture
def show(datasets: MemoryDatasetRepository, ledger: MemoryReceiptLedger) -> ShowDatasets:
    return ShowDatasets(datasets, ledger)


@pytest.fixture
def start(
    datasets: MemoryDatasetRepository,
    runs: MemoryRunRepository,
    queue: MemoryTrainingQueue,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
) -> StartTraining:
    return StartTraining(
        datasets,
        runs,
        queue,
        ("count-entries", "other"),
        patience=timedelta(minutes=5),
        time_limit=timedelta(hours=24),
        now=now,
        new_id=new_id,
    )


@pytest.fixture
def cancel(
    datasets: MemoryDatasetRepository, runs: MemoryRunRepository, now: Callable[[], datetime]
) -> CancelTraining:
    return CancelTraining(datasets, runs, now)


@pytest.fixture
def show_training(datasets: MemoryDatasetRepository, runs: MemoryRunRepository) -> ShowTraining:
    return ShowTraining(datasets, runs)


@pytest.fixture
def run_training(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    ledger: MemoryReceiptLedger,
    runs: MemoryRunRepository,
    *,
    archives: MemoryArchiveStore,
    artifacts: MemoryArtifactStore,
    now: Callable[[], datetime],
) -> RunTraining:
    """The sample task, a lease of 30 ms (so renewed every 10 ms), three attempts, no grace."""

    def count_entries(context: TrainingContext) -> dict[str, int]:
        return {"entries": context.training_set.count()}

    return RunTraining(
        datasets=datasets,
        store=store,
        ledger=ledger,
        runs=runs,
        artifacts=artifacts,
        executor=TaskThreads(
            ExecuteTask(
                store,
                ledger,
                archives,
                artifacts,
                {"count-entries": count_entries},
                artifact_limit=1000,
                compress=compress_zstd,
                decompress=unzstd,
            )
        ),
        now=now,
        lease=timedelta(milliseconds=30),
        patience=timedelta(minutes=5),
        max_attempts=3,
        grace=timedelta(0),
        time_limit=timedelta(hours=24),
    )


@pytest.fixture
def loaded(
    datasets: MemoryDatasetRepository, runs: MemoryRunRepository, artifacts: MemoryArtifactStore
) -> LoadedModels:
    return LoadedModels(datasets, runs, artifacts, Masks(), unzstd)


@pytest.fixture
def with_model(
    announce: AnnounceDataset,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    start: StartTraining,
    run_training: RunTraining,
    *,
    advance: Callable[[float], None],
) -> Callable[..., str]:
    """A data set of alice's with these messages, whose log model is these bytes."""

    def call(content: bytes, *messages: str, compress: bool = True) -> str:
        def work(context: TrainingContext) -> JsonObject:
            context.artifacts.save(MODEL_FILE, "application/json", content, compress=compress)
            return {}

        dataset_id = announce("alice", None, {}).dataset_id
        append("alice", dataset_id, source(*messages or ("a",)))
        advance(1)
        begin = replace(start, tasks=(LOG_MODEL,))
        run = begin("alice", dataset_id, task=LOG_MODEL)
        assert isinstance(run_training.executor, TaskThreads)
        execute = replace(run_training.executor.execute, tasks={LOG_MODEL: work}, artifact_limit=1 << 20)
        replace(run_training, executor=TaskThreads(execute))(TrainingMessage.of(run).to_bytes())
        return dataset_id

    return call


@pytest.fixture
def with_task() -> Callable[[RunTraining, TrainingTask], RunTraining]:
    """The use case with another sample task."""

    def call(run_training: RunTraining, task: TrainingTask) -> RunTraining:
        assert isinstance(run_training.executor, TaskThreads)
        execute = replace(run_training.executor.execute, tasks={"count-entries": task})
        return replace(run_training, executor=TaskThreads(execute))

    return call


@pytest.fixture
def apply_retention(
    datasets: MemoryDatasetRepository,
    ledger: MemoryReceiptLedger,
    archive_dataset: ArchiveDataset,
    delete_dataset: DeleteDataset,
    now: Callable[[], datetime],
) -> ApplyRetention:
    return ApplyRetention(datasets, ledger, archive_dataset, delete_dataset, now, NO_RETENTION)


@pytest.fixture
def sweep(
    datasets: MemoryDatasetRepository,
    runs: MemoryRunRepository,
    queue: MemoryTrainingQueue,
    *,
    artifacts: MemoryArtifactStore,
    archive_dataset: ArchiveDataset,
    delete_dataset: DeleteDataset,
    apply_retention: ApplyRetention,
    now: Callable[[], datetime],
) -> Sweep:
    return Sweep(
        datasets,
        runs,
        queue,
        artifacts,
        archive_dataset,
        delete_dataset,
        apply_retention,
        now=now,
        patience=timedelta(minutes=5),
        max_attempts=3,
        time_limit=timedelta(hours=24),
    )


@pytest.fixture
def fail_dead_letter(
    datasets: MemoryDatasetRepository,
    runs: MemoryRunRepository,
    queue: MemoryTrainingQueue,
    now: Callable[[], datetime],
) -> FailDeadLetter:
    return FailDeadLetter(datasets, runs, queue, now, patience=timedelta(minutes=5))


@pytest.fixture
def uploaded(
    announce: AnnounceDataset, append: AppendEntries, source: Callable[..., EntrySource]
) -> Callable[[], Dataset]:
    """A data set of alice's with five entries in two batches, as it was announced."""

    def call() -> Dataset:
        dataset = announce("alice", None, {})
        append("alice", dataset.dataset_id, source("a", "b", "c"))
        append("alice", dataset.dataset_id, source("d", "e"))
        return dataset

    return call


@pytest.fixture
def started(uploaded: Callable[[], Dataset], start: StartTraining) -> Callable[[], Run]:
    """A run on a data set of five entries, queued."""
    return lambda: start("alice", uploaded().dataset_id)
