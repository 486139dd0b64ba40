"""What every DatasetRepository promises."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from logleap.domain.datasets import Action, Archive, Dataset, Event, EventKind, Retention, State
from logleap.domain.entries import Receipt, Totals
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import Start, TrainingMessage, TrainingRequest, start_training
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository

Announce = Callable[..., Dataset]
ReceiptFor = Callable[..., Receipt]
Race = Callable[..., list[Any]]

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
ANNOUNCED = Event(NOON, EventKind.ANNOUNCED, "Announced.")


def uploading(dataset: Dataset) -> Dataset:
    return dataset.after(Action.UPLOAD, NOON + timedelta(seconds=1))


def ids(found: Any) -> list[str]:
    return [dataset.dataset_id for dataset in found]


def winner(outcomes: list[Any]) -> int | None:
    """Whose call went through; None if its answer was lost (Unavailable): it may have stored all the same."""
    won = [number for number, outcome in enumerate(outcomes) if outcome is None]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict | Unavailable)]
    assert len(won) + len(lost) == len(outcomes)
    assert len(won) <= 1
    return won[0] if won else None


def walk(datasets: DatasetRepository, owner: str, limit: int, **filters: Any) -> list[Dataset]:
    found: list[Dataset] = []
    after = None
    while page := datasets.list(owner, limit=limit, after=after, **filters):
        found += page
        after = Position(page[-1].created_at, page[-1].dataset_id)
    return found


# ---- add and get -------------------------------------------------------------------------------------------


def test_an_added_data_set_comes_back_as_it_was(datasets: DatasetRepository, announce: Announce) -> None:
    plain = announce()
    full = announce(
        created_at=NOON,
        updated_at=NOON,
        name="Nächte 😀",
        labels={"env": "prod", "a.b/c": "é😀"},
        retention=Retention(timedelta(days=7), timedelta(seconds=90)),
    )
    assert datasets.get(plain.owner, plain.dataset_id) == plain
    assert datasets.get(full.owner, full.dataset_id) == full


def test_times_come_back_in_utc(datasets: DatasetRepository, announce: Announce) -> None:
    dataset = announce(created_at=NOON)
    got = datasets.get(dataset.owner, dataset.dataset_id)
    assert got.created_at.utcoffset() == timedelta(0)
    assert datasets.events(dataset.dataset_id)[0].at.utcoffset() == timedelta(0)


def test_adding_stores_the_first_line_of_the_log(datasets: DatasetRepository) -> None:
    dataset = Dataset(str(uuid4()), f"owner-{uuid4()}", created_at=NOON, updated_at=NOON)
    datasets.add(dataset, ANNOUNCED)
    assert datasets.events(dataset.dataset_id) == [ANNOUNCED]


def test_an_id_that_exists_is_refused_and_changes_nothing(
    datasets: DatasetRepository, announce: Announce
) -> None:
    first = announce(name="first")
    log = datasets.events(first.dataset_id)
    for owner in (first.owner, "somebody-else"):
        with pytest.raises(Conflict):
            datasets.add(replace(first, owner=owner, name="second"), ANNOUNCED)
    assert datasets.get(first.owner, first.dataset_id) == first
    assert datasets.events(first.dataset_id) == log


def test_of_concurrent_adds_of_one_id_one_is_stored(
    datasets: DatasetRepository, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        base = Dataset(str(uuid4()), f"owner-{uuid4()}", created_at=NOON, updated_at=NOON)
        rivals = [replace(base, name=f"rival {number}") for number in range(4)]
        outcomes = race(*(partial(datasets.add, rival, ANNOUNCED) for rival in rivals))
        stored = datasets.get(base.owner, base.dataset_id)
        assert winner(outcomes) in (None, rivals.index(stored))
        assert datasets.events(base.dataset_id) == [ANNOUNCED]


def test_another_owners_id_is_refused_like_an_unknown_one(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce()
    unknown = str(uuid4())
    with pytest.raises(DatasetNotFound) as foreign_error:
        datasets.get("somebody-else", dataset.dataset_id)
    with pytest.raises(DatasetNotFound) as unknown_error:
        datasets.get("somebody-else", unknown)
    assert str(foreign_error.value).replace(dataset.dataset_id, unknown) == str(unknown_error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        "/",
        "a/b",
        "__x__",
        "x" * 5000,
        "'; DROP TABLE datasets; --",
        "é😀",
        "\0",
        "\ud800",
    ],
    ids=ascii,
)
def test_an_id_may_be_any_text(datasets: DatasetRepository, text: str) -> None:
    with pytest.raises(DatasetNotFound):
        datasets.get("somebody", text)


# ---- list --------------------------------------------------------------------------------------------------


def test_the_list_is_empty_for_an_owner_without_data_sets(datasets: DatasetRepository) -> None:
    assert list(datasets.list(f"owner-{uuid4()}", limit=10)) == []


def test_the_list_is_newest_first_and_equal_times_go_by_id(
    datasets: DatasetRepository, announce: Announce
) -> None:
    owner = f"owner-{uuid4()}"
    times = [NOON, NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=400), NOON]
    made = [announce(owner=owner, created_at=time) for time in times]
    expected = sorted(made, key=lambda dataset: (dataset.created_at, dataset.dataset_id), reverse=True)
    assert list(datasets.list(owner, limit=10)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_meet_each_data_set_once_also_where_times_are_equal(
    datasets: DatasetRepository, announce: Announce, limit: int
) -> None:
    owner = f"owner-{uuid4()}"
    made = [announce(owner=owner, created_at=NOON + timedelta(seconds=number // 4)) for number in range(7)]
    found = walk(datasets, owner, limit)
    assert found == sorted(made, key=lambda item: (item.created_at, item.dataset_id), reverse=True)


def test_a_page_holds_no_more_than_its_limit(datasets: DatasetRepository, announce: Announce) -> None:
    owner = f"owner-{uuid4()}"
    for number in range(3):
        announce(owner=owner, created_at=NOON + timedelta(seconds=number))
    assert len(datasets.list(owner, limit=2)) == 2


def test_pages_meet_each_data_set_once_while_others_are_added(
    datasets: DatasetRepository, announce: Announce
) -> None:
    owner = f"owner-{uuid4()}"
    made = [announce(owner=owner, created_at=NOON + timedelta(seconds=number // 2)) for number in range(6)]
    found: list[Dataset] = []
    after = None
    while page := datasets.list(owner, limit=2, after=after):
        found += page
        after = Position(page[-1].created_at, page[-1].dataset_id)
        for hours in (-1, 0, 1):
            if len(found) < 6:
                announce(owner=owner, created_at=NOON + timedelta(hours=hours))
    met = ids(found)
    assert len(set(met)) == len(met)
    assert set(ids(made)) <= set(met)


def test_a_position_need_not_be_a_data_sets_own(datasets: DatasetRepository, announce: Announce) -> None:
    owner = f"owner-{uuid4()}"
    older = announce(owner=owner, created_at=NOON)
    announce(owner=owner, created_at=NOON + timedelta(seconds=2))
    between = Position(NOON + timedelta(seconds=1), str(uuid4()))
    assert list(datasets.list(owner, limit=10, after=between)) == [older]


def test_the_list_shows_one_owners_data_sets_only(datasets: DatasetRepository, announce: Announce) -> None:
    mine = announce()
    announce()
    assert list(datasets.list(mine.owner, limit=10)) == [mine]


def test_the_list_can_be_narrowed_to_a_state(datasets: DatasetRepository, announce: Announce) -> None:
    owner = f"owner-{uuid4()}"
    made = [announce(owner=owner, created_at=NOON + timedelta(seconds=number)) for number in range(6)]
    opened = [uploading(dataset) for dataset in made[::2]]
    for dataset in opened:
        datasets.save(dataset)
    assert walk(datasets, owner, 2, state=State.UPLOADING) == opened[::-1]
    assert walk(datasets, owner, 2, state=State.CREATED) == made[1::2][::-1]
    assert walk(datasets, owner, 2, state=State.TRAINED) == []


def test_the_list_can_be_narrowed_to_exactly_a_name_and_to_both(
    datasets: DatasetRepository, announce: Announce
) -> None:
    owner = f"owner-{uuid4()}"
    names = ["nightly", "Nightly", "nightly", None, "nightly 2", "Nächte 😀", "nightly"]
    made = [
        announce(owner=owner, name=name, created_at=NOON + timedelta(seconds=number))
        for number, name in enumerate(names)
    ]
    announce(name="nightly")
    opened = uploading(made[2])
    datasets.save(opened)
    assert walk(datasets, owner, 2, name="nightly") == [made[6], opened, made[0]]
    assert walk(datasets, owner, 2, name="Nächte 😀") == [made[5]]
    assert walk(datasets, owner, 2, name="night") == []
    assert walk(datasets, owner, 2, name="nightly", state=State.CREATED) == [made[6], made[0]]
    assert walk(datasets, owner, 2, name="nightly", state=State.UPLOADING) == [opened]


def test_a_removed_data_set_is_in_no_list(datasets: DatasetRepository, announce: Announce) -> None:
    owner = f"owner-{uuid4()}"
    made = [announce(owner=owner, created_at=NOON) for _ in range(3)]
    gone = made[1].after(Action.DELETE, NOON)
    datasets.save(gone)
    datasets.remove(gone.dataset_id)
    assert set(ids(walk(datasets, owner, 2))) == {made[0].dataset_id, made[2].dataset_id}


def test_walks_meet_each_data_set_once_while_others_add_at_the_same_moment(
    datasets: DatasetRepository, announce: Announce, race: Race
) -> None:
    owner = f"owner-{uuid4()}"
    made = [announce(owner=owner, created_at=NOON + timedelta(seconds=number // 2)) for number in range(12)]

    def add(hours: int) -> None:
        for number in range(8):
            announce(owner=owner, created_at=NOON + timedelta(hours=hours, seconds=number))

    walks = [partial(walk, datasets, owner, limit) for limit in (1, 3, 5)]
    for found in race(*walks, *(partial(add, hours) for hours in (-1, 0, 1)))[:3]:
        met = ids(found)
        assert len(set(met)) == len(met)
        assert [each for each in met if each in set(ids(made))] == [
            each.dataset_id
            for each in sorted(made, key=lambda item: (item.created_at, item.dataset_id), reverse=True)
        ]


# ---- save --------------------------------------------------------------------------------------------------


def test_saving_replaces_every_field_and_adds_to_the_log(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce(labels={"env": "prod"})
    changed = replace(
        dataset,
        updated_at=NOON + timedelta(days=1),
        name="changed",
        labels={"team": "b"},
        state=State.ARCHIVED,
        version=2,
        run_id="run-1",
        sealed=Totals(entries=10**11, batches=7),
        archive=Archive("file:///archive/x.parquet", 10**11, "cd" * 32),
    )
    event = Event(NOON, EventKind.ARCHIVED, "Archived – 7 batches.")
    log = list(datasets.events(dataset.dataset_id))
    datasets.save(changed, event)
    assert datasets.get(dataset.owner, dataset.dataset_id) == changed
    assert datasets.events(dataset.dataset_id) == [*log, event]


def test_saving_without_an_event_leaves_the_log(datasets: DatasetRepository, announce: Announce) -> None:
    dataset = announce()
    log = datasets.events(dataset.dataset_id)
    datasets.save(uploading(dataset))
    assert datasets.events(dataset.dataset_id) == log


@pytest.mark.parametrize("version", [1, 2, 4])
def test_saving_anything_but_the_next_version_changes_nothing(
    datasets: DatasetRepository, announce_uploading: Announce, version: int
) -> None:
    stored = announce_uploading()
    assert stored.version == 2
    log = datasets.events(stored.dataset_id)
    with pytest.raises(Conflict):
        datasets.save(replace(stored, version=version, name="stale"), ANNOUNCED)
    assert datasets.get(stored.owner, stored.dataset_id) == stored
    assert datasets.events(stored.dataset_id) == log


def test_saving_a_data_set_that_was_never_added_stores_nothing(datasets: DatasetRepository) -> None:
    dataset = Dataset(str(uuid4()), f"owner-{uuid4()}", created_at=NOON, updated_at=NOON)
    for version in (1, 2):
        with pytest.raises(Conflict):
            datasets.save(replace(dataset, version=version), ANNOUNCED)
    with pytest.raises(DatasetNotFound):
        datasets.get(dataset.owner, dataset.dataset_id)
    assert list(datasets.list(dataset.owner, limit=10)) == []
    assert list(datasets.events(dataset.dataset_id)) == []


def test_of_concurrent_saves_of_one_version_one_is_stored(
    datasets: DatasetRepository, announce: Announce, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        dataset = announce()
        rivals = [replace(uploading(dataset), name=f"rival {number}") for number in range(4)]
        events = [Event(NOON, EventKind.FIRST_ENTRIES, str(number)) for number in range(4)]
        outcomes = race(*map(partial, [datasets.save] * 4, rivals, events))
        stored = rivals.index(datasets.get(dataset.owner, dataset.dataset_id))
        assert winner(outcomes) in (None, stored)
        assert datasets.events(dataset.dataset_id)[1:] == [events[stored]]


# ---- events ------------------------------------------------------------------------------------------------


def test_the_log_is_in_the_order_of_storing_whatever_the_clocks_said(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce(created_at=NOON)
    written = [datasets.events(dataset.dataset_id)[0]]
    for number, seconds in enumerate((0, 0, -60, 60, 0, 0, -60, 60, 0, 0, 0)):
        dataset = replace(dataset, version=dataset.version + 1)
        event = Event(NOON + timedelta(seconds=seconds), EventKind.TRAINING_CLAIMED, f"Line {number}.")
        datasets.save(dataset, event)
        written.append(event)
    assert datasets.events(dataset.dataset_id) == written


def test_each_data_set_has_a_log_of_its_own(datasets: DatasetRepository, announce: Announce) -> None:
    dataset, other = announce(), announce()
    datasets.save(uploading(other), Event(NOON, EventKind.FIRST_ENTRIES, "First entries came in."))
    assert [event.kind for event in datasets.events(dataset.dataset_id)] == [EventKind.ANNOUNCED]


def test_the_log_of_an_unknown_id_is_empty(datasets: DatasetRepository) -> None:
    assert list(datasets.events(str(uuid4()))) == []


# ---- what is due, and saving unless a batch came -----------------------------------------------------------

DAY = timedelta(days=1)


def due(found: Sequence[Dataset], *asked: Dataset) -> set[str]:
    return set(ids(found)) & set(ids(asked))


def trained_at(dataset: Dataset, at: datetime) -> Dataset:
    """The data set after a successful run, one version on."""
    return replace(dataset, state=State.TRAINED, version=dataset.version + 1, trained_at=at, active_at=at)


def test_what_was_trained_on_long_enough_ago_is_due_for_archiving(
    datasets: DatasetRepository, announce: Announce
) -> None:
    plain, asking, failed, archived = announce(), announce(retention=Retention(DAY)), announce(), announce()
    for dataset in (plain, asking, failed, archived):
        datasets.save(trained_at(dataset, NOON))
    failed_now = replace(trained_at(failed, NOON), state=State.FAILED, version=3)
    datasets.save(failed_now)
    datasets.save(trained_at(archived, NOON).after(Action.ARCHIVE, NOON))
    every = (plain, asking, failed, archived)
    week = 7 * DAY
    assert due(datasets.due_for_archiving(NOON + DAY, None, 1000), *every) == {asking.dataset_id}
    assert due(datasets.due_for_archiving(NOON + DAY, week, 1000), *every) == {asking.dataset_id}
    later = datasets.due_for_archiving(NOON + week, week, 1000)
    assert due(later, *every) == {asking.dataset_id, plain.dataset_id}
    assert len(later) == len(set(ids(later)))
    early = NOON + DAY - timedelta(microseconds=1)
    assert due(datasets.due_for_archiving(early, None, 1000), *every) == set()
    (found,) = [one for one in later if one.dataset_id == asking.dataset_id]
    assert found == datasets.get(asking.owner, asking.dataset_id)
    assert found.archive_at(Retention()) == NOON + DAY


def test_what_was_used_long_enough_ago_is_due_for_deletion_but_in_a_training(
    datasets: DatasetRepository, announce: Announce
) -> None:
    plain, asking, training = announce(), announce(retention=Retention(None, DAY)), announce()
    for dataset in (plain, asking):
        datasets.save(trained_at(dataset, NOON))
    datasets.save(replace(trained_at(training, NOON), state=State.TRAINING))
    every = (plain, asking, training)
    week = 7 * DAY
    assert due(datasets.due_for_deletion(NOON + DAY, None, 1000), *every) == {asking.dataset_id}
    assert due(datasets.due_for_deletion(NOON + week, week, 1000), *every) == {
        asking.dataset_id,
        plain.dataset_id,
    }
    datasets.save(datasets.get(asking.owner, asking.dataset_id).with_activity(NOON + DAY))
    assert due(datasets.due_for_deletion(NOON + DAY, None, 1000), *every) == set()


def test_no_more_data_sets_are_due_than_asked_for(datasets: DatasetRepository, announce: Announce) -> None:
    for _ in range(3):
        datasets.save(trained_at(announce(), NOON))
    assert len(datasets.due_for_archiving(NOON + DAY, DAY, 2)) == 2
    assert len(datasets.due_for_deletion(NOON + DAY, DAY, 2)) == 2


def test_a_data_set_is_saved_if_its_receipts_add_up_to_what_was_expected(
    datasets: DatasetRepository, ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    ledger.add(receipt_for(dataset, entries=3), dataset.version)
    deleting, event = dataset.after(Action.DELETE, NOON), Event(NOON, EventKind.DELETION_DUE, "Due.")
    for totals in (Totals(0, 0), Totals(3, 2), Totals(2, 1)):
        with pytest.raises(Conflict):
            datasets.save_if_totals(deleting, totals, event)
    assert datasets.get(dataset.owner, dataset.dataset_id) == dataset
    ledger.add(receipt_for(dataset, entries=4), dataset.version)  # it still takes entries
    with pytest.raises(Conflict):
        datasets.save_if_totals(replace(deleting, version=9), Totals(7, 2), event)
    datasets.save_if_totals(deleting, Totals(7, 2), event)
    assert datasets.get(dataset.owner, dataset.dataset_id) == deleting
    assert datasets.events(dataset.dataset_id)[-1] == event


def test_no_receipt_comes_between_the_adding_up_and_the_saving(
    datasets: DatasetRepository,
    ledger: ReceiptLedger,
    announce_uploading: Announce,
    receipt_for: ReceiptFor,
    *,
    race: Race,
    rounds: int,
) -> None:
    event = Event(NOON, EventKind.DELETION_DUE, "Due.")
    for _ in range(max(3, rounds // 5)):
        dataset = announce_uploading()
        deleting = dataset.after(Action.DELETE, NOON)
        receipt = receipt_for(dataset)
        _, added = race(
            partial(datasets.save_if_totals, deleting, Totals(0, 0), event),
            partial(ledger.add, receipt, dataset.version),
        )
        deleted = datasets.get(dataset.owner, dataset.dataset_id).state is State.DELETING
        assert not (deleted and added == receipt)
        assert not (deleted and ledger.totals(dataset.dataset_id).batches)


# ---- unfinished and remove ---------------------------------------------------------------------------------


def found_unfinished(datasets: DatasetRepository, before: datetime, *asked: Dataset) -> list[str]:
    known = ids(asked)
    return [found for found in ids(datasets.unfinished(before, 1000)) if found in known]


def test_what_is_being_archived_or_deleted_is_unfinished_until_its_end(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce()
    assert found_unfinished(datasets, LATER, dataset) == []
    archiving = dataset.after(Action.ARCHIVE, NOON)
    datasets.save(archiving)
    assert found_unfinished(datasets, LATER, dataset) == [dataset.dataset_id]
    written = archiving.with_archive(Archive("memory:x", 0, "ab" * 32), Totals(0, 0), NOON)
    datasets.save(written)
    assert found_unfinished(datasets, LATER, dataset) == [dataset.dataset_id]
    dropped = written.without_rows(NOON)
    datasets.save(dropped)
    assert found_unfinished(datasets, LATER, dataset) == []
    assert datasets.get(dataset.owner, dataset.dataset_id) == dropped
    datasets.save(dropped.after(Action.DELETE, NOON))
    assert found_unfinished(datasets, LATER, dataset) == [dataset.dataset_id]


def test_the_state_before_an_archiving_is_stored(datasets: DatasetRepository, announce: Announce) -> None:
    dataset = announce()
    archiving = dataset.after(Action.ARCHIVE, NOON)
    datasets.save(archiving)
    assert datasets.get(dataset.owner, dataset.dataset_id) == archiving
    undone = archiving.with_archiving_undone(NOON)
    datasets.save(undone)
    assert datasets.get(dataset.owner, dataset.dataset_id) == undone
    assert found_unfinished(datasets, LATER, dataset) == []


def test_what_changed_lately_is_not_counted_as_unfinished(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce().after(Action.DELETE, NOON)
    datasets.save(dataset)
    assert found_unfinished(datasets, NOON - timedelta(microseconds=1), dataset) == []
    assert found_unfinished(datasets, NOON, dataset) == [dataset.dataset_id]


def test_what_a_clock_ahead_has_stamped_counts_as_unfinished_too(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset, finished = announce(), announce()
    datasets.save(dataset.after(Action.DELETE, LATER))
    datasets.save(replace(finished, version=2, updated_at=LATER))
    before = LATER - timedelta(microseconds=1)
    for latest, expected in ((before, [dataset.dataset_id]), (LATER, []), (None, [])):
        found = ids(datasets.unfinished(NOON, 1000, latest))
        assert [one for one in found if one in ids([dataset, finished])] == expected
    assert len(datasets.unfinished(LATER, 1, NOON)) == 1


def test_no_more_unfinished_data_sets_are_given_than_asked_for(
    datasets: DatasetRepository, announce: Announce
) -> None:
    for _ in range(3):
        datasets.save(announce().after(Action.DELETE, NOON))
    assert len(datasets.unfinished(LATER, 2)) == 2


def test_of_a_removed_data_set_nothing_is_left(
    *,
    datasets: DatasetRepository,
    ledger: ReceiptLedger,
    runs: RunRepository,
    announce_uploading: Announce,
    receipt_for: Callable[..., Receipt],
) -> None:
    dataset = announce_uploading()
    kept = announce_uploading(owner=dataset.owner)
    for each in (dataset, kept):
        for _ in range(3):
            ledger.add(receipt_for(each), each.version)
    started = [runs.start(each, partial(start_of, each, str(uuid4()))) for each in (dataset, kept)]
    training = datasets.get(dataset.owner, dataset.dataset_id)
    failed = training.after(Action.FAIL, NOON)
    deleting = failed.after(Action.DELETE, NOON)
    datasets.save(failed)
    datasets.save(deleting)
    datasets.remove(dataset.dataset_id)
    datasets.remove(dataset.dataset_id)
    with pytest.raises(DatasetNotFound):
        datasets.get(dataset.owner, dataset.dataset_id)
    assert ids(datasets.list(dataset.owner, limit=10)) == [kept.dataset_id]
    assert datasets.events(dataset.dataset_id) == []
    assert ledger.totals(dataset.dataset_id) == Totals(0, 0)
    assert ledger.manifest(dataset.dataset_id).batches == {}
    assert runs.get(dataset.dataset_id, started[0].run_id) is None
    assert TrainingMessage.of(started[0]) not in runs.outbox(10_000)
    assert found_unfinished(datasets, LATER, dataset) == []
    assert ledger.totals(kept.dataset_id).batches == 3
    assert runs.get(kept.dataset_id, started[1].run_id) == started[1]
    assert TrainingMessage.of(started[1]) in runs.outbox(10_000)


def test_a_data_set_that_is_not_being_deleted_cannot_be_removed(
    datasets: DatasetRepository, announce: Announce
) -> None:
    dataset = announce()
    with pytest.raises(Conflict):
        datasets.remove(dataset.dataset_id)
    assert datasets.get(dataset.owner, dataset.dataset_id) == dataset
    assert len(datasets.events(dataset.dataset_id)) == 1


def test_removing_an_unknown_data_set_does_nothing(datasets: DatasetRepository) -> None:
    datasets.remove(str(uuid4()))


def start_of(dataset: Dataset, run_id: str, totals: Totals) -> Start:
    request = TrainingRequest("count-entries")
    return start_training(
        dataset, totals, request=request, run_id=run_id, now=NOON, patience=timedelta(days=9999)
    )
