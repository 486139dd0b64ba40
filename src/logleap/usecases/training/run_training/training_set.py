"""The entries that a task trains on, checked against what was acknowledged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from logleap.domain.entries import Entries, PlacedEntries, Row, Wanted
from logleap.ports.errors import CountMismatch
from logleap.ports.task import TrainingSet


@dataclass(slots=True)
class CheckedTrainingSet(TrainingSet):
    """The training set, checked against the receipts' sum whichever way it is read."""

    acknowledged: int
    counted: Callable[[], int]
    read: Callable[[], Iterator[Row]]
    read_columns: Callable[[], Iterator[Entries]]
    read_placed: Callable[[Wanted | None], Iterator[PlacedEntries]] | None = None
    known: int | None = None

    def count(self) -> int:
        """Raises CountMismatch. Counted once: the set is sealed."""
        if self.known is None:
            self.known = self._checked(self.counted())
        return self.known

    def rows(self) -> Iterator[Row]:
        """Raises CountMismatch, at the end, if rows were missing or too many."""
        rows = 0
        for row in self.read():
            rows += 1
            yield row
        self._checked(rows)

    def columns(self) -> Iterator[Entries]:
        """Raises CountMismatch, at the end, if entries were missing or too many."""
        found = 0
        for entries in self.read_columns():
            found += len(entries)
            yield entries
        self._checked(found)

    def placed_columns(self, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        """Raises CountMismatch, at the end, if entries were missing or too many: where all are wanted."""
        if self.read_placed is None:
            yield from PlacedEntries.in_blocks(self.rows())
            return
        found = 0
        for placed in self.read_placed(wanted):
            found += len(placed)
            yield placed
        if wanted is None:
            self._checked(found)

    def _checked(self, found: int) -> int:
        if found != self.acknowledged:
            raise CountMismatch(self.acknowledged, found)
        return found
