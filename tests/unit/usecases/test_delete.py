"""Deleting, and the sweeper's ending of archivings and deletions that broke off."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.domain.datasets import Action, Archive, Dataset, Event, State
from logleap.domain.entries import Batch, Entry, Manifest, PlacedEntries
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.domain.runs import Run, TrainingMessage
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import Conflict, Unavailable
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.sweep import Sweep, Swept
from logleap.usecases.training.run_training import RunTraining
from logleap.usecases.training.start_training import StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
Uploaded = Callable[[], Dataset]
Advance = Callable[[float], None]


class Crash(Exception):
    """The process ends here."""


def crashing(*args: object, **kwargs: object) -> None:
    raise Crash


def is_gone(database: MemoryDatabase, archives: MemoryArchiveStore, dataset_id: str) -> bool:
    return (
        dataset_id not in database.datasets
        and not database.receipts.get(dataset_id)
        and not database.events.get(dataset_id)
        and not any(key[0] == dataset_id for key in database.runs)
        and not any(message.dataset_id == dataset_id for message in database.outbox)
        and not archives._files
    )


def test_of_a_deleted_data_set_nothing_is_left(
    *,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    archive_dataset: ArchiveDataset,
    start: StartTraining,
    run_training: RunTraining,
    database: MemoryDatabase,
    store: MemoryEntryStore,
    archives: MemoryArchiveStore,
) -> None:
    dataset_id = uploaded().dataset_id
    run = start("alice", dataset_id)
    run_training(TrainingMessage.of(run).to_bytes())
    archive_dataset("alice", dataset_id)
    delete_dataset("alice", dataset_id)
    assert is_gone(database, archives, dataset_id)
    assert dataset_id not in store._datasets
    with pytest.raises(DatasetNotFound):
        delete_dataset("alice", dataset_id)


def test_another_owner_cannot_delete_it(delete_dataset: DeleteDataset, uploaded: Uploaded) -> None:
    dataset_id = uploaded().dataset_id
    with pytest.raises(DatasetNotFound):
        delete_dataset("bob", dataset_id)


def test_deleting_is_refused_while_training(
    delete_dataset: DeleteDataset, started: Callable[[], Run], ledger: MemoryReceiptLedger
) -> None:
    run = started()
    with pytest.raises(InvalidTransition, match="in state training does not allow delete"):
        delete_dataset("alice", run.dataset_id)
    assert ledger.totals(run.dataset_id).entries == 5


def test_a_data_set_that_is_being_deleted_takes_nothing_any_more(
    *,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    append: AppendEntries,
    start: StartTraining,
    archive_dataset: ArchiveDataset,
    source: Callable[..., EntrySource],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_id = uploaded().dataset_id
    monkeypatch.setattr(MemoryEntryStore, "drop", crashing)
    with pytest.raises(Crash):
        delete_dataset("alice", dataset_id)
    for refused in (
        lambda: append("alice", dataset_id, source("late")),
        lambda: start("alice", dataset_id),
        lambda: archive_dataset("alice", dataset_id),
    ):
        with pytest.raises(InvalidTransition, match="in state deleting does not allow"):
            refused()


@pytest.mark.parametrize("broken", ["drop", "remove"])
@pytest.mark.parametrize("by", ["the caller", "the sweeper"])
def test_a_deletion_that_broke_off_is_brought_to_its_end(
    *,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    database: MemoryDatabase,
    archives: MemoryArchiveStore,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    by: str,
) -> None:
    dataset_id = uploaded().dataset_id
    with monkeypatch.context() as patch:
        patch.setattr(MemoryEntryStore if broken == "drop" else MemoryDatasetRepository, broken, crashing)
        with pytest.raises(Crash):
            delete_dataset("alice", dataset_id)
    assert database.datasets[dataset_id].state is State.DELETING
    if by == "the caller":
        delete_dataset("alice", dataset_id)
    else:
        assert sweep() == Swept(0, 0, 0)  # it may still be at work
        advance(300)
        assert sweep() == Swept(0, 0, 1)
    assert is_gone(database, archives, dataset_id)


def test_a_deletion_that_meets_another_change_is_tried_again(
    delete_dataset: DeleteDataset, uploaded: Uploaded, database: MemoryDatabase, archives: MemoryArchiveStore
) -> None:
    class Busy(MemoryDatasetRepository):
        conflicts = 1

        def save(self, dataset: Dataset, event: Event | None = None) -> None:
            if self.conflicts:
                self.conflicts -= 1
                raise Conflict
            super().save(dataset, event)

    dataset_id = uploaded().dataset_id
    replace(delete_dataset, datasets=Busy(database))("alice", dataset_id)
    assert is_gone(database, archives, dataset_id)


@pytest.mark.parametrize(
    ("place", "method"),
    [(MemoryArchiveStore, "write"), (MemoryEntryStore, "drop"), (MemoryDatasetRepository, "save")],
)
def test_an_archiving_that_broke_off_is_brought_to_its_end_by_the_sweeper(
    *,
    archive_dataset: ArchiveDataset,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    database: MemoryDatabase,
    store: MemoryEntryStore,
    archives: MemoryArchiveStore,
    monkeypatch: pytest.MonkeyPatch,
    place: type,
    method: str,
) -> None:
    dataset_id = uploaded().dataset_id
    with monkeypatch.context() as patch:
        if method == "save":
            # The first save seals, the second one stores the archive's place: that one breaks.
            save = MemoryDatasetRepository.save

            def save_unless_archived(
                self: MemoryDatasetRepository, dataset: Dataset, event: Event | None = None
            ) -> None:
                if dataset.archive is not None:
                    raise Crash
                save(self, dataset, event)

            patch.setattr(place, method, save_unless_archived)
        else:
            patch.setattr(place, method, crashing)
        with pytest.raises(Crash):
            archive_dataset("alice", dataset_id)
    advance(300)
    assert sweep() == Swept(0, 0, 1)
    assert sweep() == Swept(0, 0, 0)
    stored = database.datasets[dataset_id]
    assert stored.dropped
    assert stored.archive is not None
    assert archives.count(stored.archive) == 5
    assert dataset_id not in store._datasets


def test_an_archive_whose_rows_are_damaged_is_left_for_a_person(
    *,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset_id = uploaded().dataset_id
    next(iter(store._datasets[dataset_id].values())).popitem()
    datasets.save(datasets.get("alice", dataset_id).after(Action.ARCHIVE, NOON))  # then it broke off
    advance(300)
    for _ in range(2):
        assert sweep() == Swept(0, 0, 0)
    assert caplog.text.count("cannot be archived: 5 entries were acknowledged, but 4 are stored") == 1
    assert dataset_id in store._datasets
    assert datasets.get("alice", dataset_id).state is State.UPLOADING


def test_an_archive_that_cannot_be_written_stops_the_sweep_for_no_other_data_set(
    *,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    datasets: MemoryDatasetRepository,
    database: MemoryDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(MemoryArchiveStore):
        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            raise Unavailable("The archive cannot be written or read: No space left on device")

    ids = [uploaded().dataset_id for _ in range(5)]
    for dataset_id, action in zip(ids, (Action.ARCHIVE, Action.DELETE) * 2 + (Action.ARCHIVE,), strict=True):
        datasets.save(datasets.get("alice", dataset_id).after(action, NOON))
    advance(300)
    full = replace(sweep, archive=replace(sweep.archive, archives=Full()))
    assert full() == Swept(0, 0, 2)
    assert caplog.text.count("No space left on device") == 3
    assert {one: dataset.state for one, dataset in database.datasets.items()} == dict.fromkeys(
        ids[::2], State.UPLOADING
    )
    assert full() == Swept(0, 0, 0)


def test_an_archive_that_cannot_be_read_back_stops_no_sweep(
    *,
    datasets: MemoryDatasetRepository,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    store: MemoryEntryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Damaging(MemoryArchiveStore):
        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            raise ArchiveDamaged("memory:d-1", "ab" * 32)

    dataset_id = uploaded().dataset_id
    datasets.save(datasets.get("alice", dataset_id).after(Action.ARCHIVE, NOON))  # then it broke off
    advance(300)
    archive = replace(sweep.archive, archives=Damaging())
    assert replace(sweep, archive=archive)() == Swept(0, 0, 0)
    assert "cannot be archived" in caplog.text
    assert dataset_id in store._datasets


@pytest.mark.parametrize("gone", [True, False])
def test_a_sweep_ends_where_the_data_sets_cannot_be_reached(
    *, uploaded: Uploaded, sweep: Sweep, advance: Advance, datasets: MemoryDatasetRepository, gone: bool
) -> None:
    calls = []

    class Down(MemoryEntryStore):
        def drop(self, dataset_id: str) -> None:
            calls.append(dataset_id)
            raise Unavailable("BigQuery")

    class Away(MemoryDatasetRepository):
        def get(self, owner: str, dataset_id: str) -> Dataset:
            raise DatasetNotFound(dataset_id) if gone else Unavailable("Firestore")

    for _ in range(3):
        datasets.save(datasets.get("alice", uploaded().dataset_id).after(Action.DELETE, NOON))
    advance(300)
    down = replace(sweep, datasets=Away(datasets._database), delete=replace(sweep.delete, store=Down()))
    if gone:
        assert down() == Swept(0, 0, 0)
    else:
        with pytest.raises(Unavailable, match="Firestore"):
            down()
    assert len(calls) == (3 if gone else 1)


def test_the_sweeper_leaves_alone_what_somebody_else_ends_at_the_same_moment(
    *,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_id = uploaded().dataset_id
    with monkeypatch.context() as patch:
        patch.setattr(MemoryEntryStore, "drop", crashing)
        with pytest.raises(Crash):
            delete_dataset("alice", dataset_id)
    advance(300)

    def conflict(self: MemoryDatasetRepository, dataset_id: str) -> None:
        raise Conflict

    monkeypatch.setattr(MemoryDatasetRepository, "remove", conflict)
    assert sweep() == Swept(0, 0, 0)


def test_an_archive_written_while_the_data_set_was_deleted_is_removed_again(
    *,
    archive_dataset: ArchiveDataset,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    database: MemoryDatabase,
    archives: MemoryArchiveStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_id = uploaded().dataset_id
    write = MemoryArchiveStore.write

    def write_while_deleted(self: MemoryArchiveStore, *args: object) -> object:
        written = write(self, *args)  # type: ignore[arg-type]
        delete_dataset("alice", dataset_id)
        return written

    monkeypatch.setattr(MemoryArchiveStore, "write", write_while_deleted)
    with pytest.raises(DatasetNotFound):
        archive_dataset("alice", dataset_id)
    assert is_gone(database, archives, dataset_id)


@pytest.mark.parametrize("broken_off", [False, True])
def test_of_an_upload_that_its_deletion_overtook_nothing_is_left(
    *,
    append: AppendEntries,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    source: Callable[..., EntrySource],
    database: MemoryDatabase,
    monkeypatch: pytest.MonkeyPatch,
    broken_off: bool,
) -> None:
    """Also if the deletion has dropped the rows, but not come to its end."""

    class Late(MemoryEntryStore):
        def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
            if first_sequence == 0:
                with suppress(Crash):
                    delete("alice", dataset_id)
            super().append(batch, entries, first_sequence)

    dataset_id = uploaded().dataset_id
    late = Late()
    delete = replace(delete_dataset, store=late)
    if broken_off:
        monkeypatch.setattr(MemoryDatasetRepository, "remove", crashing)
    with pytest.raises(InvalidTransition if broken_off else DatasetNotFound):
        replace(append, store=late)("alice", dataset_id, source("a", "b", chunk=1))
    assert dataset_id not in late._datasets


def test_archives_that_nobody_knows_of_go_with_the_data_set(
    *,
    archive_dataset: ArchiveDataset,
    delete_dataset: DeleteDataset,
    uploaded: Uploaded,
    database: MemoryDatabase,
    archives: MemoryArchiveStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_id = uploaded().dataset_id
    write = MemoryArchiveStore.write

    def crash_after_writing(self: MemoryArchiveStore, *args: Any) -> None:
        write(self, *args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(MemoryArchiveStore, "write", crash_after_writing)
        with pytest.raises(Crash):
            archive_dataset("alice", dataset_id)
    archive_dataset("alice", dataset_id)
    assert len(archives._files) == 2
    delete_dataset("alice", dataset_id)
    assert is_gone(database, archives, dataset_id)


def test_the_sweeper_goes_on_after_an_archiving_that_a_deletion_overtook(
    *,
    archive_dataset: ArchiveDataset,
    uploaded: Uploaded,
    sweep: Sweep,
    advance: Advance,
    database: MemoryDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset_ids = [uploaded().dataset_id for _ in range(2)]
    write = MemoryArchiveStore.write
    with monkeypatch.context() as patch:
        patch.setattr(MemoryArchiveStore, "write", crashing)
        for dataset_id in dataset_ids:
            with pytest.raises(Crash):
                archive_dataset("alice", dataset_id)
    advance(300)

    def mark_deleted_meanwhile(self: MemoryArchiveStore, manifest: Manifest, *args: Any) -> Archive:
        if manifest.dataset_id == dataset_ids[0]:
            dataset = database.datasets[dataset_ids[0]]
            database.datasets[dataset_ids[0]] = dataset.after(Action.DELETE, dataset.updated_at)
        return write(self, manifest, *args)

    monkeypatch.setattr(MemoryArchiveStore, "write", mark_deleted_meanwhile)
    assert sweep() == Swept(0, 0, 1)
    assert database.datasets[dataset_ids[1]].dropped


def test_noting_that_the_rows_are_dropped_is_tried_again_after_another_change(
    archive_dataset: ArchiveDataset, uploaded: Uploaded, database: MemoryDatabase
) -> None:
    class Busy(MemoryDatasetRepository):
        conflicts = 1

        def save(self, dataset: Dataset, event: Event | None = None) -> None:
            if dataset.dropped and self.conflicts:
                self.conflicts -= 1
                raise Conflict
            super().save(dataset, event)

    dataset_id = uploaded().dataset_id
    replace(archive_dataset, datasets=Busy(database))("alice", dataset_id)
    assert database.datasets[dataset_id].dropped


def test_nothing_is_sealed_where_archives_cannot_be_written(
    archive_dataset: ArchiveDataset, uploaded: Uploaded, database: MemoryDatabase
) -> None:
    class Full(MemoryArchiveStore):
        def check(self) -> None:
            raise Unavailable("the disk is full")

    dataset_id = uploaded().dataset_id
    with pytest.raises(Unavailable):
        replace(archive_dataset, archives=Full())("alice", dataset_id)
    assert database.datasets[dataset_id].state is State.UPLOADING
