"""The largest entries, in bounded memory and in one pass."""

from bisect import bisect_right
from collections.abc import Sequence
from heapq import nsmallest
from itertools import accumulate

import polars as pl

from logleap.domain.report import LISTED, LargeEntry, excerpt
from logleap.reporting.block import Block


class LargestEntries:
    """Keeps the largest entries; of entries of one size those first in the order of batch id and sequence."""

    def __init__(self, most: int = LISTED) -> None:
        self._most = most
        self._kept: list[tuple[int, str, int, str]] = []  # the size is negated: largest first

    def add(self, blocks: Sequence[Block], sizes: pl.Series) -> None:
        """Look at the entries of blocks, which are in the order of batch id and sequence, by their sizes."""
        best = (-sizes.top_k(1)[0], blocks[0].batch_id, blocks[0].sequences[0])  # or behind that
        if len(self._kept) == self._most and best > self._kept[-1][:3]:
            return
        least = sizes.top_k(self._most).min()
        larger = (sizes > least).arg_true().to_list()
        found = larger + (sizes == least).arg_true().head(self._most - len(larger)).to_list()
        starts = list(accumulate((len(block.entries) for block in blocks), initial=0))
        for index in found:
            block, start = blocks[at := bisect_right(starts, index) - 1], starts[at]
            sequence, text = block.sequences[index - start], block.entries[index - start].message
            self._kept.append((-sizes[index], block.batch_id, sequence, excerpt(text)))
        self._kept = nsmallest(self._most, self._kept)

    def top(self) -> list[LargeEntry]:
        """The largest, largest first."""
        return [LargeEntry(-less, batch_id, sequence, text) for less, batch_id, sequence, text in self._kept]
