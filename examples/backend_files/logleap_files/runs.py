"""Runs and the outbox: in the document of their data set."""

from collections.abc import Callable, Sequence
from datetime import datetime

from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.runs import Run, Start, TrainingMessage
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunPosition, RunRepository
from logleap_files import documents
from logleap_files.documents import Document
from logleap_files.folder import Folder
from logleap_files.receipts import totals_of


class FileRunRepository(RunRepository):
    """Receipts are added under the same lock, so none comes between the adding up and the storing."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        with self._folder.locked():
            start = decide(totals_of(self._folder, dataset.dataset_id))
            earlier = self.get(dataset.dataset_id, start.run.run_id)
            if earlier is not None:
                return earlier
            document = documents.load_at(self._folder, dataset.dataset_id, dataset.version)
            document.dataset = start.dataset
            document.events.append(start.event)
            document.runs[start.run.run_id] = start.run
            document.outbox.append(start.run.run_id)
            documents.store(self._folder, document)
            return start.run

    def get(self, dataset_id: str, run_id: str) -> Run | None:
        document = documents.load(self._folder, dataset_id)
        return None if document is None else document.runs.get(run_id)

    def list(self, dataset_id: str, *, limit: int, after: RunPosition | None = None) -> Sequence[Run]:
        document = documents.load(self._folder, dataset_id)
        runs = [] if document is None else list(document.runs.values())
        behind = [run for run in runs if after is None or _position(run) < after]
        return sorted(behind, key=_position, reverse=True)[:limit]

    def save(self, run: Run, event: Event | None = None) -> None:
        with self._folder.locked():
            documents.store(self._folder, self._changed(run, event))

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        with self._folder.locked():
            document = self._changed(run, event)
            if document.dataset.version != dataset.version - 1:
                raise Conflict(f"data set {dataset.dataset_id} is not at version {dataset.version - 1}")
            document.dataset = dataset
            documents.store(self._folder, document)

    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        return [
            TrainingMessage.of(document.runs[run_id])
            for document in documents.load_all(self._folder)
            for run_id in document.outbox
        ][:limit]

    def published(self, message: TrainingMessage) -> None:
        with self._folder.locked():
            document = documents.load(self._folder, message.dataset_id)
            if document is not None and message.run_id in document.outbox:
                document.outbox.remove(message.run_id)
                documents.store(self._folder, document)

    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        runs = (run for document in documents.load_all(self._folder) for run in document.runs.values())
        unfinished = [run for run in runs if not run.finished]
        due = [run for run in unfinished if run.due_at <= now or (latest is not None and run.due_at > latest)]
        return sorted(due, key=lambda run: run.due_at)[:limit]

    def _changed(self, run: Run, event: Event | None) -> Document:
        """The document with the next version of a run in it. Raises Conflict."""
        document = documents.load(self._folder, run.dataset_id)
        stored = None if document is None else document.runs.get(run.run_id)
        if document is None or stored is None or stored.version != run.version - 1:
            raise Conflict(f"run {run.run_id} is not at version {run.version - 1}")
        document.runs[run.run_id] = run
        if event is not None:
            document.events.append(event)
        return document


def _position(run: Run) -> RunPosition:
    return RunPosition(run.created_at, run.run_id)
