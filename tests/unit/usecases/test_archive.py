"""Move a data set's entries from the store to the archive."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.domain.datasets import Archive, Dataset, Event, EventKind, State
from logleap.domain.entries import Manifest, PlacedEntries, Totals, Wanted
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.domain.runs import Run, RunState, TrainingMessage
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import Conflict, CountMismatch, Unavailable
from logleap.ports.task import TrainingTask
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset, DatasetView, ShowDatasets
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.training.run_training import Disposition, RunTraining
from logleap.usecases.training.start_training import ShowTraining, StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def dataset_id(uploaded: Callable[[], Dataset]) -> str:
    return uploaded().dataset_id


@pytest.fixture
def in_store(dataset_id: str, ledger: MemoryReceiptLedger, store: MemoryEntryStore) -> Callable[[], int]:
    """How many of the acknowledged entries are still in the store."""
    return lambda: store.count(ledger.manifest(dataset_id))


@pytest.fixture
def in_archive(dataset_id: str, show: ShowDatasets, archives: MemoryArchiveStore) -> Callable[[], str]:
    """The messages in the archive that the data set names."""

    def call() -> str:
        archive = show.one("alice", dataset_id).dataset.archive
        assert archive is not None
        assert archives.count(archive) == archive.entries
        return "".join(sorted(row.entry.message for row in archives.read(archive)))

    return call


InStore = Callable[[], int]
InArchive = Callable[[], str]


@pytest.fixture
def trained(dataset_id: str, start: StartTraining, run_training: RunTraining) -> Callable[[], Run]:
    """Starts a training and carries it out."""

    def call() -> Run:
        run = start("alice", dataset_id)
        assert run_training(TrainingMessage.of(run).to_bytes()).disposition is Disposition.DONE
        return run

    return call


def test_the_entries_move_to_the_archive(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    show: ShowDatasets,
    in_store: InStore,
    in_archive: InArchive,
    advance: Callable[[float], None],
) -> None:
    advance(7)
    view = archive_dataset("alice", dataset_id)
    assert view == show.one("alice", dataset_id) == DatasetView(view.dataset, Totals(5, 2))
    assert view.dataset.state is State.ARCHIVED
    assert view.dataset.sealed == Totals(entries=5, batches=2)
    assert view.dataset.updated_at == NOON + timedelta(seconds=7)
    assert in_archive() == "abcde"
    assert in_store() == 0
    assert show.events("alice", dataset_id)[-1] == Event(
        NOON + timedelta(seconds=7), EventKind.ARCHIVED, "Archived 5 entries."
    )


def test_a_data_set_without_entries_can_be_archived(
    archive_dataset: ArchiveDataset, announce: AnnounceDataset
) -> None:
    dataset_id = announce("alice", None, {}).dataset_id
    view = archive_dataset("alice", dataset_id)
    assert (view.dataset.state, view.totals) == (State.ARCHIVED, Totals(0, 0))


def test_archiving_again_changes_nothing(
    archive_dataset: ArchiveDataset, dataset_id: str, show: ShowDatasets, in_archive: InArchive
) -> None:
    first = archive_dataset("alice", dataset_id)
    log = show.events("alice", dataset_id)
    assert archive_dataset("alice", dataset_id) == first
    assert show.events("alice", dataset_id) == log
    assert in_archive() == "abcde"


@pytest.mark.parametrize("owner", ["alice", "bob"])
def test_an_unknown_or_foreign_data_set_is_refused(
    archive_dataset: ArchiveDataset, dataset_id: str, in_store: InStore, owner: str
) -> None:
    with pytest.raises(DatasetNotFound):
        archive_dataset(owner, dataset_id if owner == "bob" else "unknown")
    assert in_store() == 5


def test_a_training_that_is_under_way_refuses_the_archiving(
    archive_dataset: ArchiveDataset, dataset_id: str, start: StartTraining, in_store: InStore
) -> None:
    start("alice", dataset_id)
    with pytest.raises(InvalidTransition, match="in state training does not allow archive"):
        archive_dataset("alice", dataset_id)
    assert in_store() == 5


def test_an_archived_data_set_takes_no_entries_but_repetitions(
    *,
    archive_dataset: ArchiveDataset,
    announce: AnnounceDataset,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    ledger: MemoryReceiptLedger,
) -> None:
    dataset_id = announce("alice", None, {}).dataset_id
    append("alice", dataset_id, source("a"), key="k-1")
    archive_dataset("alice", dataset_id)
    with pytest.raises(InvalidTransition, match="in state archived does not allow upload"):
        append("alice", dataset_id, source("b"))
    assert append("alice", dataset_id, source("a"), key="k-1").replayed
    assert ledger.totals(dataset_id) == Totals(1, 1)


# ---- training from the archive -----------------------------------------------------------------------------


def test_a_training_reads_the_archive(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    start: StartTraining,
    run_training: RunTraining,
    with_task: Callable[[RunTraining, TrainingTask], RunTraining],
    show_training: ShowTraining,
) -> None:
    archive_dataset("alice", dataset_id)
    worker = with_task(
        run_training,
        lambda context: {
            "entries": context.training_set.count(),
            "messages": sorted(row.entry.message for row in context.training_set.rows()),
        },
    )
    run = start("alice", dataset_id)
    assert worker(TrainingMessage.of(run).to_bytes()).disposition is Disposition.DONE
    assert show_training("alice", dataset_id).result == {"entries": 5, "messages": list("abcde")}


def test_archive_and_training_can_follow_each_other_again_and_again(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    trained: Callable[[], Run],
    show_training: ShowTraining,
    in_archive: InArchive,
    archives: MemoryArchiveStore,
) -> None:
    trained()
    for _ in range(2):
        archive_dataset("alice", dataset_id)
        trained()
        assert show_training("alice", dataset_id).result == {"entries": 5}
        assert in_archive() == "abcde"


def test_a_damaged_archive_fails_the_run(
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    trained: Callable[[], Run],
    show_training: ShowTraining,
    archives: MemoryArchiveStore,
) -> None:
    archive = archive_dataset("alice", dataset_id).dataset.archive
    assert archive is not None
    archives.remove(archive)
    trained()
    run = show_training("alice", dataset_id)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.code == "ARCHIVE_DAMAGED"


def test_a_training_waits_for_an_archive_that_is_being_written(
    archive_dataset: ArchiveDataset, dataset_id: str, start: StartTraining, in_archive: InArchive
) -> None:
    class TrainingMeanwhile(MemoryArchiveStore):
        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            with pytest.raises(InvalidTransition, match="in state archived does not allow train"):
                start("alice", dataset_id)
            return archives.write(manifest, entries)

    archives = archive_dataset.archives
    replace(archive_dataset, archives=TrainingMeanwhile())("alice", dataset_id)
    assert in_archive() == "abcde"
    assert start("alice", dataset_id).totals == Totals(5, 2)


# ---- what goes wrong on the way ----------------------------------------------------------------------------


def test_lost_rows_are_not_archived_and_what_is_stored_stays(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    store: MemoryEntryStore,
    show: ShowDatasets,
    ledger: MemoryReceiptLedger,
    in_store: InStore,
) -> None:
    class LosesRows(MemoryEntryStore):
        def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
            return PlacedEntries.in_blocks(list(store.read(manifest))[1:])

        def drop(self, dataset_id: str) -> None:
            store.drop(dataset_id)

    with pytest.raises(CountMismatch, match="5 entries were acknowledged, but 4 are stored: 1 lost"):
        replace(archive_dataset, store=LosesRows())("alice", dataset_id)
    assert show.one("alice", dataset_id).dataset.archive is None
    assert show.events("alice", dataset_id)[-1] == Event(
        NOON,
        EventKind.ARCHIVE_FAILED,
        "Not archived: 5 entries were acknowledged, but 4 are stored: 1 lost.",
    )
    assert in_store() == 5
    archive_dataset("alice", dataset_id)
    assert in_store() == 0


class Unwritable(MemoryArchiveStore):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
        raise self._error


FULL = Unavailable("The archive cannot be written or read: No space left on device")


@pytest.mark.parametrize("before", ["created", "uploading", "trained", "failed"])
def test_a_data_set_whose_archive_cannot_be_written_goes_back_to_the_state_it_had(
    *,
    archive_dataset: ArchiveDataset,
    announce: AnnounceDataset,
    dataset_id: str,
    trained: Callable[[], Run],
    database: MemoryDatabase,
    show: ShowDatasets,
    start: StartTraining,
    in_archive: InArchive,
    before: str,
) -> None:
    if before == "created":
        dataset_id = announce("alice", None, {}).dataset_id
    elif before != "uploading":
        trained()
    stored = database.datasets[dataset_id]
    database.datasets[dataset_id] = stored = replace(stored, state=State(before))
    with pytest.raises(Unavailable, match="No space left on device"):
        replace(archive_dataset, archives=Unwritable(FULL))("alice", dataset_id)
    after = show.one("alice", dataset_id).dataset
    assert after == replace(stored, version=stored.version + 2)
    assert show.events("alice", dataset_id)[-1].detail == f"Not archived: {FULL}"
    if before != "created":
        assert start("alice", dataset_id).totals == Totals(5, 2)
    else:
        assert archive_dataset("alice", dataset_id).dataset.archive is not None


def test_what_cannot_be_read_back_is_logged_without_its_location(
    archive_dataset: ArchiveDataset, dataset_id: str, show: ShowDatasets
) -> None:
    damaged = ArchiveDamaged("file:///srv/secret")
    with pytest.raises(ArchiveDamaged):
        replace(archive_dataset, archives=Unwritable(damaged))("alice", dataset_id)
    event = show.events("alice", dataset_id)[-1]
    assert event.detail == "Not archived: what was written cannot be read back."


def test_an_archiving_that_another_call_undid_writes_nothing_of_a_data_set_that_takes_entries_again(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    archives: MemoryArchiveStore,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    show: ShowDatasets,
    in_store: InStore,
) -> None:
    class Slow(MemoryArchiveStore):
        written: Archive

        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            self.written = archives.write(manifest, entries)
            with pytest.raises(Unavailable, match="No space"):
                replace(archive_dataset, archives=Unwritable(FULL))("alice", dataset_id)
            append("alice", dataset_id, source("f"))
            return self.written

        def remove(self, archive: Archive) -> None:
            archives.remove(archive)

    slow = Slow()
    with pytest.raises(Unavailable, match="has failed"):
        replace(archive_dataset, archives=slow)("alice", dataset_id)
    dataset = show.one("alice", dataset_id).dataset
    assert (dataset.state, dataset.archive) == (State.UPLOADING, None)
    assert in_store() == 6
    with pytest.raises(ArchiveDamaged, match="there is no archive"):
        archives.count(slow.written)


@pytest.mark.parametrize("change", ["unknown state", "database away"])
def test_a_data_set_that_cannot_go_back_stays_archived_for_the_sweeper(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    database: MemoryDatabase,
    in_archive: InArchive,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    if change == "unknown state":  # one that was archived before that state was kept
        database.datasets[dataset_id] = replace(database.datasets[dataset_id], state=State.ARCHIVED)
    datasets = Breaking(database, 2, stored=False, error=Unavailable)
    with pytest.raises(Unavailable, match="No space"):
        replace(archive_dataset, datasets=datasets, archives=Unwritable(FULL))("alice", dataset_id)
    assert "stays archived without an archive" in caplog.text
    assert database.datasets[dataset_id].state is State.ARCHIVED
    archive_dataset("alice", dataset_id)
    assert in_archive() == "abcde"


class Breaking(MemoryDatasetRepository):
    """One save, counted from 1, goes wrong."""

    def __init__(self, database: MemoryDatabase, number: int, stored: bool, error: type[Exception]) -> None:
        super().__init__(database)
        self.number = number
        self.stored = stored
        self.error = error

    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        self.number -= 1
        if self.number != 0 or self.stored:
            super().save(dataset, event)
        if self.number == 0:
            raise self.error("Firestore")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("stored", [True, False])
def test_archiving_goes_on_where_it_broke_off(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    database: MemoryDatabase,
    in_store: InStore,
    in_archive: InArchive,
    number: int,
    stored: bool,
) -> None:
    datasets = Breaking(database, number, stored, Unavailable)
    with pytest.raises(Unavailable):
        replace(archive_dataset, datasets=datasets)("alice", dataset_id)
    assert in_store() == 5
    archive_dataset("alice", dataset_id)
    assert in_archive() == "abcde"
    assert in_store() == 0


def test_rows_that_could_not_be_dropped_are_dropped_by_the_next_call(
    archive_dataset: ArchiveDataset, dataset_id: str, store: MemoryEntryStore, in_store: InStore
) -> None:
    class Down(MemoryEntryStore):
        def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
            return store.placed_columns(manifest)

        def drop(self, dataset_id: str) -> None:
            raise Unavailable("BigQuery")

    with pytest.raises(Unavailable):
        replace(archive_dataset, store=Down())("alice", dataset_id)
    assert in_store() == 5
    archive_dataset("alice", dataset_id)
    assert in_store() == 0


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("stored", [True, False])
def test_a_conflict_never_costs_the_entries(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    database: MemoryDatabase,
    in_store: InStore,
    in_archive: InArchive,
    number: int,
    stored: bool,
) -> None:
    # stored: the call's own write that its client library repeated, so that the repetition conflicts.
    datasets = Breaking(database, number, stored, Conflict)
    view = replace(archive_dataset, datasets=datasets)("alice", dataset_id)
    assert (view.dataset.state, view.dataset.sealed) == (State.ARCHIVED, Totals(5, 2))
    assert in_archive() == "abcde"
    assert in_store() == 0


def test_of_two_archivings_at_the_same_moment_one_counts_and_the_other_leaves_nothing(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    archives: MemoryArchiveStore,
    show: ShowDatasets,
    in_archive: InArchive,
    in_store: InStore,
) -> None:
    class Slow(MemoryArchiveStore):
        written: Archive

        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            self.written = archives.write(manifest, entries)
            archive_dataset("alice", dataset_id)
            return self.written

        def remove(self, archive: Archive) -> None:
            archives.remove(archive)

    slow = Slow()
    view = replace(archive_dataset, archives=slow)("alice", dataset_id)
    assert view == show.one("alice", dataset_id)
    assert view.dataset.archive != slow.written
    with pytest.raises(ArchiveDamaged, match="there is no archive"):
        archives.count(slow.written)
    assert in_archive() == "abcde"
    assert in_store() == 0


@pytest.mark.parametrize("moment", ["before the reading", "before the verification"])
def test_an_archiving_that_finds_the_rows_dropped_by_another_goes_on_with_the_others_archive(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    archives: MemoryArchiveStore,
    show: ShowDatasets,
    in_archive: InArchive,
    moment: str,
) -> None:
    class Slow(MemoryArchiveStore):
        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            if moment == "before the reading":
                archive_dataset("alice", dataset_id)
                return archives.write(manifest, entries)
            archives.write(manifest, entries)
            archive_dataset("alice", dataset_id)
            raise ArchiveDamaged("memory:d-1", "ab" * 32)

    view = replace(archive_dataset, archives=Slow())("alice", dataset_id)
    assert view == show.one("alice", dataset_id)
    assert in_archive() == "abcde"


def test_entries_acknowledged_while_the_archiving_begins_are_in_the_archive(
    *,
    archive_dataset: ArchiveDataset,
    dataset_id: str,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    database: MemoryDatabase,
    in_archive: InArchive,
) -> None:
    class Slow(MemoryDatasetRepository):
        def save(self, dataset: Dataset, event: Event | None = None) -> None:
            if dataset.archive is None:
                append("alice", dataset_id, source("f"))
            super().save(dataset, event)

    replace(archive_dataset, datasets=Slow(database))("alice", dataset_id)
    assert in_archive() == "abcdef"
