"""The queue: a file per message. Receivers poll."""

import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from logleap.ports.queue import Delivery, TrainingQueue
from logleap_files.folder import Folder

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class _Message:
    """`body` is Base64. `visible_at` is in seconds since 1970, by the clock that processes share.

    `deliveries` tells deliveries apart, so it goes on counting when the message becomes a dead letter.
    """

    body: str
    visible_at: float = 0.0
    deliveries: int = 0
    dead: bool = False
    reason: str | None = None


_JSON = TypeAdapter(_Message)


class FileTrainingQueue(TrainingQueue):
    """A delivery is its receiver's for `visibility_timeout` seconds without an `extend`."""

    def __init__(self, folder: Folder, *, visibility_timeout: float, max_deliveries: int = 5) -> None:
        self._folder = folder
        self._visibility_timeout = visibility_timeout
        self._max_deliveries = max_deliveries

    def publish(self, body: bytes, owner: str = "") -> None:
        self._store(f"{time.time_ns():020}-{uuid4()}", _Message(b64encode(body).decode()))

    def receive(self, wait: float) -> Delivery | None:
        return self._receive(wait, dead=False)

    def receive_dead(self, wait: float) -> Delivery | None:
        return self._receive(wait, dead=True)

    def change(self, name: str, number: int, **changes: Any) -> None:
        """Change a message, or remove it if nothing is given, while it is in the hands of this delivery."""
        with self._folder.locked():
            message = self._load(name)
            if message is None or message.deliveries != number or message.visible_at <= time.time():
                return
            if changes:
                self._store(name, replace(message, **changes))
            else:
                self._folder.remove(f"queue/{name}")

    def _receive(self, wait: float, *, dead: bool) -> Delivery | None:
        deadline = time.monotonic() + wait
        while True:
            delivery = self._take(dead=dead)
            remaining = deadline - time.monotonic()
            if delivery is not None or remaining <= 0:
                return delivery
            time.sleep(min(_POLL_SECONDS, remaining))

    def _take(self, *, dead: bool) -> Delivery | None:
        with self._folder.locked():
            now = time.time()
            for name in self._folder.names("queue"):
                message = self._load(name)
                if message is None or message.visible_at > now:
                    continue
                if not message.dead and message.deliveries >= self._max_deliveries:
                    message = replace(message, dead=True, reason="delivered too often without an ack")
                    self._store(name, message)
                if message.dead is dead:
                    number = message.deliveries + 1
                    self._store(
                        name, replace(message, visible_at=now + self._visibility_timeout, deliveries=number)
                    )
                    return _FileDelivery(self, name, number, message)
            return None

    def _load(self, name: str) -> _Message | None:
        content = self._folder.read(f"queue/{name}")
        return None if content is None else _JSON.validate_json(content)

    def _store(self, name: str, message: _Message) -> None:
        self._folder.write(f"queue/{name}", _JSON.dump_json(message))


class _FileDelivery(Delivery):
    def __init__(self, queue: FileTrainingQueue, name: str, number: int, message: _Message) -> None:
        self._queue = queue
        self._name = name
        self._number = number
        self._message = message

    @property
    def body(self) -> bytes:
        return b64decode(self._message.body)

    def ack(self) -> None:
        self._queue.change(self._name, self._number)

    def nack(self, delay: float = 0.0) -> None:
        self._queue.change(self._name, self._number, visible_at=time.time() + delay)

    def reject(self, reason: str) -> None:
        if not self._message.dead:
            self._queue.change(self._name, self._number, visible_at=0.0, dead=True, reason=reason)

    def extend(self, seconds: float) -> None:
        self._queue.change(self._name, self._number, visible_at=time.time() + seconds)
