"""Data sets that are archived and deleted by themselves."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.domain.datasets import NO_RETENTION, Action, Archive, Dataset, EventKind, Retention, State
from logleap.domain.entries import Manifest, PlacedEntries, Receipt
from logleap.domain.errors import DatasetNotFound, RetentionTooLong
from logleap.domain.runs import Run, RunError
from logleap.ports.errors import Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.lifecycle.sweep import Sweep, Swept
from logleap.usecases.training.run_training import end_run
from logleap.usecases.training.start_training import StartTraining

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)

Source = Callable[..., EntrySource]
Advance = Callable[[float], None]
Apply = Callable[..., ApplyRetention]


@pytest.fixture
def applying(apply_retention: ApplyRetention) -> Apply:
    """With these times, as the operator has set them."""
    return lambda **times: replace(apply_retention, longest=Retention(**times))


@pytest.fixture
def days(advance: Advance) -> Advance:
    """Lets days pass."""
    return lambda count: advance(count * DAY.total_seconds())


@pytest.fixture
def finish(start: StartTraining) -> Callable[[Run], None]:
    """The run has succeeded."""
    return lambda run: end_run(start.datasets, start.runs, run.succeeded(start.now(), {}))


@pytest.fixture
def trained(
    uploaded: Callable[[], Dataset], start: StartTraining, finish: Callable[[Run], None]
) -> Callable[[], Dataset]:
    def call() -> Dataset:
        dataset = uploaded()
        finish(start(dataset.owner, dataset.dataset_id))
        return start.datasets.get(dataset.owner, dataset.dataset_id)

    return call


def kinds(datasets: MemoryDatasetRepository, dataset: Dataset) -> list[EventKind]:
    return [event.kind for event in datasets.events(dataset.dataset_id)]


# ---- archiving ---------------------------------------------------------------------------------------------


def test_a_trained_data_set_is_archived_so_long_after_its_last_successful_run(
    applying: Apply, trained: Callable[[], Dataset], days: Advance, datasets: MemoryDatasetRepository
) -> None:
    dataset = trained()
    assert dataset.trained_at is not None
    apply = applying(archive_after=WEEK)
    assert dataset.archive_at(apply.longest) == dataset.trained_at + WEEK
    days(6.99)
    assert apply.archive_due() == 0
    days(0.02)
    assert apply.archive_due() == 1
    archived = datasets.get(dataset.owner, dataset.dataset_id)
    assert (archived.state, archived.dropped) == (State.ARCHIVED, True)
    assert archived.archive_at(apply.longest) is None
    assert kinds(datasets, dataset)[-2:] == [EventKind.ARCHIVING_DUE, EventKind.ARCHIVED]
    assert apply.archive_due() == 0


def test_nothing_is_archived_or_deleted_unless_somebody_wants_it(
    applying: Apply, trained: Callable[[], Dataset], days: Advance
) -> None:
    dataset = trained()
    days(10_000)
    assert (applying().archive_due(), applying().delete_due()) == (0, 0)
    assert (dataset.archive_at(NO_RETENTION), dataset.delete_at(NO_RETENTION)) == (None, None)


def test_what_was_not_trained_on_with_success_is_not_archived(
    applying: Apply,
    uploaded: Callable[[], Dataset],
    start: StartTraining,
    trained: Callable[[], Dataset],
    days: Advance,
) -> None:
    uploaded()
    failing, again = uploaded(), trained()
    for dataset in (failing, again):
        run = start(dataset.owner, dataset.dataset_id)
        if dataset is failing:
            end_run(start.datasets, start.runs, run.failed(start.now(), RunError("X", "no")))
    days(100)
    assert applying(archive_after=DAY).archive_due() == 0


def test_a_second_successful_run_counts_anew(
    applying: Apply,
    trained: Callable[[], Dataset],
    start: StartTraining,
    finish: Callable[[Run], None],
    days: Advance,
) -> None:
    dataset = trained()
    days(5)
    finish(start(dataset.owner, dataset.dataset_id))
    days(5)
    assert applying(archive_after=WEEK).archive_due() == 0
    days(2.1)
    assert applying(archive_after=WEEK).archive_due() == 1


def test_a_damaged_data_set_stays_for_a_person_to_look_into(
    applying: Apply,
    trained: Callable[[], Dataset],
    days: Advance,
    store: MemoryEntryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = trained()
    store.drop(dataset.dataset_id)
    days(8)
    with caplog.at_level(logging.ERROR):
        assert applying(archive_after=WEEK).archive_due() == 0
    assert f"data set {dataset.dataset_id} cannot be archived" in caplog.text


def test_a_data_set_whose_archive_cannot_be_written_does_not_hold_up_the_others(
    applying: Apply, trained: Callable[[], Dataset], days: Advance, datasets: MemoryDatasetRepository
) -> None:
    first, second = trained(), trained()
    days(8)

    class Unwritable(MemoryArchiveStore):
        def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
            if manifest.dataset_id == first.dataset_id:
                raise Unavailable("the disk")
            return super().write(manifest, entries)

    apply = applying(archive_after=WEEK)
    apply = replace(apply, archive=replace(apply.archive, archives=Unwritable()))
    assert apply.archive_due() == 1
    assert datasets.get(first.owner, first.dataset_id).state is State.TRAINED
    assert datasets.get(second.owner, second.dataset_id).state is State.ARCHIVED


def test_what_changed_since_it_was_found_due_is_left_alone(
    applying: Apply,
    trained: Callable[[], Dataset],
    days: Advance,
    datasets: MemoryDatasetRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = trained()
    days(8)
    stale = [dataset]
    datasets.save(dataset.after(Action.ARCHIVE, NOON))
    monkeypatch.setattr(datasets, "due_for_archiving", lambda *_: stale)
    monkeypatch.setattr(datasets, "due_for_deletion", lambda *_: stale)
    apply = applying(archive_after=WEEK, delete_after=WEEK)
    assert (apply.archive_due(), apply.delete_due()) == (0, 0)


# ---- deleting ----------------------------------------------------------------------------------------------


def test_a_data_set_is_deleted_so_long_after_the_end_of_its_last_run(
    applying: Apply,
    trained: Callable[[], Dataset],
    days: Advance,
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
) -> None:
    dataset = trained()
    apply = applying(delete_after=WEEK)
    assert dataset.delete_at(apply.longest) == dataset.trained_at + WEEK if dataset.trained_at else False
    days(6.99)
    assert apply.delete_due() == 0
    days(0.02)
    assert apply.delete_due() == 1
    with pytest.raises(DatasetNotFound):
        datasets.get(dataset.owner, dataset.dataset_id)
    assert store._datasets == {}


def test_archiving_does_not_put_off_the_deletion(
    applying: Apply,
    trained: Callable[[], Dataset],
    days: Advance,
    datasets: MemoryDatasetRepository,
    archives: MemoryArchiveStore,
) -> None:
    dataset = trained()
    days(5)
    apply = applying(archive_after=5 * DAY, delete_after=WEEK)
    assert (apply.delete_due(), apply.archive_due()) == (0, 1)
    archived = datasets.get(dataset.owner, dataset.dataset_id)
    assert archived.delete_at(apply.longest) == dataset.delete_at(apply.longest)
    days(2)
    assert apply.delete_due() == 1
    assert archives._files == {}


def test_a_batch_that_came_later_than_the_last_change_of_state_counts(
    applying: Apply,
    uploaded: Callable[[], Dataset],
    append: AppendEntries,
    source: Source,
    days: Advance,
) -> None:
    dataset = uploaded()
    days(6)
    append(dataset.owner, dataset.dataset_id, source("later"))
    days(6)
    apply = applying(delete_after=WEEK)
    assert apply.delete_due() == 0
    datasets = append.datasets
    stored = datasets.get(dataset.owner, dataset.dataset_id)
    assert stored.updated_at == dataset.updated_at  # the state has not changed
    assert stored.last_active > dataset.last_active
    assert datasets.due_for_deletion(stored.last_active + 6 * DAY, WEEK, 9) == []  # not looked at each time
    days(1.01)
    assert apply.delete_due() == 1


def test_an_empty_data_set_is_deleted_so_long_after_its_creation(
    applying: Apply, announce: AnnounceDataset, days: Advance
) -> None:
    announce("alice", None, {})
    days(8)
    assert applying(delete_after=WEEK).delete_due() == 1


def test_a_data_set_is_never_deleted_while_a_training_is_under_way(
    applying: Apply, uploaded: Callable[[], Dataset], start: StartTraining, days: Advance
) -> None:
    dataset = uploaded()
    start(dataset.owner, dataset.dataset_id)
    days(100)
    assert applying(delete_after=DAY).delete_due() == 0


class AddsMeanwhile:
    """A ledger to which a batch is added just after its receipts were added up."""

    def __init__(self, ledger: ReceiptLedger, append: Callable[[], object]) -> None:
        self._ledger = ledger
        self._append = append

    def latest(self, dataset_id: str) -> datetime | None:
        found = self._ledger.latest(dataset_id)
        self._append()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


def test_a_batch_that_is_acknowledged_at_the_last_moment_keeps_its_data_set(
    applying: Apply,
    uploaded: Callable[[], Dataset],
    append: AppendEntries,
    source: Source,
    days: Advance,
) -> None:
    dataset = uploaded()
    days(8)
    receipts: list[Receipt] = []

    def upload() -> None:
        receipts.append(append(dataset.owner, dataset.dataset_id, source("last")).receipt)

    apply = applying(delete_after=WEEK)
    racing = replace(apply, ledger=AddsMeanwhile(apply.ledger, upload))  # type: ignore[arg-type]
    assert racing.delete_due() == 0
    assert len(receipts) == 1
    assert append.datasets.get(dataset.owner, dataset.dataset_id).state is State.UPLOADING
    assert apply.delete_due() == 0  # it counts from the last batch now


# ---- a data set's own times --------------------------------------------------------------------------------


def test_a_data_set_may_ask_for_shorter_times_than_the_operator_but_not_for_longer_ones(
    announce: AnnounceDataset, days: Advance, applying: Apply
) -> None:
    longest = Retention(archive_after=WEEK, delete_after=None)
    operated = replace(announce, longest=longest)
    asked = Retention(archive_after=DAY, delete_after=2 * DAY)
    dataset = operated("alice", None, {}, asked)
    assert dataset.retention == asked
    assert dataset.delete_at(longest) == dataset.created_at + 2 * DAY
    for field in ("archive_after", "delete_after"):
        limited = replace(announce, longest=Retention(**{field: DAY}))
        with pytest.raises(RetentionTooLong) as refused:
            limited("alice", None, {}, Retention(**{field: 1.5 * DAY}))
        assert (refused.value.field, refused.value.seconds, refused.value.longest) == (field, 129_600, 86_400)
    days(2.01)
    assert applying().delete_due() == 1


def test_the_operators_time_counts_where_it_has_become_the_shorter_one(
    announce: AnnounceDataset,
) -> None:
    dataset = announce("alice", None, {}, Retention(delete_after=WEEK))
    assert dataset.delete_at(Retention(delete_after=DAY)) == dataset.created_at + DAY
    assert dataset.delete_at(Retention(delete_after=2 * WEEK)) == dataset.created_at + WEEK


def test_the_sweep_carries_it_out(
    sweep: Sweep, trained: Callable[[], Dataset], days: Advance, applying: Apply
) -> None:
    trained()
    assert replace(sweep, retention=applying(archive_after=WEEK, delete_after=2 * WEEK))() == Swept(0, 0)
    days(7)
    sweeping = replace(sweep, retention=applying(archive_after=WEEK, delete_after=2 * WEEK))
    assert sweeping() == Swept(0, 0, archived=1)
    days(7)
    assert sweeping() == Swept(0, 0, deleted=1)
