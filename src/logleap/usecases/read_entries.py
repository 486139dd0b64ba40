"""Read a data set's entries: a page of them, all that were selected, or those around one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from logleap.domain.datasets import Dataset, State
from logleap.domain.entries import PlacedEntries
from logleap.domain.errors import EntryNotFound, InvalidTransition, TemplateNotFound
from logleap.domain.selection import Position, Selection
from logleap.miner.score import Scorer
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.loaded_models import LoadedModels

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries in the time order; `following` is where the next page goes on, None if there is none."""

    entries: PlacedEntries | None
    following: Position | None


@dataclass(frozen=True, slots=True)
class EntryStream:
    """Entries in the time order, in blocks. `entries` is their number where that is known before.

    Iterating (once) raises, and so does not end as a complete stream does, if the data set was archived or
    deleted meanwhile (Unavailable), or if the number of entries is another (CountMismatch).
    """

    entries: int | None
    blocks: Iterator[PlacedEntries]


@dataclass(frozen=True, slots=True)
class ReadEntries:
    """Reads acknowledged entries in the time order, wherever they are.

    All calls raise DatasetNotFound, InvalidTransition (while the data set is being deleted), ArchiveDamaged,
    TemporarySpaceFull. Those that take a `template`, the id of one of the data set's current log model, also
    raise ModelMissing, ModelUnusable, ArtifactMissing and TemplateNotFound.
    """

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    models: LoadedModels

    def page(
        self, owner: str, dataset_id: str, selection: Selection, size: int, template: str | None = None
    ) -> Page:
        """The first `size` entries of the selection, of this template. Raises PositionNotFound, too."""
        chosen = self._chosen(owner, dataset_id, selection, template)

        def read(dataset: Dataset) -> Page:
            found = list(chosen.first(lambda wanted: self._select(dataset, wanted), size + 1))
            if not found:
                return Page(None, None)
            entries = PlacedEntries.joined(found)
            if len(entries) <= size:
                return Page(entries, None)
            shown = entries.part(0, size)
            last = Position(shown.entries.micros[-1], shown.batch_ids[-1], shown.sequences[-1])
            return Page(shown, last)

        return self._read(owner, dataset_id, read)

    def around(
        self, owner: str, dataset_id: str, batch_id: str, sequence: int, *, before: int, after: int
    ) -> PlacedEntries:
        """An entry, `before` others before it and `after` others after it. Raises EntryNotFound, too."""

        def read(dataset: Dataset) -> PlacedEntries | None:
            if dataset.archive is not None:
                return self.archives.around(dataset.archive, batch_id, sequence, before, after)
            manifest = self.ledger.acknowledged(dataset_id)
            return self.store.around(manifest, batch_id, sequence, before, after)

        found = self._read(owner, dataset_id, read)
        if found is None:
            raise EntryNotFound(dataset_id, batch_id, sequence)
        return found

    def count(
        self, owner: str, dataset_id: str, selection: Selection, template: str | None = None
    ) -> int | None:
        """How many entries a stream of the selection has now; None: that is not known before."""
        dataset = self._readable(owner, dataset_id)
        self._chosen(owner, dataset_id, selection, template)
        totals = dataset.sealed or self.ledger.totals(dataset_id)
        return totals.entries if selection.whole and template is None else None

    def stream(
        self, owner: str, dataset_id: str, selection: Selection, template: str | None = None
    ) -> EntryStream:
        """All entries of the selection, of this template, of those acknowledged so far: the first block has
        been read.
        """
        chosen = self._chosen(owner, dataset_id, selection, template)
        selection = chosen.selection
        while True:
            dataset = self._readable(owner, dataset_id)
            if dataset.archive is not None and dataset.sealed is not None:
                entries, blocks = dataset.sealed.entries, self.archives.select(dataset.archive, selection)
            else:
                manifest = self.ledger.manifest(dataset_id)
                entries, blocks = manifest.entries, self.store.select(manifest, selection)
            known = entries if selection.whole else None
            checked = self._checked(dataset, blocks, known)
            try:
                first = next(checked, None)
            except (ArchiveDamaged, CountMismatch, _Moved):
                # The entries may have been archived or deleted under our hands. If not, they are damaged.
                if self.datasets.get(owner, dataset_id).version == dataset.version:
                    raise
                continue
            return EntryStream(
                known if chosen.scorer is None else None, chosen.of(_with_first(first, checked))
            )

    def _checked(
        self, dataset: Dataset, blocks: Iterator[PlacedEntries], known: int | None
    ) -> Iterator[PlacedEntries]:
        number = 0
        for block in blocks:
            number += len(block)
            yield block
        if known is not None:
            if number != known:
                raise CountMismatch(known, number)
        elif dataset.archive is None and self._moved(dataset):
            raise _Moved("the data set was archived or deleted while its entries were read: read them again")

    def _read(self, owner: str, dataset_id: str, read: Callable[[Dataset], Found]) -> Found:
        """What `read` finds, once that is of one place: the entries may be archived at this moment."""
        while True:
            dataset = self._readable(owner, dataset_id)
            try:
                found = read(dataset)
            except Exception:
                if self.datasets.get(owner, dataset_id).version == dataset.version:
                    raise
                continue
            if dataset.archive is None and self._moved(dataset):
                continue
            return found

    def _moved(self, dataset: Dataset) -> bool:
        """Whether the store may have lost entries of the data set since. Raises DatasetNotFound."""
        now = self.datasets.get(dataset.owner, dataset.dataset_id)
        return now.archive is not None or now.state is State.DELETING

    def _chosen(self, owner: str, dataset_id: str, selection: Selection, template: str | None) -> "_Chosen":
        """Raises ModelMissing, ModelUnusable, ArtifactMissing or TemplateNotFound, if a template is given."""
        if template is None:
            return _Chosen(selection, None, None)
        self._readable(owner, dataset_id)
        scorer = self.models.current(owner, dataset_id).scorer
        if not scorer.has(template):
            raise TemplateNotFound(dataset_id, template)
        if selection.contains is None and (word := scorer.common_word(template)):
            selection = replace(selection, contains=word)  # the store finds such entries faster
        return _Chosen(selection, template, scorer)

    def _readable(self, owner: str, dataset_id: str) -> Dataset:
        dataset = self.datasets.get(owner, dataset_id)
        if dataset.state is State.DELETING:
            raise InvalidTransition(dataset_id, dataset.state, InvalidTransition.READ)
        return dataset

    def _select(self, dataset: Dataset, selection: Selection) -> Iterator[PlacedEntries]:
        if dataset.archive is not None:
            return self.archives.select(dataset.archive, selection)
        return self.store.select(self.ledger.acknowledged(dataset.dataset_id), selection)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A selection, of which only the entries of one template count, if one is given."""

    selection: Selection
    template: str | None
    scorer: Scorer | None

    def first(
        self, select: Callable[[Selection], Iterator[PlacedEntries]], number: int
    ) -> Iterator[PlacedEntries]:
        """The first so many."""
        if self.scorer is None:
            yield from select(replace(self.selection, limit=number))
            return
        for block in self.of(select(self.selection)):
            yield block.part(0, min(number, len(block)))
            number -= len(block)
            if number <= 0:
                return

    def of(self, blocks: Iterator[PlacedEntries]) -> Iterator[PlacedEntries]:
        """Those of the template. Blocks without any are left out."""
        if self.scorer is None:
            yield from blocks
            return
        for block in blocks:
            found = self.scorer.templates(block.entries.messages, block.entries.contexts)
            places = [at for at, template in enumerate(found) if template == self.template]
            if places:
                yield block.picked(places)


class _Moved(Unavailable):
    """The entries are somewhere else now, or gone."""


def _with_first(first: PlacedEntries | None, others: Iterator[PlacedEntries]) -> Iterator[PlacedEntries]:
    if first is not None:
        yield first
    yield from others
