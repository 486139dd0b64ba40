"""Look at a data set's entries before paying for their training."""

from dataclasses import dataclass

from logleap.domain.datasets import Dataset, State
from logleap.domain.entries import Totals
from logleap.domain.errors import InvalidTransition
from logleap.domain.report import Report
from logleap.domain.runs import Run
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import CountMismatch
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.usecases.log_models import run_of_model


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """A data set, what its receipts added up to when its entries were read, and what these tell."""

    dataset: Dataset
    totals: Totals
    report: Report
    model: Run | None = None
    """The run of its current log model, if it has one."""


@dataclass(frozen=True, slots=True)
class ReportOnDataset:
    """Reads all entries that were acknowledged so far, wherever they are, and tells what they are like."""

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    runs: RunRepository

    def __call__(self, owner: str, dataset_id: str) -> DatasetReport:
        """The report; on a data set without entries, one of zeros.

        Raises DatasetNotFound, InvalidTransition (while it is being deleted), and CountMismatch or
        ArchiveDamaged if what is stored is not what was acknowledged.
        """
        dataset = self.datasets.get(owner, dataset_id)
        while True:
            if dataset.state is State.DELETING:
                raise InvalidTransition(dataset_id, dataset.state, InvalidTransition.REPORT)
            try:
                return self._read(dataset)
            except (CountMismatch, ArchiveDamaged):
                # The entries may have been archived or deleted under our hands. If not, they are damaged.
                before, dataset = dataset, self.datasets.get(owner, dataset_id)
                if dataset.version == before.version:
                    raise

    def _read(self, dataset: Dataset) -> DatasetReport:
        if dataset.archive is not None and dataset.sealed is not None:
            totals, report = dataset.sealed, self.archives.report(dataset.archive)
        else:
            manifest = self.ledger.manifest(dataset.dataset_id)
            totals = Totals(manifest.entries, len(manifest.batches))
            report = self.store.report(manifest)
        if report.entries != totals.entries:
            raise CountMismatch(totals.entries, report.entries)
        model = run_of_model(self.runs, dataset.dataset_id) if dataset.run_id else None
        return DatasetReport(dataset, totals, report, model)
