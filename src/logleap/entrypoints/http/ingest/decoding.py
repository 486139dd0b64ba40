"""How many bodies are decoded as a whole at the same time: each may take many times its size in memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from flask import Request

from logleap.domain.entries import Entry
from logleap.usecases.append import EntrySource

SMALL = 1 << 16
"""Bytes of a body that is decoded at once, if it is not compressed."""


class Decoders:
    """The turns of this process: for a quarter of its threads, at least one."""

    def __init__(self, threads: int) -> None:
        self._turns = threading.BoundedSemaphore(max(1, threads // 4))

    def turn(self, request: Request) -> AbstractContextManager[object]:
        """Wait for a turn, and keep it as long as the body of `request` is decoded."""
        return nullcontext() if _is_small(request) else self._turns

    def in_turn(self, source: EntrySource, request: Request) -> EntrySource:
        """The entries of `request`, decoded in turn."""
        return source if _is_small(request) else InTurn(source, self._turns)


def _is_small(request: Request) -> bool:
    return 0 < (request.content_length or 0) <= SMALL and not request.content_encoding


class InTurn:
    """An EntrySource whose first entries, which are all of a JSON body's, are decoded in turn."""

    def __init__(self, source: EntrySource, turn: AbstractContextManager[object]) -> None:
        self._source = source
        self._turn = turn

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        entries = iter(self._source)
        with self._turn:
            first = next(entries, None)
        if first is not None:
            yield first
            yield from entries

    @property
    def sha256(self) -> str:
        """The source's own."""
        return self._source.sha256
