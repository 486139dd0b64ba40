"""Take entries in: append first, then the receipt, then acknowledge."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Batch, Entry, Receipt, Row, TimeRange, Totals
from logleap.domain.errors import (
    BatchEmpty,
    DatasetNotFound,
    EntryError,
    InvalidEntries,
    InvalidTransition,
    KeyReused,
    StoredPartially,
)
from logleap.domain.runs import TrainingMessage
from logleap.ports.errors import Unavailable
from logleap.usecases.append import Acknowledgement, AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset, ShowDatasets
from logleap.usecases.training.run_training import RunTraining
from logleap.usecases.training.start_training import StartTraining

Upload = Callable[..., Acknowledgement]
Counted = Callable[[], list[str]]

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def dataset_id(announce: AnnounceDataset) -> str:
    return announce("alice", None, {}).dataset_id


@pytest.fixture
def counted(dataset_id: str, ledger: MemoryReceiptLedger, store: MemoryEntryStore) -> Callable[[], list[str]]:
    """The messages of the entries that count, checked against the receipts."""

    def call() -> list[str]:
        manifest = ledger.manifest(dataset_id)
        rows = list(store.read(manifest))
        assert len(rows) == manifest.entries == store.count(manifest)
        return [row.entry.message for row in rows]

    return call


@pytest.fixture
def orphans(dataset_id: str, ledger: MemoryReceiptLedger, store: MemoryEntryStore) -> Callable[[], int]:
    """How many rows are stored that do not count. Removes them."""
    return lambda: store.remove_orphans(ledger.manifest(dataset_id))


@pytest.fixture
def upload(append: AppendEntries, source: Callable[..., EntrySource], dataset_id: str) -> Upload:
    """Uploads these messages as one request of alice's, through `append` unless told another."""

    def call(
        *messages: str, key: str | None = None, through: AppendEntries = append, **options: Any
    ) -> Acknowledgement:
        return through("alice", dataset_id, source(*messages, **options), key=key)

    return call


# ---- the plain case ----------------------------------------------------------------------------------------


def test_entries_are_stored_in_their_order_and_acknowledged(
    append: AppendEntries,
    source: Callable[..., EntrySource],
    dataset_id: str,
    ledger: MemoryReceiptLedger,
    store: MemoryEntryStore,
) -> None:
    body = source("a", "b", "c", "d", "e", chunk=2)
    answer = append("alice", dataset_id, body, key="k-1")
    receipt = Receipt(dataset_id, "id-2", "k-1", 5, body.sha256, NOON)
    assert (answer.receipt, answer.replayed, answer.state) == (receipt, False, State.UPLOADING)
    assert ledger.find(dataset_id, "k-1") == receipt
    rows = [Row("id-2", number, Entry(NOON, message)) for number, message in enumerate("abcde")]
    assert list(store.read(ledger.manifest(dataset_id))) == rows


class Hours(EntrySource):
    """Entries of these hours after noon, in chunks."""

    sha256 = "ab" * 32

    def __init__(self, *chunks: Sequence[int]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        for hours in self._chunks:
            yield [Entry(NOON + timedelta(hours=hour), "x") for hour in hours]


def test_the_receipt_tells_from_when_to_when_the_entries_are(
    append: AppendEntries, dataset_id: str, show: ShowDatasets
) -> None:
    at = {hour: NOON + timedelta(hours=hour) for hour in range(10)}
    first = append("alice", dataset_id, Hours([3, 2], [], [7, 5]))
    assert first.receipt.times == TimeRange(at[2], at[7])
    append("alice", dataset_id, Hours([1], [4]))
    assert show.times([show.one("alice", dataset_id)]) == {dataset_id: TimeRange(at[1], at[7])}


def test_without_a_key_each_request_is_a_batch_of_its_own(upload: Upload, counted: Counted) -> None:
    answers = [upload("same") for _ in range(2)]
    assert [answer.replayed for answer in answers] == [False, False]
    assert [answer.receipt.key for answer in answers] == [answer.receipt.batch_id for answer in answers]
    assert counted() == ["same", "same"]


def test_the_first_entries_open_the_data_set_and_later_ones_leave_it(
    upload: Upload, dataset_id: str, show: ShowDatasets
) -> None:
    upload("a")
    opened = show.one("alice", dataset_id)
    upload("b")
    assert (opened.dataset.state, opened.dataset.version) == (State.UPLOADING, 2)
    assert show.one("alice", dataset_id).dataset == opened.dataset
    assert [event.kind for event in show.events("alice", dataset_id)] == [
        EventKind.ANNOUNCED,
        EventKind.FIRST_ENTRIES,
    ]


@pytest.mark.parametrize("owner", ["alice", "bob"])
def test_an_unknown_or_foreign_data_set_is_refused(
    append: AppendEntries, source: Callable[..., EntrySource], dataset_id: str, owner: str, counted: Counted
) -> None:
    target = dataset_id if owner == "bob" else "unknown"
    with pytest.raises(DatasetNotFound):
        append(owner, target, source("a"), key="k-1")
    assert counted() == []


# ---- nothing in, unless all is -----------------------------------------------------------------------------


def test_a_body_without_entries_is_refused(upload: Upload, dataset_id: str, show: ShowDatasets) -> None:
    with pytest.raises(BatchEmpty):
        upload(key="k-1")
    assert show.one("alice", dataset_id).dataset.state is State.CREATED


def test_a_body_that_turns_out_wrong_at_its_end_leaves_nothing_visible(
    upload: Upload, counted: Counted
) -> None:
    refusal = InvalidEntries([EntryError(2, "MESSAGE_EMPTY", "empty")], 1)
    with pytest.raises(InvalidEntries):
        upload("a", "b", "c", chunk=1, refusal=refusal, key="k-1")
    assert counted() == []
    upload("a", "b", key="k-1")
    assert counted() == ["a", "b"]


@pytest.mark.parametrize("stored", [True, False])
def test_after_a_failed_append_nothing_is_in_and_a_retry_is(
    upload: Upload, append: AppendEntries, dataset_id: str, ledger: MemoryReceiptLedger, stored: bool
) -> None:
    class Breaking(MemoryEntryStore):
        broken = False

        def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
            if first_sequence == 2 and not self.broken:
                self.broken = True
                if stored:
                    super().append(batch, entries, first_sequence)
                raise Unavailable("BigQuery")
            super().append(batch, entries, first_sequence)

    store = Breaking()
    breaking = replace(append, store=store)
    with pytest.raises(Unavailable):
        upload("a", "b", "c", key="k-1", through=breaking)
    assert store.count(ledger.manifest(dataset_id)) == 0
    assert not upload("a", "b", "c", key="k-1", through=breaking).replayed
    manifest = ledger.manifest(dataset_id)
    assert [row.entry.message for row in store.read(manifest)] == ["a", "b", "c"]
    assert store.remove_orphans(manifest) == (3 if stored else 2)


def test_after_a_failed_opening_a_retry_gets_in(
    upload: Upload, append: AppendEntries, database: MemoryDatabase, counted: Counted
) -> None:
    class AnswerLost(MemoryDatasetRepository):
        def save(self, dataset: Dataset, event: Event | None = None) -> None:
            super().save(dataset, event)
            raise Unavailable("Firestore")

    breaking = replace(append, datasets=AnswerLost(database))
    with pytest.raises(Unavailable):
        upload("a", key="k-1", through=breaking)
    assert counted() == []
    upload("a", key="k-1")
    assert counted() == ["a"]


def test_a_receipt_whose_answer_was_lost_is_found_by_the_retry(
    upload: Upload, append: AppendEntries, database: MemoryDatabase, counted: Counted
) -> None:
    class AnswerLost(MemoryReceiptLedger):
        def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
            super().add(receipt, dataset_version)
            raise Unavailable("Firestore")

    breaking = replace(append, ledger=AnswerLost(database))
    with pytest.raises(Unavailable):
        upload("a", key="k-1", through=breaking)
    assert upload("a", key="k-1").replayed
    assert counted() == ["a"]


# ---- the same key again ------------------------------------------------------------------------------------


def test_a_repeated_request_is_answered_with_its_receipt_and_stores_nothing(
    upload: Upload, counted: Counted, orphans: Callable[[], int]
) -> None:
    first = upload("a", "b", key="k-1")
    again = upload("a", "b", chunk=1, key="k-1")
    assert again == replace(first, replayed=True)
    assert counted() == ["a", "b"]
    assert orphans() == 0


def test_a_repeated_request_is_answered_also_after_the_start_and_the_end_of_the_training(
    upload: Upload,
    dataset_id: str,
    start: StartTraining,
    run_training: RunTraining,
    messages: Callable[[], list[TrainingMessage]],
) -> None:
    receipt = upload("a", key="k-1").receipt
    start("alice", dataset_id)
    again = upload("a", key="k-1")
    assert (again.receipt, again.replayed, again.state) == (receipt, True, State.TRAINING)
    with pytest.raises(KeyReused):
        upload("b", key="k-1")
    (message,) = messages()
    run_training(message.to_bytes())
    again = upload("a", key="k-1")
    assert (again.receipt, again.replayed, again.state) == (receipt, True, State.TRAINED)


def test_a_key_with_another_body_is_refused(
    upload: Upload, counted: Counted, orphans: Callable[[], int]
) -> None:
    upload("a", key="k-1")
    with pytest.raises(KeyReused, match="'k-1'"):
        upload("b", key="k-1")
    assert counted() == ["a"]
    assert orphans() == 0


def test_a_repeated_request_with_a_wrong_body_is_told_what_is_wrong_with_it(upload: Upload) -> None:
    upload("a", key="k-1")
    refusal = InvalidEntries([EntryError(1, "MESSAGE_EMPTY", "empty")], 1)
    with pytest.raises(InvalidEntries):
        upload("b", refusal=refusal, key="k-1")


def test_a_key_counts_in_its_own_data_set_only(
    upload: Upload,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    dataset_id: str,
    announce: AnnounceDataset,
) -> None:
    upload("a", key="k-1")
    other = announce("alice", None, {}).dataset_id
    assert not append("alice", other, source("b"), key="k-1").replayed


# ---- what happens meanwhile --------------------------------------------------------------------------------


class Meanwhile(MemoryEntryStore):
    """While the first batch is appended, something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        super().append(batch, entries, first_sequence)
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()


@pytest.fixture
def store() -> MemoryEntryStore:
    return Meanwhile()


@pytest.fixture
def meanwhile(store: Meanwhile) -> Callable[[Callable[[], object]], None]:
    return lambda happens: setattr(store, "happens", happens)


During = Callable[[Callable[[], object]], None]


@pytest.mark.parametrize("first", ["created", "uploading"])
def test_two_uploads_at_the_same_time_are_both_in(
    upload: Upload, counted: Counted, meanwhile: During, first: str
) -> None:
    if first == "uploading":
        upload("x")
    meanwhile(lambda: upload("b"))
    answer = upload("a")
    assert (answer.replayed, answer.state) == (False, State.UPLOADING)
    assert sorted(counted()) == ["a", "b", *(["x"] if first == "uploading" else [])]


@pytest.mark.parametrize("first", ["created", "uploading"])
def test_of_two_equal_requests_at_the_same_time_one_is_in_and_both_are_told_so(
    upload: Upload, dataset_id: str, ledger: MemoryReceiptLedger, meanwhile: During, first: str
) -> None:
    if first == "uploading":
        upload("x")
    before = ledger.totals(dataset_id)
    meanwhile(lambda: upload("a", key="k-1"))
    answer = upload("a", key="k-1")
    assert answer.replayed
    assert answer.receipt == ledger.find(dataset_id, "k-1")
    assert ledger.totals(dataset_id) == Totals(before.entries + 1, before.batches + 1)


@pytest.mark.parametrize("first", ["created", "uploading"])
def test_of_two_bodies_with_one_key_at_the_same_time_one_is_refused(
    upload: Upload, dataset_id: str, ledger: MemoryReceiptLedger, meanwhile: During, first: str
) -> None:
    if first == "uploading":
        upload("x")
    before = ledger.totals(dataset_id)
    meanwhile(lambda: upload("b", key="k-1"))
    with pytest.raises(KeyReused):
        upload("a", key="k-1")
    assert ledger.totals(dataset_id) == Totals(before.entries + 1, before.batches + 1)


def test_a_start_during_the_upload_refuses_it(
    upload: Upload, dataset_id: str, counted: Counted, start: StartTraining, meanwhile: During
) -> None:
    upload("x")
    meanwhile(lambda: start("alice", dataset_id))
    with pytest.raises(InvalidTransition, match="in state training does not allow upload"):
        upload("a")
    assert counted() == ["x"]


@pytest.fixture
def twin_and_start(upload: Upload, dataset_id: str, start: StartTraining) -> Callable[[], None]:
    """Another client uploads the same batch, and the training starts."""

    def call() -> None:
        upload("a", key="k-1")
        start("alice", dataset_id)

    return call


def test_a_request_that_got_in_before_the_start_is_answered_though_its_twin_came_after(
    upload: Upload, counted: Counted, meanwhile: During, twin_and_start: Callable[[], None]
) -> None:
    meanwhile(twin_and_start)
    answer = upload("a", key="k-1")
    assert (answer.replayed, answer.state) == (True, State.TRAINING)
    assert counted() == ["a"]


def test_a_repetition_that_met_its_twin_tells_the_state_of_now(
    upload: Upload, counted: Counted, meanwhile: During, twin_and_start: Callable[[], None]
) -> None:
    upload("x")  # so that the twin changes nothing that the other upload has looked at
    meanwhile(twin_and_start)
    answer = upload("a", key="k-1")
    assert (answer.replayed, answer.state) == (True, State.TRAINING)
    assert counted() == ["x", "a"]


# ---- what the state does not allow -------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.TRAINING, State.TRAINED, State.FAILED, State.ARCHIVED])
def test_a_sealed_data_set_refuses_entries_before_it_reads_them(
    upload: Upload,
    dataset_id: str,
    datasets: MemoryDatasetRepository,
    orphans: Callable[[], int],
    state: State,
) -> None:
    dataset = datasets.get("alice", dataset_id)
    datasets.save(replace(dataset.after(Action.UPLOAD, NOON), state=state))
    with pytest.raises(InvalidTransition):
        upload("a")
    assert orphans() == 0


# ---- keys --------------------------------------------------------------------------------------------------


def test_a_key_that_is_the_id_of_a_batch_without_one_is_a_key_of_its_own(
    upload: Upload, counted: Counted
) -> None:
    batch_id = upload("a").receipt.batch_id
    other = upload("a", key=batch_id)
    assert not other.replayed
    assert other.receipt.batch_id != batch_id
    assert counted() == ["a", "a"]
    again = upload("a", key=batch_id)
    assert again.replayed
    assert again.receipt.batch_id == other.receipt.batch_id
    with pytest.raises(KeyReused, match=f"'{batch_id}'"):
        upload("b", key=batch_id)


def test_whether_a_key_is_stored_is_known_before_the_body_is_read(
    append: AppendEntries, upload: Upload, dataset_id: str
) -> None:
    batch_id = upload("a").receipt.batch_id
    upload("b", key="k-1")
    assert append.stored("alice", dataset_id, "k-1")
    assert not append.stored("alice", dataset_id, "k-2")
    assert not append.stored("alice", dataset_id, batch_id)
    for owner, unknown in (("bob", dataset_id), ("alice", "unknown")):
        with pytest.raises(DatasetNotFound):
            append.stored(owner, unknown, "k-1")


def test_a_batch_that_was_stored_in_part_is_told_to_who_repeats_it_as_a_whole(upload: Upload) -> None:
    stored = upload("a", "b", key="k-1").receipt  # with others that were invalid
    invalid = InvalidEntries([EntryError(2, "MESSAGE_EMPTY", "message is empty")], 1)
    with pytest.raises(StoredPartially) as refused:
        upload("a", "b", key="k-1", refusal=invalid)
    assert (refused.value.key, refused.value.batch_id) == ("k-1", stored.batch_id)
    assert refused.value.entries == 2
