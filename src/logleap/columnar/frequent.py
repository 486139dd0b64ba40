"""The most frequent messages: found by their hashes, then their texts are looked up."""

from collections.abc import Iterable, Sequence
from heapq import nsmallest
from operator import neg

import polars as pl

from logleap.domain.report import LISTED, TEXT, FrequentMessage, excerpt

TIED = 100_000
"""Of how many equally frequent messages, at most, those are picked whose excerpts are first."""


class FrequentMessages:
    """The most frequent messages, of equally frequent ones those first in the order of their excerpts.

    All counts are exact. Where more than `tied` messages are as frequent as the last one listed, and occur
    more than once, the order of the excerpts is that of some of them.
    """

    def __init__(self, shares: Iterable[pl.Series], most: int = LISTED, tied: int = TIED) -> None:
        """`shares`: the hashes of all messages, equal ones in the same share."""
        self._most = most
        counts = pl.DataFrame(schema={"hash": pl.UInt64, "entries": pl.Int64})
        for share in shares:
            found = share.alias("hash").value_counts(name="entries").cast({"entries": pl.Int64})
            counts = pl.concat([counts, found])
            least = counts["entries"].top_k(most).min()
            counts = counts.filter(pl.col("entries") >= least)
            if len(counts) > most + tied:
                counts = counts.top_k(most + tied, by="entries")
        # If the last one listed occurs once, any other that occurs once may be in its place.
        self._any = len(counts) > most and counts["entries"].min() == 1
        self._frequent = counts.filter(pl.col("entries") > 1) if self._any else counts
        self._sought = self._frequent
        self._found: list[tuple[int, str]] = []  # the number of entries is negated: most first

    @property
    def complete(self) -> bool:
        """Whether the texts of further messages change nothing."""
        return not self._any and self._sought.is_empty()

    def look_up(self, hashes: pl.Series, messages: pl.Series) -> None:
        """Find texts among messages, whose hashes are given too. All messages are given once."""
        columns = pl.DataFrame({"hash": hashes, "message": messages})
        found = columns.filter(hashes.is_in(self._sought["hash"].implode())).unique("hash")
        if not found.is_empty():
            found = found.join(self._sought, on="hash")
            self._sought = self._sought.join(found, on="hash", how="anti")
            self._keep(found["entries"].to_list(), found["message"])
        if self._any:
            once = messages.filter(~hashes.is_in(self._frequent["hash"].implode())).str.slice(0, TEXT + 1)
            first = once.bottom_k(self._most)
            self._keep([1] * len(first), first)

    def top(self) -> list[FrequentMessage]:
        """The most frequent, most first."""
        return [FrequentMessage(text, -entries) for entries, text in self._found]

    def _keep(self, entries: Sequence[int], messages: pl.Series) -> None:
        texts = map(excerpt, messages.str.slice(0, TEXT + 1))
        self._found += zip(map(neg, entries), texts, strict=True)
        self._found = nsmallest(self._most, self._found)
