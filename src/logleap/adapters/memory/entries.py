"""Entries and receipts in memory."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.reporting.reporter import BLOCK, Block, report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest, Receipt, Row, Totals
from logleap.domain.report import Report
from logleap.ports.entries import EntryStore, ReceiptLedger


class MemoryEntryStore(EntryStore):
    """Rows in dictionaries: data set, then batch, then sequence number."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._datasets: dict[str, dict[str, dict[int, Entry]]] = {}

    def prepare(self, dataset_id: str) -> None:
        with self._lock:
            self._datasets.setdefault(dataset_id, defaultdict(dict))

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        rows = dict(enumerate(entries, start=first_sequence))
        with self._lock:
            batches = self._datasets.setdefault(batch.dataset_id, defaultdict(dict))
            batches[batch.batch_id].update(rows)

    def count(self, manifest: Manifest) -> int:
        with self._lock:
            batches = self._datasets.get(manifest.dataset_id, {})
            return sum(len(batches[batch_id]) for batch_id in manifest.batches if batch_id in batches)

    def read(self, manifest: Manifest) -> Iterator[Row]:
        for batch_id, rows in self._batches(manifest):
            for sequence, entry in rows.items():
                yield Row(batch_id, sequence, entry)

    def report(self, manifest: Manifest) -> Report:
        return report_on(self._blocks(manifest), manifest.entries)

    def remove_orphans(self, manifest: Manifest) -> int:
        with self._lock:
            batches = self._datasets.get(manifest.dataset_id, {})
            orphans = [batch_id for batch_id in batches if batch_id not in manifest.batches]
            return sum(len(batches.pop(batch_id)) for batch_id in orphans)

    def drop(self, dataset_id: str) -> None:
        with self._lock:
            self._datasets.pop(dataset_id, None)

    def _batches(self, manifest: Manifest) -> Iterator[tuple[str, dict[int, Entry]]]:
        """The manifest's batches, each with its entries in ascending sequence."""
        for batch_id in manifest.batches:
            with self._lock:
                rows = sorted(self._datasets.get(manifest.dataset_id, {}).get(batch_id, {}).items())
            yield batch_id, dict(rows)

    def _blocks(self, manifest: Manifest) -> Iterator[Block]:
        for batch_id, rows in self._batches(manifest):
            sequences, entries = list(rows), list(rows.values())
            for start in range(0, len(rows), BLOCK):
                block = slice(start, start + BLOCK)
                yield Block(batch_id, sequences[block], Entries.of(entries[block]))


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
