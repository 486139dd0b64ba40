"""The lock by which the processes that write take turns."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from logleap.ports.errors import Unavailable

if sys.platform != "win32":
    import fcntl


class ProcessLock:
    """Held by the one process that is next to write, while it waits for the one that writes now.

    Use it by `with lock:`, from one thread at a time. Entering raises Unavailable after the timeout.

    SQLite's own lock is not fair: beside a busy process another one waited for seconds, and was refused.
    """

    def __init__(self, file: Path, timeout: float) -> None:
        """`file` is locked, never written; `timeout` is in seconds."""
        self._file = file
        self._timeout = timeout
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        if sys.platform == "win32":
            return  # without fairness there
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            self._lock(self._descriptor)
        except OSError as error:
            raise Unavailable(f"{self._file.name} cannot be locked: {error.strerror}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.platform != "win32" and self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _lock(self, descriptor: int) -> None:
        for _ in pauses(self._timeout):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return
        raise Unavailable(f"other processes have been waiting to write for {self._timeout:.0f} s")

    def close(self) -> None:
        """Close the file. Before a fork: the child would share the parent's lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def pauses(seconds: float) -> Iterator[None]:
    """One item per attempt, for `seconds` at most, with a short sleep before each but the first."""
    deadline = time.monotonic() + seconds
    pause = 0.0001
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(1.5 * pause, 0.003)
