"""Data sets in memory."""

from collections.abc import Sequence
from datetime import datetime

from logleap.adapters.memory.database import MemoryDatabase
from logleap.domain.dataset import Dataset, Event, State
from logleap.domain.errors import DatasetNotFound
from logleap.domain.training import TrainingMessage
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.errors import Conflict


class MemoryDatasetRepository(DatasetRepository):
    """Data sets and their logs in dictionaries."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def add(self, dataset: Dataset, event: Event) -> None:
        with self._database.lock:
            if dataset.dataset_id in self._database.datasets:
                raise Conflict(f"data set {dataset.dataset_id} exists")
            self._database.datasets[dataset.dataset_id] = dataset
            self._database.events[dataset.dataset_id].append(event)

    def get(self, owner: str, dataset_id: str) -> Dataset:
        with self._database.lock:
            dataset = self._database.datasets.get(dataset_id)
        if dataset is None or dataset.owner != owner:
            raise DatasetNotFound(dataset_id)
        return dataset

    def list(
        self, owner: str, *, state: State | None = None, limit: int, after: Position | None = None
    ) -> Sequence[Dataset]:
        with self._database.lock:
            found = [
                (Position(dataset.created_at, dataset.dataset_id), dataset)
                for dataset in self._database.datasets.values()
                if dataset.owner == owner and state in (None, dataset.state)
            ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [dataset for position, dataset in found if after is None or position < after][:limit]

    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        with self._database.lock:
            self._database.check_dataset(dataset.dataset_id, dataset.version - 1)
            self._database.datasets[dataset.dataset_id] = dataset
            if event is not None:
                self._database.events[dataset.dataset_id].append(event)

    def unfinished(self, before: datetime, limit: int) -> Sequence[Dataset]:
        with self._database.lock:
            stored = self._database.datasets.values()
            return [found for found in stored if found.unfinished and found.updated_at <= before][:limit]

    def remove(self, dataset_id: str) -> None:
        database = self._database
        with database.lock:
            dataset = database.datasets.get(dataset_id)
            if dataset is None:
                return
            if dataset.state is not State.DELETING:
                raise Conflict(f"data set {dataset_id} is {dataset.state}")
            database.receipts.pop(dataset_id, None)
            database.events.pop(dataset_id, None)
            for key in [key for key in database.runs if key[0] == dataset_id]:
                database.outbox.pop(TrainingMessage.of(database.runs.pop(key)), None)
            del database.datasets[dataset_id]

    def events(self, dataset_id: str) -> Sequence[Event]:
        with self._database.lock:
            return list(self._database.events.get(dataset_id, ()))
