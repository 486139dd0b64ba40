"""Where the entries of processed data sets go, so that tables don't pile up."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from logleap.domain.datasets import Archive
from logleap.domain.entries import Entries, Manifest, PlacedEntries, Row, Wanted, in_columns
from logleap.domain.report import Report
from logleap.domain.selection import Selection


class ArchiveDamaged(Exception):
    """The archive at `url` is missing or, where `sha256` (hex) is given, its bytes have another digest."""

    def __init__(self, url: str, sha256: str | None = None) -> None:
        what = f"there is no archive {url}"
        super().__init__(what if sha256 is None else f"archive {url} is damaged: its SHA-256 is not {sha256}")
        self.url = url
        self.sha256 = sha256


class ArchiveStore(ABC):
    """Keeps archives. Each call may raise `Unavailable`."""

    @abstractmethod
    def check(self) -> None:
        """Raises Unavailable, with the remedy, if it can be told that archives cannot be written now."""

    @abstractmethod
    def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
        """Write all entries to a new archive, read it back, and return what it holds.

        The archive gets a place of its own: one written earlier, even of the same data set, stays as it is.
        Raises CountMismatch, and leaves no archive behind, if the rows written and read back are not exactly
        as many as `manifest.entries`. Raises ArchiveDamaged if what was written cannot be read back, and
        Unavailable if what is stored is damaged.
        """

    @abstractmethod
    def count(self, archive: Archive) -> int:
        """How many rows the archive holds, by reading it. Raises ArchiveDamaged."""

    @abstractmethod
    def read(self, archive: Archive) -> Iterator[Row]:
        """The archived rows, in bounded memory. Raises ArchiveDamaged, at the latest at the end."""

    def columns(self, archive: Archive) -> Iterator[Entries]:
        """The archived entries by column, some at a time. Raises ArchiveDamaged, at the latest at the end."""
        return in_columns(self.read(archive))

    def placed_columns(self, archive: Archive, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        """The same, each with its batch and sequence number, as `EntryStore.placed_columns`."""
        return PlacedEntries.in_blocks(self.read(archive))

    @abstractmethod
    def select(self, archive: Archive, selection: Selection) -> Iterator[PlacedEntries]:
        """The archived rows that are in the selection, as `EntryStore.select`. Raises ArchiveDamaged, too."""

    @abstractmethod
    def around(
        self, archive: Archive, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        """An archived row and those around it, as `EntryStore.around`. Raises ArchiveDamaged, too."""

    @abstractmethod
    def report(self, archive: Archive) -> Report:
        """What the archived rows add up to, as `EntryStore.report` tells it. Raises ArchiveDamaged."""

    @abstractmethod
    def remove(self, archive: Archive) -> None:
        """Remove the archive; if it is not there, nothing happens."""

    @abstractmethod
    def remove_all(self, dataset_id: str) -> None:
        """Remove all archives of a data set, also those that nobody knows of: of writers that were killed.

        One that is being written meanwhile is not to be relied on: its `write` may raise.
        """
