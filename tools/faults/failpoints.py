"""Failpoints: the named points of the protocols, and adapters that tell when one of them is hit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, wraps
from threading import Lock, local
from typing import Any, Literal, NamedTuple

from logleap.backends import Backend
from logleap.telemetry.instrument import around


class Failpoint(NamedTuple):
    """Just before or after an adapter's call (`port.method`)."""

    call: str
    moment: Literal["before", "after"]


UPLOAD: Mapping[str, Failpoint] = {
    "upload: before any row": Failpoint("store.append", "before"),
    "upload: after some rows": Failpoint("store.append", "after"),
    "upload: before the receipt": Failpoint("ledger.add", "before"),
    "upload: after the receipt, before the answer": Failpoint("ledger.add", "after"),
}
START: Mapping[str, Failpoint] = {
    "start: before the flip": Failpoint("runs.start", "before"),
    "start: after the flip, before publishing": Failpoint("runs.start", "after"),
    "start: published, still in the outbox": Failpoint("runs.published", "before"),
    "start: out of the outbox, before the answer": Failpoint("runs.published", "after"),
}
RUN: Mapping[str, Failpoint] = {
    "run: message received": Failpoint("queue.receive", "after"),
    "run: before the claim": Failpoint("runs.save", "before"),
    "run: after the claim": Failpoint("runs.save", "after"),
    "run: task done, before the result": Failpoint("runs.finish", "before"),
    "run: after the result, before its artifact is published": Failpoint("artifacts.publish", "before"),
    "run: artifact published": Failpoint("artifacts.publish", "after"),
    "run: after the result, before the ack": Failpoint("runs.finish", "after"),
    "run: after the ack": Failpoint("delivery.ack", "after"),
}
ARTIFACT: Mapping[str, Failpoint] = {
    "artifact: before it is written": Failpoint("artifacts.write", "before"),
    "artifact: written, nobody knows of it": Failpoint("artifacts.write", "after"),
}
"""In the task."""
LOG_MODEL: Mapping[str, tuple[Failpoint, int]] = {
    "log model: before it is written": (Failpoint("artifacts.write", "before"), 1),
    "log model: written, before the changes": (Failpoint("artifacts.write", "before"), 2),
    "log model: changes written, before the result": (Failpoint("artifacts.write", "after"), 2),
    "log model: before the result is stored": (Failpoint("runs.finish", "before"), 1),
    "log model: result stored, before the artifacts are published": (
        Failpoint("artifacts.publish", "before"),
        1,
    ),
    "log model: artifacts published": (Failpoint("artifacts.publish", "after"), 1),
}
"""Of a run of the task `log-model` with a baseline, hit for the so-manieth time."""
FAILPOINTS: Mapping[str, Failpoint] = {**UPLOAD, **START, **RUN}
CANCEL: Mapping[str, Failpoint] = {
    "before it is stored": Failpoint("runs.save", "before"),
    "stored, before the answer": Failpoint("runs.save", "after"),
}
CANCEL_QUEUED: Mapping[str, Failpoint] = {
    "before the end": Failpoint("runs.finish", "before"),
    "after the end, before the answer": Failpoint("runs.finish", "after"),
}


class Step(NamedTuple):
    """A point of archiving or deleting, hit for the `call`-th time within one of them."""

    point: Failpoint
    call: int = 1


ARCHIVE: Mapping[str, Step] = {
    "archive: before the seal": Step(Failpoint("datasets.save", "before")),
    "archive: sealed": Step(Failpoint("datasets.save", "after")),
    "archive: before the file": Step(Failpoint("archives.write", "before")),
    "archive: file written, nobody knows of it": Step(Failpoint("archives.write", "after")),
    "archive: file noted, before the drop": Step(Failpoint("store.drop", "before")),
    "archive: rows dropped": Step(Failpoint("store.drop", "after")),
    "archive: before the drop is noted": Step(Failpoint("datasets.save", "before"), 3),
    "archive: done, before the answer": Step(Failpoint("datasets.save", "after"), 3),
}
DELETE: Mapping[str, Step] = {
    "delete: before the mark": Step(Failpoint("datasets.save", "before")),
    "delete: marked": Step(Failpoint("datasets.save", "after")),
    "delete: before the drop": Step(Failpoint("store.drop", "before")),
    "delete: rows dropped": Step(Failpoint("store.drop", "after")),
    "delete: archive removed": Step(Failpoint("archives.remove_all", "after")),
    "delete: before the artifacts": Step(Failpoint("artifacts.remove_all", "before")),
    "delete: artifacts removed": Step(Failpoint("artifacts.remove_all", "after")),
    "delete: before the end": Step(Failpoint("datasets.remove", "before")),
    "delete: gone, before the answer": Step(Failpoint("datasets.remove", "after")),
}

Hook = Callable[[Failpoint], None]


class NotHit(Exception):
    """The scenario proved nothing: what was attacked did not come where it was to break off."""


class AtFailpoint:
    """A hook that does something once, when a point is hit for the `call`-th time."""

    def __init__(self, point: Failpoint, call: int, action: Callable[[], None]) -> None:
        self._point = point
        self._left = call
        self._action = action
        self._lock = Lock()

    def __call__(self, point: Failpoint) -> None:
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            self._action()

    def check(self) -> None:
        """Raises NotHit unless it was done."""
        if self._left > 0:
            raise NotHit(f"{self._point} was hit {self._left} times too few")


def with_failpoints(backend: Backend, hook: Hook) -> Backend:
    """The backend with adapters that tell `hook` before and after each call (but one that another makes)."""
    inside = local()
    ports: dict[str, Any] = {
        name: around(getattr(backend, name), partial(_intercepted, name, hook, inside))
        for name in ("datasets", "ledger", "store", "runs", "queue", "archives", "artifacts")
    }
    return replace(backend, **ports)


def _intercepted(port: str, hook: Hook, inside: local, method: Callable[..., Any]) -> Callable[..., Any]:
    call = f"{port}.{method.__name__}"

    @wraps(method)
    def intercepted(*args: Any, **kwargs: Any) -> Any:
        if getattr(inside, "call", False):
            return method(*args, **kwargs)
        hook(Failpoint(call, "before"))
        inside.call = True
        try:
            result = method(*args, **kwargs)
        finally:
            inside.call = False
        if call == "queue.receive" and result is None:
            return None  # nothing was received: no point of any protocol
        hook(Failpoint(call, "after"))
        if call == "queue.receive":
            return around(result, partial(_intercepted, "delivery", hook, inside))
        return result

    return intercepted
