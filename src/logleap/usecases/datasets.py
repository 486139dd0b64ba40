"""Announce data sets, look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from logleap.domain.datasets import NO_RETENTION, Dataset, Event, EventKind, Retention, State
from logleap.domain.entries import TimeRange, Totals
from logleap.domain.errors import RetentionTooLong
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.types import Clock, IdMaker


@dataclass(frozen=True, slots=True)
class AnnounceDataset:
    """Makes a new, empty data set."""

    datasets: DatasetRepository
    store: EntryStore
    now: Clock
    new_id: IdMaker
    longest: Retention = NO_RETENTION

    def __call__(
        self,
        owner: str,
        name: str | None,
        labels: Mapping[str, str],
        retention: Retention = NO_RETENTION,
    ) -> Dataset:
        """The data set as stored. The store is prepared first, so that what exists can be uploaded to.

        Raises RetentionTooLong if it asks for more than the operator's `longest`.
        """
        for field in ("archive_after", "delete_after"):
            wanted, most = getattr(retention, field), getattr(self.longest, field)
            if None not in (wanted, most) and wanted > most:
                raise RetentionTooLong(field, wanted.total_seconds(), most.total_seconds())
        return self._add(self.new_id(), owner, name, labels, retention)

    def once(self, owner: str, name: str | None, key: str) -> Dataset:
        """The data set of this owner's `key`: made by the first call, as it is now for all others.

        Raises DatasetNotFound if it is deleted at this moment.
        """
        dataset_id = str(uuid5(NAMESPACE_URL, f"{key}/{owner}"))
        try:
            return self._add(dataset_id, owner, name, {}, NO_RETENTION)
        except Conflict:
            return self.datasets.get(owner, dataset_id)

    def _add(
        self, dataset_id: str, owner: str, name: str | None, labels: Mapping[str, str], retention: Retention
    ) -> Dataset:
        now = self.now()
        dataset = Dataset(
            dataset_id,
            owner,
            created_at=now,
            updated_at=now,
            name=name,
            labels=labels,
            retention=retention,
        )
        self.store.prepare(dataset.dataset_id)
        self.datasets.add(dataset, Event(now, EventKind.ANNOUNCED, "Created."))
        return dataset


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A data set with what its receipts add up to."""

    dataset: Dataset
    totals: Totals


@dataclass(frozen=True, slots=True)
class ShowDatasets:
    """Answers what the owner asks about data sets."""

    datasets: DatasetRepository
    ledger: ReceiptLedger

    def one(self, owner: str, dataset_id: str) -> DatasetView:
        """One data set. Raises DatasetNotFound."""
        dataset = self.datasets.get(owner, dataset_id)
        return DatasetView(dataset, dataset.sealed or self.ledger.totals(dataset_id))

    def list(
        self,
        owner: str,
        state: State | None,
        limit: int,
        after: Position | None,
        name: str | None = None,
    ) -> tuple[Sequence[DatasetView], Position | None]:
        """A page of the owner's data sets, newest first, and where the next page begins (None: no more)."""
        found = self.datasets.list(owner, state=state, name=name, limit=limit + 1, after=after)
        page = found[:limit]
        more = len(found) > limit
        last = Position(page[-1].created_at, page[-1].dataset_id) if more else None
        totals = self.ledger.all_totals([dataset.dataset_id for dataset in page if dataset.sealed is None])
        return [DatasetView(dataset, dataset.sealed or totals[dataset.dataset_id]) for dataset in page], last

    def times(self, views: Sequence[DatasetView]) -> Mapping[str, TimeRange]:
        """From when to when the entries of these data sets are, by their ids, as far as it is known."""
        return self.ledger.times([view.dataset.dataset_id for view in views])

    def events(self, owner: str, dataset_id: str) -> Sequence[Event]:
        """The data set's log, oldest first. Raises DatasetNotFound."""
        return self.datasets.events(self.datasets.get(owner, dataset_id).dataset_id)
