"""Runs and the queue in memory."""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition

from logleap.adapters.memory.database import MemoryDatabase
from logleap.domain.dataset import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.training import Run, Start, TrainingMessage
from logleap.ports.training import Delivery, RunRepository, TrainingQueue


class MemoryRunRepository(RunRepository):
    """Runs and the outbox in dictionaries."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        database = self._database
        with database.lock:
            start = decide(database.totals(dataset.dataset_id))
            key = (start.run.dataset_id, start.run.run_id)
            if key in database.runs:
                return database.runs[key]
            database.check_dataset(dataset.dataset_id, dataset.version)
            database.datasets[dataset.dataset_id] = start.dataset
            database.events[dataset.dataset_id].append(start.event)
            database.runs[key] = start.run
            database.outbox[TrainingMessage.of(start.run)] = None
            return start.run

    def get(self, dataset_id: str, run_id: str) -> Run | None:
        with self._database.lock:
            return self._database.runs.get((dataset_id, run_id))

    def save(self, run: Run, event: Event | None = None) -> None:
        with self._database.lock:
            self._database.check_run(run)
            self._database.runs[run.dataset_id, run.run_id] = run
            if event is not None:
                self._database.events[run.dataset_id].append(event)

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        with self._database.lock:
            self._database.check_dataset(dataset.dataset_id, dataset.version - 1)
            self.save(run, event)
            self._database.datasets[dataset.dataset_id] = dataset

    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        with self._database.lock:
            return list(self._database.outbox)[:limit]

    def published(self, message: TrainingMessage) -> None:
        with self._database.lock:
            self._database.outbox.pop(message, None)

    def due(self, now: datetime, limit: int) -> Sequence[Run]:
        with self._database.lock:
            due = [run for run in self._database.runs.values() if not run.finished and run.due_at <= now]
        return heapq.nsmallest(limit, due, key=lambda run: run.due_at)


@dataclass(eq=False, slots=True)
class _Message:
    body: bytes
    visible_at: float = 0.0
    deliveries: int = 0


@dataclass(slots=True)
class _Line:
    """Messages that wait or are in somebody's hands, in the order of their publishing."""

    messages: list[_Message] = field(default_factory=list)

    def take(self, now: float, hold: float) -> _Message | None:
        for message in self.messages:
            if message.visible_at <= now:
                message.visible_at = now + hold
                message.deliveries += 1
                return message
        return None


class MemoryTrainingQueue(TrainingQueue):
    """A queue with visibility time-outs, as brokers have them.

    `hold` is how long (seconds) a delivery is its consumer's without an `extend`.
    """

    def __init__(self, *, hold: float = 60.0, max_deliveries: int = 5) -> None:
        self._hold = hold
        self._max_deliveries = max_deliveries
        self._changed = Condition()
        self._waiting = _Line()
        self._dead = _Line()

    def publish(self, body: bytes) -> None:
        with self._changed:
            self._waiting.messages.append(_Message(body))
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
                self._bury(now)
                message = line.take(now, self._hold)
                if message is not None:
                    return _MemoryDelivery(self, line, message)
                if now >= deadline:
                    return None
                self._changed.wait(min(deadline - now, self._until_next(now)))

    def _until_next(self, now: float) -> float:
        # Of both lines: a message that waits may be the next dead letter.
        messages = self._waiting.messages + self._dead.messages
        return min((m.visible_at - now for m in messages if m.visible_at > now), default=self._hold)

    def _bury(self, now: float) -> None:
        for message in list(self._waiting.messages):
            if message.deliveries >= self._max_deliveries and message.visible_at <= now:
                self.move_to_dead(message)

    def move_to_dead(self, message: _Message) -> None:
        """Make a message a dead letter."""
        self._waiting.messages.remove(message)
        self._dead.messages.append(_Message(message.body))
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
            if line is self._waiting and self.settle(line, message, delivery_number, self._hold):
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
