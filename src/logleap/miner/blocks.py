"""Entries in blocks: as they are read, and as the miner works on them."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import le
from typing import NamedTuple, Protocol

from logleap.miner import _fast

BLOCK = 32_768
"""The most entries that are worked on at once."""

CHARACTERS = 16 << 20
"""About the most characters of their messages."""


class Block(Protocol):
    """Entries by column: `logleap.domain.entries.Entries` is one."""

    @property
    def micros(self) -> Sequence[int]:
        """Their times, microseconds since 1970 (UTC)."""

    @property
    def messages(self) -> Sequence[str]:
        """Their messages."""

    @property
    def contexts(self) -> Sequence[str | None]:
        """Their contexts, raw JSON text."""


class Columns(NamedTuple):
    """Entries that are worked on at once."""

    times: "array[int]"
    messages: list[str]
    contexts: list[str | None]


def in_blocks(entries: Iterable[Block], most: int) -> Iterator[Columns]:
    """The entries in blocks that are neither small nor large, each of them in the order of time."""
    return map(_in_order, _blocks(entries, most))


def _blocks(entries: Iterable[Block], most: int) -> Iterator[Columns]:
    times, characters = array("q"), 0
    messages: list[str] = []
    contexts: list[str | None] = []
    for block in entries:
        for start in range(0, len(block.messages), most):
            part = block.messages[start : start + most]
            times.extend(block.micros[start : start + most])
            messages += part
            contexts += block.contexts[start : start + most]
            characters += sum(map(len, part))
            if len(messages) >= most or characters >= CHARACTERS:
                yield Columns(times, messages, contexts)
                times, messages, contexts, characters = array("q"), [], [], 0
    if messages:
        yield Columns(times, messages, contexts)


def _in_order(block: Columns) -> Columns:
    """A block in the order of time."""
    times, messages, contexts = block
    if _fast.ordered(times) if _fast.COMPILED else all(map(le, times, islice(times, 1, None))):
        return block
    order = sorted(range(len(times)), key=times.__getitem__)
    return Columns(
        array("q", map(times.__getitem__, order)),
        list(map(messages.__getitem__, order)),
        list(map(contexts.__getitem__, order)),
    )
