"""A bounded queue of entries, and a thread that sends them to the API in batches."""

import encodings.idna  # noqa: F401 - sockets import it at the first connection; see __init__
import os
import random
import sys
import threading
import time
import uuid
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import parent_process, util
from typing import Protocol

from logleap.client._api import json_array
from logleap.client._errors import ApiError, Json, Unreachable
from logleap.client._parts import BatchPoster
from logleap.codecs.limits import REQUEST_BYTES

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between two attempts at one batch
_FAILURES = 10  # answers of a server or proxy that is broken, until a batch is given up: half a minute
_SILENCE = 60.0  # seconds between two reports of dropped entries


class SingleAttempt(Protocol):
    """Posts one batch, in a single attempt."""

    def append_body(self, data_id: str, body: bytes, key: str) -> Json:
        """Raises ApiError or Unreachable."""
        ...


class _Abandoned(Exception):
    """The outbox was closed, and its time is over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch is sent at `batch_size` entries, at REQUEST_BYTES, or once its first waited `interval` seconds.

    `capacity`: how many bytes of entries are held; what does not fit is dropped.
    """

    batch_size: int
    interval: float
    capacity: int


class Outbox:
    """Sends each entry once, in order, retrying as often as necessary.

    `connect` is called in the sending thread, which starts with the first entry.
    After a fork the child begins with an empty outbox: the parent sends what was in it.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[SingleAttempt]],
        data_id: str,
        limits: Limits,
        *,
        exit_timeout: float,
    ) -> None:
        with connect():
            pass  # imports what it needs: a child forked during that import could never connect
        self._connect = connect
        self._data_id = data_id
        self._limits = limits
        self._exit_timeout = exit_timeout
        self._closed = False
        self._begin()
        _OUTBOXES.add(self)

    def _begin(self) -> None:
        # Reentrant: a signal handler or a finalizer may log while this thread holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._bytes = 0  # of the entries waiting and of the batch being sent
        self._put = self._settled = self._hurry = 0  # entries, counted from the first on
        self._sent = 0
        self._dropped: Counter[str] = Counter()
        self._told = 0
        self._silent_until = 0.0
        self._gave_up_at = -1
        self._abandoned = False
        self._thread: threading.Thread | None = None

    def put(self, entry: bytes) -> None:
        """Queue an entry, or drop it if there is no room. Never waits for the API."""
        with self._changed:
            if self._closed:
                self.drop("logged after the handler was closed")
            elif self._bytes + len(entry) > self._limits.capacity:
                self.drop("queue full")
            else:
                self._waiting.append((time.monotonic(), entry))
                self._bytes += len(entry)
                self._put += 1
                if self._thread is None:
                    self._start()
                if len(self._waiting) == 1 or self._is_due():
                    self._changed.notify_all()

    def drop(self, reason: str, entries: int = 1, detail: str = "") -> None:
        """Count entries that will not be sent, and report them on stderr, at most once a minute."""
        with self._changed:
            self._dropped[reason] += entries
            if time.monotonic() >= self._silent_until:
                self._tell(detail)

    @property
    def sent(self) -> int:
        """How many entries were acknowledged."""
        return self._sent

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many entries were dropped, by reason."""
        with self._changed:
            return dict(self._dropped)

    def is_sender(self) -> bool:
        """Whether the caller is the sending thread of this outbox."""
        return self._thread is not None and self._thread.ident == threading.get_ident()

    def flush(self, timeout: float) -> bool:
        """Send what is queued now; False if that takes longer than `timeout` seconds (it then continues)."""
        with self._changed:
            self._hurry = target = self._put
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._settled >= target, timeout)
            self._gave_up_at = -1 if done else target
            return done

    def close(self) -> None:
        """Send what is queued, for at most `exit_timeout` seconds, and stop. What is left is dropped."""
        with self._changed:
            if not self._closed:
                self._closed = True
                # `logging.shutdown` flushes and then closes: do not wait twice.
                self.flush(0 if self._gave_up_at == self._put else self._exit_timeout)
                self._abandoned = True
                self._changed.notify_all()
                if self._settled < self._put:
                    self.drop("not acknowledged before the end", self._put - self._settled)
                if self._dropped.total() > self._told:
                    self._tell()
            thread = self._thread
        if thread is not None:
            thread.join(0.5)  # ends at once, unless it is waiting for an answer

    def _tell(self, detail: str = "") -> None:
        self._told = self._dropped.total()
        self._silent_until = time.monotonic() + _SILENCE
        reasons = ", ".join(f"{reason}: {entries}" for reason, entries in self._dropped.items())
        line = f"LogLeap's handler dropped {self._told} log records so far ({reasons}). {detail}"
        # As logging itself does: stderr may be None or closed.
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(line.rstrip() + "\n")

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="logleap-handler", daemon=True)
        self._thread.start()
        if parent_process() is not None:
            # A process of multiprocessing ends without `atexit`.
            util.Finalize(self, self.close, exitpriority=0)

    def _run(self) -> None:
        poster = BatchPoster()
        with self._connect() as api:
            while batch := self._next_batch():
                self._deliver(api, poster, batch)

    def _next_batch(self) -> list[bytes]:
        """The entries to send next, once they are due; an empty list when the outbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            while not self._closed and not self._is_due():
                self._changed.wait(max(0.0, self._waiting[0][0] + self._limits.interval - time.monotonic()))
            batch: list[bytes] = []
            size = len(json_array([]))
            while (
                self._waiting
                and not self._abandoned
                and len(batch) < self._limits.batch_size
                and (not batch or size + len(self._waiting[0][1]) <= REQUEST_BYTES)
            ):
                batch.append(self._waiting.popleft()[1])
                size += len(batch[-1]) + 1  # a comma
            return batch

    def _is_due(self) -> bool:
        return (
            len(self._waiting) >= self._limits.batch_size
            or self._bytes + len(self._waiting) >= REQUEST_BYTES
            or self._settled < self._hurry
            or time.monotonic() >= self._waiting[0][0] + self._limits.interval
        )

    def _deliver(self, api: SingleAttempt, poster: BatchPoster, batch: list[bytes]) -> None:
        """Send one batch, as a whole or in parts, until all of it is acknowledged or refused permanently."""
        key = str(uuid.uuid4())
        done = 0  # entries that are settled

        def left_out(index: int, error: ApiError) -> None:
            nonlocal done
            self._settle(batch[index : index + 1], refused=error)
            done = index + 1

        try:
            for part, _ in poster.post(
                len(batch),
                lambda part: json_array(batch[part.start : part.stop]),
                lambda _, body, place: self._send(api, body, f"{key}-{place}"),
                left_out,
            ):
                self._settle(batch[part.start : part.stop])
                done = part.stop
        except _Abandoned:
            pass  # `close` has counted it as dropped
        except Exception as error:  # noqa: BLE001 - whatever it is, the next batch may succeed
            self._settle(batch[done:], refused=error)

    def _send(self, api: SingleAttempt, body: bytes, key: str) -> Json:
        """Send a request until it is answered. Raises ApiError if that refuses it permanently, _Abandoned.

        What is wrong on the other side (HTTP 408, 500 and the like) is tried some times: it may be over soon,
        but the next batch must not wait for ever for one that always fails.
        """
        pause = _FIRST_PAUSE
        failures = 0
        while True:
            try:
                return api.append_body(self._data_id, body, key)
            except ApiError as error:
                failures += 1
                temporary = error.status == 408 or error.status >= 500
                if error.retry_after is None and not (temporary and failures < _FAILURES):
                    raise
                wait = max(pause, error.retry_after or 0)
            except Unreachable:
                wait = pause
            with self._changed:
                if self._changed.wait_for(lambda: self._abandoned, wait * random.uniform(1, 1.4)):  # noqa: S311
                    raise _Abandoned
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _settle(self, batch: list[bytes], refused: Exception | None = None) -> None:
        with self._changed:
            if self._abandoned:
                return  # already counted as dropped
            self._settled += len(batch)
            self._bytes -= sum(map(len, batch))
            if refused is None:
                self._sent += len(batch)
            else:
                why = (
                    refused.code or refused.status
                    if isinstance(refused, ApiError)
                    else type(refused).__name__
                )
                self.drop(f"refused with {why}", len(batch), str(refused))
            self._changed.notify_all()


_OUTBOXES: "weakref.WeakSet[Outbox]" = weakref.WeakSet()


def _begin_again() -> None:
    for outbox in _OUTBOXES:
        outbox._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)
