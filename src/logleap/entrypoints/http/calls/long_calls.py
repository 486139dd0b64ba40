"""Calls that take as long as a data set is large: so many at a time that threads are left for all others."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from logleap.entrypoints.http.contract.refusals import Busy


class LongCalls:
    """The long calls of this process, at most half of its threads, and what they are about."""

    def __init__(self, threads: int) -> None:
        self.most = max(1, threads // 2)
        self.lock = threading.Lock()
        self.under_way: list[Hashable] = []


@contextmanager
def long_call(calls: LongCalls, about: Hashable = None) -> Iterator[None]:
    """Carry out one. Raises Busy where there are too many, or another about the same thing is under way."""
    with calls.lock:
        if about is not None and about in calls.under_way:
            raise Busy("another request for the same is being carried out")
        if len(calls.under_way) >= calls.most:
            raise Busy(f"{calls.most} requests that take long are being carried out, which is the limit")
        calls.under_way.append(about)
    try:
        yield
    finally:
        with calls.lock:
            calls.under_way.remove(about)
