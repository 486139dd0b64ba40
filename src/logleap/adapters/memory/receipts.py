"""Receipts in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from logleap.adapters.memory.database import MemoryDatabase
from logleap.domain.entries import Entries, Manifest, Receipt, TimeRange, Totals
from logleap.ports.receipts import ReceiptLedger

_Chunks = dict[int, Entries]  # by the sequence number of the first


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

    def times(self, dataset_ids: Sequence[str]) -> Mapping[str, TimeRange]:
        with self._database.lock:
            receipts = {key: [*self._database.receipts.get(key, {}).values()] for key in dataset_ids}
        found = {}
        for dataset_id, all_of_it in receipts.items():
            times = [receipt.times for receipt in all_of_it if receipt.times is not None]
            if times and len(times) == len(all_of_it):
                first, last = min(each.first for each in times), max(each.last for each in times)
                found[dataset_id] = TimeRange(first, last)
        return found

    def latest(self, dataset_id: str) -> datetime | None:
        with self._database.lock:
            receipts = self._database.receipts.get(dataset_id, {}).values()
            return max((receipt.created_at for receipt in receipts), default=None)

    def manifest(self, dataset_id: str) -> Manifest:
        with self._database.lock:
            receipts = self._database.receipts.get(dataset_id, {}).values()
            return Manifest(dataset_id, {receipt.batch_id: receipt.entries for receipt in receipts})
