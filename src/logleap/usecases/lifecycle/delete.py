"""Remove a data set and all that belongs to it."""

from dataclasses import dataclass

from logleap.domain.datasets import Action, Dataset
from logleap.ports.archive import ArchiveStore
from logleap.ports.artifacts import ArtifactStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict
from logleap.usecases.types import Clock


@dataclass(frozen=True, slots=True)
class DeleteDataset:
    """Deletes a data set: entries, archive, artifacts, receipts, runs, log.

    After a crash, a second call goes on.
    """

    datasets: DatasetRepository
    store: EntryStore
    archives: ArchiveStore
    artifacts: ArtifactStore
    now: Clock

    def __call__(self, owner: str, dataset_id: str) -> None:
        """When it returns, nothing is left. Raises DatasetNotFound, InvalidTransition (while training)."""
        while True:
            dataset = self.datasets.get(owner, dataset_id)
            deleting = dataset.after(Action.DELETE, self.now())
            if deleting.state is not dataset.state:
                try:
                    self.datasets.save(deleting)
                except Conflict:
                    continue
            self.finish(deleting)
            return

    def finish(self, dataset: Dataset) -> None:
        """Bring a deletion that has begun to its end. The data set itself goes last."""
        self.store.drop(dataset.dataset_id)
        self.archives.remove_all(dataset.dataset_id)
        self.artifacts.remove_all(dataset.dataset_id)
        self.datasets.remove(dataset.dataset_id)
