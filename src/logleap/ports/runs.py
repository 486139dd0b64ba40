"""Where runs live, with the outbox of their messages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.runs import Run, Start, TrainingMessage


class RunPosition(NamedTuple):
    """A place in the list of a data set's runs: just behind the run with this creation time and id."""

    created_at: datetime
    run_id: str


class RunRepository(ABC):
    """Stores runs, and the outbox of messages that are still to be published.

    Each call is atomic, durable when it returns, seen by every later call from any process, and may
    raise `Unavailable`.
    """

    @abstractmethod
    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        """Start a training in one transaction. Returns the run that is stored.

        Provided that the stored data set is still at `dataset.version`, adds up its receipts, calls
        `decide` with the totals, and stores what it returns: the data set, the run, the event, and the
        message in the outbox. No receipt can be added between the adding up and the storing.
        If a run of the same id is stored already, changes nothing and returns that one.
        `decide` is pure and may be called more than once; what it raises ends the call, nothing is stored.
        Raises Conflict, and stores nothing, if the data set's version is another.
        """

    @abstractmethod
    def get(self, dataset_id: str, run_id: str) -> Run | None:
        """The run as stored last, or None. `run_id` may be any text that a client sent."""

    @abstractmethod
    def list(self, dataset_id: str, *, limit: int, after: RunPosition | None = None) -> Sequence[Run]:
        """At most `limit` runs of a data set, newest first (`created_at`, then `run_id`, descending).

        Only those behind the position `after`, if given; none of an unknown data set. Walking from position
        to position meets each run once, also while others are started.
        """

    @abstractmethod
    def save(self, run: Run, event: Event | None = None) -> None:
        """Replace the stored run, which must be one version behind `run`, and log `event` with its data set.

        Raises Conflict, and changes nothing, if another version is stored or none.
        """

    @abstractmethod
    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        """Store a finished run, its data set and the event, all or nothing.

        Both stored versions must be one behind the given ones, else raises Conflict and changes nothing.
        """

    @abstractmethod
    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        """At most `limit` messages whose publishing is not known to have succeeded, in any order."""

    @abstractmethod
    def published(self, message: TrainingMessage) -> None:
        """Take a message out of the outbox. If it is not there, nothing happens."""

    @abstractmethod
    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        """At most `limit` unfinished runs whose `due_at` is at or before `now`, the longest overdue first.

        If `latest` is given, after them those whose `due_at` is later than that, which then comes from a
        clock that was ahead.
        """
