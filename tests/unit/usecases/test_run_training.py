"""Carry out a training run: claim it, run the task, store the result once."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.entries import Batch, Entry, Manifest, Row
from logleap.domain.runs import JsonObject, Run, RunError, RunState, TrainingMessage
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.executor import TaskExecution, TaskExecutor, TaskJob
from logleap.ports.task import TaskFailed, TrainingContext, TrainingTask, TryAgain
from logleap.usecases.lifecycle.sweep import Sweep
from logleap.usecases.training.run_training import Disposition, RunTraining, Settlement, TaskThreads, use_case

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
DONE, RETRY, REJECT = Disposition.DONE, Disposition.RETRY, Disposition.REJECT
LONG = 30.0  # seconds that nothing here takes, unless it hangs

Started = Callable[[], Run]
Advance = Callable[[float], None]


@pytest.fixture
def run(started: Started) -> Run:
    return started()


@pytest.fixture
def body(run: Run) -> bytes:
    return TrainingMessage.of(run).to_bytes()


@pytest.fixture
def stored(run: Run, runs: MemoryRunRepository, datasets: MemoryDatasetRepository) -> Callable[[], Run]:
    """The run as it is stored, after a check that its data set's state goes with it."""

    def call() -> Run:
        found = runs.get(run.dataset_id, run.run_id)
        assert found is not None
        states = {RunState.SUCCEEDED: State.TRAINED, RunState.FAILED: State.FAILED}
        assert datasets.get("alice", run.dataset_id).state is states.get(found.state, State.TRAINING)
        return found

    return call


@pytest.fixture
def log(run: Run, datasets: MemoryDatasetRepository) -> Callable[[], list[EventKind]]:
    """What the data set's log says since the start."""
    return lambda: [event.kind for event in datasets.events(run.dataset_id)][3:]


Stored = Callable[[], Run]
Log = Callable[[], list[EventKind]]

CLAIMED, HANDED_BACK = EventKind.TRAINING_CLAIMED, EventKind.TRAINING_HANDED_BACK
SUCCEEDED, FAILED = EventKind.TRAINING_SUCCEEDED, EventKind.TRAINING_FAILED


def with_parts(run_training: RunTraining, **parts: Any) -> RunTraining:
    """The use case with other tasks, or another store, ledger or archives for what runs them."""
    assert isinstance(run_training.executor, TaskThreads)
    executor = TaskThreads(replace(run_training.executor.execute, **parts))
    own = {name: part for name, part in parts.items() if name in ("store", "ledger")}
    return replace(run_training, executor=executor, **own)


def with_task(run_training: RunTraining, task: TrainingTask) -> RunTraining:
    return with_parts(run_training, tasks={"count-entries": task})


def never(context: TrainingContext) -> JsonObject:
    raise AssertionError("the task must not be called")


def until_stopping(context: TrainingContext) -> JsonObject:
    """A task that works until it is told to stop, and then gives up as it should."""
    pause = threading.Event()
    while not context.stopping():
        pause.wait(0.002)
    raise TryAgain("stopped")


class Deaf:
    """A task that goes on until the test releases it, whatever it is told; then it has a result."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.ended = threading.Event()
        self.told_to_stop: bool | None = None

    def __call__(self, context: TrainingContext) -> JsonObject:
        assert self.release.wait(LONG)
        self.told_to_stop = context.stopping()
        self.ended.set()
        return {"entries": "the zombie's"}


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    task = Deaf()
    yield task
    task.release.set()


# ---- success -----------------------------------------------------------------------------------------------


def test_the_result_of_the_task_is_stored(
    *, run_training: RunTraining, body: bytes, run: Run, stored: Stored, log: Log, advance: Advance
) -> None:
    advance(7)
    assert run_training(body) == Settlement(DONE, f'Run {run.run_id} succeeded: {{"entries": 5}}')
    at = NOON + timedelta(seconds=7)
    assert stored() == replace(
        run,
        state=RunState.SUCCEEDED,
        version=3,
        fence=1,
        attempts=1,
        due_at=at + timedelta(milliseconds=30),
        started_at=at,
        finished_at=at,
        result={"entries": 5},
    )
    assert log() == [CLAIMED, SUCCEEDED]


def test_rows_that_were_never_acknowledged_are_removed_after_the_run(
    *, run_training: RunTraining, body: bytes, run: Run, store: MemoryEntryStore, caplog: Any
) -> None:
    store.append(Batch(run.dataset_id, "alice", "orphan"), [Entry(NOON, "lost")], 0)
    with caplog.at_level("INFO"):
        run_training(body)
    assert "orphan" not in store._datasets[run.dataset_id]
    assert "1 orphan rows removed" in caplog.text


def test_orphans_that_cannot_be_removed_now_do_no_harm(
    run_training: RunTraining, body: bytes, stored: Stored, store: MemoryEntryStore, monkeypatch: Any
) -> None:
    monkeypatch.setattr(store, "remove_orphans", raising(Unavailable("BigQuery")))
    assert run_training(body).disposition is DONE
    assert stored().state is RunState.SUCCEEDED


def test_of_a_long_result_the_log_shows_the_beginning(run_training: RunTraining, body: bytes) -> None:
    shown = with_task(run_training, lambda context: {"text": "x" * 1000})(body).reason
    assert shown.endswith("xxx …")
    assert len(shown) < 300


def test_the_task_is_given_what_was_asked_for_and_exactly_the_entries(
    run_training: RunTraining, body: bytes, run: Run, stored: Stored
) -> None:
    def look(context: TrainingContext) -> JsonObject:
        assert (context.owner, context.dataset_id, context.run_id) == ("alice", run.dataset_id, run.run_id)
        assert (context.attempt, context.parameters, context.stopping()) == (1, {}, False)
        assert [context.training_set.count() for _ in range(2)] == [5, 5]
        return {"messages": sorted(row.entry.message for row in context.training_set.rows())}

    with_task(run_training, look)(body)
    assert stored().result == {"messages": ["a", "b", "c", "d", "e"]}


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({}, {}),
        ({"a": (1, 2.5, None, True), "é": {"x": []}}, {"a": [1, 2.5, None, True], "é": {"x": []}}),
        ({1: 2}, {"1": 2}),
    ],
)
def test_a_result_is_kept_as_json_has_it(
    run_training: RunTraining, body: bytes, stored: Stored, result: Any, kept: JsonObject
) -> None:
    with_task(run_training, lambda _: result)(body)
    assert stored().result == kept


# ---- messages that come again, or that nothing can be done with --------------------------------------------


def test_a_message_that_comes_again_while_the_run_is_carried_out_waits_for_the_end_of_the_lease(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log
) -> None:
    again: list[Settlement] = []

    def deliver_again(context: TrainingContext) -> JsonObject:
        again.append(with_task(run_training, never)(body))
        return {}

    assert with_task(run_training, deliver_again)(body).disposition is DONE
    (settlement,) = again
    assert (settlement.disposition, settlement.delay) == (RETRY, 0.03)
    assert stored().result == {}
    assert log() == [CLAIMED, SUCCEEDED]


def test_a_message_that_comes_again_after_the_end_does_nothing(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log, advance: Advance
) -> None:
    run_training(body)
    ended = stored()
    advance(3600)
    settlement = with_task(run_training, never)(body)
    assert settlement == Settlement(DONE, "the run has succeeded already")
    assert stored() == ended
    assert log() == [CLAIMED, SUCCEEDED]


def test_of_many_deliveries_at_the_same_moment_one_runs_the_task(
    run_training: RunTraining, started: Started, runs: MemoryRunRepository
) -> None:
    for _ in range(30):
        run = started()
        body = TrainingMessage.of(run).to_bytes()
        barrier = threading.Barrier(4)
        calls: list[int] = []
        verdicts: list[Settlement] = []

        def count_call(context: TrainingContext, calls: list[int] = calls) -> JsonObject:
            calls.append(context.attempt)
            return {"entries": 5}

        def deliver(
            worker: RunTraining,
            body: bytes = body,
            barrier: threading.Barrier = barrier,
            verdicts: list[Settlement] = verdicts,
        ) -> None:
            barrier.wait()
            verdicts.append(worker(body))

        worker = with_task(run_training, count_call)
        threads = [threading.Thread(target=deliver, args=[worker]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert calls == [1]
        assert {settlement.disposition for settlement in verdicts} <= {DONE, RETRY}
        ended = runs.get(run.dataset_id, run.run_id)
        assert ended is not None
        assert (ended.state, ended.fence) == (RunState.SUCCEEDED, 1)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"owner": "alice"}'])
def test_an_unreadable_message_is_rejected_with_the_reason(run_training: RunTraining, body: bytes) -> None:
    settlement = run_training(body)
    assert settlement.disposition is REJECT
    assert settlement.reason.startswith("unreadable message: ")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dataset_id": "unknown"}, "the data set is gone"),
        ({"owner": "bob"}, "the data set is gone"),
        ({"run_id": "unknown"}, "the run is gone"),
    ],
)
def test_a_message_of_a_run_that_is_gone_is_done(
    run_training: RunTraining, run: Run, stored: Stored, change: dict[str, Any], reason: str
) -> None:
    message = replace(TrainingMessage.of(run), **change)
    assert run_training(message.to_bytes()) == Settlement(DONE, reason)
    assert stored() == run


def test_a_run_that_another_worker_claims_first_is_left_to_it(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, stored: Stored
) -> None:
    class Slow(MemoryRunRepository):
        def save(self, run: Run, event: Event | None = None) -> None:
            run_training(body)
            super().save(run, event)

    settlement = replace(with_task(run_training, never), runs=Slow(database))(body)
    assert settlement == Settlement(RETRY, "another worker claimed it first", delay=1.0)
    assert stored().result == {"entries": 5}


def test_a_backend_that_cannot_answer_is_tried_again(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, run: Run, stored: Stored
) -> None:
    class Down(MemoryDatasetRepository):
        def get(self, owner: str, dataset_id: str) -> Dataset:
            raise Unavailable("Firestore")

    settlement = replace(run_training, datasets=Down(database))(body)
    assert settlement == Settlement(RETRY, "unavailable: Firestore", delay=1.0)
    assert stored() == run


def test_a_claim_that_led_nowhere_is_taken_over_once_its_lease_ran_out(
    *,
    run_training: RunTraining,
    body: bytes,
    database: MemoryDatabase,
    stored: Stored,
    advance: Advance,
) -> None:
    class ClaimLost(MemoryRunRepository):
        def save(self, run: Run, event: Event | None = None) -> None:
            super().save(run, event)
            raise Unavailable("Firestore")

    broken = replace(with_task(run_training, never), runs=ClaimLost(database))
    assert broken(body).disposition is RETRY
    assert with_task(run_training, never)(body).reason == "another worker holds its lease"
    advance(0.03)
    assert run_training(body).disposition is DONE
    assert (stored().result, stored().attempts, stored().fence) == ({"entries": 5}, 2, 2)


def test_a_manifest_that_cannot_be_read_is_read_by_the_next_attempt(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, stored: Stored
) -> None:
    class NoManifest(MemoryReceiptLedger):
        def manifest(self, dataset_id: str) -> Manifest:
            raise Unavailable("Firestore")

    settlement = with_parts(with_task(run_training, never), ledger=NoManifest(database))(body)
    assert settlement == Settlement(RETRY, "Firestore", delay=1.0)
    assert stored().state is RunState.QUEUED
    assert run_training(body).disposition is DONE
    assert (stored().result, stored().attempts) == ({"entries": 5}, 2)


# ---- the task fails ----------------------------------------------------------------------------------------


def raising(error: BaseException) -> TrainingTask:
    def task(context: TrainingContext) -> JsonObject:
        raise error

    return task


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TaskFailed("too little data"), RunError("TASK_FAILED", "too little data")),
        (ZeroDivisionError("by zero"), RunError("TASK_RAISED", "ZeroDivisionError: by zero")),
        (MemoryError(), RunError("TASK_RAISED", "MemoryError: ")),
        (SystemExit(3), RunError("TASK_RAISED", "SystemExit: 3")),
        (KeyboardInterrupt(), RunError("TASK_RAISED", "KeyboardInterrupt: ")),
    ],
    ids=repr,
)
def test_a_task_that_raises_fails_the_run_for_good(
    *,
    run_training: RunTraining,
    body: bytes,
    stored: Stored,
    log: Log,
    error: BaseException,
    expected: RunError,
) -> None:
    settlement = with_task(run_training, raising(error))(body)
    assert settlement.disposition is DONE
    assert f"failed: {expected.code}: {expected.detail}" in settlement.reason
    failed = stored()
    assert (failed.state, failed.error, failed.result) == (RunState.FAILED, expected, None)
    assert failed.finished_at == NOON
    assert log() == [CLAIMED, FAILED]


@pytest.mark.parametrize("letters", [262_131, 262_132])
def test_a_result_may_have_256_kibibytes_of_json(
    run_training: RunTraining, body: bytes, stored: Stored, letters: int
) -> None:
    with_task(run_training, lambda _: {"model": "x" * letters})(body)
    ended = stored()
    assert (ended.state is RunState.SUCCEEDED) == (letters == 262_131)
    if ended.error is not None:
        assert "has 262145 bytes of JSON; the limit is 262144" in ended.error.detail


@pytest.mark.parametrize("lists", [99, 100])
def test_a_result_may_nest_100_deep(
    run_training: RunTraining, body: bytes, stored: Stored, lists: int
) -> None:
    with_task(run_training, lambda _: {"model": json.loads("[" * lists + "]" * lists)})(body)
    assert (stored().state is RunState.SUCCEEDED) == (lists == 99)


@pytest.mark.parametrize("error", [TaskFailed, KeyError, TryAgain])
def test_whatever_a_task_raises_its_reason_can_be_stored(
    run_training: RunTraining, body: bytes, stored: Stored, error: type[Exception]
) -> None:
    worker = replace(with_task(run_training, raising(error("\udc80" + "x" * 10**6))), max_attempts=1)
    assert worker(body).disposition is DONE
    failed = stored().error
    assert failed is not None
    assert 1_000 < len(failed.detail.encode()) < 10_000


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("result", "detail"),
    [
        (None, "must be a JSON object, not NoneType"),
        ([1], "must be a JSON object, not list"),
        ("text", "must be a JSON object, not str"),
        ({"score": float("nan")}, "is not JSON: Out of range float"),
        ({"score": float("inf")}, "is not JSON: Out of range float"),
        ({"model": object()}, "is not JSON: Object of type object"),
        ({(1, 2): 3}, "is not JSON: keys must be"),
        ({"circle": CIRCLE}, "is not JSON: Circular reference"),
        ({"file": "\udc80"}, "is not JSON: 'utf-8' codec can't encode"),
        ({"deep": json.loads("[" * 100 + "{}" + "]" * 100)}, "nests objects and lists 102 deep"),
        ({"text": "x" * 262_144}, "has 262156 bytes of JSON; the limit is 262144"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_result_that_is_no_json_object_fails_the_run(
    run_training: RunTraining, body: bytes, stored: Stored, result: Any, detail: str
) -> None:
    assert with_task(run_training, lambda _: result)(body).disposition is DONE
    error = stored().error
    assert error is not None
    assert error.code == "TASK_FAILED"
    assert detail in error.detail


def test_a_result_nested_too_deep_fails_the_run(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with_task(run_training, lambda _: {"deep": deep})(body)
    error = stored().error
    assert error is not None
    assert error.code == "TASK_FAILED"


@pytest.mark.parametrize("error", [TryAgain("the GPU is busy"), Unavailable("the GPU is busy")], ids=repr)
def test_a_passing_failure_is_tried_again_a_limited_number_of_times(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log, error: Exception
) -> None:
    worker = with_task(run_training, raising(error))
    for attempt in (1, 2):
        assert worker(body) == Settlement(RETRY, "the GPU is busy", delay=float(attempt))
        queued = stored()
        assert (queued.state, queued.attempts) == (RunState.QUEUED, attempt)
        assert queued.due_at == NOON + timedelta(minutes=5)
    assert worker(body).disposition is DONE
    assert stored().error == RunError("ATTEMPTS_EXHAUSTED", "Given up after 3 attempts: the GPU is busy.")
    assert log() == [CLAIMED, CLAIMED, CLAIMED, FAILED]


def test_a_passing_failure_that_passes_is_a_success(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    with_task(run_training, raising(TryAgain("busy")))(body)
    assert run_training(body).disposition is DONE
    assert (stored().result, stored().attempts) == ({"entries": 5}, 2)


def test_a_run_whose_workers_died_again_and_again_fails(
    *, run_training: RunTraining, body: bytes, run: Run, runs: MemoryRunRepository, stored: Stored, log: Log
) -> None:
    runs.save(replace(run.claimed(NOON, timedelta(0)), attempts=3))
    settlement = with_task(run_training, never)(body)
    assert settlement.disposition is DONE
    assert stored().error == RunError(
        "ATTEMPTS_EXHAUSTED",
        "Given up after 3 attempts: every worker that claimed it died without reporting a result.",
    )
    assert log() == [FAILED]


def test_a_task_that_this_worker_does_not_have_fails_the_run(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    assert with_parts(run_training, tasks={"other": never})(body).disposition is DONE
    error = stored().error
    assert error == RunError("TASK_UNKNOWN", "This worker has no task 'count-entries'.")


class Speechless(Exception):
    """Of which no text can be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class NoTextAtAll(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class SpeechlessFailure(TaskFailed):
    def __str__(self) -> str:
        text: Any = self.args  # which is no string
        return text  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (Speechless(), "TASK_RAISED", "Speechless: (Speechless has no text: making it raised RuntimeError)"),
        (NoTextAtAll(), "TASK_RAISED", "NoTextAtAll: (NoTextAtAll has no text: making it raised SystemExit)"),
        (SpeechlessFailure(), "TASK_FAILED", "(SpeechlessFailure has no text: making it raised TypeError)"),
    ],
)
def test_an_exception_whose_text_cannot_be_made_fails_the_run_with_its_type(
    *, run_training: RunTraining, body: bytes, stored: Stored, error: Exception, code: str, detail: str
) -> None:
    assert with_task(run_training, raising(error))(body).disposition is DONE
    assert (stored().error, stored().attempts) == (RunError(code, detail), 1)


def test_a_task_that_changes_its_parameters_changes_nothing_that_is_stored(
    run_training: RunTraining, body: bytes, run: Run, database: MemoryDatabase, stored: Stored
) -> None:
    def change(context: TrainingContext) -> JsonObject:
        parameters: Any = context.parameters
        parameters["layers"].append(4)
        parameters["new"] = True
        return {"layers": parameters["layers"]}

    database.runs[run.dataset_id, run.run_id] = replace(run, parameters={"layers": [1, 2]})
    with_task(run_training, change)(body)
    assert stored().result == {"layers": [1, 2, 4]}
    assert stored().parameters == {"layers": [1, 2]}


# ---- the entries are not those that were acknowledged ------------------------------------------------------


class Damaged(MemoryEntryStore):
    """Answers as if rows were lost (fewer than none too many) or stored under other places."""

    off_when_counted = 0
    off_when_read = 0

    def count(self, manifest: Manifest) -> int:
        return super().count(manifest) + self.off_when_counted

    def read(self, manifest: Manifest) -> Iterator[Row]:
        rows = list(super().read(manifest))
        if self.off_when_read < 0:
            return iter(rows[: self.off_when_read])
        return iter(rows + rows[: self.off_when_read])


@pytest.fixture
def store() -> MemoryEntryStore:
    return Damaged()


@pytest.mark.parametrize(
    ("off", "detail"),
    [
        (-2, "5 entries were acknowledged, but 3 are stored: 2 lost."),
        (1, "5 entries were acknowledged, but 6 are stored: 1 too many."),
    ],
)
def test_lost_or_doubled_entries_fail_the_run_before_the_task_is_called(
    *, run_training: RunTraining, body: bytes, store: Damaged, stored: Stored, off: int, detail: str
) -> None:
    store.off_when_counted = off
    assert with_task(run_training, never)(body).disposition is DONE
    assert stored().error == RunError("COUNT_MISMATCH", detail)


@pytest.mark.parametrize("off", [-2, 1])
def test_lost_or_doubled_entries_fail_the_run_also_if_only_the_reading_shows_them(
    run_training: RunTraining, body: bytes, store: Damaged, stored: Stored, off: int
) -> None:
    store.off_when_read = off
    with_task(run_training, lambda context: {"n": sum(1 for _ in context.training_set.rows())})(body)
    error = stored().error
    assert error is not None
    assert error.code == "COUNT_MISMATCH"


def test_a_batch_that_lost_rows_in_the_store_fails_the_run(
    run_training: RunTraining, body: bytes, run: Run, ledger: MemoryReceiptLedger, stored: Stored
) -> None:
    manifest = ledger.manifest(run.dataset_id)
    refilled = MemoryEntryStore()
    for batch_id, entries in manifest.batches.items():
        batch = Batch(run.dataset_id, "alice", batch_id)
        refilled.append(batch, [Entry(NOON, "x")] * (entries - 1), first_sequence=1)
    assert with_parts(run_training, store=refilled)(body).disposition is DONE
    assert stored().error == RunError(
        "COUNT_MISMATCH", "5 entries were acknowledged, but 3 are stored: 2 lost."
    )


@pytest.mark.parametrize(
    ("batches", "detail"),
    [
        (1, "5 entries were acknowledged, but 3 are stored: 2 lost."),
        (3, "5 entries were acknowledged, but 6 are stored: 1 too many."),
    ],
)
def test_receipts_that_are_not_those_of_the_start_fail_the_run(
    *,
    run_training: RunTraining,
    body: bytes,
    run: Run,
    database: MemoryDatabase,
    store: MemoryEntryStore,
    stored: Stored,
    batches: int,
    detail: str,
) -> None:
    class Damaged(MemoryReceiptLedger):
        def manifest(self, dataset_id: str) -> Manifest:
            found = dict(super().manifest(dataset_id).batches) | {"another": 1}
            return Manifest(dataset_id, dict(list(found.items())[:batches]))

    store.append(Batch(run.dataset_id, "alice", "another"), [Entry(NOON, "x")], 0)
    assert with_parts(with_task(run_training, never), ledger=Damaged(database))(body).disposition is DONE
    assert stored().error == RunError("COUNT_MISMATCH", detail)


# ---- the time limit ----------------------------------------------------------------------------------------


def test_a_task_that_exceeds_its_time_fails_the_run_at_once_and_is_not_tried_again(
    *, run_training: RunTraining, body: bytes, stored: Stored, log: Log, deaf: Deaf
) -> None:
    worker = with_task(run_training, deaf)
    worker = replace(worker, time_limit=timedelta(seconds=0.02), grace=timedelta(seconds=LONG))
    settlement = worker(body)
    assert settlement.disposition is DONE
    error = RunError("TIME_LIMIT_EXCEEDED", "It did not end within 0.02 seconds from its first attempt.")
    assert (stored().error, stored().attempts) == (error, 1)
    deaf.release.set()
    assert deaf.ended.wait(LONG)
    assert deaf.told_to_stop
    assert stored().result is None
    assert log() == [CLAIMED, FAILED]


@pytest.mark.parametrize(("own", "operators"), [(0.02, 3600.0), (3600.0, 0.02)])
def test_the_shorter_limit_counts_that_of_the_start_or_the_operators(
    *,
    run_training: RunTraining,
    body: bytes,
    run: Run,
    database: MemoryDatabase,
    stored: Stored,
    deaf: Deaf,
    own: float,
    operators: float,
) -> None:
    database.runs[run.dataset_id, run.run_id] = replace(run, time_limit=timedelta(seconds=own))
    worker = replace(with_task(run_training, deaf), time_limit=timedelta(seconds=operators))
    assert worker(body).disposition is DONE
    error = stored().error
    assert error is not None
    assert error.detail == "It did not end within 0.02 seconds from its first attempt."


def test_the_time_counts_from_the_first_attempt_however_often_the_run_is_handed_back(
    *, run_training: RunTraining, body: bytes, stored: Stored, log: Log, deaf: Deaf, advance: Advance
) -> None:
    worker = replace(with_task(run_training, deaf), time_limit=timedelta(minutes=1))
    for _ in range(2):
        assert worker(body, stopping=lambda: True).disposition is RETRY
        advance(29)
    assert stored().state is RunState.QUEUED
    advance(2)
    assert worker(body, stopping=lambda: True).disposition is DONE
    error = stored().error
    assert error is not None
    assert error.code == "TIME_LIMIT_EXCEEDED"
    assert log() == [CLAIMED, HANDED_BACK, CLAIMED, HANDED_BACK, FAILED]


def test_a_run_whose_worker_is_gone_and_whose_time_is_over_is_failed_by_the_sweep(
    *, run: Run, runs: MemoryRunRepository, stored: Stored, advance: Advance, sweep: Sweep
) -> None:
    runs.save(run.claimed(NOON, timedelta(seconds=30)))
    advance(24 * 3600)
    sweep()
    error = stored().error
    assert error is not None
    assert error.code == "TIME_LIMIT_EXCEEDED"


def test_a_clock_that_is_set_while_the_task_works_takes_no_time_from_it(
    run_training: RunTraining, body: bytes, stored: Stored, advance: Advance
) -> None:
    def work(context: TrainingContext) -> JsonObject:
        advance(400 * 24 * 3600)
        return {"entries": 5}

    with_task(run_training, work)(body)
    assert stored().result == {"entries": 5}


def test_a_clock_that_was_set_back_gives_the_run_its_whole_time_and_no_more(run: Run) -> None:
    claimed = run.claimed(NOON, timedelta(seconds=30))
    hour = timedelta(hours=1)
    assert claimed.time_left(NOON - 60 * 365 * 24 * hour, hour) == hour


# ---- the worker is told to stop ----------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
def test_a_task_that_stops_when_told_is_handed_back_and_the_attempt_does_not_count(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log, times: int
) -> None:
    worker = replace(with_task(run_training, until_stopping), grace=timedelta(seconds=LONG))
    for _ in range(times):
        assert worker(body, stopping=lambda: True) == Settlement(RETRY, "the worker is stopping")
        queued = stored()
        assert (queued.state, queued.attempts) == (RunState.QUEUED, 0)
        assert queued.due_at == NOON + timedelta(minutes=5)
    assert log() == [CLAIMED, HANDED_BACK] * times
    assert run_training(body).disposition is DONE
    assert (stored().result, stored().fence) == ({"entries": 5}, times + 1)


def test_a_task_that_ends_within_the_grace_is_stored(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    def finish_quickly(context: TrainingContext) -> JsonObject:
        while not context.stopping():
            pass
        threading.Event().wait(0.05)
        return {"entries": 5}

    worker = replace(with_task(run_training, finish_quickly), grace=timedelta(seconds=LONG))
    assert worker(body, stopping=lambda: True).disposition is DONE
    assert stored().result == {"entries": 5}


def test_a_task_that_fails_while_the_worker_stops_has_failed(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    worker = with_task(run_training, raising(TaskFailed("too little data")))
    assert worker(body, stopping=lambda: True).disposition is DONE
    assert stored().error == RunError("TASK_FAILED", "too little data")


@pytest.mark.parametrize("grace", [0.0, 0.03])
def test_a_task_that_does_not_stop_is_left_behind_and_its_result_is_not_stored(
    *, run_training: RunTraining, body: bytes, stored: Stored, log: Log, deaf: Deaf, grace: float
) -> None:
    worker = replace(with_task(run_training, deaf), grace=timedelta(seconds=grace))
    assert worker(body, stopping=lambda: True) == Settlement(RETRY, "the worker is stopping")
    assert (stored().state, stored().attempts) == (RunState.QUEUED, 0)
    deaf.release.set()
    assert deaf.ended.wait(LONG)
    assert deaf.told_to_stop
    assert stored().state is RunState.QUEUED
    run_training(body)
    assert stored().result == {"entries": 5}
    assert log() == [CLAIMED, HANDED_BACK, CLAIMED, SUCCEEDED]


def test_a_worker_looks_whether_to_stop_more_often_than_it_renews_its_lease(
    run_training: RunTraining, body: bytes, stored: Stored, deaf: Deaf
) -> None:
    looks = iter([False, False, True])
    worker = replace(with_task(run_training, deaf), lease=timedelta(seconds=3 * LONG))
    assert worker(body, stopping=lambda: next(looks)).disposition is RETRY
    assert stored().version == 3  # claimed and handed back


def test_a_run_that_was_lost_before_the_stop_is_not_handed_back(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log, advance: Advance
) -> None:
    def taken_over(context: TrainingContext) -> JsonObject:
        advance(60)
        assert run_training(body).disposition is DONE
        raise TryAgain("stopped")

    settlement = with_task(run_training, taken_over)(body, stopping=lambda: True)
    assert settlement.disposition in (DONE, RETRY)
    assert stored().result == {"entries": 5}
    assert log() == [CLAIMED, CLAIMED, SUCCEEDED]


# ---- the lease ---------------------------------------------------------------------------------------------


class Renewals(MemoryRunRepository):
    """Has faults in the renewals of leases: what to do instead of storing, one for each renewal."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.faults: list[str] = []
        self.renewed = threading.Event()

    def save(self, run: Run, event: Event | None = None) -> None:
        if run.state is not RunState.RUNNING or run.version == 2:
            super().save(run, event)
            return
        fault = self.faults.pop(0) if self.faults else None
        if fault == "down":
            raise Unavailable("Firestore")
        super().save(run, event)
        if fault == "answer lost":
            raise Unavailable("Firestore")
        self.renewed.set()


@pytest.mark.parametrize(
    "faults",
    [[], ["down"], ["answer lost"], ["answer lost", "answer lost"], ["down", "answer lost", "down"]],
    ids=", ".join,
)
def test_the_lease_is_renewed_while_the_task_works_also_when_answers_are_lost(
    *,
    run_training: RunTraining,
    body: bytes,
    database: MemoryDatabase,
    stored: Stored,
    log: Log,
    advance: Advance,
    faults: list[str],
) -> None:
    def wait_for_renewals(context: TrainingContext) -> JsonObject:
        advance(3600)
        assert runs.renewed.wait(LONG)
        return {"entries": 5}

    kept = []
    runs = Renewals(database)
    runs.faults = list(faults)
    worker = replace(with_task(run_training, wait_for_renewals), runs=runs)
    assert worker(body, on_renewed=lambda: kept.append(1)).disposition is DONE
    assert kept
    ended = stored()
    assert ended.result == {"entries": 5}
    assert ended.due_at == NOON + timedelta(seconds=3600.03)
    assert log() == [CLAIMED, SUCCEEDED]


def test_a_result_is_stored_also_right_after_a_renewal_whose_answer_was_lost(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, stored: Stored, log: Log
) -> None:
    lost = threading.Event()

    class AnswerLost(MemoryRunRepository):
        def save(self, run: Run, event: Event | None = None) -> None:
            super().save(run, event)
            if run.version == 3:
                lost.set()
                raise Unavailable("Firestore")

    def end_then(context: TrainingContext) -> JsonObject:
        assert lost.wait(LONG)
        return {"entries": 5}

    replace(with_task(run_training, end_then), runs=AnswerLost(database))(body)
    assert stored().result == {"entries": 5}
    assert log() == [CLAIMED, SUCCEEDED]


def test_a_queue_that_cannot_keep_the_message_does_not_end_the_run(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, stored: Stored
) -> None:
    def keep() -> None:
        raise Unavailable("Pub/Sub")

    runs = Renewals(database)

    def wait_for_renewals(context: TrainingContext) -> JsonObject:
        assert runs.renewed.wait(LONG)
        return {"entries": 5}

    worker = replace(with_task(run_training, wait_for_renewals), runs=runs)
    assert worker(body, on_renewed=keep).disposition is DONE
    assert stored().result == {"entries": 5}


def test_a_worker_that_lost_its_lease_stores_nothing(
    run_training: RunTraining, body: bytes, stored: Stored, log: Log, advance: Advance
) -> None:
    def overtaken(context: TrainingContext) -> JsonObject:
        advance(60)
        assert run_training(body).disposition is DONE
        return {"entries": "the zombie's"}

    settlement = with_task(run_training, overtaken)(body)
    assert settlement == Settlement(DONE, "another worker has taken it over")
    assert (stored().result, stored().fence) == ({"entries": 5}, 2)
    assert log() == [CLAIMED, CLAIMED, SUCCEEDED]


def test_a_worker_that_lost_its_lease_to_one_still_at_work_stores_nothing(
    run_training: RunTraining, body: bytes, stored: Stored, advance: Advance
) -> None:
    second_at_work, first_ended = threading.Event(), threading.Event()

    def second_task(context: TrainingContext) -> JsonObject:
        second_at_work.set()
        assert first_ended.wait(LONG)
        return {"entries": 5}

    def first_task(context: TrainingContext) -> JsonObject:
        advance(3600)
        second.start()
        assert second_at_work.wait(LONG)
        return {"entries": "the zombie's"}

    # So long a lease that no renewal finds it lost before the task ends.
    patient = replace(run_training, lease=timedelta(seconds=LONG))
    second = threading.Thread(target=with_task(patient, second_task), args=[body])
    settlement = with_task(patient, first_task)(body)
    assert settlement == Settlement(DONE, "another worker has taken it over")
    assert (stored().state, stored().fence) == (RunState.RUNNING, 2)
    first_ended.set()
    second.join()
    assert stored().result == {"entries": 5}


def test_a_worker_that_finds_its_lease_lost_leaves_the_task_and_tells_it(
    *, run_training: RunTraining, body: bytes, stored: Stored, advance: Advance, sweep: Sweep, deaf: Deaf
) -> None:
    def overdue(context: TrainingContext) -> JsonObject:
        advance(60)
        sweep()
        return deaf(context)

    settlement = with_task(run_training, overdue)(body)
    assert settlement == Settlement(DONE, "another worker has taken it over")
    assert (stored().state, stored().attempts) == (RunState.QUEUED, 1)
    deaf.release.set()
    assert deaf.ended.wait(LONG)
    assert deaf.told_to_stop
    assert stored().state is RunState.QUEUED


def test_a_worker_finds_its_run_taken_over_also_between_two_renewals(
    *,
    run_training: RunTraining,
    body: bytes,
    stored: Stored,
    deaf: Deaf,
    advance: Advance,
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def overdue(context: TrainingContext) -> JsonObject:
        advance(4 * LONG)
        sweep()
        return deaf(context)

    monkeypatch.setattr(use_case, "CANCEL_CHECK_SECONDS", 0.002)
    worker = replace(with_task(run_training, overdue), lease=timedelta(seconds=3 * LONG))
    assert worker(body) == Settlement(DONE, "another worker has taken it over")
    assert stored().state is RunState.QUEUED


def test_a_task_that_cannot_be_started_is_tried_again(
    run_training: RunTraining, body: bytes, stored: Stored
) -> None:
    class NoProcess(TaskExecutor):
        def start(self, job: TaskJob) -> TaskExecution:
            raise Unavailable("no process can be started")

    worker = replace(run_training, executor=NoProcess())
    assert worker(body) == Settlement(RETRY, "no process can be started", delay=1.0)
    assert (stored().state, stored().attempts) == (RunState.QUEUED, 1)


def test_a_run_that_is_gone_is_not_stored_again(
    run_training: RunTraining, body: bytes, run: Run, database: MemoryDatabase
) -> None:
    def removed(context: TrainingContext) -> JsonObject:
        del database.runs[run.dataset_id, run.run_id]
        return {"entries": 5}

    assert with_task(run_training, removed)(body) == Settlement(DONE, "another worker has taken it over")
    assert not database.runs


# ---- storing the end ---------------------------------------------------------------------------------------


class Finishing(MemoryRunRepository):
    """Has faults when a change that ends the work is stored."""

    def __init__(self, database: MemoryDatabase, fault: str, advance: Advance, times: int = 1) -> None:
        super().__init__(database)
        self.fault = fault
        self.advance = advance
        self.times = times

    def _faulty(self, store: Callable[[], None]) -> None:
        if self.times == 0:
            store()
            return
        self.times -= 1
        if self.fault == "answer lost":
            store()
        elif self.fault == "conflict":
            raise Conflict("contention")
        elif self.fault == "down for long":
            self.advance(3600)
        raise Unavailable("Firestore")

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        self._faulty(lambda: MemoryRunRepository.finish(self, dataset, run, event))

    def save(self, run: Run, event: Event | None = None) -> None:
        if run.state is RunState.QUEUED:
            self._faulty(lambda: MemoryRunRepository.save(self, run, event))
        else:
            super().save(run, event)


ENDS: dict[str, tuple[TrainingTask, RunState, Disposition]] = {
    "success": (lambda _: {"entries": 5}, RunState.SUCCEEDED, DONE),
    "failure": (raising(TaskFailed("no")), RunState.FAILED, DONE),
    "try again": (raising(TryAgain("busy")), RunState.QUEUED, RETRY),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("fault", ["answer lost", "down", "conflict"])
def test_an_end_is_stored_once_though_storing_it_has_faults(
    *,
    run_training: RunTraining,
    body: bytes,
    database: MemoryDatabase,
    advance: Advance,
    stored: Stored,
    log: Log,
    fault: str,
    end: str,
) -> None:
    task, state, outcome = ENDS[end]
    runs = Finishing(database, fault, advance)
    assert replace(with_task(run_training, task), runs=runs)(body).disposition is outcome
    assert (stored().state, stored().version) == (state, 3)
    assert log() == [CLAIMED, *({"success": [SUCCEEDED], "failure": [FAILED]}.get(end, []))]


@pytest.mark.parametrize("fault", ["answer lost", "down"])
def test_a_run_is_handed_back_once_though_storing_it_has_faults(
    *,
    run_training: RunTraining,
    body: bytes,
    database: MemoryDatabase,
    advance: Advance,
    stored: Stored,
    log: Log,
    fault: str,
) -> None:
    runs = Finishing(database, fault, advance)
    worker = replace(with_task(run_training, until_stopping), runs=runs)
    assert worker(body, stopping=lambda: True) == Settlement(RETRY, "the worker is stopping")
    assert (stored().state, stored().attempts) == (RunState.QUEUED, 0)
    assert log() == [CLAIMED, HANDED_BACK]


def test_an_end_that_cannot_be_stored_while_the_lease_holds_is_left_to_the_next_delivery(
    run_training: RunTraining, body: bytes, database: MemoryDatabase, advance: Advance, stored: Stored
) -> None:
    runs = Finishing(database, "down for long", advance)
    settlement = replace(run_training, runs=runs)(body)
    assert settlement == Settlement(RETRY, "unavailable: Firestore", delay=1.0)
    assert stored().state is RunState.RUNNING
    assert run_training(body).disposition is DONE
    assert (stored().result, stored().attempts) == ({"entries": 5}, 2)


def test_a_run_that_another_worker_gives_up_at_the_same_moment_is_left_to_it(
    *,
    run_training: RunTraining,
    body: bytes,
    run: Run,
    runs: MemoryRunRepository,
    database: MemoryDatabase,
    log: Log,
) -> None:
    class Slow(MemoryDatasetRepository):
        reads = 0

        def get(self, owner: str, dataset_id: str) -> Dataset:
            self.reads += 1
            if self.reads == 2:
                run_training(body)
            return super().get(owner, dataset_id)

    runs.save(replace(run.claimed(NOON, timedelta(0)), attempts=3))
    assert replace(run_training, datasets=Slow(database))(body).disposition is RETRY
    assert log() == [FAILED]
