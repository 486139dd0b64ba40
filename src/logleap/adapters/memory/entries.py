"""Entries and receipts in memory."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from threading import Lock

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.reporting.reporter import BLOCK, Block, report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest, Receipt, Row, Totals
from logleap.domain.report import Report
from logleap.ports.entries import EntryStore, ReceiptLedger

_Chunks = dict[int, Entries]  # by the sequence number of the first


class MemoryEntryStore(EntryStore):
    """Chunks of entries in dictionaries: data set, then batch, then sequence number."""

    def __init__(self) -> None:
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

    def report(self, manifest: Manifest) -> Report:
        return report_on(self._blocks(manifest), manifest.entries)

    def remove_orphans(self, manifest: Manifest) -> int:
        with self._lock:
            batches = self._datasets.get(manifest.dataset_id, {})
            orphans = [batches.pop(batch_id) for batch_id in batches.keys() - manifest.batches.keys()]
        return sum(len(entries) for chunks in orphans for _, entries in _fresh(chunks))

    def drop(self, dataset_id: str) -> None:
        with self._lock:
            self._datasets.pop(dataset_id, None)

    def _blocks(self, manifest: Manifest) -> Iterator[Block]:
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


class MemoryReceiptLedger(ReceiptLedger):
    """Receipts in dictionaries, by data set and key."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        with self._database.lock:
            return self._database.receipts.get(dataset_id, {}).get(key)

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        with self._database.lock:
            earlier = self.find(receipt.dataset_id, receipt.key)
            if earlier is not None:
                return earlier
            self._database.check_dataset(receipt.dataset_id, dataset_version)
            self._database.receipts[receipt.dataset_id][receipt.key] = receipt
            return receipt

    def totals(self, dataset_id: str) -> Totals:
        with self._database.lock:
            return self._database.totals(dataset_id)

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        return {dataset_id: self.totals(dataset_id) for dataset_id in dataset_ids}

    def manifest(self, dataset_id: str) -> Manifest:
        with self._database.lock:
            receipts = self._database.receipts.get(dataset_id, {}).values()
            return Manifest(dataset_id, {receipt.batch_id: receipt.entries for receipt in receipts})
