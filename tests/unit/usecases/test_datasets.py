"""Announce data sets, look at them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import Run
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Unavailable
from logleap.usecases.datasets import AnnounceDataset, DatasetView, ShowDatasets

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def test_an_announced_data_set_is_created_empty(announce: AnnounceDataset, show: ShowDatasets) -> None:
    dataset = announce("alice", "nightly", {"env": "prod"})
    assert dataset == Dataset("id-1", "alice", NOON, NOON, name="nightly", labels={"env": "prod"})
    assert show.one("alice", "id-1") == DatasetView(dataset, Totals(entries=0, batches=0))
    assert show.events("alice", "id-1") == [Event(NOON, EventKind.ANNOUNCED, "Created.")]


def test_each_announcement_is_a_data_set_of_its_own(announce: AnnounceDataset, show: ShowDatasets) -> None:
    made = {announce("alice", "same", {}).dataset_id for _ in range(3)}
    assert len(made) == 3
    assert len(show.list("alice", None, 10, None)[0]) == 3


def test_a_key_stands_for_one_data_set_of_each_owner(announce: AnnounceDataset, show: ShowDatasets) -> None:
    first = announce.once("alice", "nightly", "k")
    assert announce.once("alice", "another name", "k") == first
    others = {announce.once(*of).dataset_id for of in (("alice", None, "l"), ("bob", None, "k"))}
    assert len(others | {first.dataset_id}) == 3
    assert show.events("alice", first.dataset_id) == [Event(NOON, EventKind.ANNOUNCED, "Created.")]


def test_a_data_set_is_announced_only_if_the_store_is_prepared(
    announce: AnnounceDataset, show: ShowDatasets
) -> None:
    class NoRoom(MemoryEntryStore):
        def prepare(self, dataset_id: str) -> None:
            raise Unavailable("BigQuery")

    with pytest.raises(Unavailable):
        replace(announce, store=NoRoom())("alice", None, {})
    assert show.list("alice", None, 10, None) == ([], None)


def test_totals_are_the_receipts_and_from_the_start_on_what_was_sealed(
    uploaded: Callable[[], Dataset], started: Callable[[], Run], show: ShowDatasets
) -> None:
    assert show.one("alice", uploaded().dataset_id).totals == Totals(entries=5, batches=2)
    view = show.one("alice", started().dataset_id)
    assert view.totals == view.dataset.sealed == Totals(entries=5, batches=2)


def test_another_owner_sees_nothing(announce: AnnounceDataset, show: ShowDatasets) -> None:
    dataset_id = announce("alice", None, {}).dataset_id
    with pytest.raises(DatasetNotFound):
        show.one("bob", dataset_id)
    with pytest.raises(DatasetNotFound):
        show.events("bob", dataset_id)
    assert show.list("bob", None, 10, None) == ([], None)


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(1, [1, 1, 1, 1, 1, 1]), (2, [2, 2, 2]), (4, [4, 2]), (5, [5, 1]), (6, [6]), (7, [6])],
)
def test_pages_say_where_the_next_begins_and_the_last_that_it_is_the_last(
    announce: AnnounceDataset,
    show: ShowDatasets,
    advance: Callable[[float], None],
    limit: int,
    sizes: list[int],
) -> None:
    made = []
    for number in range(6):
        made.append(announce("alice", None, {}).dataset_id)
        advance(number % 2)
    pages = []
    page, after = show.list("alice", None, limit, None)
    pages.append(page)
    while after is not None:
        page, after = show.list("alice", None, limit, after)
        pages.append(page)
    assert [len(page) for page in pages] == sizes
    found = [view.dataset.dataset_id for page in pages for view in page]
    assert found == sorted(made, reverse=True)


def test_the_list_can_be_narrowed_to_a_state(
    announce: AnnounceDataset, uploaded: Callable[[], Dataset], show: ShowDatasets
) -> None:
    announce("alice", None, {})
    dataset_id = uploaded().dataset_id
    page, after = show.list("alice", State.UPLOADING, 1, None)
    assert [(view.dataset.dataset_id, view.totals) for view in page] == [(dataset_id, Totals(5, 2))]
    assert after is None


def test_an_announcement_whose_answer_was_lost_leaves_a_data_set_that_works(
    announce: AnnounceDataset, database: MemoryDatabase, show: ShowDatasets
) -> None:
    class AnswerLost(MemoryDatasetRepository):
        def add(self, dataset: Dataset, event: Event) -> None:
            super().add(dataset, event)
            raise Unavailable("Firestore")

    lost: DatasetRepository = AnswerLost(database)
    with pytest.raises(Unavailable):
        replace(announce, datasets=lost)("alice", None, {})
    (view,) = show.list("alice", None, 10, None)[0]
    assert view.dataset.state is State.CREATED
