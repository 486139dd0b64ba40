"""Which batches belong to a data set: the ledger of receipts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from logleap.domain.entries import Manifest, Receipt, TimeRange, Totals


class ReceiptLedger(ABC):
    """Keeps the receipts: a batch is in the data set exactly if its receipt is here.

    Each call is atomic, durable when it returns, seen by every later call from any process, and may
    raise `Unavailable`. It may be asked only about data sets that exist.
    """

    @abstractmethod
    def find(self, dataset_id: str, key: str) -> Receipt | None:
        """The receipt of this key in this data set, or None."""

    @abstractmethod
    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        """Store a receipt if its data set still is at `dataset_version`. Returns what is stored now.

        If a receipt of the same key is there, nothing is stored and that one is returned, whatever the
        version. A call whose own outcome was lost can be repeated: it then returns its own receipt.
        Raises Conflict, and stores nothing, if the data set's version is another.
        Nothing that many uploads of one data set share is written, so they do not wait for one another.
        """

    @abstractmethod
    def totals(self, dataset_id: str) -> Totals:
        """What the receipts of the data set add up to."""

    @abstractmethod
    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        """The totals of each of these data sets, for about the time of one; not of one moment."""

    def times(self, dataset_ids: Sequence[str]) -> Mapping[str, TimeRange]:
        """From when to when the entries of these data sets are, as far as the ledger keeps it of all batches.

        Takes about as long as for one. A data set is missing if it is not known, or has no entries.
        """
        return {}

    @abstractmethod
    def latest(self, dataset_id: str) -> datetime | None:
        """When the data set's latest receipt was made, in UTC; None without any. May read all of them."""

    @abstractmethod
    def manifest(self, dataset_id: str) -> Manifest:
        """All batches that have a receipt. Final once the data set is sealed."""

    def acknowledged(self, dataset_id: str) -> Manifest:
        """As `manifest`, for whoever asks for it again and again, and for few of its batches each time."""
        return self.manifest(dataset_id)
