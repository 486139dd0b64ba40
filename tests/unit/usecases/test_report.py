"""Look at a data set's entries before paying for their training."""

from collections.abc import Callable

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Action, Dataset
from logleap.domain.entries import Manifest, Totals
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.domain.report import FrequentMessage, Report
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch
from logleap.usecases.datasets import AnnounceDataset
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.report import ReportOnDataset

Uploaded = Callable[[], Dataset]


class Interrupted(MemoryEntryStore):
    """Something else happens just before the entries are read."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], object] = lambda: None

    def report(self, manifest: Manifest) -> Report:
        self.between()
        return super().report(manifest)


@pytest.fixture
def store() -> MemoryEntryStore:
    return Interrupted()


@pytest.fixture
def meanwhile(store: Interrupted) -> Callable[[Callable[[], object]], None]:
    """Sets what happens, once, just before the entries are read from the store."""

    def call(action: Callable[[], object]) -> None:
        def once() -> None:
            store.between = lambda: None
            action()

        store.between = once

    return call


Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def report_on(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    ledger: MemoryReceiptLedger,
    *,
    archives: MemoryArchiveStore,
    runs: MemoryRunRepository,
) -> ReportOnDataset:
    return ReportOnDataset(datasets, store, ledger, archives, runs)


def test_a_report_is_on_all_entries_acknowledged_so_far(
    uploaded: Uploaded, report_on: ReportOnDataset
) -> None:
    told = report_on("alice", uploaded().dataset_id)
    assert (told.totals, told.report.entries) == (Totals(5, 2), 5)
    assert told.report.frequent == [FrequentMessage(message, 1) for message in "abcde"]


def test_a_data_set_without_entries_has_a_report(
    announce: AnnounceDataset, report_on: ReportOnDataset
) -> None:
    told = report_on("alice", announce("alice", None, {}).dataset_id)
    assert (told.totals, told.report.entries, told.report.first) == (Totals(0, 0), 0, None)


def test_an_archived_data_set_is_read_from_its_archive(
    uploaded: Uploaded, report_on: ReportOnDataset, archive_dataset: ArchiveDataset
) -> None:
    dataset_id = uploaded().dataset_id
    before = report_on("alice", dataset_id)
    archived = archive_dataset("alice", dataset_id)
    assert archived.dataset.dropped
    told = report_on("alice", dataset_id)
    assert (told.totals, told.report) == (before.totals, before.report)
    assert told.dataset == archived.dataset


def test_another_owners_data_set_is_as_unknown_as_one_that_does_not_exist(
    uploaded: Uploaded, report_on: ReportOnDataset
) -> None:
    dataset_id = uploaded().dataset_id
    with pytest.raises(DatasetNotFound):
        report_on("bob", dataset_id)


def test_a_data_set_that_is_being_deleted_is_refused(
    uploaded: Uploaded, report_on: ReportOnDataset, datasets: MemoryDatasetRepository
) -> None:
    dataset = datasets.get("alice", uploaded().dataset_id)
    datasets.save(dataset.after(Action.DELETE, dataset.updated_at))
    with pytest.raises(InvalidTransition, match="in state deleting does not allow report"):
        report_on("alice", dataset.dataset_id)


def test_entries_that_are_not_those_acknowledged_are_told_from_those_that_are(
    uploaded: Uploaded, report_on: ReportOnDataset, store: MemoryEntryStore
) -> None:
    dataset_id = uploaded().dataset_id
    store.drop(dataset_id)
    with pytest.raises(CountMismatch, match="5 lost"):
        report_on("alice", dataset_id)


def test_a_damaged_archive_is_told(
    uploaded: Uploaded,
    report_on: ReportOnDataset,
    archive_dataset: ArchiveDataset,
    archives: MemoryArchiveStore,
) -> None:
    archived = archive_dataset("alice", uploaded().dataset_id).dataset
    assert archived.archive is not None
    archives.remove(archived.archive)
    with pytest.raises(ArchiveDamaged):
        report_on("alice", archived.dataset_id)


def test_a_data_set_archived_while_it_is_read_is_read_again_from_its_archive(
    uploaded: Uploaded, report_on: ReportOnDataset, archive_dataset: ArchiveDataset, meanwhile: Meanwhile
) -> None:
    dataset_id = uploaded().dataset_id
    meanwhile(lambda: archive_dataset("alice", dataset_id))
    told = report_on("alice", dataset_id)
    assert told.report.entries == 5
    assert told.dataset.archive is not None


def test_a_data_set_deleted_while_it_is_read_is_not_found(
    uploaded: Uploaded, report_on: ReportOnDataset, delete_dataset: DeleteDataset, meanwhile: Meanwhile
) -> None:
    dataset_id = uploaded().dataset_id
    meanwhile(lambda: delete_dataset("alice", dataset_id))
    with pytest.raises(DatasetNotFound):
        report_on("alice", dataset_id)
