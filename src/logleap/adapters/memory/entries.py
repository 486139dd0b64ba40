"""Entries and receipts in memory."""

from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter, itemgetter
from threading import Lock

from logleap.columnar.reports import report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest, PlacedEntries, Row, Wanted
from logleap.domain.report import Report
from logleap.domain.selection import Position, Selection
from logleap.ordering.merge import Piece
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import around, select
from logleap.ports.entries import EntryStore
from logleap.reporting.block import BLOCK, Block

_Chunks = dict[int, Entries]  # by the sequence number of the first


class MemoryEntryStore(EntryStore):
    """Chunks of entries in dictionaries: data set, then batch, then sequence number."""

    def __init__(self, scratch: Scratch | None = None) -> None:
        self._scratch = scratch or Scratch()
        self._lock = Lock()
        self._datasets: dict[str, dict[str, _Chunks]] = {}

    def prepare(self, dataset_id: str) -> None:
        with self._lock:
            self._datasets.setdefault(dataset_id, {})

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        chunk = Entries.of(entries)
        with self._lock:
            chunks = self._datasets.setdefault(batch.dataset_id, {}).setdefault(batch.batch_id, {})
            if len(chunk) > len(chunks.get(first_sequence, ())):
                chunks[first_sequence] = chunk

    def count(self, manifest: Manifest) -> int:
        return sum(len(entries) for _, _, entries in self._stored(manifest))

    def read(self, manifest: Manifest) -> Iterator[Row]:
        for batch_id, first, entries in self._stored(manifest):
            for sequence, entry in enumerate(entries, start=first):
                yield Row(batch_id, sequence, entry)

    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        return select(self._pieces(manifest), selection, self._scratch)

    def around(
        self, manifest: Manifest, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        if batch_id not in manifest.batches:
            return None
        for _, first, entries in self._stored(Manifest(manifest.dataset_id, {batch_id: 0})):
            if first <= sequence < first + len(entries):
                position = Position(entries.micros[sequence - first], batch_id, sequence)
                return around(partial(self.select, manifest), position, before, after)
        return None

    def columns(self, manifest: Manifest) -> Iterator[Entries]:
        for block in self._blocks(manifest):
            yield block.entries  # a copy

    def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        for block in self._blocks(manifest):
            yield PlacedEntries(block.entries, [block.batch_id] * len(block.entries), block.sequences)

    def report(self, manifest: Manifest) -> Report:
        return report_on(partial(self._blocks, manifest), manifest.entries)

    def remove_orphans(self, manifest: Manifest) -> int:
        with self._lock:
            batches = self._datasets.get(manifest.dataset_id, {})
            orphans = [batches.pop(batch_id) for batch_id in batches.keys() - manifest.batches.keys()]
        return sum(len(entries) for chunks in orphans for _, entries in _fresh(chunks))

    def drop(self, dataset_id: str) -> None:
        with self._lock:
            self._datasets.pop(dataset_id, None)

    def _pieces(self, manifest: Manifest) -> list[Piece]:
        pieces = [
            Piece(min(chunk.micros), max(chunk.micros), partial(PlacedEntries.of_batch, batch_id, at, chunk))
            for batch_id, at, chunk in self._stored(manifest)
        ]
        return sorted(pieces, key=attrgetter("first"))

    def _blocks(self, manifest: Manifest, *, packed: bool = False) -> Iterator[Block]:
        for batch_id, first, entries in self._stored(manifest):
            for start in range(0, len(entries), BLOCK):
                block = entries[start : start + BLOCK]
                yield Block(batch_id, range(first + start, first + start + len(block)), block)

    def _stored(self, manifest: Manifest) -> Iterator[tuple[str, int, Entries]]:
        """The entries of the manifest's batches: batch, the first one's sequence number, and they."""
        for batch_id in manifest.batches:
            with self._lock:
                chunks = dict(self._datasets.get(manifest.dataset_id, {}).get(batch_id, {}))
            for first, entries in _fresh(chunks):
                yield batch_id, first, entries


def _fresh(chunks: _Chunks) -> Iterator[tuple[int, Entries]]:
    """A batch's entries in their order, each once although chunks may overlap."""
    end = 0
    for first, entries in sorted(chunks.items(), key=itemgetter(0)):
        fresh = max(first, end)
        if fresh < first + len(entries):
            yield fresh, entries[fresh - first :]
            end = first + len(entries)
