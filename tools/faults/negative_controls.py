"""Broken parts, one for each thing that the protocols rest on. The harness must find every one of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.backends import Backend
from logleap.domain.datasets import Action, Dataset, Event
from logleap.domain.entries import Batch, Entry, Manifest, Receipt, Row
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import Run, TrainingMessage
from logleap.usecases.append import Acknowledgement, AppendEntries, EntrySource
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from tools.faults.archive_delete_scenarios import archive_delete_scenarios
from tools.faults.failpoints import NotHit
from tools.faults.harness import Harness, memory_backend
from tools.faults.history import Findings
from tools.faults.mutations import RowsDroppedFirst
from tools.faults.scenarios import fixed_scenarios


class ReceiptFirst(AppendEntries):
    """Writes the receipt before the rows."""

    def __call__(
        self, owner: str, dataset_id: str, source: EntrySource, key: str | None = None
    ) -> Acknowledgement:
        dataset = self.datasets.get(owner, dataset_id)
        chunks = list(source)
        batch = Batch(dataset_id, owner, self.new_id())
        size = sum(map(len, chunks))
        receipt = Receipt(dataset_id, batch.batch_id, key or batch.batch_id, size, source.sha256, self.now())
        acknowledgement = self._commit(dataset, receipt)
        if not acknowledgement.replayed:
            first = 0
            for chunk in chunks:
                self.store.append(batch, chunk, first_sequence=first)
                first += len(chunk)
        return acknowledgement


class NoFence(MemoryRunRepository):
    """Stores runs whatever version is there."""

    def save(self, run: Run, event: Event | None = None) -> None:
        database = self._database
        with database.lock:
            database.runs[run.dataset_id, run.run_id] = run
            if event is not None:
                database.events[run.dataset_id].append(event)

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        with self._database.lock:
            self.save(run, event)
            self._database.datasets[dataset.dataset_id] = dataset


class CancelForgotten(MemoryRunRepository):
    """Loses that a run was cancelled."""

    def save(self, run: Run, event: Event | None = None) -> None:
        super().save(replace(run, cancel_requested_at=None), event)


class NoReplay(MemoryReceiptLedger):
    """Knows no batch again."""

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        return None

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        with self._database.lock:
            self._database.check_dataset(receipt.dataset_id, dataset_version)
            self._database.receipts[receipt.dataset_id][receipt.batch_id] = receipt
            return receipt


class NoSeal(MemoryReceiptLedger):
    """Takes receipts whatever became of the data set."""

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        with self._database.lock:
            stored = self._database.datasets[receipt.dataset_id]
            return super().add(receipt, stored.version)


class NoWalls(MemoryDatasetRepository):
    """Gives everyone everything."""

    def get(self, owner: str, dataset_id: str) -> Dataset:
        with self._database.lock:
            dataset = self._database.datasets.get(dataset_id)
        if dataset is None:
            raise DatasetNotFound(dataset_id)
        return dataset


class RowsAsStored(MemoryEntryStore):
    """Reads a row as often as it was stored."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, list[Row]] = {}

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        rows = self._rows.setdefault(batch.dataset_id, [])
        rows += (
            Row(batch.batch_id, place, entry) for place, entry in enumerate(entries, start=first_sequence)
        )

    def count(self, manifest: Manifest) -> int:
        return sum(1 for _ in self.read(manifest))

    def read(self, manifest: Manifest) -> Iterator[Row]:
        yield from (row for row in self._rows[manifest.dataset_id] if row.batch_id in manifest.batches)


class NoManifest(RowsAsStored):
    """Reads every row, also those that were never acknowledged."""

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        known = {row[:2] for row in self._rows.get(batch.dataset_id, ())}
        if (batch.batch_id, first_sequence) not in known:
            super().append(batch, entries, first_sequence)

    def read(self, manifest: Manifest) -> Iterator[Row]:
        yield from self._rows[manifest.dataset_id]


class NothingLeftBehind(MemoryRunRepository):
    """Forgets what was not published."""

    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        return ()

    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        return ()


class UnsealedArchive(ArchiveDataset):
    """Archives a data set that goes on taking entries."""

    def _sealed(self, owner: str, dataset_id: str) -> Dataset:
        dataset = self.datasets.get(owner, dataset_id)
        dataset.next_state(Action.ARCHIVE)
        while dataset.archive is None:
            dataset = self._written(dataset)
        return dataset


class DatasetRemovedFirst(DeleteDataset):
    """Removes the data set before what belongs to it."""

    def finish(self, dataset: Dataset) -> None:
        self.datasets.remove(dataset.dataset_id)
        super().finish(dataset)


class KnownArchiveRemoved(DeleteDataset):
    """Removes the archive that the data set names, and no other."""

    def finish(self, dataset: Dataset) -> None:
        self.store.drop(dataset.dataset_id)
        if dataset.archive is not None:
            self.archives.remove(dataset.archive)
        self.datasets.remove(dataset.dataset_id)


def _database(backend: Backend) -> MemoryDatabase:
    database = getattr(backend.datasets, "_database", None)
    assert isinstance(database, MemoryDatabase)
    return database


def _with(change: Callable[[Backend], Backend]) -> Harness:
    backend = change(memory_backend())
    return Harness(lambda: backend)


def _using(**use_cases: Any) -> Harness:
    backend = memory_backend()
    return Harness(lambda: backend, **use_cases)


NEGATIVE_CONTROLS: Mapping[str, tuple[set[str], Callable[[], Harness]]] = {
    "the receipt before the rows": ({"lost"}, lambda: _using(append=ReceiptFirst)),
    "no fence": (
        {"runs"},
        lambda: _with(lambda parts: replace(parts, runs=NoFence(_database(parts)))),
    ),
    "a cancel that is forgotten": (
        {"runs"},
        lambda: _with(lambda parts: replace(parts, runs=CancelForgotten(_database(parts)))),
    ),
    "no replay": (
        {"doubled"},
        lambda: _with(lambda parts: replace(parts, ledger=NoReplay(_database(parts)))),
    ),
    "no seal": (
        {"lost"},
        lambda: _with(lambda parts: replace(parts, ledger=NoSeal(_database(parts)))),
    ),
    "no walls": (
        {"foreign"},
        lambda: _with(lambda parts: replace(parts, datasets=NoWalls(_database(parts)))),
    ),
    "rows as often as stored": (
        {"doubled"},
        lambda: _with(lambda parts: replace(parts, store=RowsAsStored())),
    ),
    "no manifest": (
        {"doubled"},
        lambda: _with(lambda parts: replace(parts, store=NoManifest())),
    ),
    "no outbox and no sweeper": (
        {"runs"},
        lambda: _with(lambda parts: replace(parts, runs=NothingLeftBehind(_database(parts)))),
    ),
    "the rows dropped before the archive is verified": (
        {"lost"},
        lambda: _using(archive=RowsDroppedFirst),
    ),
    "no seal before archiving": ({"lost"}, lambda: _using(archive=UnsealedArchive)),
    "the data set removed before what belongs to it": (
        {"left"},
        lambda: _using(delete=DatasetRemovedFirst),
    ),
    "only the archive removed that the data set names": (
        {"left"},
        lambda: _using(delete=KnownArchiveRemoved),
    ),
}
"""By name: what must be found (at least), and a harness with the broken part in."""


def first_to_find(expected: set[str], make: Callable[[], Harness]) -> tuple[str, Findings]:
    """The name of the first scenario under which what is broken shows as expected, and how it shows."""
    for name, scenario in {**fixed_scenarios(), **archive_delete_scenarios()}.items():
        harness = make()
        with suppress(NotHit):  # what is broken may go other ways than what is not
            scenario(harness)
        findings = harness.check()
        if expected <= findings.kinds:
            return name, findings
    raise LookupError(f"no scenario showed {', '.join(expected)}")
