"""How the processes that write take turns."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from logleap.ports.errors import Unavailable

if sys.platform != "win32":
    import fcntl


class Turnstile:
    """One process at a time is the next to write, and waits for the one that writes now.

    In `with turnstile:` no other process is the next. Entering raises Unavailable if that takes too long; one
    thread at a time may be in it.

    SQLite's own lock knows no order: beside a busy process another one waited for seconds, and was refused.
    """

    def __init__(self, file: Path, patience: float) -> None:
        """`file` is locked, never written; `patience` is how long to wait, in seconds."""
        self._file = file
        self._patience = patience
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        if sys.platform == "win32":
            return  # there, whoever asks at the right moment is next
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
            self._lock(self._descriptor)
        except OSError as error:
            raise Unavailable(f"{self._file.name} cannot be locked: {error.strerror}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.platform != "win32" and self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _lock(self, descriptor: int) -> None:
        for _ in pauses(self._patience):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return
        raise Unavailable(f"other processes have been waiting to write for {self._patience:.0f} s")

    def close(self) -> None:
        """Close the file. Before a fork: the child's lock would be the same as the parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def pauses(seconds: float) -> Iterator[None]:
    """For each try until so many seconds are over, with a short sleep before each but the first."""
    deadline = time.monotonic() + seconds
    pause = 0.0001
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(1.5 * pause, 0.003)
