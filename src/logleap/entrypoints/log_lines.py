"""Lines for a file or pipe that may be full, closed or unread: whoever logs them never waits for it."""

import atexit
import logging
import os
import select
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

log = logging.getLogger(__name__)

Stream: TypeAlias = Literal["stdout", "stderr"]

QUEUE_BYTES = 4 << 20
"""Of lines that wait to be written, in each process: some 20,000 lines of requests."""

DRAIN_SECONDS = 1.0
"""How long the end of a process waits for its last lines to be written."""

GATHER_SECONDS = 0.02
"""How long the first line of a burst waits for others: the thread is woken once for all of them."""

QUEUE_FULL = "queue_full"
WRITE_FAILED = "write_failed"
REASONS = (QUEUE_FULL, WRITE_FAILED)
"""Why a line is dropped: the queue is full, since nobody reads the pipe; or writing fails."""

_ATOMIC = getattr(select, "PIPE_BUF", 512)
"""Bytes of one write that the lines of other processes on the same pipe cannot interrupt (man 7 pipe)."""

_RETRY = 0.05  # seconds, on a file that somebody made non-blocking


class LineWriter:
    """A bounded queue of lines and the thread that writes them, in their order.

    `write` and `flush` are those of a binary file, for structlog and logging; neither waits nor raises. What
    cannot be written is counted and dropped.

    `logging.handlers.QueueListener` does not fit: its `stop` waits without limit for a thread that a full
    pipe blocks, it does not survive a fork, and lines of requests are no LogRecords.
    """

    def __init__(self, stream: Any, *, queued: bool = True) -> None:
        """`stream`: sys.stdout or sys.stderr; None, as Python has it where that is closed, takes no line.

        Without `queued` each line is written at once: for processes that are frozen between requests.
        """
        # Raw, since a buffer would keep what it could not write, and fail again and again with it.
        buffer = getattr(stream, "buffer", None)
        self._file: Any = getattr(buffer, "raw", buffer)
        self._queued = queued
        self._count: Callable[[str, int], None] = lambda reason, lines: None
        self._reset()
        self._ended = sys.is_finalizing()
        _all.append(self)
        atexit.register(self._end)

    def _reset(self) -> None:
        self._dropped: Counter[str] = Counter()
        self._unreported = 0
        self._lock = threading.RLock()  # a finalizer may log while its thread is in `write`
        self._changed = threading.Condition(self._lock)
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._torn = False  # a write broke off within a line
        self._thread: threading.Thread | None = None
        self._busy = False  # the thread is awake, or about to be
        self._wake = threading.Event()

    def write(self, line: bytes) -> int:
        """Queue a line, its newline included."""
        if self._ended:
            self._write_at_end(line)
            return len(line)
        if not self._queued:
            with self._lock:
                lost = self._written([line])
            self._drop(WRITE_FAILED, lost)
            return len(line)
        with self._lock:
            fits = self._size + len(line) <= QUEUE_BYTES
            if fits:
                self._lines.append(line)
                self._size += len(line)
                if not self._busy:
                    self._busy = self._started()
        if not fits:
            self._drop(QUEUE_FULL, 1)
        return len(line)

    def flush(self) -> None:
        """Nothing: see `drain`."""

    def drain(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Wait until all lines are written, for `seconds` at most. Whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._busy, seconds)

    def _end(self) -> None:
        """Have what is logged from now on written at once, without the lock.

        While the interpreter ends, threads stop wherever they are, perhaps with the lock, and none starts.
        """
        self.drain()
        self._ended = True

    def _write_at_end(self, line: bytes) -> None:
        """Write a line if that takes no waiting: there is nobody left to count it as dropped."""
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self._file.fileno(), select.POLLOUT)
                if not poll.poll(0):
                    return
            self._file.write(line)
        except (OSError, ValueError, AttributeError):  # full or broken; closed; there is none
            return

    def count_drops(self, count: Callable[[str, int], None]) -> None:
        """Have `count(reason, lines)` called for the lines that are dropped, and those dropped before."""
        with self._lock:
            self._count = count
            before = dict(self._dropped)
        for reason, lines in before.items():
            count(reason, lines)

    def _drop(self, reason: str, lines: int) -> None:
        if lines:
            with self._lock:
                self._dropped[reason] += lines
                self._unreported += lines
                count = self._count
            count(reason, lines)

    def _started(self) -> bool:
        """Wake the thread, or start it: not before the first line, so that no fork finds it needlessly."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="log", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # out of threads, or the interpreter is ending: the next line tries again
                return False
            self._thread = thread
            _at_end_of_child(self.drain)
        self._wake.set()
        return True

    def _work(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(GATHER_SECONDS)
            while batch := self._take():
                lost = self._written(batch)
                self._drop(WRITE_FAILED, lost)
                if not lost:
                    self._report()

    def _take(self) -> list[bytes]:
        """The next lines, as many as one write keeps together."""
        batch: list[bytes] = []
        size = 0
        with self._changed:
            while self._lines and (not batch or size + len(self._lines[0]) <= _ATOMIC):
                batch.append(self._lines.popleft())
                size += len(batch[-1])
            self._size -= size
            if not batch:
                self._busy = False
                self._wake.clear()
                self._changed.notify_all()
        return batch

    def _written(self, batch: Sequence[bytes]) -> int:
        """Write lines; how many of them could not be."""
        rest = memoryview(b"\n" * self._torn + b"".join(batch))
        try:
            while rest:
                done = self._file.write(rest)
                if done is None:
                    time.sleep(_RETRY)
                else:
                    rest = rest[done:]
                    self._torn = len(rest) > 0
        except (OSError, ValueError, AttributeError):  # full or broken; closed; there is none
            lost = left = 0
            while left < len(rest) and lost < len(batch):
                lost += 1
                left += len(batch[-lost])
            return lost
        return 0

    def _report(self) -> None:
        with self._lock:
            dropped, self._unreported = self._unreported, 0
        if dropped:
            log.warning("%d log lines could not be written and were dropped", dropped)


def log_writer(*, queued: bool = True) -> LineWriter:
    """What the log of this process is written by, to stderr, from now on."""
    writer = _writers["stderr"] = LineWriter(sys.stderr, queued=queued)
    return writer


def note(text: str, stream: Stream = "stdout") -> None:
    """Print a line about the process itself, as click.echo does, without waiting for who reads it."""
    if stream not in _writers:
        _writers[stream] = LineWriter(getattr(sys, stream))
    _writers[stream].write(f"{text}\n".encode(errors="backslashreplace"))


def count_dropped_lines(count: Callable[[str, int], None]) -> None:
    """Have `count(reason, lines)` called for the log's lines that are dropped, and those dropped before."""
    if "stderr" in _writers:
        _writers["stderr"].count_drops(count)


def drain_all() -> None:
    """Wait until all lines are written, for DRAIN_SECONDS for each stream at most: this process ends."""
    for writer in _all:
        writer.drain()


_writers: dict[Stream, LineWriter] = {}
_all: list[LineWriter] = []


def _at_end_of_child(call: Callable[[], Any]) -> None:
    """For a child of multiprocessing, which ends without atexit."""
    from multiprocessing import parent_process, util

    if parent_process() is not None:
        util.Finalize(None, call, exitpriority=-1)


def _reset_all() -> None:
    for writer in _all:
        writer._reset()  # the thread, and the lines that it was to write, stay with the parent


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_reset_all)
