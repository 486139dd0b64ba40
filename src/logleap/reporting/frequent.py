"""The most frequent messages, in bounded memory and in one pass."""

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest

from logleap.domain.report import LISTED, TEXT, FrequentMessage, excerpt

KEPT = 10_000
"""Of how many messages, at least, counts are kept."""

Key = tuple[str, int | str]
"""As much of a message as an excerpt needs, and a digest of the whole."""


class FrequentMessages:
    """Counts messages; exactly, as long as there are no more than `2 * kept` different ones.

    When there are more, all counts are lowered by as much as makes half of them vanish, and `missed` tells
    how much that is in all. It is at most a `kept`-th of all entries. (Misra and Gries, 1982; in blocks:
    Agarwal and others, "Mergeable summaries", 2012.)
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._counts: dict[Key, int] = {}
        self.missed = 0

    def add(self, messages: Iterable[str]) -> None:
        """Count each of them."""
        for message, entries in Counter(messages).items():
            self.add_counted((message[: TEXT + 1], hash(message)), entries)

    def add_counted(self, key: Key, entries: int) -> None:
        """Count a message of so many entries."""
        self._counts[key] = self._counts.get(key, 0) + entries
        if len(self._counts) > 2 * self._kept:
            self._lower()

    def top(self, most: int = LISTED) -> list[FrequentMessage]:
        """The most frequent, most first; of equally frequent ones in the order of their excerpts."""
        found = ((-entries, excerpt(text)) for (text, _), entries in self._counts.items())
        return [FrequentMessage(text, -entries) for entries, text in nsmallest(most, found)]

    def _lower(self) -> None:
        least = sorted(self._counts.values(), reverse=True)[self._kept]
        self._counts = {key: entries - least for key, entries in self._counts.items() if entries > least}
        self.missed += least
