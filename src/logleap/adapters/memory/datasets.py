"""Data sets in memory."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from logleap.adapters.memory.database import MemoryDatabase
from logleap.domain.datasets import Dataset, Event, Retention, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import TrainingMessage
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
            self._database.log(dataset.dataset_id, event, dataset=dataset)
            insort(self._database.positions[dataset.owner], Position(dataset.created_at, dataset.dataset_id))

    def get(self, owner: str, dataset_id: str) -> Dataset:
        with self._database.lock:
            dataset = self._database.datasets.get(dataset_id)
        if dataset is None or dataset.owner != owner:
            raise DatasetNotFound(dataset_id)
        return dataset

    def list(
        self,
        owner: str,
        *,
        state: State | None = None,
        name: str | None = None,
        limit: int,
        after: Position | None = None,
    ) -> Sequence[Dataset]:
        with self._database.lock:
            positions = self._database.positions.get(owner, [])
            end = len(positions) if after is None else bisect_left(positions, after)
            newest_first = (
                self._database.datasets[positions[index].dataset_id] for index in range(end - 1, -1, -1)
            )
            matching = (
                dataset
                for dataset in newest_first
                if state in (None, dataset.state) and name in (None, dataset.name)
            )
            return list(islice(matching, limit))

    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        with self._database.lock:
            self._database.check_dataset(dataset.dataset_id, dataset.version - 1)
            self._database.datasets[dataset.dataset_id] = dataset
            if event is not None:
                self._database.log(dataset.dataset_id, event, dataset=dataset)

    def save_if_totals(self, dataset: Dataset, totals: Totals, event: Event) -> None:
        with self._database.lock:
            if self._database.totals(dataset.dataset_id) != totals:
                raise Conflict(f"data set {dataset.dataset_id} has other receipts")
            self.save(dataset, event)

    def due_for_archiving(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        longest = Retention(archive_after=after)
        with self._database.lock:
            dated = [(found, found.archive_at(longest)) for found in self._database.datasets.values()]
        return [found for found, at in dated if at is not None and at <= now][:limit]

    def due_for_deletion(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        longest = Retention(delete_after=after)
        with self._database.lock:
            dated = [(found, found.delete_at(longest)) for found in self._database.datasets.values()]
        return [found for found, at in dated if at is not None and at <= now][:limit]

    def unfinished(self, before: datetime, limit: int, latest: datetime | None = None) -> Sequence[Dataset]:
        with self._database.lock:
            unfinished = [found for found in self._database.datasets.values() if found.unfinished]
        return [
            found
            for found in unfinished
            if found.updated_at <= before or (latest is not None and found.updated_at > latest)
        ][:limit]

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
            database.announce_deletion(dataset)
            for key in [key for key in database.runs if key[0] == dataset_id]:
                database.outbox.pop(TrainingMessage.of(database.runs.pop(key)), None)
            del database.datasets[dataset_id]
            positions = database.positions[dataset.owner]
            del positions[bisect_left(positions, Position(dataset.created_at, dataset_id))]

    def events(self, dataset_id: str) -> Sequence[Event]:
        with self._database.lock:
            return list(self._database.events.get(dataset_id, ()))
