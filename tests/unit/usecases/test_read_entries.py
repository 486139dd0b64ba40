"""Read a data set's entries, while others are added, and while it is archived or deleted."""

import tempfile
from array import array
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.domain.datasets import Action, Dataset
from logleap.domain.entries import Entries, Manifest, PlacedEntries
from logleap.domain.errors import (
    DatasetNotFound,
    EntryNotFound,
    InvalidTransition,
    ModelMissing,
    PositionNotFound,
    TemplateNotFound,
)
from logleap.domain.selection import Position, Selection
from logleap.miner.text.mask import Masks
from logleap.miner.train import train
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.usecases.datasets import AnnounceDataset
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.loaded_models import LoadedModels
from logleap.usecases.read_entries import EntryStream, ReadEntries

Uploaded = Callable[[], Dataset]
ALL = Selection()
Action_ = Callable[[], object]


class Interrupted(MemoryEntryStore):
    """Something else happens just before the first block of entries is read, or just after it."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Action_ | None = None
        self.after: Action_ | None = None

    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        before, self.before = self.before, None
        if before is not None:
            before()
        for block in super().select(manifest, selection):
            for row in range(len(block)):
                yield block.part(row, row + 1)
                after, self.after = self.after, None
                if after is not None:
                    after()


@pytest.fixture
def store() -> MemoryEntryStore:
    return Interrupted()


@pytest.fixture
def read(
    datasets: MemoryDatasetRepository,
    store: MemoryEntryStore,
    ledger: MemoryReceiptLedger,
    archives: MemoryArchiveStore,
    loaded: LoadedModels,
) -> ReadEntries:
    return ReadEntries(datasets, store, ledger, archives, loaded)


def messages(placed: PlacedEntries | None) -> str:
    return "" if placed is None else "".join(placed.entries.messages)


def streamed(stream: EntryStream) -> str:
    return "".join(map(messages, stream.blocks))


def test_pages_follow_one_another(uploaded: Uploaded, read: ReadEntries) -> None:
    dataset_id = uploaded().dataset_id
    first = read.page("alice", dataset_id, ALL, 3)
    assert messages(first.entries) == "abc"
    assert first.following is not None
    second = read.page("alice", dataset_id, Selection(after=first.following), 3)
    assert (messages(second.entries), second.following) == ("de", None)
    exact = read.page("alice", dataset_id, ALL, 5)
    assert (messages(exact.entries), exact.following) == ("abcde", None)
    with pytest.raises(PositionNotFound):
        read.page("alice", dataset_id, Selection(after=Position(0, "no such batch", 0)), 3)


def test_a_data_set_without_entries_has_an_empty_page_and_stream(
    announce: AnnounceDataset, read: ReadEntries
) -> None:
    dataset_id = announce("alice", None, {}).dataset_id
    page = read.page("alice", dataset_id, ALL, 3)
    assert (page.entries, page.following) == (None, None)
    stream = read.stream("alice", dataset_id, ALL)
    assert (stream.entries, streamed(stream)) == (0, "")


def test_a_stream_of_all_entries_knows_their_number(uploaded: Uploaded, read: ReadEntries) -> None:
    dataset_id = uploaded().dataset_id
    stream = read.stream("alice", dataset_id, ALL)
    assert (stream.entries, streamed(stream)) == (5, "abcde")
    part = read.stream("alice", dataset_id, Selection(contains="c"))
    assert (part.entries, streamed(part)) == (None, "c")
    assert read.count("alice", dataset_id, ALL) == 5
    assert read.count("alice", dataset_id, Selection(contains="c")) is None


def test_an_archived_data_set_is_read_from_its_archive(
    uploaded: Uploaded, read: ReadEntries, archive_dataset: ArchiveDataset
) -> None:
    dataset_id = uploaded().dataset_id
    page = read.page("alice", dataset_id, ALL, 2)
    archive_dataset("alice", dataset_id)
    stream = read.stream("alice", dataset_id, ALL)
    assert (stream.entries, streamed(stream)) == (5, "abcde")
    assert streamed(read.stream("alice", dataset_id, Selection(contains="d"))) == "d"
    assert messages(read.page("alice", dataset_id, Selection(after=page.following), 2).entries) == "cd"
    assert page.following is not None
    found = read.around("alice", dataset_id, page.following.batch_id, 0, before=0, after=1)
    assert messages(found) == "ab"
    assert read.count("alice", dataset_id, ALL) == 5


def test_an_entry_that_is_not_there_has_no_surroundings(uploaded: Uploaded, read: ReadEntries) -> None:
    with pytest.raises(EntryNotFound, match="no entry 7 of a batch 'no such batch'"):
        read.around("alice", uploaded().dataset_id, "no such batch", 7, before=1, after=1)


def test_another_owners_data_set_is_as_unknown_as_one_that_does_not_exist(
    uploaded: Uploaded, read: ReadEntries
) -> None:
    for dataset_id in (uploaded().dataset_id, "nothing"):
        for call in (
            lambda asked: read.page("bob", asked, ALL, 3),
            lambda asked: read.stream("bob", asked, ALL),
            lambda asked: read.around("bob", asked, "b", 0, before=1, after=1),
            lambda asked: read.count("bob", asked, ALL),
        ):
            with pytest.raises(DatasetNotFound):
                call(dataset_id)


def test_a_data_set_that_is_being_deleted_is_refused(
    uploaded: Uploaded, read: ReadEntries, datasets: MemoryDatasetRepository
) -> None:
    dataset = datasets.get("alice", uploaded().dataset_id)
    datasets.save(dataset.after(Action.DELETE, dataset.updated_at))
    with pytest.raises(InvalidTransition, match="in state deleting does not allow read"):
        read.page("alice", dataset.dataset_id, ALL, 3)


def test_entries_that_are_not_those_acknowledged_break_the_stream(
    uploaded: Uploaded, read: ReadEntries, store: MemoryEntryStore, archives: MemoryArchiveStore
) -> None:
    dataset_id = uploaded().dataset_id
    store.drop(dataset_id)
    with pytest.raises(CountMismatch, match="5 lost"):
        read.stream("alice", dataset_id, ALL)


def test_a_damaged_archive_is_told(
    uploaded: Uploaded, read: ReadEntries, archive_dataset: ArchiveDataset, archives: MemoryArchiveStore
) -> None:
    archived = archive_dataset("alice", uploaded().dataset_id).dataset
    assert archived.archive is not None
    archives.remove(archived.archive)
    for call in (
        lambda: read.page("alice", archived.dataset_id, ALL, 3),
        lambda: read.stream("alice", archived.dataset_id, ALL),
    ):
        with pytest.raises(ArchiveDamaged):
            call()


def test_a_data_set_archived_just_before_it_is_read_is_read_from_its_archive(
    uploaded: Uploaded, read: ReadEntries, store: Interrupted, archive_dataset: ArchiveDataset
) -> None:
    calls: list[Callable[[str], str]] = [
        lambda asked: messages(read.page("alice", asked, ALL, 9).entries),
        lambda asked: streamed(read.stream("alice", asked, ALL)),
        lambda asked: streamed(read.stream("alice", asked, Selection(start=0))),
    ]
    for call in calls:
        dataset_id = uploaded().dataset_id
        store.before = partial(archive_dataset, "alice", dataset_id)
        assert call(dataset_id) == "abcde"


def test_a_position_that_was_dropped_meanwhile_is_found_in_the_archive(
    uploaded: Uploaded, read: ReadEntries, store: Interrupted, archive_dataset: ArchiveDataset
) -> None:
    dataset_id = uploaded().dataset_id
    following = read.page("alice", dataset_id, ALL, 2).following
    store.before = lambda: archive_dataset("alice", dataset_id)
    assert messages(read.page("alice", dataset_id, Selection(after=following), 9).entries) == "cde"


def test_a_stream_of_some_entries_breaks_if_the_data_set_is_archived_meanwhile(
    uploaded: Uploaded, read: ReadEntries, store: Interrupted, archive_dataset: ArchiveDataset
) -> None:
    dataset_id = uploaded().dataset_id
    store.after = lambda: archive_dataset("alice", dataset_id)
    stream = read.stream("alice", dataset_id, Selection(start=0))
    with pytest.raises(Unavailable, match="archived or deleted while its entries were read"):
        streamed(stream)
    assert streamed(read.stream("alice", dataset_id, Selection(start=0))) == "abcde"


def test_a_data_set_deleted_while_it_is_read_is_not_found(
    uploaded: Uploaded, read: ReadEntries, store: Interrupted, delete_dataset: DeleteDataset
) -> None:
    for call in (
        lambda asked: read.page("alice", asked, ALL, 9),
        lambda asked: read.stream("alice", asked, ALL),
        lambda asked: read.stream("alice", asked, Selection(start=0)),
    ):
        dataset_id = uploaded().dataset_id
        store.before = partial(delete_dataset, "alice", dataset_id)
        with pytest.raises(DatasetNotFound):
            call(dataset_id)


def test_entries_of_one_template_are_read_page_by_page_and_as_a_stream(
    read: ReadEntries, with_model: Callable[..., str], announce: AnnounceDataset
) -> None:
    texts = [f"gate {at} opened" if at % 3 else f"belt {at} stopped" for at in range(30)] + ["7", "8"]
    entries = Entries(array("q", range(len(texts))), texts, [None] * len(texts))
    model = train([entries], masks=Masks(), open_file=tempfile.TemporaryFile)
    dataset_id = with_model(model.to_bytes(), *texts)
    counts = {}
    for template in model.templates:
        stream = read.stream("alice", dataset_id, ALL, template.id)
        assert stream.entries is None
        found = [text for block in stream.blocks for text in block.entries.messages]
        counts[template.text] = len(found)
        assert len(found) == template.count
        paged: list[str] = []
        position = None
        while True:
            page = read.page("alice", dataset_id, Selection(after=position), 4, template.id)
            paged += page.entries.entries.messages if page.entries else []
            position = page.following
            if position is None:
                break
        assert paged == found
        assert read.count("alice", dataset_id, ALL, template.id) is None
    assert counts == {"gate <*> opened": 20, "belt <*> stopped": 10, "<*>": 2}
    gate = next(template.id for template in model.templates if template.text == "gate <*> opened")
    some = read.stream("alice", dataset_id, Selection(contains="gate 1"), gate)
    assert sum(len(block) for block in some.blocks) == 8
    none = read.page("alice", dataset_id, Selection(contains="belt"), 4, gate)
    assert (none.entries, none.following) == (None, None)
    with pytest.raises(TemplateNotFound):
        read.page("alice", dataset_id, ALL, 4, "nowhere")
    with pytest.raises(ModelMissing):
        read.stream("alice", announce("alice", None, {}).dataset_id, ALL, gate)
