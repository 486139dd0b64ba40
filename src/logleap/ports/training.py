"""Where runs live (RunRepository) and how they reach a worker (TrainingQueue)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from logleap.domain.dataset import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.training import Run, Start, TrainingMessage


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
        """The run as stored last, or None."""

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
    def due(self, now: datetime, limit: int) -> Sequence[Run]:
        """At most `limit` unfinished runs whose `due_at` is at or before `now`, the longest overdue first."""


class Delivery(ABC):
    """A message in the hands of one consumer, for a limited time.

    It ends with `ack`, `nack` or `reject`; without one of them, or an `extend` in time, the message is
    delivered again. Each call may raise `Unavailable`; on a delivery whose time has run out, they do nothing.
    """

    @property
    @abstractmethod
    def body(self) -> bytes:
        """The message as it was published."""

    @abstractmethod
    def ack(self) -> None:
        """Done: the message is not delivered again (as far as the queue promises that)."""

    @abstractmethod
    def nack(self, delay: float = 0.0) -> None:
        """Not done: deliver it again in `delay` seconds (at most 600), or dead-letter it after too many."""

    @abstractmethod
    def reject(self, reason: str) -> None:
        """Never to be done: move the message to the dead letters with the reason."""

    @abstractmethod
    def extend(self, seconds: float) -> None:
        """Keep the message for `seconds` from now (at most 600, as Pub/Sub allows)."""


class TrainingQueue(ABC):
    """Carries messages from the API to the workers, at least once, in any order.

    A message that was delivered `max_deliveries` times (the adapter's setting) without an ack goes to the
    dead letters. Each call may raise `Unavailable`.
    """

    @abstractmethod
    def publish(self, body: bytes) -> None:
        """Hand a message over. When it returns, the queue is responsible for the message."""

    @abstractmethod
    def receive(self, wait: float) -> Delivery | None:
        """One message, taken for a limited time; None if none comes within about `wait` seconds."""

    @abstractmethod
    def receive_dead(self, wait: float) -> Delivery | None:
        """One dead letter, taken for a limited time; None if none comes within about `wait` seconds.

        `nack` brings a dead letter back as a dead letter; there is no limit to its deliveries.
        """
