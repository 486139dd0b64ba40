"""How a training message reaches a worker."""

from abc import ABC, abstractmethod


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

    Where several owners' messages wait, a queue of LogLeap's own (`memory`, `local`) delivers one owner's
    after the other's, so that none waits for all of another's. Pub/Sub has no such order.

    A message that was delivered `max_deliveries` times (the adapter's setting) without an ack goes to the
    dead letters. Each call may raise `Unavailable`.
    """

    @abstractmethod
    def publish(self, body: bytes, owner: str = "") -> None:
        """Hand a message of `owner` over. When it returns, the queue is responsible for the message."""

    @abstractmethod
    def receive(self, wait: float) -> Delivery | None:
        """One message, taken for a limited time; None if none comes within about `wait` seconds."""

    @abstractmethod
    def receive_dead(self, wait: float) -> Delivery | None:
        """One dead letter, taken for a limited time; None if none comes within about `wait` seconds.

        `nack` brings a dead letter back as a dead letter; there is no limit to its deliveries.
        """
