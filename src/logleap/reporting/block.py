"""What a report is made of: entries of one batch, by column."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple, Protocol

from logleap.domain.entries import Entries, Row

BLOCK = 1_000
"""How many entries make a good block: enough that Python's loops are few, not too many to hold."""


class Block(NamedTuple):
    """Entries of one batch, at least one, in ascending sequence."""

    batch_id: str
    sequences: Sequence[int]
    entries: Entries


class Blocks(Protocol):
    """All entries, each time it is called: those of one batch one after another, in their order."""

    def __call__(self, *, packed: bool) -> Iterable[Block]:
        """`packed`: they may be PackedEntries, whose texts are read as columns; else they have lists."""


def blocks_of(read: Callable[[], Iterable[Row]]) -> Blocks:
    """The rows that `read` yields, in their order."""

    def blocks(*, packed: bool) -> Iterator[Block]:
        for batch_id, batch in groupby(read(), key=attrgetter("batch_id")):
            while some := list(islice(batch, BLOCK)):
                entries = Entries.of([row.entry for row in some])
                yield Block(batch_id, [row.sequence for row in some], entries)

    return blocks
