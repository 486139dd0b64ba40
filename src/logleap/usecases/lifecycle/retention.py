"""Archive and delete data sets whose time has come."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from logleap.domain.datasets import Action, Dataset, Event, EventKind, Retention
from logleap.ports.datasets import DatasetRepository
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.attempt import attempt
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)

_SHARE = 20  # data sets at a time: the next sweep takes the rest


@dataclass(frozen=True, slots=True)
class ApplyRetention:
    """Carries out what `archiveAt` and `deleteAt` have announced. Any number may do so at once.

    `longest` is the operator's: a data set may have asked for shorter times, not for longer ones.
    """

    datasets: DatasetRepository
    ledger: ReceiptLedger
    archive: ArchiveDataset
    delete: DeleteDataset
    now: Clock
    longest: Retention

    def delete_due(self) -> int:
        """Delete what is due; how many data sets. Raises Unavailable."""
        now = self.now()
        due = self.datasets.due_for_deletion(now, self.longest.delete_after, _SHARE)
        return sum(attempt(self.datasets, each, partial(self._delete, each, now)) for each in due)

    def archive_due(self) -> int:
        """Archive what is due; how many data sets. Raises Unavailable."""
        now = self.now()
        due = self.datasets.due_for_archiving(now, self.longest.archive_after, _SHARE)
        if due:
            self.archive.archives.check()
        return sum(attempt(self.datasets, each, partial(self._archive, each, now)) for each in due)

    def _archive(self, dataset: Dataset, now: datetime) -> bool:
        sealed = dataset.after(Action.ARCHIVE, now)
        detail = (
            f"Due for archiving: its last successful run ended at {dataset.trained_at:%Y-%m-%d %H:%M} UTC."
        )
        self.datasets.save(sealed, Event(now, EventKind.ARCHIVING_DUE, detail))
        self.archive.finish(sealed)
        return True

    def _delete(self, dataset: Dataset, now: datetime) -> bool:
        totals = self.ledger.totals(dataset.dataset_id)
        active = dataset.last_active
        if dataset.run_id is None:  # its batches may be later than its last change of state
            active = max(active, self.ledger.latest(dataset.dataset_id) or active)
        due = replace(dataset, active_at=active).delete_at(self.longest)
        if due is None or due > now:
            self.datasets.save(dataset.with_activity(active))
            return False
        detail = f"Due for deletion: nothing has happened to it since {active:%Y-%m-%d %H:%M} UTC."
        deleting = dataset.after(Action.DELETE, now)
        # A batch that was acknowledged after the adding up must not go with it.
        self.datasets.save_if_totals(deleting, totals, Event(now, EventKind.DELETION_DUE, detail))
        log.info("data set %s is deleted: nothing has happened to it since %s", dataset.dataset_id, active)
        self.delete.finish(deleting)
        return True
