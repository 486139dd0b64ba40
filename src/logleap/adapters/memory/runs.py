"""Runs and their outbox in memory."""

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime

from logleap.adapters.memory.database import MemoryDatabase
from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.runs import Run, Start, TrainingMessage
from logleap.ports.runs import RunPosition, RunRepository


class MemoryRunRepository(RunRepository):
    """Runs and the outbox in dictionaries."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        database = self._database
        with database.lock:
            start = decide(database.totals(dataset.dataset_id))
            key = (start.run.dataset_id, start.run.run_id)
            if key in database.runs:
                return database.runs[key]
            database.check_dataset(dataset.dataset_id, dataset.version)
            database.datasets[dataset.dataset_id] = start.dataset
            database.log(dataset.dataset_id, start.event, dataset=start.dataset, run=start.run)
            database.runs[key] = start.run
            database.outbox[TrainingMessage.of(start.run)] = None
            return start.run

    def get(self, dataset_id: str, run_id: str) -> Run | None:
        with self._database.lock:
            return self._database.runs.get((dataset_id, run_id))

    def list(self, dataset_id: str, *, limit: int, after: RunPosition | None = None) -> Sequence[Run]:
        with self._database.lock:
            mine = [run for run in self._database.runs.values() if run.dataset_id == dataset_id]
        behind = [run for run in mine if after is None or _position(run) < after]
        return heapq.nlargest(limit, behind, key=_position)

    def save(self, run: Run, event: Event | None = None) -> None:
        with self._database.lock:
            self._database.check_run(run)
            self._database.runs[run.dataset_id, run.run_id] = run
            if event is not None:
                self._database.log(run.dataset_id, event, run=run)

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        with self._database.lock:
            self._database.check_dataset(dataset.dataset_id, dataset.version - 1)
            self.save(run)
            self._database.datasets[dataset.dataset_id] = dataset
            self._database.log(run.dataset_id, event, dataset=dataset, run=run)

    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        with self._database.lock:
            return list(self._database.outbox)[:limit]

    def published(self, message: TrainingMessage) -> None:
        with self._database.lock:
            self._database.outbox.pop(message, None)

    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        with self._database.lock:
            unfinished = [run for run in self._database.runs.values() if not run.finished]
        due = [run for run in unfinished if run.due_at <= now or (latest is not None and run.due_at > latest)]
        return heapq.nsmallest(limit, due, key=lambda run: run.due_at)


def _position(run: Run) -> RunPosition:
    return RunPosition(run.created_at, run.run_id)
