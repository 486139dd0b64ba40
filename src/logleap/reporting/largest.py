"""The largest entries, in bounded memory and in one pass."""

from collections.abc import Sequence
from heapq import nlargest, nsmallest
from operator import add

from logleap.domain.report import LISTED, LargeEntry, excerpt


class LargestEntries:
    """Keeps the largest entries; of entries of one size those first in the order of batch id and sequence."""

    def __init__(self, most: int = LISTED) -> None:
        self._most = most
        self._kept: list[tuple[int, str, int, str]] = []  # the size is negated: largest first

    def add(
        self,
        batch_id: str,
        sequences: Sequence[int],
        messages: Sequence[str],
        contexts: Sequence[str | None],
    ) -> None:
        """Look at entries of one batch, at least one, in ascending sequence."""
        context_sizes = [len(context.encode()) if context else 0 for context in contexts]
        sizes = list(map(add, map(len, map(str.encode, messages)), context_sizes))
        best = (-max(sizes), batch_id, sequences[0])
        if len(self._kept) == self._most and best > self._kept[-1][:3]:
            return
        for place in nlargest(self._most, range(len(sizes)), key=sizes.__getitem__):
            self._kept.append((-sizes[place], batch_id, sequences[place], excerpt(messages[place])))
        self._kept = nsmallest(self._most, self._kept)

    def top(self) -> list[LargeEntry]:
        """The largest, largest first."""
        return [LargeEntry(-less, batch_id, sequence, text) for less, batch_id, sequence, text in self._kept]
