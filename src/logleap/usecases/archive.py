"""Move a data set's entries from the store to the archive."""

from dataclasses import dataclass

from logleap.domain.dataset import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Totals
from logleap.ports.archive import ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore, ReceiptLedger
from logleap.ports.errors import Conflict
from logleap.usecases.datasets import Clock, DatasetView


@dataclass(frozen=True, slots=True)
class ArchiveDataset:
    """Archives a data set: seal, write, verify, and only then drop what is in the store.

    Each step can be repeated, so whoever calls again goes on where a crash broke off.
    """

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    now: Clock

    def __call__(self, owner: str, dataset_id: str) -> DatasetView:
        """The archived data set. Raises DatasetNotFound, ActionRefused (while training).

        Raises CountMismatch, with all rows still in the store, if they are not what was acknowledged.
        """
        self.archives.check()
        dataset = self._sealed(owner, dataset_id)
        while dataset.archive is None:
            dataset = self._written(dataset)
        self.store.drop(dataset_id)
        return DatasetView(dataset, dataset.sealed or self.ledger.totals(dataset_id))

    def _sealed(self, owner: str, dataset_id: str) -> Dataset:
        """The data set in the state `archived`: from here on its manifest is final."""
        while True:
            dataset = self.datasets.get(owner, dataset_id)
            sealed = dataset.after(Action.ARCHIVE, self.now())
            if dataset.state is State.ARCHIVED:
                return dataset
            try:
                self.datasets.save(sealed)
            except Conflict:
                continue
            return sealed

    def _written(self, dataset: Dataset) -> Dataset:
        manifest = self.ledger.manifest(dataset.dataset_id)
        archive = self.archives.write(manifest, self.store.read(manifest))
        now = self.now()
        event = Event(now, EventKind.ARCHIVED, f"Archived {archive.entries} entries.")
        totals = Totals(manifest.entries, len(manifest.batches))
        archived = dataset.with_archive(archive, totals, now)
        try:
            self.datasets.save(archived, event)
        except Conflict:
            # Somebody else archived it at the same moment: theirs counts.
            archived = self.datasets.get(dataset.owner, dataset.dataset_id)
            if archived.archive != archive:
                self.archives.remove(archive)
        return archived
