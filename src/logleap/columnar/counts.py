"""A report in one pass over entries, in bounded memory: while Polars counts some, Python reads the next."""

import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise

import polars as pl

from logleap.codecs.packed.columns import text_size
from logleap.columnar.columns import contexts_of, messages_of, times_of
from logleap.columnar.frequent import FrequentMessages
from logleap.columnar.hashes import Hashes
from logleap.columnar.largest import LargestEntries
from logleap.columnar.times import Times
from logleap.domain.report import FrequentMessage, Report
from logleap.ports.errors import CountMismatch
from logleap.reporting.block import Block, Blocks

ROWS = 20_000
"""How many entries are counted together, or as many more as the last block has."""

TEXT = 4 << 20
"""The same in bytes of text."""

_AHEAD = 2  # groups that may wait

_SIZE = (
    pl.col("message").str.len_bytes().cast(pl.Int64) + pl.col("context").str.len_bytes().fill_null(0)
).alias("size")


def report_on(blocks: Blocks, expected: int) -> Report:
    """The report on all entries of the blocks, as `logleap.columnar.reports.report_on` has it."""
    with closing(_Counts(expected)) as counts, ThreadPoolExecutor(1, "report") as thread:
        waiting: deque[Future[None]] = deque()
        for group in _groups(blocks(packed=True)):
            waiting.append(thread.submit(counts.add, group))
            if len(waiting) > _AHEAD:
                waiting.popleft().result()
        for counting in waiting:
            counting.result()
        duplicates = thread.submit(counts.duplicates)
        frequent = counts.frequent(_groups(blocks(packed=True)))
        return counts.report(duplicates.result(), frequent)


class _Counts:
    """What all figures are made from. Texts are told apart by hashes of 64 bits.

    Their keys are drawn by lot, so that nobody can choose entries that are taken for equal: among ten million
    different ones the chance that two are is 3 in a million, and it grows with the square of their number.
    """

    def __init__(self, expected: int) -> None:
        self._entries = self._out_of_order = 0
        self._batch_id, self._latest = "", 0
        self._times, self._largest = Times(), LargestEntries()
        self._rows, self._messages = Hashes(expected), Hashes(expected)
        self._seed = secrets.randbits(64)
        self._hash = pl.col("message").hash(self._seed).alias("hash")
        # Another one for another time, and most likely for other texts.
        of_time = pl.col("time").reinterpret(signed=False) * _odd_number()
        of_context = pl.col("context").hash(secrets.randbits(64)) * _odd_number()
        self._row_hash = (pl.col("hash") + of_time + of_context).alias("row hash")

    def close(self) -> None:
        self._rows.close()
        self._messages.close()

    def add(self, blocks: list[Block]) -> None:
        """Count the entries of some blocks, at least one, which come after those before."""
        for batch_id, _, entries in blocks:
            if batch_id == self._batch_id and self._latest > entries.micros[0]:
                self._out_of_order += 1
            self._batch_id, self._latest = batch_id, entries.micros[-1]
        blocks.sort(key=_place)
        parts = [block.entries for block in blocks]
        columns = pl.DataFrame(
            {"time": times_of(parts), "message": messages_of(parts), "context": contexts_of(parts)}
        )
        # In this thread (`_seq`): to hand so little to Polars' threads takes longer.
        found = columns.with_columns_seq(self._hash).select_seq("hash", self._row_hash, _SIZE)
        times = columns["time"]
        self._entries += len(times)
        self._out_of_order += int((times.slice(1) < times.slice(0, len(times) - 1)).sum())
        self._out_of_order -= sum(
            before.entries.micros[-1] > after.entries.micros[0] for before, after in pairwise(blocks)
        )
        self._times.add(times)
        self._largest.add(blocks, found["size"])
        self._messages.add(found["hash"])
        self._rows.add(found["row hash"])

    def duplicates(self) -> int:
        """How many entries are equal to another one, which stays. Once, after the last `add`."""
        return self._entries - sum(share.n_unique() for share in self._rows.shares())

    def frequent(self, again: Iterator[list[Block]]) -> list[FrequentMessage]:
        """The most frequent messages. `again`: all entries once more, which are read as far as needed.

        Once, after the last `add`. Raises CountMismatch if the entries are others.
        """
        frequent = FrequentMessages(self._messages.shares())
        read = 0
        while not frequent.complete and (group := next(again, None)) is not None:
            messages = messages_of([block.entries for block in group])
            frequent.look_up(messages.hash(self._seed), messages)
            read += len(messages)
        if not frequent.complete and read != self._entries:
            raise CountMismatch(self._entries, read)
        return frequent.top()

    def report(self, duplicates: int, frequent: list[FrequentMessage]) -> Report:
        """All figures."""
        timeline = self._times.timeline()
        width, spans = timeline.histogram()
        return Report(
            entries=self._entries,
            first=timeline.first,
            last=timeline.last,
            gaps=timeline.gaps(),
            gap_resolution=timeline.resolution,
            out_of_order=self._out_of_order,
            duplicates=duplicates,
            duplicates_complete=True,
            frequent=frequent,
            frequent_missed=0,
            largest=self._largest.top(),
            histogram=spans,
            histogram_width=width,
        )


def _odd_number() -> pl.Expr:
    return pl.lit(secrets.randbits(64) | 1, pl.UInt64)


def _groups(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    group: list[Block] = []
    rows = text = 0
    for block in blocks:
        group.append(block)
        rows += len(block.entries)
        text += text_size(block.entries)
        if rows >= ROWS or text >= TEXT:
            yield group
            group, rows, text = [], 0, 0
    if group:
        yield group


def _place(block: Block) -> tuple[str, int]:
    return block.batch_id, block.sequences[0]
