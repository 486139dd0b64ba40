"""The events that others are still to be told of, and how they are told."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta

from logleap.domain.events import Backlog, EventClaim, OutgoingEvent, WaitingEvent


class NotDelivered(Exception):
    """The receiver did not take the event. The text says why, for operators, without credentials.

    `final`: it never will. `retry_after`: the receiver asked for so long a pause.
    """

    def __init__(self, reason: str, *, final: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.final = final
        self.retry_after = retry_after


class EventDeliverer(ABC):
    """Hands events to the receiver that the operator has named. Safe for many threads."""

    @property
    @abstractmethod
    def longest(self) -> float:
        """How many seconds a delivery may take."""

    @abstractmethod
    def deliver(self, event: OutgoingEvent) -> None:
        """When it returns, the receiver has taken the event.

        Raises NotDelivered: then the receiver may have got the event all the same.
        """

    @abstractmethod
    def close(self) -> None:
        """Close connections. Deliveries under way may raise NotDelivered."""


class EventOutbox(ABC):
    """Keeps events until they are delivered; dead ones, which were given up, until an operator decides.

    The repositories of data sets and runs put them in, if the backend was opened with events on: one for each
    line of a log, in the same transaction, and one when a data set is removed. On a removal what waits or is
    dead loses its `details`, and stays.

    A data set's events are delivered in the order of their changes, by one claimant at a time; data sets do
    not wait for one another. Each call is atomic, durable when it returns, seen by every later call from any
    process, and may raise `Unavailable`. With a claim that is not the latest of its data set, because its
    lease has run out, a call raises Conflict and changes nothing.
    """

    @abstractmethod
    def claim(self, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        """Claim the data set whose events are due longest, until `until`: at most `limit` events.

        None if no events are due at `now`. Due are those that nobody claims, unless they are postponed, and
        those of a claim that has run out. What is due later than LONGEST_WAIT after `now` is due at once: its
        time comes from a clock that was ahead.
        """

    @abstractmethod
    def delivered(self, claim: EventClaim, event: WaitingEvent, until: datetime) -> None:
        """Take a delivered event of the claim out. The claim lasts until `until`; nothing fails any more."""

    @abstractmethod
    def postpone(self, claim: EventClaim, event: WaitingEvent, since: datetime, due: datetime) -> None:
        """Store the claim's first event as given, after a failed attempt, and end the claim.

        The data set's events are due at `due`, and have failed since `since`.
        """

    @abstractmethod
    def bury(self, claim: EventClaim, event: WaitingEvent, since: datetime, until: datetime) -> None:
        """Store an event as given, which is dead: the next one's turn has come. The claim lasts on."""

    @abstractmethod
    def release(self, claim: EventClaim, now: datetime) -> None:
        """End the claim. If events of the data set wait, they are due at once."""

    @abstractmethod
    def list(self, *, dead: bool, limit: int) -> Sequence[WaitingEvent]:
        """At most `limit` events that are dead, or that wait; the oldest first, as far as it was found."""

    @abstractmethod
    def resend(self, event_id: str, now: datetime) -> bool:
        """Have an event sent again as if it were new, if it is dead, and at once, unless it is claimed.

        A dead event comes before the later ones of its data set. False if there is none of this id, which may
        be any text.
        """

    @abstractmethod
    def discard(self, event_id: str) -> bool:
        """Remove a dead event. False if none of this id, which may be any text, is dead."""

    @abstractmethod
    def backlog(self) -> Backlog:
        """How many events wait, and how many are dead."""
