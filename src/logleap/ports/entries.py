"""Where entries live (EntryStore) and what says which of them count (ReceiptLedger)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from logleap.domain.entries import (
    Batch,
    Entries,
    Entry,
    Manifest,
    PlacedEntries,
    Row,
    Wanted,
    in_columns,
)
from logleap.domain.report import Report
from logleap.domain.selection import Selection


class EntryStore(ABC):
    """Stores rows `(entry, batch_id, sequence)`. A row counts only if its batch is in the manifest.

    Rows of batches without a receipt are orphans: they may be there, and no reading shows them.
    Each call may raise `Unavailable`.
    """

    @abstractmethod
    def prepare(self, dataset_id: str) -> None:
        """Make room for a data set. Called once, when it is announced; repeating it changes nothing."""

    @abstractmethod
    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        """Add rows to a batch: `entries` get the sequence numbers from `first_sequence` on.

        Fastest with `Entries`, whose columns the stores take as they are.

        A batch may be written by several calls, with sequence numbers that do not overlap. The rows need to
        be durable and readable only from the moment when the ledger has accepted the batch's receipt.
        After an error any part of the rows may be stored. A row may be stored twice: reading tells it apart.
        """

    @abstractmethod
    def count(self, manifest: Manifest) -> int:
        """How many distinct rows `(batch_id, sequence)` of the manifest's batches are stored.

        Reads what is stored; never derives the number from the manifest.
        """

    @abstractmethod
    def read(self, manifest: Manifest) -> Iterator[Row]:
        """Each row of the manifest's batches once, however often it is stored, in bounded memory.

        The rows of one batch come in ascending sequence; the batches come in any order.
        """

    def columns(self, manifest: Manifest) -> Iterator[Entries]:
        """The entries of the rows that `read` yields, by column, some at a time: a caller may change them.

        A backend that stores columns saves an object for each entry.
        """
        return in_columns(self.read(manifest))

    def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        """What `columns` yields, each entry with its batch and its sequence number.

        Entries may be left out if `wanted` is False of the span that they lie in; it is called when they
        would come next.
        """
        return PlacedEntries.in_blocks(self.read(manifest))

    @abstractmethod
    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        """The rows that `read` yields and that are in the selection, in the time order, in bounded memory.

        They come in blocks of at least one entry. Nothing is locked, and no transaction stays open, between
        two blocks. Raises PositionNotFound if `selection.after` is not a row of the selection, and
        TemporarySpaceFull, before the first block or later, if what overlaps in time finds no room.
        `selection.limit` lets a backend read less than all; then the manifest is asked for few batches.
        """

    @abstractmethod
    def around(
        self, manifest: Manifest, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        """A row, `before` others before it and `after` others after it, in the time order.

        They are fewer where the data set begins or ends. None if the row is not one of those that `read`
        yields.
        """

    @abstractmethod
    def report(self, manifest: Manifest) -> Report:
        """What the rows that `read` yields add up to, in bounded memory.

        It reads them once; again only as far as it takes to find the texts of the most frequent messages.

        Every backend answers the same for the same rows, but for a figure that says it is not complete.
        """

    @abstractmethod
    def remove_orphans(self, manifest: Manifest) -> int:
        """Remove the data set's rows whose batch is not in the manifest, as far as the backend lets it now.

        Called on sealed data sets only. Returns how many rows were removed; calling it again is harmless.
        """

    @abstractmethod
    def drop(self, dataset_id: str) -> None:
        """Remove all rows of a data set, and its room. Dropping it again, or an unknown one, does nothing."""
