"""Move a data set's entries from the store to the archive."""

import logging
from dataclasses import dataclass

from logleap.domain.datasets import Action, Archive, Dataset, Event, EventKind, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict, CountMismatch, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.datasets import DatasetView
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchiveDataset:
    """Archives a data set: seal, write, verify, and only then drop what is in the store.

    Each step can be repeated, so whoever calls again goes on where a crash broke off. If the archive cannot
    be written, the data set goes back to the state it had.
    """

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    now: Clock

    def __call__(self, owner: str, dataset_id: str) -> DatasetView:
        """The archived data set. Raises DatasetNotFound, InvalidTransition (while training).

        Raises CountMismatch if the rows are not what was acknowledged, ArchiveDamaged if what was written
        cannot be read back, Unavailable: then all rows are still in the store.
        """
        self.archives.check()
        dataset = self.finish(self._sealed(owner, dataset_id))
        return DatasetView(dataset, dataset.sealed or self.ledger.totals(dataset_id))

    def finish(self, dataset: Dataset) -> Dataset:
        """Bring an archiving that has begun to its end.

        Raises DatasetNotFound or InvalidTransition (deleted meanwhile), CountMismatch, ArchiveDamaged,
        Unavailable.
        """
        while dataset.archive is None:
            if dataset.state is not State.ARCHIVED:
                raise Unavailable("another call that archived the data set has failed")
            dataset = self._written(dataset)
        if not dataset.dropped:
            self.store.drop(dataset.dataset_id)
        while not dataset.dropped:
            dropped = dataset.without_rows(self.now())
            try:
                self.datasets.save(dropped)
                dataset = dropped
            except Conflict:
                dataset = self.datasets.get(dataset.owner, dataset.dataset_id)
        return dataset

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
        try:
            archive = self.archives.write(manifest, self.store.placed_columns(manifest))
        except (CountMismatch, ArchiveDamaged, Unavailable) as error:
            stored = self.datasets.get(dataset.owner, dataset.dataset_id)
            if stored.version == dataset.version:
                self._undo(dataset, error)
                raise
            # Somebody else was quicker: archived it and dropped the rows, or deleted it, file and all.
            stored.next_state(Action.ARCHIVE)
            return stored
        now = self.now()
        event = Event(now, EventKind.ARCHIVED, f"Archived {archive.entries} entries.")
        totals = Totals(manifest.entries, len(manifest.batches))
        archived = dataset.with_archive(archive, totals, now)
        try:
            self.datasets.save(archived, event)
        except Conflict:
            archived = self._overtaken(dataset, archive)
        return archived

    def _undo(self, dataset: Dataset, error: Exception) -> None:
        """Return the data set to the state that it had: otherwise nothing else could be done with it."""
        now = self.now()
        event = Event(now, EventKind.ARCHIVE_FAILED, f"Not archived: {_reason(error)}")
        try:
            self.datasets.save(dataset.with_archiving_undone(now), event)
        except (InvalidTransition, Conflict, Unavailable) as problem:
            log.warning("data set %s stays archived without an archive: %s", dataset.dataset_id, problem)

    def _overtaken(self, dataset: Dataset, archive: Archive) -> Dataset:
        """The data set after somebody else was quicker to archive it, or to delete it: theirs counts."""
        try:
            stored = self.datasets.get(dataset.owner, dataset.dataset_id)
        except DatasetNotFound:
            self.archives.remove(archive)
            raise
        if stored.archive != archive:
            self.archives.remove(archive)
        stored.next_state(Action.ARCHIVE)
        return stored


def _reason(error: Exception) -> str:
    """Why an archiving failed, for the owner: without the location of the archive."""
    return "what was written cannot be read back." if isinstance(error, ArchiveDamaged) else str(error)
