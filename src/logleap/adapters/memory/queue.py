"""A queue in memory."""

import time
from dataclasses import dataclass, field
from threading import Condition

from logleap.ports.queue import Delivery, TrainingQueue


@dataclass(eq=False, slots=True)
class _Message:
    body: bytes
    owner: str
    visible_at: float = 0.0
    deliveries: int = 0


@dataclass(slots=True)
class _Line:
    """Messages that wait or are being delivered, in the order of their publishing."""

    messages: list[_Message] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)  # of each owner: a number that grows with deliveries

    def take(self, now: float, visibility_timeout: float) -> _Message | None:
        """The first message of the owner whose last delivery is the longest ago."""
        visible = (message for message in self.messages if message.visible_at <= now)
        message = min(visible, key=lambda message: self.turns.get(message.owner, 0), default=None)
        if message is not None:
            self.turns[message.owner] = max(self.turns.values(), default=0) + 1
            message.visible_at = now + visibility_timeout
            message.deliveries += 1
        return message


class MemoryTrainingQueue(TrainingQueue):
    """A queue with visibility time-outs, as brokers have them.

    `visibility_timeout`: for how long (seconds) a delivery belongs to its consumer without an `extend`.
    """

    def __init__(self, *, visibility_timeout: float = 60.0, max_deliveries: int = 5) -> None:
        self._visibility_timeout = visibility_timeout
        self._max_deliveries = max_deliveries
        self._changed = Condition()
        self._waiting = _Line()
        self._dead = _Line()

    def publish(self, body: bytes, owner: str = "") -> None:
        with self._changed:
            self._waiting.messages.append(_Message(body, owner))
            self._changed.notify_all()

    def receive(self, wait: float) -> Delivery | None:
        return self._receive(self._waiting, wait)

    def receive_dead(self, wait: float) -> Delivery | None:
        return self._receive(self._dead, wait)

    def _receive(self, line: _Line, wait: float) -> Delivery | None:
        deadline = time.monotonic() + wait
        with self._changed:
            while True:
                now = time.monotonic()
                self._move_used_up(now)
                message = line.take(now, self._visibility_timeout)
                if message is not None:
                    return _MemoryDelivery(self, line, message)
                if now >= deadline:
                    return None
                self._changed.wait(min(deadline - now, self._until_next(now)))

    def _until_next(self, now: float) -> float:
        # Of both lines: a message that waits may be the next dead letter.
        messages = self._waiting.messages + self._dead.messages
        return min(
            (m.visible_at - now for m in messages if m.visible_at > now), default=self._visibility_timeout
        )

    def _move_used_up(self, now: float) -> None:
        for message in list(self._waiting.messages):
            if message.deliveries >= self._max_deliveries and message.visible_at <= now:
                self.move_to_dead(message)

    def move_to_dead(self, message: _Message) -> None:
        """Make a message a dead letter."""
        self._waiting.messages.remove(message)
        self._dead.messages.append(_Message(message.body, message.owner))
        self._changed.notify_all()

    def settle(self, line: _Line, message: _Message, delivery_number: int, visible_in: float | None) -> bool:
        """Remove a message (None) or set when it is visible again. False if the delivery's time is over."""
        with self._changed:
            if message not in line.messages or message.deliveries != delivery_number:
                return False
            if message.visible_at <= time.monotonic():
                return False
            if visible_in is None:
                line.messages.remove(message)
            else:
                message.visible_at = time.monotonic() + visible_in
            self._changed.notify_all()
            return True

    def reject(self, line: _Line, message: _Message, delivery_number: int) -> None:
        """Move a message to the dead letters, unless the delivery's time is over or it is one already."""
        with self._changed:
            if line is self._waiting and self.settle(
                line, message, delivery_number, self._visibility_timeout
            ):
                self.move_to_dead(message)


class _MemoryDelivery(Delivery):
    def __init__(self, queue: MemoryTrainingQueue, line: _Line, message: _Message) -> None:
        self._queue = queue
        self._line = line
        self._message = message
        self._number = message.deliveries

    @property
    def body(self) -> bytes:
        return self._message.body

    def ack(self) -> None:
        self._queue.settle(self._line, self._message, self._number, None)

    def nack(self, delay: float = 0.0) -> None:
        self._queue.settle(self._line, self._message, self._number, delay)

    def extend(self, seconds: float) -> None:
        self._queue.settle(self._line, self._message, self._number, seconds)

    def reject(self, reason: str) -> None:
        self._queue.reject(self._line, self._message, self._number)
