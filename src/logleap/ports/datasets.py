"""Where data sets live, with their log."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from logleap.domain.datasets import Dataset, Event, State
from logleap.domain.entries import Totals


class Position(NamedTuple):
    """A place in the list of data sets: just behind the data set with this creation time and id."""

    created_at: datetime
    dataset_id: str


class DatasetRepository(ABC):
    """Stores data sets and their logs.

    Each call is atomic, is durable when it returns (as durable as the backend is), and is seen by every
    later call from any process. Each may raise `Unavailable`.
    """

    @abstractmethod
    def add(self, dataset: Dataset, event: Event) -> None:
        """Store a new data set (version 1) together with the first line of its log.

        Raises Conflict if its id exists.
        """

    @abstractmethod
    def get(self, owner: str, dataset_id: str) -> Dataset:
        """The data set as stored last. `dataset_id` may be any text that a client sent.

        Raises DatasetNotFound if there is none of this id, or if it belongs to another owner.
        """

    def recent(self, owner: str, dataset_id: str) -> Dataset:
        """The data set as it was a few seconds ago at the earliest; otherwise like `get`.

        For who has its version checked later, as `ReceiptLedger.add` does: a backend that remembers it saves
        a request.
        """
        return self.get(owner, dataset_id)

    @abstractmethod
    def list(
        self,
        owner: str,
        *,
        state: State | None = None,
        name: str | None = None,
        limit: int,
        after: Position | None = None,
    ) -> Sequence[Dataset]:
        """At most `limit` data sets of `owner`, newest first (`created_at`, then `dataset_id`, descending).

        Only those in `state` and of exactly this `name`, as far as given; only those behind the position
        `after`, if given. Walking from position to position meets each data set that stays in the list
        once, also while others are added.
        """

    @abstractmethod
    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        """Replace the stored data set, which must be one version behind `dataset`, and log `event`.

        Raises Conflict, and changes nothing, if another version is stored or none.
        """

    @abstractmethod
    def save_if_totals(self, dataset: Dataset, totals: Totals, event: Event) -> None:
        """The same, provided that the receipts of the data set still add up to `totals`.

        No receipt can be added between the adding up and the storing. Raises Conflict, and changes nothing,
        if they add up to anything else.
        """

    @abstractmethod
    def due_for_archiving(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        """At most `limit` data sets of any owner that are `archivable` and were trained on long enough ago.

        That is `after` (None: never), or what their own retention says, whichever is shorter. In any order.
        """

    @abstractmethod
    def due_for_deletion(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        """At most `limit` data sets of any owner that are `deletable` and were `last_active` long enough ago.

        That is `after` (None: never), or what their own retention says, whichever is shorter. In any order.
        """

    @abstractmethod
    def unfinished(self, before: datetime, limit: int, latest: datetime | None = None) -> Sequence[Dataset]:
        """At most `limit` data sets of any owner that are `unfinished` and changed last by `before`.

        If `latest` is given, also those that changed after it by their stamp, which then comes from a clock
        that was ahead. In any order.
        """

    @abstractmethod
    def remove(self, dataset_id: str) -> None:
        """Remove a data set in the state `deleting`, with its receipts, runs, messages and log.

        The data set itself goes last, so that a removal that broke off can be repeated. Not atomic.
        Raises Conflict, and removes nothing, if the data set is in another state; if there is none, nothing
        happens.
        """

    @abstractmethod
    def events(self, dataset_id: str) -> Sequence[Event]:
        """The data set's log, oldest first (in the order of storing); empty for an unknown id."""
