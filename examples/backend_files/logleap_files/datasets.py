"""Data sets, with their logs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from logleap.domain.datasets import Dataset, Event, Retention, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.errors import Conflict
from logleap_files import documents
from logleap_files.documents import Document
from logleap_files.folder import Folder, file_name
from logleap_files.receipts import totals_of


class FileDatasetRepository(DatasetRepository):
    """A list reads every document: enough for an example."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def add(self, dataset: Dataset, event: Event) -> None:
        with self._folder.locked():
            if documents.load(self._folder, dataset.dataset_id) is not None:
                raise Conflict(f"data set {dataset.dataset_id} exists")
            documents.store(self._folder, Document(dataset, [event]))

    def get(self, owner: str, dataset_id: str) -> Dataset:
        document = documents.load(self._folder, dataset_id)
        if document is None or document.dataset.owner != owner:
            raise DatasetNotFound(dataset_id)
        return document.dataset

    def list(
        self,
        owner: str,
        *,
        state: State | None = None,
        name: str | None = None,
        limit: int,
        after: Position | None = None,
    ) -> Sequence[Dataset]:
        found = [
            dataset
            for dataset in (document.dataset for document in documents.load_all(self._folder))
            if dataset.owner == owner
            and state in (None, dataset.state)
            and name in (None, dataset.name)
            and (after is None or _position(dataset) < after)
        ]
        return sorted(found, key=_position, reverse=True)[:limit]

    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        with self._folder.locked():
            document = documents.load_at(self._folder, dataset.dataset_id, dataset.version - 1)
            document.dataset = dataset
            if event is not None:
                document.events.append(event)
            documents.store(self._folder, document)

    def save_if_totals(self, dataset: Dataset, totals: Totals, event: Event) -> None:
        with self._folder.locked():
            if totals_of(self._folder, dataset.dataset_id) != totals:
                raise Conflict(f"data set {dataset.dataset_id} has other receipts")
            self.save(dataset, event)

    def due_for_archiving(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        longest = Retention(archive_after=after)
        stored = [document.dataset for document in documents.load_all(self._folder)]
        return [found for found in stored if (at := found.archive_at(longest)) and at <= now][:limit]

    def due_for_deletion(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        longest = Retention(delete_after=after)
        stored = [document.dataset for document in documents.load_all(self._folder)]
        return [found for found in stored if (at := found.delete_at(longest)) and at <= now][:limit]

    def unfinished(self, before: datetime, limit: int, latest: datetime | None = None) -> Sequence[Dataset]:
        stored = (document.dataset for document in documents.load_all(self._folder))
        return [
            found
            for found in stored
            if found.unfinished
            and (found.updated_at <= before or (latest is not None and found.updated_at > latest))
        ][:limit]

    def remove(self, dataset_id: str) -> None:
        with self._folder.locked():
            document = documents.load(self._folder, dataset_id)
            if document is None:
                return
            if document.dataset.state is not State.DELETING:
                raise Conflict(f"data set {dataset_id} is {document.dataset.state}")
            self._folder.remove(f"receipts/{file_name(dataset_id)}")
            documents.remove(self._folder, dataset_id)

    def events(self, dataset_id: str) -> Sequence[Event]:
        document = documents.load(self._folder, dataset_id)
        return [] if document is None else document.events


def _position(dataset: Dataset) -> Position:
    return Position(dataset.created_at, dataset.dataset_id)
