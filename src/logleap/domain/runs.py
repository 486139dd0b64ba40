"""A training run: started once, claimed by one worker at a time, finished once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from logleap.domain.artifacts import Artifact
from logleap.domain.counts import counted
from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Totals
from logleap.domain.errors import (
    DatasetEmpty,
    EntryCountDiffers,
    InvalidTransition,
    RunCancelled,
    RunFinished,
    RunInProgress,
)
from logleap.domain.log_models import Baseline

JsonObject = Mapping[str, Any]

LONGEST_LEASE = timedelta(minutes=10)
"""The longest that the settings allow."""

CLOCK_SKEW = timedelta(minutes=1)
"""By how much two machines' clocks may differ. A time further in the future comes from a wrong clock."""


class RunState(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed: a stable UPPER_SNAKE code and a sentence."""

    code: str
    detail: str


CANCELLED = RunError("CANCELLED", "It was cancelled on request.")


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the owner asked for: the task, its parameters, how many entries it should find (or any), and how
    long it may take from its first attempt (or as long as the operator allows).
    """

    task: str
    parameters: JsonObject = field(default_factory=dict)
    expected_entries: int | None = None
    time_limit: timedelta | None = None

    def asks_for(self, run: "Run") -> bool:
        """Whether `run` carries out the task asked for, with the same parameters and time limit."""
        asked = (self.task, dict(self.parameters), self.time_limit)
        return asked == (run.task, dict(run.parameters), run.time_limit)

    def check_repeats(self, run: "Run") -> None:
        """Raises RunInProgress or EntryCountDiffers unless `run` is what this request asks for."""
        if not self.asks_for(run):
            raise RunInProgress(run.dataset_id, run.run_id, run.task)
        if self.expected_entries is not None and self.expected_entries != run.totals.entries:
            raise EntryCountDiffers(self.expected_entries, run.totals.entries)


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that started a run, so that what is told of the two can be joined. Nothing hangs on it.

    `traceparent` is its span in W3C's form (https://www.w3.org/TR/trace-context/), if it had one.
    """

    request_id: str | None = None
    traceparent: str | None = None


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Run:
    """One training run on a sealed data set of `totals`. Times are UTC.

    `version` grows with each change; a change is stored only on the version it was made from.
    `fence` grows with each claim: a worker whose fence is no longer the run's has lost the run.
    `attempts` counts the claims that were not handed back. `due_at` is the end of the lease while the
    run is running, and while it is queued the time from which its message counts as lost.
    `time_limit` counts from `started_at`, the first attempt, through all further ones; None: the operator's.
    Once `cancel_requested_at` is set, the run can only fail, as CANCELLED. `artifacts` are those of the
    attempt that succeeded: a run without a result has none. `baseline` is what the parameter of that name
    stood for when the run was started.
    """

    run_id: str
    dataset_id: str
    owner: str
    task: str
    parameters: JsonObject
    totals: Totals
    created_at: datetime
    due_at: datetime
    state: RunState = RunState.QUEUED
    version: int = 1
    fence: int = 0
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: JsonObject | None = None
    error: RunError | None = None
    origin: Origin = UNKNOWN_ORIGIN
    time_limit: timedelta | None = None
    cancel_requested_at: datetime | None = None
    artifacts: tuple[Artifact, ...] = ()
    baseline: Baseline | None = None

    @property
    def cancel_requested(self) -> bool:
        """True once its owner wants the run to end without a result."""
        return self.cancel_requested_at is not None

    @property
    def finished(self) -> bool:
        """True once the run succeeded or failed: it never changes again."""
        return self.state in (RunState.SUCCEEDED, RunState.FAILED)

    def leased(self, now: datetime) -> bool:
        """True while a worker holds the run. A lease that a clock ahead has stamped counts as run out."""
        return self.state is RunState.RUNNING and now < self.due_at <= now + LONGEST_LEASE + CLOCK_SKEW

    def allowed_time(self, longest: timedelta) -> timedelta:
        """How long the run may take from its first attempt, where the operator allows `longest`."""
        return longest if self.time_limit is None else min(self.time_limit, longest)

    def time_left(self, now: datetime, longest: timedelta) -> timedelta:
        """What is left of its time; all of it before the first attempt, and if the clock was set back."""
        begun = now if self.started_at is None else min(max(self.started_at, self.created_at), now)
        return self.allowed_time(longest) - (now - begun)

    def why_over(self, now: datetime, *, longest: timedelta, max_attempts: int) -> RunError | None:
        """Why a run that no worker holds may not be tried again; None if it may."""
        if self.cancel_requested:
            return CANCELLED
        if self.time_left(now, longest) <= timedelta(0):
            return self.time_limit_exceeded(longest)
        if self.attempts >= max_attempts:
            return self.attempts_exhausted("every worker that claimed it died without reporting a result")
        return None

    def time_limit_exceeded(self, longest: timedelta) -> RunError:
        """The error of a run that has used up its time."""
        limit = self.allowed_time(longest).total_seconds()
        return RunError(
            "TIME_LIMIT_EXCEEDED", f"It did not end within {limit:g} seconds from its first attempt."
        )

    def attempts_exhausted(self, reason: str) -> RunError:
        """The error of a run that has used up its attempts, the last of which ended for `reason`."""
        return RunError(
            "ATTEMPTS_EXHAUSTED", f"Given up after {counted(self.attempts, 'attempt')}: {reason}."
        )

    def claimed(self, now: datetime, lease: timedelta) -> "Run":
        """The run in the hands of a worker until `now + lease`.

        A first attempt that a clock ahead has stamped counts from now: the time limit has to come nearer.
        """
        return self._uncancelled()._changed(
            state=RunState.RUNNING,
            fence=self.fence + 1,
            attempts=self.attempts + 1,
            started_at=now if self.started_at is None else min(self.started_at, now),
            due_at=now + lease,
        )

    def renewed(self, now: datetime, lease: timedelta) -> "Run":
        """The run with its lease counted from now."""
        return self._changed(due_at=now + lease)

    def handed_back(self, now: datetime, patience: timedelta) -> "Run":
        """The run queued again by a worker that was told to stop: the attempt does not count."""
        return self._uncancelled()._changed(
            state=RunState.QUEUED, attempts=max(0, self.attempts - 1), due_at=now + patience
        )

    def requeued(self, now: datetime, patience: timedelta) -> "Run":
        """The run queued again, its attempt counted."""
        return self._uncancelled()._changed(state=RunState.QUEUED, due_at=now + patience)

    def given_second_chance(self, now: datetime, patience: timedelta) -> "Run":
        """The run queued again though no worker had tried it. That counts as an attempt: it happens once."""
        return self._uncancelled()._changed(
            state=RunState.QUEUED, attempts=self.attempts + 1, due_at=now + patience
        )

    def succeeded(self, now: datetime, result: JsonObject, artifacts: Sequence[Artifact] = ()) -> "Run":
        """The run with its result and its artifacts."""
        return self._uncancelled()._changed(
            state=RunState.SUCCEEDED, finished_at=now, result=result, artifacts=tuple(artifacts)
        )

    def failed(self, now: datetime, error: RunError) -> "Run":
        """The run with the reason why it failed for good: CANCELLED, not `error`, if that was requested."""
        return self._changed(
            state=RunState.FAILED, finished_at=now, error=CANCELLED if self.cancel_requested else error
        )

    def cancelling(self, now: datetime) -> "Run":
        """The run, whose worker is to end it. The worker keeps its lease."""
        return self._changed(cancel_requested_at=self.cancel_requested_at or now)

    def cancelled(self, now: datetime) -> "Run":
        """The run, cancelled while no worker holds it."""
        requested_at = self.cancel_requested_at or now
        return self._changed(
            state=RunState.FAILED, finished_at=now, error=CANCELLED, cancel_requested_at=requested_at
        )

    def _uncancelled(self) -> "Run":
        """The run. Raises RunCancelled if it may only fail any more."""
        if self.cancel_requested:
            raise RunCancelled(self.run_id)
        return self

    def _changed(self, **changes: Any) -> "Run":
        if self.finished:
            raise RunFinished(self.run_id, self.state)
        return replace(self, version=self.version + 1, **changes)


@dataclass(frozen=True, slots=True)
class Start:
    """What starting a training changes, all at once."""

    dataset: Dataset
    run: Run
    event: Event


def start_training(
    dataset: Dataset,
    totals: Totals,
    *,
    request: TrainingRequest,
    run_id: str,
    now: datetime,
    patience: timedelta,
    origin: Origin = UNKNOWN_ORIGIN,
    baseline: Baseline | None = None,
) -> Start:
    """Seal `dataset`, whose receipts add up to `totals`, and queue a run on it.

    Raises DatasetEmpty, EntryCountDiffers or InvalidTransition.
    """
    if dataset.state is State.ARCHIVED and dataset.archive is None:
        raise InvalidTransition(dataset.dataset_id, dataset.state, Action.TRAIN)
    if totals.entries == 0 and dataset.state in (State.CREATED, State.UPLOADING, State.ARCHIVED):
        raise DatasetEmpty(dataset.dataset_id)
    if request.expected_entries is not None and request.expected_entries != totals.entries:
        raise EntryCountDiffers(request.expected_entries, totals.entries)
    run = Run(
        run_id=run_id,
        dataset_id=dataset.dataset_id,
        owner=dataset.owner,
        task=request.task,
        parameters=request.parameters,
        totals=totals,
        created_at=now,
        due_at=now + patience,
        origin=origin,
        time_limit=request.time_limit,
        baseline=baseline,
    )
    event = Event(
        now,
        EventKind.TRAINING_STARTED,
        f"Run {run_id} of task {request.task!r} on {counted(totals.entries, 'entry')}.",
    )
    return Start(replace(dataset.after(Action.TRAIN, now), run_id=run_id, sealed=totals), run, event)


class UnreadableMessage(Exception):
    """A queue message that is not a TrainingMessage: it can never be carried out."""


@dataclass(frozen=True, slots=True)
class TrainingMessage:
    """What goes over the queue: which run to carry out, and where it came from. UTF-8 JSON on the wire."""

    owner: str
    dataset_id: str
    run_id: str
    origin: Origin = UNKNOWN_ORIGIN

    @classmethod
    def of(cls, run: Run) -> "TrainingMessage":
        """The message that asks for `run`."""
        return cls(run.owner, run.dataset_id, run.run_id, run.origin)

    def to_bytes(self) -> bytes:
        """The message as it goes over the queue."""
        fields = {
            "owner": self.owner,
            "dataId": self.dataset_id,
            "runId": self.run_id,
            "requestId": self.origin.request_id,
            "traceparent": self.origin.traceparent,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "TrainingMessage":
        """The message read from the queue. Raises UnreadableMessage, and says what is wrong with it.

        Unknown fields are passed over, so that newer senders are understood; older ones tell no origin.
        """
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnreadableMessage(f"not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise UnreadableMessage(f"not a JSON object but {type(fields).__name__}")
        names = ("owner", "dataId", "runId")
        values = [value for name in names if (value := fields.get(name))]
        if len(values) < 3 or not all(isinstance(value, str) for value in values):
            raise UnreadableMessage(f"{', '.join(names)} must be non-empty strings")
        owner, dataset_id, run_id = values
        request_id, traceparent = (
            value if isinstance(value := fields.get(name), str) else None
            for name in ("requestId", "traceparent")
        )
        return cls(owner, dataset_id, run_id, Origin(request_id, traceparent))
