"""Take entries in: append first, then the receipt, then acknowledge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Batch, Entries, Entry, Receipt, TimeRange
from logleap.domain.errors import (
    BatchEmpty,
    DatasetNotFound,
    InvalidEntries,
    KeyReused,
    Refusal,
    StoredPartially,
)
from logleap.domain.times import from_micros
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict
from logleap.ports.receipts import ReceiptLedger
from logleap.usecases.types import Clock, IdMaker


class EntrySource(Protocol):
    """The entries of one request, in chunks, as they come off the wire.

    Iterating (once) raises a Refusal if anything of the whole is wrong. `sha256` (hex), the digest of
    the decoded body, is known after the iteration, also if that raised InvalidEntries.
    """

    def __iter__(self) -> Iterator[Sequence[Entry]]: ...

    @property
    def sha256(self) -> str:
        """Hex, of the decoded body."""
        ...


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the client is told: the receipt, and whether this request was a repetition of an earlier one."""

    receipt: Receipt
    replayed: bool
    state: State


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """Adds one request's entries to a data set, all of them or none, once per idempotency key."""

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    now: Clock
    new_id: IdMaker

    def __call__(
        self, owner: str, dataset_id: str, source: EntrySource, key: str | None = None
    ) -> Acknowledgement:
        """When it returns, the entries are durable and in the data set.

        Raises DatasetNotFound, InvalidTransition (sealed), KeyReused, StoredPartially, BatchEmpty, and what
        `source` raises; then nothing of it is added. After Unavailable it is in as a whole or not at all.
        """
        dataset = self.datasets.recent(owner, dataset_id)
        earlier = None
        if key is not None:
            key, earlier = self._find(dataset_id, key)
        if earlier is not None:
            _read_again(source, earlier)
            return self._replay(owner, earlier, source.sha256)
        dataset.next_state(Action.UPLOAD)
        batch = Batch(dataset_id, owner, self.new_id())
        entries, times = 0, _Times()
        try:
            for chunk in source:
                columns = Entries.of(chunk)
                self.store.append(batch, columns, first_sequence=entries)
                entries += len(columns)
                times.add(columns)
            if entries == 0:
                raise BatchEmpty
            receipt = Receipt(
                dataset_id,
                batch.batch_id,
                key or batch.batch_id,
                entries,
                source.sha256,
                self.now(),
                times.range,
            )
            return self._commit(dataset, receipt)
        except Refusal:
            if entries:
                self._leave_nothing_of_a_deleted(owner, dataset_id)
            raise

    def stored(self, owner: str, dataset_id: str, key: str) -> bool:
        """Whether the data set has a batch of this idempotency key. Raises DatasetNotFound."""
        self.datasets.recent(owner, dataset_id)
        return self._find(dataset_id, key)[1] is not None

    def _find(self, dataset_id: str, key: str) -> tuple[str, Receipt | None]:
        """The receipt of a client's key, if there is one, and what the key is in the ledger.

        A batch without a key has its own id there. Where a client's key is such an id, it is kept with a word
        in front; no client's key has a blank in it.
        """
        found = self.ledger.find(dataset_id, key)
        if found is not None and found.batch_id == found.key:
            key = f"client {key}"
            found = self.ledger.find(dataset_id, key)
        return key, found

    def _leave_nothing_of_a_deleted(self, owner: str, dataset_id: str) -> None:
        """Rows that came after a deletion had dropped the others would stay for ever."""
        try:
            deleted = self.datasets.get(owner, dataset_id).state is State.DELETING
        except DatasetNotFound:
            deleted = True
        if deleted:
            self.store.drop(dataset_id)

    def _commit(self, dataset: Dataset, receipt: Receipt) -> Acknowledgement:
        # Each conflict is a change of the data set's state, so a few rounds decide it.
        while True:
            try:
                dataset = self._opened(dataset)
                stored = self.ledger.add(receipt, dataset.version)
            except Conflict:
                dataset = self.datasets.get(dataset.owner, dataset.dataset_id)
                earlier = self.ledger.find(dataset.dataset_id, receipt.key)
                if earlier is None:
                    continue
                stored = earlier
            if stored.batch_id != receipt.batch_id:
                return self._replay(dataset.owner, stored, receipt.sha256)
            return Acknowledgement(stored, replayed=False, state=dataset.state)

    def _replay(self, owner: str, earlier: Receipt, sha256: str) -> Acknowledgement:
        """The answer to a repetition: with the state of now, which an upload may not have looked at."""
        dataset = self.datasets.get(owner, earlier.dataset_id)
        if earlier.sha256 != sha256:
            raise KeyReused(_of_client(earlier))
        return Acknowledgement(earlier, replayed=True, state=dataset.state)

    def _opened(self, dataset: Dataset) -> Dataset:
        """The data set in the state `uploading`, moved there if this is its first batch."""
        if dataset.next_state(Action.UPLOAD) is dataset.state:
            return dataset
        opened = dataset.after(Action.UPLOAD, self.now())
        self.datasets.save(
            opened, Event(opened.updated_at, EventKind.FIRST_ENTRIES, "First entries arrived.")
        )
        return opened


class _Times:
    """From when to when entries are, of which some are added at a time."""

    def __init__(self) -> None:
        self._ends: list[int] = []

    def add(self, entries: Entries) -> None:
        if len(entries):
            self._ends += entries.ends()

    @property
    def range(self) -> TimeRange:
        return TimeRange(from_micros(min(self._ends)), from_micros(max(self._ends)))


def _read_again(source: EntrySource, earlier: Receipt) -> None:
    """Read all of it: a replay is told by the digest of the whole body."""
    try:
        for _ in source:
            pass
    except InvalidEntries:
        # Stored it was, so without its bad entries, which the client now does not want to do without.
        if source.sha256 == earlier.sha256:
            raise StoredPartially(_of_client(earlier), earlier.batch_id, earlier.entries) from None
        raise


def _of_client(receipt: Receipt) -> str:
    """The key as the client sent it."""
    return receipt.key.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a dry run found: so many entries that would be taken, by a data set in this state."""

    dataset_id: str
    entries: int
    state: State


@dataclass(frozen=True, slots=True)
class CheckEntries:
    """Tells what AppendEntries would do with one request's entries, and stores nothing."""

    datasets: DatasetRepository

    def __call__(self, owner: str, dataset_id: str, source: EntrySource) -> Checked:
        """Raises DatasetNotFound, InvalidTransition (sealed), BatchEmpty, and what `source` raises."""
        dataset = self.datasets.get(owner, dataset_id)
        dataset.next_state(Action.UPLOAD)
        entries = sum(map(len, source))
        if entries == 0:
            raise BatchEmpty
        return Checked(dataset_id, entries, dataset.state)
