"""A training run: started once, claimed by one worker at a time, finished once."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.datasets import Archive, Dataset, Event, EventKind, State
from logleap.domain.entries import Totals
from logleap.domain.errors import (
    DatasetEmpty,
    EntryCountDiffers,
    InvalidTransition,
    RunFinished,
    RunInProgress,
)
from logleap.domain.runs import (
    CLOCK_SKEW,
    LONGEST_LEASE,
    UNKNOWN_ORIGIN,
    Origin,
    Run,
    RunError,
    RunState,
    Start,
    TrainingMessage,
    TrainingRequest,
    UnreadableMessage,
    start_training,
)

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

QUEUED = Run(
    run_id="r-1",
    dataset_id="d-1",
    owner="alice",
    task="count-entries",
    parameters={"depth": 3},
    totals=Totals(entries=5, batches=2),
    created_at=NOON,
    due_at=NOON + MINUTE,
)
RUNNING = QUEUED.claimed(NOON, MINUTE)
SUCCEEDED = RUNNING.succeeded(NOON, {"entries": 5})
FAILED = RUNNING.failed(NOON, RunError("TASK_FAILED", "no"))


# ---- a run's life ------------------------------------------------------------------------------------------


def test_a_claim_takes_a_lease_and_counts_an_attempt() -> None:
    claimed = QUEUED.claimed(NOON + MINUTE, 2 * MINUTE)
    assert claimed == replace(
        QUEUED,
        state=RunState.RUNNING,
        version=2,
        fence=1,
        attempts=1,
        started_at=NOON + MINUTE,
        due_at=NOON + 3 * MINUTE,
    )


def test_a_second_claim_has_another_fence_and_keeps_the_first_start() -> None:
    again = RUNNING.claimed(NOON + 2 * MINUTE, MINUTE)
    assert (again.fence, again.attempts, again.version) == (2, 2, 3)
    assert again.started_at == NOON


def test_a_renewal_moves_the_lease_alone() -> None:
    renewed = RUNNING.renewed(NOON + MINUTE / 2, MINUTE)
    assert renewed == replace(RUNNING, version=3, due_at=NOON + MINUTE * 1.5)


def test_a_run_that_is_handed_back_waits_again_and_the_attempt_does_not_count() -> None:
    back = RUNNING.handed_back(NOON, 3 * MINUTE)
    assert back == replace(RUNNING, state=RunState.QUEUED, version=3, attempts=0, due_at=NOON + 3 * MINUTE)
    assert replace(RUNNING, attempts=0).handed_back(NOON, MINUTE).attempts == 0


def test_a_run_that_is_queued_again_keeps_its_attempts_and_its_fence() -> None:
    again = RUNNING.requeued(NOON, 3 * MINUTE)
    assert again == replace(RUNNING, state=RunState.QUEUED, version=3, due_at=NOON + 3 * MINUTE)


def test_a_run_ends_with_a_result_or_an_error() -> None:
    later = NOON + MINUTE
    assert RUNNING.succeeded(later, {"entries": 5}) == replace(
        RUNNING, state=RunState.SUCCEEDED, version=3, finished_at=later, result={"entries": 5}
    )
    error = RunError("TASK_FAILED", "no")
    assert RUNNING.failed(later, error) == replace(
        RUNNING, state=RunState.FAILED, version=3, finished_at=later, error=error
    )


CHANGES: dict[str, Callable[[Run], Run]] = {
    "claimed": lambda run: run.claimed(NOON, MINUTE),
    "renewed": lambda run: run.renewed(NOON, MINUTE),
    "handed back": lambda run: run.handed_back(NOON, MINUTE),
    "requeued": lambda run: run.requeued(NOON, MINUTE),
    "succeeded": lambda run: run.succeeded(NOON, {}),
    "failed": lambda run: run.failed(NOON, RunError("X", "x")),
}


@pytest.mark.parametrize("ended", [SUCCEEDED, FAILED], ids=lambda run: str(run.state))
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_that_has_ended_never_changes(ended: Run, change: str) -> None:
    assert ended.finished
    with pytest.raises(RunFinished, match=f"'r-1' has {ended.state} and cannot change any more"):
        CHANGES[change](ended)


@pytest.mark.parametrize("run", [QUEUED, RUNNING], ids=lambda run: str(run.state))
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_a_version_of_its_own(run: Run, change: str) -> None:
    assert not run.finished
    assert CHANGES[change](run).version == run.version + 1


def test_a_first_attempt_that_a_clock_ahead_has_stamped_counts_from_the_next_one() -> None:
    five_hours = timedelta(hours=5)
    ahead = QUEUED.claimed(NOON + five_hours, MINUTE)
    again = ahead.claimed(NOON + MINUTE, MINUTE)
    assert again.started_at == NOON + MINUTE
    assert again.claimed(NOON + 2 * MINUTE, MINUTE).started_at == NOON + MINUTE
    assert again.time_left(NOON + 3 * MINUTE, five_hours) == five_hours - 2 * MINUTE


def test_a_first_attempt_that_a_clock_behind_has_stamped_counts_from_the_start_of_the_training() -> None:
    behind = QUEUED.claimed(NOON - timedelta(days=9999), MINUTE)
    assert behind.time_left(NOON + MINUTE, timedelta(hours=1)) == timedelta(minutes=59)


def test_a_run_is_leased_while_it_is_running_and_its_time_is_not_over() -> None:
    assert RUNNING.leased(NOON)
    assert RUNNING.leased(RUNNING.due_at - LONGEST_LEASE)
    assert RUNNING.leased(RUNNING.due_at - LONGEST_LEASE - CLOCK_SKEW)
    assert not RUNNING.leased(RUNNING.due_at - LONGEST_LEASE - CLOCK_SKEW - timedelta(microseconds=1))
    assert RUNNING.leased(RUNNING.due_at - timedelta(microseconds=1))
    assert not RUNNING.leased(RUNNING.due_at)
    assert not QUEUED.leased(NOON)
    assert not SUCCEEDED.leased(NOON)


# ---- start -------------------------------------------------------------------------------------------------


def a_dataset(state: State = State.UPLOADING) -> Dataset:
    archive = Archive("file:///x", 5, "ab") if state is State.ARCHIVED else None
    return Dataset("d-1", "alice", NOON, NOON, name="n", state=state, version=2, archive=archive)


def start(dataset: Dataset, totals: Totals, expected: int | None = None) -> Start:
    request = TrainingRequest("count-entries", {"depth": 3}, expected)
    return start_training(dataset, totals, request=request, run_id="r-1", now=NOON + MINUTE, patience=MINUTE)


@pytest.mark.parametrize("state", [State.UPLOADING, State.TRAINED, State.FAILED, State.ARCHIVED])
@pytest.mark.parametrize("expected", [None, 5])
def test_a_start_seals_the_data_set_and_queues_a_run(state: State, expected: int | None) -> None:
    dataset = a_dataset(state)
    assert start(dataset, Totals(5, 2), expected) == Start(
        dataset=replace(
            dataset,
            state=State.TRAINING,
            version=3,
            updated_at=NOON + MINUTE,
            run_id="r-1",
            sealed=Totals(5, 2),
        ),
        run=replace(QUEUED, created_at=NOON + MINUTE, due_at=NOON + 2 * MINUTE),
        event=Event(
            NOON + MINUTE, EventKind.TRAINING_STARTED, "Run r-1 of task 'count-entries' on 5 entries."
        ),
    )


@pytest.mark.parametrize("state", [State.CREATED, State.UPLOADING, State.ARCHIVED])
def test_a_data_set_without_entries_is_refused(state: State) -> None:
    with pytest.raises(DatasetEmpty):
        start(a_dataset(state), Totals(0, 0), expected=0)


def test_a_training_that_is_under_way_is_refused() -> None:
    with pytest.raises(InvalidTransition):
        start(a_dataset(State.TRAINING), Totals(5, 2))


def test_a_data_set_whose_archive_is_still_being_written_is_refused() -> None:
    dataset = replace(a_dataset(State.ARCHIVED), archive=None)
    with pytest.raises(InvalidTransition, match="in state archived does not allow train"):
        start(dataset, Totals(5, 2))


@pytest.mark.parametrize("expected", [0, 4, 6])
def test_another_number_of_entries_than_expected_is_refused(expected: int) -> None:
    with pytest.raises(EntryCountDiffers, match=f"{expected} entries were expected, but 5"):
        start(a_dataset(), Totals(5, 2), expected)


@pytest.mark.parametrize("expected", [None, 5])
def test_a_request_repeats_the_run_it_asks_for(expected: int | None) -> None:
    TrainingRequest("count-entries", {"depth": 3}, expected).check_repeats(QUEUED)


@pytest.mark.parametrize(
    "request_", [TrainingRequest("other", {"depth": 3}), TrainingRequest("count-entries", {"depth": 4})]
)
def test_a_request_for_another_task_or_other_parameters_is_no_repetition(request_: TrainingRequest) -> None:
    with pytest.raises(RunInProgress, match="run 'r-1' of task"):
        request_.check_repeats(QUEUED)


def test_a_request_that_expects_another_number_is_no_repetition() -> None:
    with pytest.raises(EntryCountDiffers):
        TrainingRequest("count-entries", {"depth": 3}, 4).check_repeats(QUEUED)


# ---- the message -------------------------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8"), min_size=1)


origins = st.builds(Origin, st.none() | st.text(), st.none() | st.text())


@given(st.builds(TrainingMessage, owner=names, dataset_id=names, run_id=names, origin=origins))
def test_a_message_is_read_as_it_was_written(message: TrainingMessage) -> None:
    assert TrainingMessage.from_bytes(message.to_bytes()) == message


def test_a_message_names_its_run() -> None:
    message = TrainingMessage.of(QUEUED)
    assert message == TrainingMessage("alice", "d-1", "r-1")
    assert json.loads(message.to_bytes()) == {"owner": "alice", "dataId": "d-1", "runId": "r-1"}


def test_a_message_carries_the_request_that_started_its_run() -> None:
    message = TrainingMessage.of(replace(QUEUED, origin=Origin("q-1", "00-aa-bb-01")))
    fields = json.loads(message.to_bytes())
    assert (fields["requestId"], fields["traceparent"]) == ("q-1", "00-aa-bb-01")


@pytest.mark.parametrize("origin", [{}, {"requestId": 7, "traceparent": ["x"]}, {"requestId": None}])
def test_a_message_without_an_origin_or_with_a_damaged_one_is_carried_out_all_the_same(origin: Any) -> None:
    fields = {"owner": "alice", "dataId": "d-1", "runId": "r-1", **origin}
    assert TrainingMessage.from_bytes(json.dumps(fields).encode()).origin == UNKNOWN_ORIGIN


def test_fields_of_newer_senders_are_passed_over() -> None:
    fields = {"owner": "alice", "dataId": "d-1", "runId": "r-1", "traceId": [1]}
    assert TrainingMessage.from_bytes(json.dumps(fields).encode()) == TrainingMessage("alice", "d-1", "r-1")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[1]", "not a JSON object but list"),
        (b"null", "not a JSON object but NoneType"),
        (b"{}", "owner, dataId, runId must be"),
        (b'{"owner": "a", "dataId": "b"}', "owner, dataId, runId must be"),
        (b'{"owner": "a", "dataId": "b", "runId": ""}', "owner, dataId, runId must be"),
        (b'{"owner": "a", "dataId": "b", "runId": 7}', "owner, dataId, runId must be"),
        (b'{"owner": ["a"], "dataId": {"b": 1}, "runId": true}', "owner, dataId, runId must be"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_an_unreadable_message_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableMessage, match=reason):
        TrainingMessage.from_bytes(body)


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_whatever_a_message_holds_it_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        TrainingMessage.from_bytes(body)
