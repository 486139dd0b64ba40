"""Receipts: a file each, so that uploads write nothing in common."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from logleap.domain.entries import Manifest, Receipt, Totals
from logleap.ports.receipts import ReceiptLedger
from logleap_files import documents
from logleap_files.folder import Folder, file_name

_JSON = TypeAdapter(Receipt)


def totals_of(folder: Folder, dataset_id: str) -> Totals:
    """What the receipts of a data set add up to."""
    receipts = list(_receipts(folder, dataset_id))
    return Totals(sum(receipt.entries for receipt in receipts), len(receipts))


def _receipts(folder: Folder, dataset_id: str) -> Iterator[Receipt]:
    place = f"receipts/{file_name(dataset_id)}"
    for name in folder.names(place):
        content = folder.read(f"{place}/{name}")
        if content is not None:
            yield _JSON.validate_json(content)


class FileReceiptLedger(ReceiptLedger):
    """The data set's version is checked under the lock that every change of the data set takes."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        content = self._folder.read(_path(dataset_id, key))
        return None if content is None else _JSON.validate_json(content)

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        with self._folder.locked():
            earlier = self.find(receipt.dataset_id, receipt.key)
            if earlier is not None:
                return earlier
            documents.load_at(self._folder, receipt.dataset_id, dataset_version)
            self._folder.write(_path(receipt.dataset_id, receipt.key), _JSON.dump_json(receipt))
            return receipt

    def totals(self, dataset_id: str) -> Totals:
        return totals_of(self._folder, dataset_id)

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        return {dataset_id: self.totals(dataset_id) for dataset_id in dataset_ids}

    def latest(self, dataset_id: str) -> datetime | None:
        times = (receipt.created_at for receipt in _receipts(self._folder, dataset_id))
        return max(times, default=None)

    def manifest(self, dataset_id: str) -> Manifest:
        receipts = _receipts(self._folder, dataset_id)
        return Manifest(dataset_id, {receipt.batch_id: receipt.entries for receipt in receipts})


def _path(dataset_id: str, key: str) -> str:
    return f"receipts/{file_name(dataset_id)}/{file_name(key)}"
