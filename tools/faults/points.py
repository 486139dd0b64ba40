"""The named points of the protocols, and adapters that tell when one of them is crossed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from threading import Lock, local
from typing import Any, Literal, NamedTuple

from logleap.backends import Backend


class Point(NamedTuple):
    """Just before or after an adapter's call (`port.method`)."""

    call: str
    moment: Literal["before", "after"]


UPLOAD: Mapping[str, Point] = {
    "upload: before any row": Point("store.append", "before"),
    "upload: after some rows": Point("store.append", "after"),
    "upload: before the receipt": Point("ledger.add", "before"),
    "upload: after the receipt, before the answer": Point("ledger.add", "after"),
}
START: Mapping[str, Point] = {
    "start: before the flip": Point("runs.start", "before"),
    "start: after the flip, before publishing": Point("runs.start", "after"),
    "start: published, still in the outbox": Point("runs.published", "before"),
    "start: out of the outbox, before the answer": Point("runs.published", "after"),
}
RUN: Mapping[str, Point] = {
    "run: message received": Point("queue.receive", "after"),
    "run: before the claim": Point("runs.save", "before"),
    "run: after the claim": Point("runs.save", "after"),
    "run: task done, before the result": Point("runs.finish", "before"),
    "run: after the result, before the ack": Point("runs.finish", "after"),
    "run: after the ack": Point("delivery.ack", "after"),
}
POINTS: Mapping[str, Point] = {**UPLOAD, **START, **RUN}


class Step(NamedTuple):
    """A point of archiving or deleting, crossed for the `call`-th time within one of them."""

    point: Point
    call: int = 1


ARCHIVE: Mapping[str, Step] = {
    "archive: before the seal": Step(Point("datasets.save", "before")),
    "archive: sealed": Step(Point("datasets.save", "after")),
    "archive: before the file": Step(Point("archives.write", "before")),
    "archive: file written, nobody knows of it": Step(Point("archives.write", "after")),
    "archive: file noted, before the drop": Step(Point("store.drop", "before")),
    "archive: rows dropped": Step(Point("store.drop", "after")),
    "archive: before the drop is noted": Step(Point("datasets.save", "before"), 3),
    "archive: done, before the answer": Step(Point("datasets.save", "after"), 3),
}
DELETE: Mapping[str, Step] = {
    "delete: before the mark": Step(Point("datasets.save", "before")),
    "delete: marked": Step(Point("datasets.save", "after")),
    "delete: before the drop": Step(Point("store.drop", "before")),
    "delete: rows dropped": Step(Point("store.drop", "after")),
    "delete: archive removed": Step(Point("archives.remove_all", "after")),
    "delete: before the end": Step(Point("datasets.remove", "before")),
    "delete: gone, before the answer": Step(Point("datasets.remove", "after")),
}

Hook = Callable[[Point], None]


class NotCrossed(Exception):
    """The attack proved nothing: what was attacked did not come where it was to break off."""


class AtPoint:
    """A hook that does something once, when a point is crossed for the `call`-th time."""

    def __init__(self, point: Point, call: int, action: Callable[[], None]) -> None:
        self._point = point
        self._left = call
        self._action = action
        self._lock = Lock()

    def __call__(self, point: Point) -> None:
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            self._action()

    def check(self) -> None:
        """Raises NotCrossed unless it was done."""
        if self._left > 0:
            raise NotCrossed(f"{self._point} was crossed {self._left} times too few")


def watched(backend: Backend, hook: Hook) -> Backend:
    """The backend with adapters that tell `hook` before and after each call (but one that another makes)."""
    inside = local()
    ports: dict[str, Any] = {
        name: _Watched(name, getattr(backend, name), hook, inside)
        for name in ("datasets", "ledger", "store", "runs", "queue", "archives")
    }
    return replace(backend, **ports)


class _Watched:
    """Stands before an adapter. Any: it takes each port's place."""

    def __init__(self, name: str, adapter: Any, hook: Hook, inside: local) -> None:
        self._name = name
        self._adapter = adapter
        self._hook = hook
        self._inside = inside

    def __getattr__(self, attribute: str) -> Any:
        method = getattr(self._adapter, attribute)
        if not callable(method):
            return method
        call = f"{self._name}.{attribute}"

        @wraps(method)
        def watched_call(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, "call", False):
                return method(*args, **kwargs)
            self._hook(Point(call, "before"))
            self._inside.call = True
            try:
                result = method(*args, **kwargs)
            finally:
                self._inside.call = False
            if call == "queue.receive" and result is None:
                return None  # nothing was received: no point of any protocol
            self._hook(Point(call, "after"))
            if call == "queue.receive":
                return _Watched("delivery", result, self._hook, self._inside)
            return result

        return watched_call
