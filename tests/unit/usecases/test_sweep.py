"""Mend what a crash left behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.runs import JsonObject, Run, RunError, RunState, TrainingMessage
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.task import TrainingContext, TrainingTask, TryAgain
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep, Swept
from logleap.usecases.training.run_training import Disposition, RunTraining
from logleap.usecases.training.start_training import StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Started = Callable[[], Run]
Messages = Callable[[], list[TrainingMessage]]
Advance = Callable[[float], None]


class DownQueue(MemoryTrainingQueue):
    def publish(self, body: bytes, owner: str = "") -> None:
        raise Unavailable("Pub/Sub")


@pytest.fixture
def running(started: Started, runs: MemoryRunRepository, messages: Messages) -> Started:
    """A run in the hands of a worker, claimed at noon for a minute; its message is off the queue."""

    def call() -> Run:
        run = started().claimed(NOON, MINUTE)
        runs.save(run)
        messages()
        return run

    return call


def current(database: MemoryDatabase, run: Run) -> Run:
    return database.runs[run.dataset_id, run.run_id]


def last_event(database: MemoryDatabase, run: Run) -> Event:
    return database.events[run.dataset_id][-1]


# ---- the outbox --------------------------------------------------------------------------------------------


def test_nothing_to_mend_is_nothing_done(sweep: Sweep, started: Started, messages: Messages) -> None:
    started()
    assert sweep() == Swept(published=0, failed=0)
    assert len(messages()) == 1


def test_what_stayed_in_the_outbox_is_published_once(
    sweep: Sweep, start: StartTraining, uploaded: Callable[[], Dataset], messages: Messages
) -> None:
    broken = replace(start, queue=DownQueue())
    runs = [broken("alice", uploaded().dataset_id) for _ in range(3)]
    assert sweep() == Swept(published=3, failed=0)
    assert messages() == [TrainingMessage.of(run) for run in runs]
    assert sweep() == Swept(published=0, failed=0)
    assert messages() == []


def test_a_message_whose_publishing_fails_stays_in_the_outbox(
    sweep: Sweep,
    start: StartTraining,
    uploaded: Callable[[], Dataset],
    runs: MemoryRunRepository,
    messages: Messages,
) -> None:
    run = replace(start, queue=DownQueue())("alice", uploaded().dataset_id)
    with pytest.raises(Unavailable):
        replace(sweep, queue=DownQueue())()
    assert runs.outbox(10) == [TrainingMessage.of(run)]
    sweep()
    assert messages() == [TrainingMessage.of(run)]


# ---- overdue runs ------------------------------------------------------------------------------------------


def test_a_run_whose_worker_is_gone_is_queued_again(
    sweep: Sweep, running: Started, database: MemoryDatabase, messages: Messages, advance: Advance
) -> None:
    run = running()
    advance(59.9)
    assert sweep() == Swept(published=0, failed=0)
    advance(0.1)
    assert sweep() == Swept(published=1, failed=0)
    queued = replace(run, state=RunState.QUEUED, version=3, due_at=NOON + 6 * MINUTE)
    assert current(database, run) == queued
    assert last_event(database, run).kind is EventKind.TRAINING_REPUBLISHED
    assert messages() == [TrainingMessage.of(run)]


def test_a_queued_run_whose_message_was_lost_is_published_again_whenever_its_patience_ran_out(
    sweep: Sweep, started: Started, run_training: RunTraining, messages: Messages, advance: Advance
) -> None:
    run = started()
    messages()
    for _ in range(4):
        advance(299)
        assert sweep() == Swept(published=0, failed=0)
        advance(1)
        assert sweep() == Swept(published=1, failed=0)
        assert messages() == [TrainingMessage.of(run)]
    assert run_training(TrainingMessage.of(run).to_bytes()).reason.startswith(f"Run {run.run_id} succeeded")


def test_a_run_whose_attempts_are_used_up_fails(
    *,
    sweep: Sweep,
    running: Started,
    runs: MemoryRunRepository,
    database: MemoryDatabase,
    messages: Messages,
    advance: Advance,
) -> None:
    run = replace(running(), version=3, attempts=3)
    runs.save(run)
    advance(60)
    assert sweep() == Swept(published=0, failed=1)
    failed = current(database, run)
    error = RunError(
        "ATTEMPTS_EXHAUSTED",
        "Given up after 3 attempts: every worker that claimed it died without reporting a result.",
    )
    assert (failed.state, failed.error, failed.finished_at) == (RunState.FAILED, error, NOON + MINUTE)
    assert database.datasets[run.dataset_id].state is State.FAILED
    assert last_event(database, run).kind is EventKind.TRAINING_FAILED
    assert messages() == []


def test_an_overdue_run_that_cannot_be_published_is_overdue_again_later(
    sweep: Sweep, running: Started, messages: Messages, advance: Advance
) -> None:
    run = running()
    advance(60)
    with pytest.raises(Unavailable):
        replace(sweep, queue=DownQueue())()
    assert sweep() == Swept(published=0, failed=0)
    advance(300)
    assert sweep() == Swept(published=1, failed=0)
    assert messages() == [TrainingMessage.of(run)]


@pytest.mark.parametrize("attempts", [1, 3])
def test_two_sweeps_at_the_same_moment_mend_each_run_once(
    *,
    sweep: Sweep,
    running: Started,
    runs: MemoryRunRepository,
    database: MemoryDatabase,
    messages: Messages,
    advance: Advance,
    attempts: int,
) -> None:
    class Slow(MemoryRunRepository):
        """The other sweep does all its work between this one's look at what is due and its first change."""

        def due(self, now: datetime, limit: int, latest: datetime | None = None) -> list[Run]:
            found = list(super().due(now, limit, latest))
            others.append(sweep())
            return found

    others: list[Swept] = []
    for _ in range(3):
        runs.save(replace(running(), version=3, attempts=attempts))
    advance(60)
    mine = replace(sweep, runs=Slow(database))()
    assert others == [Swept(published=3, failed=0) if attempts == 1 else Swept(published=0, failed=3)]
    assert mine == Swept(published=0, failed=0)
    assert len(messages()) == (3 if attempts == 1 else 0)


def test_what_a_clock_ahead_has_stamped_is_mended_once_the_clock_is_right(
    *,
    sweep: Sweep,
    started: Started,
    uploaded: Callable[[], Dataset],
    runs: MemoryRunRepository,
    delete_dataset: DeleteDataset,
    run_training: RunTraining,
    database: MemoryDatabase,
    messages: Messages,
    advance: Advance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    five_hours = 5 * 3600
    advance(five_hours)
    run, dataset_id = started(), uploaded().dataset_id
    runs.save(run.claimed(NOON + timedelta(seconds=five_hours), MINUTE))
    with monkeypatch.context() as patch:
        patch.setattr(MemoryEntryStore, "drop", ends)
        with pytest.raises(SystemExit):
            delete_dataset("alice", dataset_id)
    messages()
    advance(-five_hours)
    assert sweep() == Swept(published=1, failed=0, finished=1)
    assert dataset_id not in database.datasets
    assert messages() == [TrainingMessage.of(run)]
    assert run_training(TrainingMessage.of(run).to_bytes()).disposition is Disposition.DONE
    assert current(database, run).state is RunState.SUCCEEDED


def ends(*args: object) -> None:
    raise SystemExit


def test_a_run_that_waits_for_its_message_is_not_taken_for_one_of_a_wrong_clock(
    sweep: Sweep, started: Started, messages: Messages
) -> None:
    started()
    messages()
    assert replace(sweep, patience=timedelta(minutes=4))() == Swept(published=0, failed=0)


def test_a_run_whose_data_set_is_gone_does_not_stop_the_sweep(
    *,
    sweep: Sweep,
    running: Started,
    runs: MemoryRunRepository,
    database: MemoryDatabase,
    messages: Messages,
    advance: Advance,
) -> None:
    gone, other = running(), running()
    runs.save(replace(gone, version=3, attempts=3))
    del database.datasets[gone.dataset_id]
    advance(60)
    assert sweep() == Swept(published=1, failed=0)
    assert messages() == [TrainingMessage.of(other)]


def test_a_run_that_ended_is_left_alone(
    sweep: Sweep, started: Started, run_training: RunTraining, advance: Advance, messages: Messages
) -> None:
    run_training(TrainingMessage.of(started()).to_bytes())
    messages()
    advance(10**6)
    assert sweep() == Swept(published=0, failed=0)
    assert messages() == []


# ---- dead letters ------------------------------------------------------------------------------------------


def test_the_run_of_a_dead_letter_that_nobody_tried_gets_a_second_chance_and_then_fails(
    fail_dead_letter: FailDeadLetter, started: Started, database: MemoryDatabase, messages: Messages
) -> None:
    run = started()
    messages()
    body = TrainingMessage.of(run).to_bytes()
    assert fail_dead_letter(body) == f"run {run.run_id} was never attempted and is queued again"
    assert current(database, run) == replace(run, version=2, attempts=1)
    assert messages() == [TrainingMessage.of(run)]
    assert last_event(database, run).kind is EventKind.TRAINING_REPUBLISHED

    assert fail_dead_letter(body) == f"run {run.run_id} has failed"
    error = RunError("DEAD_LETTERED", "The queue gave up its message after 1 attempt.")
    assert (current(database, run).state, current(database, run).error) == (RunState.FAILED, error)
    assert database.datasets[run.dataset_id].state is State.FAILED
    assert last_event(database, run).kind is EventKind.TRAINING_FAILED


def test_a_dead_letter_of_a_run_whose_lease_ran_out_fails_it(
    fail_dead_letter: FailDeadLetter, running: Started, database: MemoryDatabase, advance: Advance
) -> None:
    run = running()
    advance(60)
    fail_dead_letter(TrainingMessage.of(run).to_bytes())
    assert current(database, run).state is RunState.FAILED


def test_a_dead_letter_of_a_run_that_a_worker_holds_leaves_it_alone(
    fail_dead_letter: FailDeadLetter, running: Started, database: MemoryDatabase
) -> None:
    run = running()
    answer = fail_dead_letter(TrainingMessage.of(run).to_bytes())
    assert answer == "its run is gone, has ended or is running"
    assert current(database, run) == run


def test_a_dead_letter_of_a_run_that_ended_or_is_gone_does_nothing(
    fail_dead_letter: FailDeadLetter, started: Started, run_training: RunTraining, database: MemoryDatabase
) -> None:
    message = TrainingMessage.of(started())
    run_training(message.to_bytes())
    ended = dict(database.runs)
    for letter in (message, replace(message, run_id="unknown"), replace(message, dataset_id="unknown")):
        answer = fail_dead_letter(letter.to_bytes())
        assert answer == "its run is gone, has ended or is running"
    assert database.runs == ended


def test_a_dead_letter_of_a_data_set_that_is_gone_does_nothing(
    fail_dead_letter: FailDeadLetter, running: Started, database: MemoryDatabase, advance: Advance
) -> None:
    run = running()
    advance(60)
    del database.datasets[run.dataset_id]
    assert fail_dead_letter(TrainingMessage.of(run).to_bytes()) == "its data set is gone"
    assert current(database, run) == run


def test_an_unreadable_dead_letter_is_named_and_done_with(fail_dead_letter: FailDeadLetter) -> None:
    assert fail_dead_letter(b"{").startswith("unreadable message: not JSON")


def test_a_dead_letter_whose_run_ends_at_the_same_moment_is_tried_again(
    fail_dead_letter: FailDeadLetter, started: Started, run_training: RunTraining, database: MemoryDatabase
) -> None:
    class Slow(MemoryDatasetRepository):
        def get(self, owner: str, dataset_id: str) -> Dataset:
            run_training(body)
            return super().get(owner, dataset_id)

    run = started()
    body = TrainingMessage.of(run).to_bytes()
    database.runs[run.dataset_id, run.run_id] = replace(run, attempts=1)
    with pytest.raises(Conflict):
        replace(fail_dead_letter, datasets=Slow(database))(body)
    assert current(database, run).state is RunState.SUCCEEDED
    assert fail_dead_letter(body) == "its run is gone, has ended or is running"


def test_an_outage_that_uses_up_a_messages_deliveries_does_not_fail_the_run(
    *,
    fail_dead_letter: FailDeadLetter,
    started: Started,
    run_training: RunTraining,
    queue: MemoryTrainingQueue,
    database: MemoryDatabase,
) -> None:
    class Down(MemoryDatasetRepository):
        def get(self, owner: str, dataset_id: str) -> Dataset:
            raise Unavailable("Firestore")

    run = started()
    while delivery := queue.receive(0):
        assert replace(run_training, datasets=Down(database))(delivery.body).disposition is Disposition.RETRY
        delivery.nack()
    letter = queue.receive_dead(0)
    assert letter is not None
    fail_dead_letter(letter.body)
    assert current(database, run).state is RunState.QUEUED


def test_restarts_of_the_worker_do_not_fail_the_run(
    *,
    fail_dead_letter: FailDeadLetter,
    started: Started,
    run_training: RunTraining,
    with_task: Callable[[RunTraining, TrainingTask], RunTraining],
    queue: MemoryTrainingQueue,
    database: MemoryDatabase,
) -> None:
    def stopped(context: TrainingContext) -> JsonObject:
        raise TryAgain("stopped")

    run = started()
    worker = with_task(run_training, stopped)
    while delivery := queue.receive(0):
        assert worker(delivery.body, stopping=lambda: True).disposition is Disposition.RETRY
        delivery.nack()
    letter = queue.receive_dead(0)
    assert letter is not None
    fail_dead_letter(letter.body)
    assert current(database, run).state is RunState.QUEUED
