"""What every RunRepository promises."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from logleap.domain.artifacts import Artifact
from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Receipt, Totals
from logleap.domain.errors import DatasetEmpty, InvalidTransition
from logleap.domain.log_models import Baseline
from logleap.domain.runs import (
    Origin,
    Run,
    RunError,
    RunState,
    Start,
    TrainingMessage,
    TrainingRequest,
    start_training,
)
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunPosition, RunRepository

Announce = Callable[..., Dataset]
ReceiptFor = Callable[..., Receipt]
Race = Callable[..., list[Any]]
StartRun = Callable[..., Run]

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANY = 10_000
ORIGIN = Origin("request-1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

BASELINE = Baseline("d-0", "r-0", Artifact("log-model.json", "application/json", 9, "0" * 64, "b-0", "zstd"))


def decision(
    dataset: Dataset, run_id: str, *, now: datetime = NOON, **request: Any
) -> Callable[[Totals], Start]:
    return partial(
        start_training,
        dataset,
        request=TrainingRequest(**({"task": "count-entries"} | request)),
        run_id=run_id,
        now=now,
        patience=MINUTE,
        origin=ORIGIN,
        baseline=BASELINE,
    )


def insist(call: Callable[[], Any]) -> Any:
    """Contention may make a backend unavailable for a moment; `start` and `add` can be repeated."""
    while True:
        try:
            return call()
        except Unavailable:
            continue


@pytest.fixture
def ready(announce_uploading: Announce, ledger: ReceiptLedger, receipt_for: ReceiptFor) -> Announce:
    """Stores a data set of five entries in two batches."""

    def call(**fields: Any) -> Dataset:
        dataset = announce_uploading(**fields)
        for entries in (2, 3):
            ledger.add(receipt_for(dataset, entries=entries), dataset.version)
        return dataset

    return call


@pytest.fixture
def start(runs: RunRepository, ready: Announce) -> StartRun:
    """Starts a run on a new data set; `due_at` as told."""

    def call(due_at: datetime | None = None, **request: Any) -> Run:
        dataset = ready()
        run = runs.start(dataset, decision(dataset, str(uuid4()), **request))
        if due_at is not None:
            run = replace(run, version=2, due_at=due_at)
            runs.save(run)
        return run

    return call


# ---- list --------------------------------------------------------------------------------------------------


def several(runs: RunRepository, dataset: Dataset, times: Sequence[datetime]) -> list[Run]:
    """Runs that were started one after the other and have failed, at these times by their clocks."""
    made = []
    for number, now in enumerate(times):
        run = runs.start(dataset, decision(dataset, f"run-{number}", now=now))
        failed = run.failed(now, RunError("TASK_FAILED", "no"))
        started = replace(dataset, state=State.TRAINING, version=dataset.version + 1, run_id=run.run_id)
        dataset = replace(started, sealed=run.totals).after(Action.FAIL, now)
        runs.finish(dataset, failed, Event(now, EventKind.TRAINING_FAILED, "no"))
        made.append(failed)
    return made


def test_the_list_of_runs_is_newest_first_and_equal_times_go_by_id(
    runs: RunRepository, ready: Announce
) -> None:
    dataset = ready()
    first, second, third = several(runs, dataset, [NOON, NOON, NOON + MINUTE])
    assert runs.list(dataset.dataset_id, limit=9) == [third, second, first]
    assert runs.list(dataset.dataset_id, limit=2) == [third, second]


def test_pages_of_runs_meet_each_once_also_where_times_are_equal(
    runs: RunRepository, ready: Announce
) -> None:
    dataset = ready()
    made = several(runs, dataset, [NOON, NOON + MINUTE, NOON + MINUTE, NOON])
    met: list[Run] = []
    after = None
    while page := runs.list(dataset.dataset_id, limit=1, after=after):
        met += page
        after = RunPosition(page[-1].created_at, page[-1].run_id)
    assert met == sorted(made, key=lambda run: (run.created_at, run.run_id), reverse=True)


def test_the_list_of_runs_shows_those_of_one_data_set_only(
    runs: RunRepository, start: StartRun, ready: Announce
) -> None:
    mine, _, untrained = start(), start(), ready()
    assert runs.list(mine.dataset_id, limit=9) == [mine]
    assert runs.list(untrained.dataset_id, limit=9) == []
    assert runs.list("\ud800/..", limit=9) == []


# ---- start -------------------------------------------------------------------------------------------------


def test_starting_stores_the_data_set_the_run_the_event_and_the_message(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce
) -> None:
    dataset = ready()
    log = list(datasets.events(dataset.dataset_id))
    parameters = {"depth": 3, "rate": 0.1, "on": True, "none": None, "é😀": [{"a.b/c": ["x"]}, []]}
    decide = decision(dataset, "run-1", parameters=parameters)
    expected = decide(Totals(entries=5, batches=2))
    assert runs.start(dataset, decide) == expected.run
    assert runs.get(dataset.dataset_id, "run-1") == expected.run
    stored = datasets.get(dataset.owner, dataset.dataset_id)
    assert stored == expected.dataset
    assert (stored.state, stored.sealed) == (State.TRAINING, Totals(entries=5, batches=2))
    assert datasets.events(dataset.dataset_id) == [*log, expected.event]
    assert TrainingMessage(dataset.owner, dataset.dataset_id, "run-1", ORIGIN) in runs.outbox(MANY)


def test_times_of_a_run_come_back_in_utc(runs: RunRepository, start: StartRun) -> None:
    started = start()
    run = runs.get(started.dataset_id, started.run_id)
    assert run is not None
    assert run.created_at.utcoffset() == run.due_at.utcoffset() == timedelta(0)


def test_a_run_keeps_the_time_limit_that_it_was_started_with(runs: RunRepository, start: StartRun) -> None:
    for limit in (None, timedelta(seconds=1), timedelta(days=10_000)):
        run = start(time_limit=limit)
        found = runs.get(run.dataset_id, run.run_id)
        assert found is not None
        assert (found.time_limit, found.cancel_requested_at) == (limit, None)


def test_starting_the_same_run_again_changes_nothing(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce
) -> None:
    dataset = ready()
    first = runs.start(dataset, decision(dataset, "run-1"))
    runs.published(TrainingMessage.of(first))
    stored = datasets.get(dataset.owner, dataset.dataset_id)
    log = datasets.events(dataset.dataset_id)
    again = runs.start(dataset, decision(dataset, "run-1", parameters={"other": 1}))
    assert again == first
    assert datasets.get(dataset.owner, dataset.dataset_id) == stored
    assert datasets.events(dataset.dataset_id) == log
    assert TrainingMessage.of(first) not in runs.outbox(MANY)


def test_starting_the_same_run_again_answers_it_as_stored_last(runs: RunRepository, ready: Announce) -> None:
    dataset = ready()
    claimed = runs.start(dataset, decision(dataset, "run-1")).claimed(NOON, MINUTE)
    runs.save(claimed)
    assert runs.start(dataset, decision(dataset, "run-1")) == claimed


@pytest.mark.parametrize("version", [1, 3])
def test_starting_from_another_version_stores_nothing(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce, version: int
) -> None:
    stored = ready()
    assert stored.version == 2
    log = datasets.events(stored.dataset_id)
    other = replace(stored, version=version)
    with pytest.raises(Conflict):
        runs.start(other, decision(other, "run-1"))
    assert datasets.get(stored.owner, stored.dataset_id) == stored
    assert datasets.events(stored.dataset_id) == log
    assert runs.get(stored.dataset_id, "run-1") is None
    assert "run-1" not in {m.run_id for m in runs.outbox(MANY) if m.dataset_id == stored.dataset_id}


@pytest.mark.parametrize(
    "error",
    [
        DatasetEmpty("x"),
        InvalidTransition("x", State.DELETING, Action.TRAIN),
        RuntimeError("any"),
    ],
    ids=repr,
)
def test_what_the_decision_raises_ends_the_start_and_nothing_is_stored(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce, error: Exception
) -> None:
    def refuse(totals: Totals) -> Start:
        raise error

    dataset = ready()
    log = datasets.events(dataset.dataset_id)
    with pytest.raises(type(error), match=str(error)):
        runs.start(dataset, refuse)
    assert datasets.get(dataset.owner, dataset.dataset_id) == dataset
    assert datasets.events(dataset.dataset_id) == log
    assert dataset.dataset_id not in {message.dataset_id for message in runs.outbox(MANY)}


def test_the_decision_is_given_the_totals_of_the_receipts(
    runs: RunRepository, announce_uploading: Announce
) -> None:
    def look(totals: Totals) -> Start:
        seen.append(totals)
        raise DatasetEmpty(dataset.dataset_id)

    seen: list[Totals] = []
    dataset = announce_uploading()
    with pytest.raises(DatasetEmpty):
        runs.start(dataset, look)
    assert set(seen) == {Totals(entries=0, batches=0)}


def test_a_data_set_can_have_one_run_after_another(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce
) -> None:
    dataset = ready()
    first = runs.start(dataset, decision(dataset, "run-1"))
    failed = first.failed(NOON, RunError("TASK_FAILED", "no"))
    training = datasets.get(dataset.owner, dataset.dataset_id)
    ended = training.after(Action.FAIL, NOON)
    runs.finish(ended, failed, Event(NOON, EventKind.TRAINING_FAILED, "failed"))
    second = runs.start(ended, decision(ended, "run-2"))
    assert second.totals == first.totals
    assert runs.get(dataset.dataset_id, "run-1") == failed
    assert runs.get(dataset.dataset_id, "run-2") == second
    assert datasets.get(dataset.owner, dataset.dataset_id).run_id == "run-2"


def test_of_concurrent_starts_of_different_runs_one_is_stored(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        dataset = ready()
        names = [f"run-{number}" for number in range(4)]
        decisions = [decision(dataset, name) for name in names]
        outcomes = race(*(partial(insist, partial(runs.start, dataset, decide)) for decide in decisions))
        winners = [outcome.run_id for outcome in outcomes if isinstance(outcome, Run)]
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
        assert [name for name in names if runs.get(dataset.dataset_id, name)] == winners
        assert datasets.get(dataset.owner, dataset.dataset_id).run_id == winners[0]


def test_concurrent_starts_of_one_run_all_answer_it(
    runs: RunRepository, datasets: DatasetRepository, ready: Announce, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        dataset = ready()
        start = partial(insist, partial(runs.start, dataset, decision(dataset, "run-1")))
        assert race(*[start] * 4) == [runs.get(dataset.dataset_id, "run-1")] * 4
        assert datasets.get(dataset.owner, dataset.dataset_id).version == dataset.version + 1
        assert len(datasets.events(dataset.dataset_id)) == 3


def test_receipts_that_race_with_a_start_are_sealed_or_refused(
    *,
    runs: RunRepository,
    ledger: ReceiptLedger,
    datasets: DatasetRepository,
    announce_uploading: Announce,
    race: Race,
    rounds: int,
) -> None:
    def upload(dataset: Dataset, name: str) -> list[str]:
        """Adds receipts until one is refused (or there are many). The batches that were taken."""
        taken = []
        for number in range(60):
            batch_id = f"{name}-{number}"
            receipt = Receipt(dataset.dataset_id, batch_id, batch_id, number + 1, "ab" * 32, NOON)
            try:
                insist(partial(ledger.add, receipt, dataset.version))
            except Conflict:
                break
            taken.append(batch_id)
        return taken

    for _ in range(rounds):
        dataset = announce_uploading()
        first = Receipt(dataset.dataset_id, "first", "first", 7, "ab" * 32, NOON)
        ledger.add(first, dataset.version)
        run, *uploaded = race(
            partial(insist, partial(runs.start, dataset, decision(dataset, "run-1"))),
            *(partial(upload, dataset, name) for name in "abc"),
        )
        assert isinstance(run, Run)
        manifest = ledger.manifest(dataset.dataset_id)
        assert manifest.batches.keys() == {"first"}.union(*uploaded)
        assert run.totals == Totals(manifest.entries, len(manifest.batches))
        assert datasets.get(dataset.owner, dataset.dataset_id).sealed == run.totals
        assert ledger.totals(dataset.dataset_id) == run.totals


# ---- get and save ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", "a/b", "__x__", "x" * 5000, "é😀", "\0", "\ud800"], ids=ascii
)
def test_an_unknown_run_is_none_whatever_its_id(runs: RunRepository, ready: Announce, run_id: str) -> None:
    assert runs.get(ready().dataset_id, run_id) is None


def test_a_run_is_found_in_its_own_data_set_only(
    runs: RunRepository, ready: Announce, start: StartRun
) -> None:
    run = start()
    assert runs.get(ready().dataset_id, run.run_id) is None
    assert runs.get(str(uuid4()), run.run_id) is None
    assert runs.get("", run.run_id) is None


def test_saving_replaces_every_field_and_adds_to_the_data_sets_log(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun
) -> None:
    run = start()
    log = list(datasets.events(run.dataset_id))
    changed = replace(
        run,
        state=RunState.FAILED,
        version=2,
        fence=7,
        attempts=3,
        due_at=NOON + timedelta(days=1, microseconds=1),
        started_at=NOON + timedelta(seconds=1),
        finished_at=NOON + timedelta(seconds=2),
        result={"entries": 2**53, "scores": [0.1, None, {"é": "x"}], "big": 2**70},
        error=RunError("TASK_FAILED", "too little data – 5 entries"),
        cancel_requested_at=NOON + timedelta(seconds=3, microseconds=1),
    )
    event = Event(NOON, EventKind.TRAINING_CLAIMED, "Attempt 1.")
    runs.save(changed, event)
    assert runs.get(run.dataset_id, run.run_id) == changed
    assert datasets.events(run.dataset_id) == [*log, event]


def test_saving_a_run_without_an_event_leaves_the_log(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun
) -> None:
    run = start()
    log = datasets.events(run.dataset_id)
    runs.save(run.claimed(NOON, MINUTE))
    assert datasets.events(run.dataset_id) == log


def test_saving_a_run_leaves_its_data_set(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun
) -> None:
    run = start()
    dataset = datasets.get(run.owner, run.dataset_id)
    runs.save(run.claimed(NOON, MINUTE), Event(NOON, EventKind.TRAINING_CLAIMED, "Attempt 1."))
    assert datasets.get(run.owner, run.dataset_id) == dataset


@pytest.mark.parametrize("version", [1, 2, 4])
def test_saving_anything_but_the_next_version_of_a_run_changes_nothing(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun, version: int
) -> None:
    stored = start().claimed(NOON, MINUTE)
    runs.save(stored)
    assert stored.version == 2
    log = datasets.events(stored.dataset_id)
    with pytest.raises(Conflict):
        runs.save(
            replace(stored, version=version, attempts=9), Event(NOON, EventKind.TRAINING_CLAIMED, "stale")
        )
    assert runs.get(stored.dataset_id, stored.run_id) == stored
    assert datasets.events(stored.dataset_id) == log


def test_saving_a_run_that_was_never_started_stores_nothing(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun
) -> None:
    run = replace(start(), run_id="never-started")
    log = datasets.events(run.dataset_id)
    for version in (1, 2):
        with pytest.raises(Conflict):
            runs.save(replace(run, version=version), Event(NOON, EventKind.TRAINING_CLAIMED, "no"))
    assert runs.get(run.dataset_id, run.run_id) is None
    assert datasets.events(run.dataset_id) == log


def test_of_concurrent_claims_one_is_stored(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        run = start()
        rivals = [run.claimed(NOON + timedelta(seconds=number), MINUTE) for number in range(4)]
        events = [Event(NOON, EventKind.TRAINING_CLAIMED, str(number)) for number in range(4)]
        outcomes = race(*map(partial, [runs.save] * 4, rivals, events))
        won = [number for number, outcome in enumerate(outcomes) if outcome is None]
        stored = runs.get(run.dataset_id, run.run_id)
        assert stored in rivals
        assert all(isinstance(outcome, Conflict | Unavailable) for outcome in outcomes if outcome is not None)
        assert won in ([], [rivals.index(stored)])
        assert datasets.events(run.dataset_id)[3:] == [events[rivals.index(stored)]]


# ---- finish ------------------------------------------------------------------------------------------------


@pytest.fixture
def finishing(datasets: DatasetRepository, start: StartRun) -> Callable[[], tuple[Dataset, Run, Event]]:
    """A run just started, and what ends it: its data set, the run and the event, not stored yet."""

    def call() -> tuple[Dataset, Run, Event]:
        run = start()
        ended = datasets.get(run.owner, run.dataset_id).after(Action.SUCCEED, NOON)
        return (
            ended,
            run.succeeded(NOON, {"entries": 5}),
            Event(NOON, EventKind.TRAINING_SUCCEEDED, "Run succeeded."),
        )

    return call


Finishing = Callable[[], tuple[Dataset, Run, Event]]


def test_finishing_stores_the_data_set_the_run_and_the_event(
    runs: RunRepository, datasets: DatasetRepository, finishing: Finishing
) -> None:
    dataset, run, event = finishing()
    log = list(datasets.events(run.dataset_id))
    runs.finish(dataset, run, event)
    assert datasets.get(dataset.owner, dataset.dataset_id) == dataset
    assert runs.get(run.dataset_id, run.run_id) == run
    assert datasets.events(run.dataset_id) == [*log, event]


@pytest.mark.parametrize(("dataset_step", "run_step"), [(-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)])
def test_finishing_from_another_version_of_either_changes_nothing(
    runs: RunRepository,
    datasets: DatasetRepository,
    finishing: Finishing,
    dataset_step: int,
    run_step: int,
) -> None:
    dataset, run, event = finishing()
    stored = datasets.get(dataset.owner, dataset.dataset_id), runs.get(run.dataset_id, run.run_id)
    log = datasets.events(run.dataset_id)
    with pytest.raises(Conflict):
        runs.finish(
            replace(dataset, version=dataset.version + dataset_step),
            replace(run, version=run.version + run_step),
            event,
        )
    assert stored == (datasets.get(dataset.owner, dataset.dataset_id), runs.get(run.dataset_id, run.run_id))
    assert datasets.events(run.dataset_id) == log


def test_finishing_an_unknown_run_changes_nothing(
    runs: RunRepository, datasets: DatasetRepository, finishing: Finishing
) -> None:
    dataset, run, event = finishing()
    stored = datasets.get(dataset.owner, dataset.dataset_id)
    log = datasets.events(run.dataset_id)
    with pytest.raises(Conflict):
        runs.finish(dataset, replace(run, run_id="unknown"), event)
    assert datasets.get(dataset.owner, dataset.dataset_id) == stored
    assert runs.get(run.dataset_id, "unknown") is None
    assert datasets.events(run.dataset_id) == log


def test_of_a_finish_and_a_claim_at_the_same_moment_one_is_stored(
    runs: RunRepository,
    datasets: DatasetRepository,
    finishing: Finishing,
    race: Race,
    rounds: int,
) -> None:
    for _ in range(rounds):
        dataset, run, event = finishing()
        queued = runs.get(run.dataset_id, run.run_id)
        assert queued is not None
        claimed = queued.claimed(NOON, MINUTE)
        finished, saved = race(partial(runs.finish, dataset, run, event), partial(runs.save, claimed))
        assert (finished is None) + (saved is None) <= 1
        stored = runs.get(run.dataset_id, run.run_id)
        if finished is None:
            assert stored == run
        elif saved is None:
            assert stored == claimed
        state = datasets.get(run.owner, run.dataset_id).state
        assert state is (State.TRAINED if stored == run else State.TRAINING)


# ---- cancel ------------------------------------------------------------------------------------------------


def test_that_a_run_is_to_be_cancelled_is_stored_with_it(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun
) -> None:
    claimed = start().claimed(NOON, MINUTE)
    runs.save(claimed)
    log = list(datasets.events(claimed.dataset_id))
    cancelling = claimed.cancelling(NOON + timedelta(microseconds=1))
    event = Event(NOON, EventKind.TRAINING_CANCEL_REQUESTED, "Run r is to be cancelled.")
    runs.save(cancelling, event)
    assert runs.get(claimed.dataset_id, claimed.run_id) == cancelling
    assert datasets.events(claimed.dataset_id) == [*log, event]
    renewed = cancelling.renewed(NOON, MINUTE)
    runs.save(renewed)
    assert runs.get(claimed.dataset_id, claimed.run_id) == renewed
    due = {run.run_id: run for run in runs.due(renewed.due_at, MANY)}
    assert due[renewed.run_id] == renewed


def test_of_a_cancel_and_a_result_at_the_same_moment_one_is_stored(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        claimed = start().claimed(NOON, MINUTE)
        runs.save(claimed)
        dataset = datasets.get(claimed.owner, claimed.dataset_id).after(Action.SUCCEED, NOON)
        succeeded = claimed.succeeded(NOON, {"entries": 5})
        cancelling = claimed.cancelling(NOON)
        event = Event(NOON, EventKind.TRAINING_SUCCEEDED, "Run r succeeded.")
        finished, saved = race(
            partial(runs.finish, dataset, succeeded, event), partial(runs.save, cancelling)
        )
        assert (finished is None) + (saved is None) <= 1
        stored = runs.get(claimed.dataset_id, claimed.run_id)
        if finished is None:
            assert stored == succeeded
        elif saved is None:
            assert stored == cancelling
        state = datasets.get(claimed.owner, claimed.dataset_id).state
        assert state is (State.TRAINED if stored == succeeded else State.TRAINING)


# ---- outbox ------------------------------------------------------------------------------------------------


def test_a_published_message_leaves_the_outbox(runs: RunRepository, start: StartRun) -> None:
    message, other = TrainingMessage.of(start()), TrainingMessage.of(start())
    for _ in range(2):
        runs.published(message)
        outbox = runs.outbox(MANY)
        assert message not in outbox
        assert other in outbox


def test_taking_an_unknown_message_out_of_the_outbox_does_nothing(runs: RunRepository) -> None:
    runs.published(TrainingMessage(f"owner-{uuid4()}", str(uuid4()), "unknown"))


def test_the_outbox_holds_each_message_once_and_gives_no_more_than_asked_for(
    runs: RunRepository, start: StartRun
) -> None:
    messages = {TrainingMessage.of(start()) for _ in range(3)}
    outbox = list(runs.outbox(MANY))
    assert messages <= set(outbox)
    assert len(set(outbox)) == len(outbox)
    assert len(runs.outbox(2)) == 2


def test_later_changes_of_a_run_leave_its_message_in_the_outbox(runs: RunRepository, start: StartRun) -> None:
    run = start()
    runs.save(run.claimed(NOON, MINUTE))
    assert TrainingMessage.of(run) in runs.outbox(MANY)


# ---- due ---------------------------------------------------------------------------------------------------


def due_ids(runs: RunRepository, now: datetime) -> set[str]:
    return {run.run_id for run in runs.due(now, MANY)}


def test_a_run_is_due_from_its_due_time_on(runs: RunRepository, start: StartRun) -> None:
    run = start()
    assert run.run_id not in due_ids(runs, run.due_at - timedelta(microseconds=1))
    assert run.run_id in due_ids(runs, run.due_at)
    assert run.run_id in due_ids(runs, run.due_at + timedelta(days=3000))


def test_a_due_run_is_answered_as_stored_last(runs: RunRepository, start: StartRun) -> None:
    run = start().claimed(NOON, MINUTE)
    runs.save(run)
    assert run in runs.due(run.due_at, MANY)


def test_a_renewed_lease_is_due_later(runs: RunRepository, start: StartRun) -> None:
    claimed = start().claimed(NOON, MINUTE)
    runs.save(claimed)
    renewed = claimed.renewed(NOON + MINUTE / 2, MINUTE)
    runs.save(renewed)
    assert renewed.run_id not in due_ids(runs, claimed.due_at)
    assert renewed.run_id in due_ids(runs, renewed.due_at)


@pytest.mark.parametrize("success", [True, False])
def test_a_finished_run_is_never_due(
    runs: RunRepository, datasets: DatasetRepository, start: StartRun, success: bool
) -> None:
    run = start()
    dataset = datasets.get(run.owner, run.dataset_id)
    if success:
        ended = run.succeeded(NOON, {"entries": 5})
    else:
        ended = run.failed(NOON, RunError("TASK_FAILED", "no"))
    runs.finish(
        dataset.after(Action.SUCCEED if success else Action.FAIL, NOON),
        ended,
        Event(NOON, EventKind.TRAINING_FAILED, "ended"),
    )
    assert run.run_id not in due_ids(runs, NOON + timedelta(days=3000))


def test_the_longest_overdue_run_is_first(runs: RunRepository, start: StartRun) -> None:
    made = [start(due_at=NOON + timedelta(microseconds=number)) for number in (3, 1, 2)]
    made.append(start(due_at=NOON - timedelta(days=1)))
    due = [run.run_id for run in runs.due(NOON + MINUTE, MANY)]
    order = [run.run_id for run in sorted(made, key=lambda run: run.due_at)]
    assert [run_id for run_id in due if run_id in order] == order


def test_no_more_due_runs_are_given_than_asked_for_and_those_are_the_longest_overdue(
    runs: RunRepository, start: StartRun
) -> None:
    made = [start(due_at=NOON + timedelta(seconds=number)) for number in (2, 0, 1)]
    due = runs.due(NOON + MINUTE, 2)
    assert len(due) == 2
    left_out = [run for run in made if run not in due]
    assert left_out
    assert all(run.due_at >= due[-1].due_at for run in left_out)


def test_a_run_that_a_clock_ahead_has_stamped_is_due_too(runs: RunRepository, start: StartRun) -> None:
    run, ahead, overdue = (start(due_at=NOON + timedelta(hours=hours)) for hours in (1, 5, -1))
    known = [run.run_id, ahead.run_id, overdue.run_id]
    due = [found.run_id for found in runs.due(NOON, MANY, ahead.due_at - timedelta(microseconds=1))]
    assert [found for found in due if found in known] == [overdue.run_id, ahead.run_id]
    due = [found.run_id for found in runs.due(NOON, MANY, ahead.due_at)]
    assert [found for found in due if found in known] == [overdue.run_id]
    assert len(runs.due(NOON, 1, NOON)) == 1
