"""The threads that answer requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_EXTRA = 64
"""Threads in place of those that wait for their clients: each costs little, but not nothing."""


class Threads:
    """The threads of a waitress dispatcher: as many as are to work, and one for each that waits."""

    def __init__(self, dispatcher: Any, count: int) -> None:
        self._dispatcher = dispatcher
        self._count = count
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Another thread works as long as the calling one waits."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def close(self) -> None:
        """Start no more."""
        with self._lock:
            self._closed = True

    def _change(self, by: int) -> None:
        with self._lock:
            self._waiting += by
            if not self._closed:
                self._dispatcher.set_thread_count(self._count + min(self._waiting, MAX_EXTRA))
