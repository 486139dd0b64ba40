"""Cancel a training run: no result is stored from then on, whatever its task does."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.errors import DatasetNotFound, RunCancelled, RunFinished, RunNotFound
from logleap.domain.runs import CANCELLED, JsonObject, Run, RunError, RunState, TrainingMessage
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.task import TaskFailed, TrainingContext, TrainingTask, TryAgain
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep
from logleap.usecases.training.cancel_training import CancelTraining
from logleap.usecases.training.run_training import Disposition, RunTraining, Settlement, end_run, use_case
from logleap.usecases.training.start_training import StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
LONG = 30.0  # seconds that nothing here takes, unless it hangs
CANCELLED_LINE = "CANCELLED: It was cancelled on request."

Started = Callable[[], Run]
Advance = Callable[[float], None]
WithTask = Callable[[RunTraining, TrainingTask], RunTraining]


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "POLL_SECONDS", 0.002)
    monkeypatch.setattr(use_case, "CANCEL_CHECK_SECONDS", 0.002)


@pytest.fixture
def run(started: Started) -> Run:
    return started()


@pytest.fixture
def body(run: Run) -> bytes:
    return TrainingMessage.of(run).to_bytes()


@pytest.fixture
def stored(run: Run, runs: MemoryRunRepository, datasets: MemoryDatasetRepository) -> Callable[[], Run]:
    def call() -> Run:
        found = runs.get(run.dataset_id, run.run_id)
        assert found is not None
        state = datasets.get("alice", run.dataset_id).state
        assert state is (State.FAILED if found.finished else State.TRAINING)
        return found

    return call


Stored = Callable[[], Run]


@pytest.fixture
def log(run: Run, datasets: MemoryDatasetRepository) -> Callable[[], list[EventKind]]:
    """What the data set's log says since the start."""
    return lambda: [event.kind for event in datasets.events(run.dataset_id)][3:]


Log = Callable[[], list[EventKind]]

CLAIMED, ASKED = EventKind.TRAINING_CLAIMED, EventKind.TRAINING_CANCEL_REQUESTED
FAILED = EventKind.TRAINING_FAILED


def never(context: TrainingContext) -> JsonObject:
    raise AssertionError("the task must not be called")


def test_a_queued_run_fails_at_once_and_its_message_is_let_go(
    *, cancel: CancelTraining, run: Run, stored: Stored, log: Log, run_training: RunTraining, body: bytes
) -> None:
    cancelled = cancel("alice", run.dataset_id)
    assert cancelled == stored()
    assert (cancelled.state, cancelled.error) == (RunState.FAILED, CANCELLED)
    assert (cancelled.cancel_requested_at, cancelled.finished_at) == (NOON, NOON)
    assert log() == [FAILED]
    assert run_training(body) == Settlement(Disposition.DONE, "the run has failed already")


@pytest.mark.parametrize(
    "end",
    [None, TryAgain("busy"), Unavailable("BigQuery"), TaskFailed("bad data"), KeyError("bug"), SystemExit(3)],
    ids=repr,
)
@pytest.mark.parametrize("stopping", [False, True])
def test_whatever_the_task_of_a_cancelled_run_does_the_run_fails_as_cancelled(
    *,
    cancel: CancelTraining,
    run: Run,
    stored: Stored,
    log: Log,
    run_training: RunTraining,
    with_task: WithTask,
    body: bytes,
    end: BaseException | None,
    stopping: bool,
) -> None:
    def task(context: TrainingContext) -> JsonObject:
        cancelling = cancel("alice", run.dataset_id)
        assert (cancelling.state, cancelling.cancel_requested) == (RunState.RUNNING, True)
        if end is not None:
            raise end
        return {"entries": 5}

    patient = replace(run_training, grace=timedelta(seconds=LONG))
    settlement = with_task(patient, task)(body, stopping=lambda: stopping)
    assert settlement == Settlement(Disposition.DONE, f"Run {run.run_id} failed: {CANCELLED_LINE}")
    assert (stored().error, stored().result, stored().attempts) == (CANCELLED, None, 1)
    assert log() == [CLAIMED, ASKED, FAILED]


def test_the_task_of_a_cancelled_run_is_told_to_stop_and_left_behind_after_its_grace(
    *,
    cancel: CancelTraining,
    run: Run,
    stored: Stored,
    run_training: RunTraining,
    with_task: WithTask,
    body: bytes,
) -> None:
    release, ended = threading.Event(), threading.Event()

    def deaf(context: TrainingContext) -> JsonObject:
        cancel("alice", run.dataset_id)
        while not context.stopping():
            pass
        assert release.wait(LONG)
        ended.set()
        return {"entries": "too late"}

    worker = replace(with_task(run_training, deaf), grace=timedelta(seconds=0.02))
    assert worker(body).disposition is Disposition.DONE
    assert stored().error == CANCELLED
    release.set()
    assert ended.wait(LONG)
    assert stored().result is None


def test_cancelling_is_noticed_between_two_renewals_of_the_lease(
    *,
    cancel: CancelTraining,
    run: Run,
    stored: Stored,
    run_training: RunTraining,
    with_task: WithTask,
    body: bytes,
) -> None:
    def until_stopping(context: TrainingContext) -> JsonObject:
        cancel("alice", run.dataset_id)
        while not context.stopping():
            pass
        raise TryAgain("stopped")

    patient = replace(run_training, lease=timedelta(seconds=3 * LONG), grace=timedelta(seconds=LONG))
    assert with_task(patient, until_stopping)(body).disposition is Disposition.DONE
    assert (stored().error, stored().version) == (CANCELLED, 4)  # claimed, cancelling, failed


def test_repeating_it_answers_the_same(
    *,
    cancel: CancelTraining,
    run: Run,
    stored: Stored,
    log: Log,
    run_training: RunTraining,
    with_task: WithTask,
    body: bytes,
) -> None:
    def task(context: TrainingContext) -> JsonObject:
        assert cancel("alice", run.dataset_id) == cancel("alice", run.dataset_id, run.run_id)
        return {}

    with_task(replace(run_training, lease=timedelta(seconds=3 * LONG)), task)(body)
    assert cancel("alice", run.dataset_id) == stored()
    assert log() == [CLAIMED, ASKED, FAILED]


@pytest.mark.parametrize("again", ["cancel", "deliver", "sweep", "dead letter"])
def test_a_cancelled_run_whose_worker_is_gone_fails_and_is_not_tried_again(
    *,
    cancel: CancelTraining,
    run: Run,
    runs: MemoryRunRepository,
    stored: Stored,
    log: Log,
    advance: Advance,
    run_training: RunTraining,
    with_task: WithTask,
    body: bytes,
    sweep: Sweep,
    fail_dead_letter: FailDeadLetter,
    again: str,
) -> None:
    runs.save(run.claimed(NOON, timedelta(seconds=30)))
    assert cancel("alice", run.dataset_id).state is RunState.RUNNING
    advance(31)
    assert stored().state is RunState.RUNNING
    calls: dict[str, Callable[[], object]] = {
        "cancel": lambda: cancel("alice", run.dataset_id),
        "deliver": lambda: with_task(run_training, never)(body),
        "sweep": sweep,
        "dead letter": lambda: fail_dead_letter(body),
    }
    calls[again]()
    assert stored().error == CANCELLED
    assert log() == [ASKED, FAILED]


def test_a_run_that_ended_is_refused(
    cancel: CancelTraining, run: Run, run_training: RunTraining, body: bytes
) -> None:
    run_training(body)
    with pytest.raises(RunFinished):
        cancel("alice", run.dataset_id)


def test_what_is_not_there_is_refused(
    cancel: CancelTraining, run: Run, uploaded: Callable[[], Dataset]
) -> None:
    with pytest.raises(DatasetNotFound):
        cancel("bob", run.dataset_id)
    with pytest.raises(RunNotFound):
        cancel("alice", uploaded().dataset_id)
    with pytest.raises(RunNotFound):
        cancel("alice", run.dataset_id, "another")


def test_a_run_is_cancelled_that_is_claimed_at_the_same_moment(
    *, cancel: CancelTraining, run: Run, database: MemoryDatabase, stored: Stored, log: Log
) -> None:
    class ClaimedFirst(MemoryRunRepository):
        def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
            self.save(stored().claimed(NOON, timedelta(seconds=30)))
            super().finish(dataset, run, event)

    cancelling = replace(cancel, runs=ClaimedFirst(database))("alice", run.dataset_id)
    assert (cancelling.state, cancelling.cancel_requested) == (RunState.RUNNING, True)
    assert log() == [ASKED]


def test_a_run_that_ends_at_the_same_moment_has_ended(
    *,
    cancel: CancelTraining,
    run: Run,
    database: MemoryDatabase,
    datasets: MemoryDatasetRepository,
    run_training: RunTraining,
    body: bytes,
) -> None:
    class EndsMeanwhile(MemoryDatasetRepository):
        reads = 0

        def get(self, owner: str, dataset_id: str) -> Dataset:
            self.reads += 1
            if self.reads == 2:
                run_training(body)
            return super().get(owner, dataset_id)

    with pytest.raises(RunFinished):
        replace(cancel, datasets=EndsMeanwhile(database))("alice", run.dataset_id)
    assert datasets.get("alice", run.dataset_id).state is State.TRAINED


def test_after_a_cancelled_run_another_can_be_started_which_an_old_cancel_does_not_meet(
    *,
    cancel: CancelTraining,
    run: Run,
    runs: MemoryRunRepository,
    start: StartTraining,
    run_training: RunTraining,
) -> None:
    cancel("alice", run.dataset_id)
    second = start("alice", run.dataset_id)
    assert cancel("alice", run.dataset_id, run.run_id).error == CANCELLED
    run_training(TrainingMessage.of(second).to_bytes())
    found = runs.get(run.dataset_id, second.run_id)
    assert found is not None
    assert found.result == {"entries": 5}


def test_of_a_cancelled_run_the_domain_refuses_all_but_its_failure(run: Run) -> None:
    second = timedelta(seconds=1)
    cancelling = run.claimed(NOON, second).cancelling(NOON)
    later = NOON + second
    changes: list[Callable[[], Run]] = [
        lambda: cancelling.succeeded(later, {}),
        lambda: cancelling.requeued(later, second),
        lambda: cancelling.handed_back(later, second),
        lambda: cancelling.given_second_chance(later, second),
        lambda: cancelling.claimed(later, second),
    ]
    for change in changes:
        with pytest.raises(RunCancelled):
            change()
    assert cancelling.failed(later, RunError("TASK_RAISED", "bug")).error == CANCELLED
    assert cancelling.cancelling(later).cancel_requested_at == NOON
    assert cancelling.cancelled(later).cancel_requested_at == NOON
    assert cancelling.renewed(later, second).cancel_requested


def test_the_dead_letter_of_a_cancelled_run_changes_nothing(
    cancel: CancelTraining,
    run: Run,
    stored: Stored,
    fail_dead_letter: FailDeadLetter,
) -> None:
    cancelled = cancel("alice", run.dataset_id)
    fail_dead_letter(TrainingMessage.of(run).to_bytes())
    assert stored() == cancelled


@pytest.mark.parametrize("ending", ["cancel", "deliver", "sweep", "dead letter"])
def test_a_run_that_ends_between_two_reads_of_its_data_set_is_no_error(
    *,
    cancel: CancelTraining,
    sweep: Sweep,
    fail_dead_letter: FailDeadLetter,
    run_training: RunTraining,
    run: Run,
    body: bytes,
    database: MemoryDatabase,
    runs: MemoryRunRepository,
    advance: Advance,
    ending: str,
) -> None:
    """Whichever read of the data set the end comes behind: only what is documented comes out."""
    ended = run.succeeded(NOON, {})

    class Ending(MemoryDatasetRepository):
        reads_left = 0

        def get(self, owner: str, dataset_id: str) -> Dataset:
            found = super().get(owner, dataset_id)
            self.reads_left -= 1
            if self.reads_left == 0:
                end_run(MemoryDatasetRepository(database), runs, replace(ended, version=3))
            return found

    runs.save(replace(run, version=2, attempts=3))
    advance(600)
    before = database.datasets[run.dataset_id], database.runs[run.dataset_id, run.run_id]
    for reads in (1, 2):
        database.datasets[run.dataset_id], database.runs[run.dataset_id, run.run_id] = before
        datasets = Ending(database)
        datasets.reads_left = reads
        if ending == "cancel":
            with suppress(RunFinished):
                replace(cancel, datasets=datasets)("alice", run.dataset_id)
        elif ending == "deliver":
            settlement = replace(run_training, datasets=datasets)(body)
            assert settlement.disposition in (Disposition.DONE, Disposition.RETRY)
        elif ending == "sweep":
            replace(sweep, datasets=datasets)()
        else:
            with suppress(Conflict):
                replace(fail_dead_letter, datasets=datasets)(body)
        stored = runs.get(run.dataset_id, run.run_id)
        assert stored is not None
        assert stored.finished
