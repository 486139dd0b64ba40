"""Events on their way to others: what is told of a change of a data set, and when it is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from logleap.domain.datasets import Dataset, Event
from logleap.domain.runs import CLOCK_SKEW, Run

DELETED = "deleted"
"""The kind of the last event of a data set: all others are those of its log (EventKind)."""

LONGEST_PAUSE = timedelta(hours=1)
"""Between two attempts, whatever the receiver asks for: how late an event may be once it is back."""

LONGEST_WAIT = LONGEST_PAUSE + CLOCK_SKEW
"""What is due later than that comes from a clock that was ahead."""

LEAST_ATTEMPTS = 3
"""Before an event is given up, however long the ones before it have failed."""

MAX_ERROR_CHARS = 500
"""Of what is kept of a failed attempt."""


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """A change of a data set, as others are told of it. `event_id` is the same in every attempt.

    `kind` is an EventKind's text or DELETED. `details` are JSON; None once the data set is deleted, of which
    id, owner and times alone are kept.
    """

    event_id: str
    dataset_id: str
    owner: str
    kind: str
    at: datetime
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event in the outbox: how often it failed, why the last time, and since when it is dead."""

    event: OutgoingEvent
    attempts: int = 0
    error: str | None = None
    dead_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventClaim:
    """A data set's next events, oldest first, which are the claimant's to deliver while its lease lasts.

    `token` tells one claim from another. `failing_since` is the first failure since the last success.
    """

    dataset_id: str
    token: str
    events: tuple[WaitingEvent, ...]
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events wait and how many are dead; when the oldest of those that wait happened."""

    waiting: int
    dead: int
    oldest: datetime | None = None


def outgoing(
    event_id: str, event: Event, *, dataset: Dataset | None = None, run: Run | None = None
) -> OutgoingEvent:
    """What is told of a change, of which `event` is the line in the log.

    Of data set and run at least one is given: what the change has made of it.
    """
    details: dict[str, Any] = {"detail": event.detail}
    if dataset is not None:
        details |= {"name": dataset.name, "state": dataset.state.value}
    if run is not None:
        details["run"] = {"runId": run.run_id, "task": run.task, "state": run.state.value}
        details["run"]["attempts"] = run.attempts
        if run.error is not None:
            details["run"]["error"] = {"code": run.error.code, "detail": run.error.detail}
    subject = dataset or run
    if subject is None:
        raise ValueError("an event needs a data set or a run")
    return OutgoingEvent(event_id, subject.dataset_id, subject.owner, event.kind.value, event.at, details)


def deleted(event_id: str, dataset: Dataset) -> OutgoingEvent:
    """The last event of a data set. Its time is that of the deletion's beginning."""
    return OutgoingEvent(event_id, dataset.dataset_id, dataset.owner, DELETED, dataset.updated_at)


def back_off(attempts: int, first: timedelta, jitter: float) -> timedelta:
    """The pause after so many failed attempts: `first`, then doubled each time, up to LONGEST_PAUSE.

    `jitter`, from 0 to 1, shortens it by up to a half, so that data sets do not all come at once.
    """
    doublings = min(attempts - 1, 20)
    return min(first * (1 << doublings), LONGEST_PAUSE) * (1 - jitter / 2)
