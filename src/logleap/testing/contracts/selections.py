"""What every EntryStore and ArchiveStore reads in the time order: the same, of the same entries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logleap.domain.datasets import Archive, Dataset
from logleap.domain.entries import Batch, Entry, Manifest, PlacedEntries, Receipt, Row
from logleap.domain.errors import PositionNotFound
from logleap.domain.selection import Position, Selection
from logleap.domain.times import to_micros
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.entries import EntryStore
from logleap.ports.receipts import ReceiptLedger

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)

texts = st.sampled_from(["jam", "Jam", "jam 2", "é", "e\u0301", "\uffff", "\U0001f600", "x" * 300])
times = st.sampled_from(
    [NOON, NOON + MICROSECOND, NOON + SECOND, NOON - SECOND, datetime.min.replace(tzinfo=UTC)]
)
contexts = st.sampled_from([None, "", "null", "é"])
entries = st.builds(Entry, timestamp=times, message=texts, context=contexts)
batches_of = st.lists(st.lists(entries, min_size=1, max_size=6), min_size=1, max_size=5)


def at(second: float, message: str = "line", context: str | None = None) -> Entry:
    return Entry(NOON + second * SECOND, message, context)


def micros(second: float) -> int:
    return to_micros(NOON + second * SECOND)


def order_of(row: Row) -> tuple[object, ...]:
    """The time order, as its specification has it."""
    entry = row.entry
    return entry.timestamp, entry.message, entry.context is not None, entry.context or "", *row[:2]


def in_order(batches: Mapping[str, Sequence[Entry]]) -> list[Row]:
    rows = [Row(batch_id, n, entry) for batch_id, batch in batches.items() for n, entry in enumerate(batch)]
    return sorted(rows, key=order_of)


def position_of(row: Row) -> Position:
    return Position(to_micros(row.entry.timestamp), row.batch_id, row.sequence)


@dataclass(frozen=True)
class Readable:
    """Where some rows are, and how they are selected from there."""

    rows: list[Row]
    blocks: Callable[[Selection], Iterator[PlacedEntries]]
    around: Callable[[str, int, int, int], PlacedEntries | None]

    def select(self, **fields: object) -> list[Row]:
        found: list[Row] = []
        for block in self.blocks(Selection(**fields)):  # type: ignore[arg-type]
            assert len(block) > 0
            found += block.rows()
        return found


Place = Callable[[Sequence[Sequence[Entry]]], Readable]


@pytest.fixture
def in_store(
    store: EntryStore,
    ledger: ReceiptLedger,
    announce_uploading: Callable[..., Dataset],
    upload: Callable[..., str],
) -> Place:
    """Puts batches into the store of entries."""

    def call(batches: Sequence[Sequence[Entry]]) -> Readable:
        dataset = announce_uploading()
        store.prepare(dataset.dataset_id)
        stored = {upload(dataset, list(batch)): batch for batch in batches}
        manifest = ledger.manifest(dataset.dataset_id)
        return Readable(
            in_order(stored),
            lambda selection: store.select(manifest, selection),
            lambda *asked: store.around(manifest, *asked),
        )

    return call


@pytest.fixture
def in_archive(archives: ArchiveStore) -> Place:
    """Puts batches into an archive."""

    def call(batches: Sequence[Sequence[Entry]]) -> Readable:
        stored = {str(uuid4()): batch for batch in batches}
        manifest = Manifest(str(uuid4()), {batch_id: len(batch) for batch_id, batch in stored.items()})
        rows = [
            Row(batch_id, n, entry) for batch_id, batch in stored.items() for n, entry in enumerate(batch)
        ]
        archive = archives.write(manifest, PlacedEntries.in_blocks(rows))
        return Readable(
            in_order(stored),
            lambda selection: archives.select(archive, selection),
            lambda *asked: archives.around(archive, *asked),
        )

    return call


@pytest.fixture(params=["store", "archive"])
def put(request: pytest.FixtureRequest, in_store: Place, in_archive: Place) -> Place:
    """Puts batches to where they are read from."""
    return in_store if request.param == "store" else in_archive


# ---- the order ---------------------------------------------------------------------------------------------


def test_nothing_is_selected_from_an_empty_data_set(put: Place) -> None:
    readable = put([])
    assert readable.select() == []
    assert readable.select(start=0, limit=5) == []
    assert readable.around(str(uuid4()), 0, 5, 5) is None


def test_batches_that_overlap_come_in_the_order_of_time(put: Place) -> None:
    readable = put([[at(n, f"{name} {n}") for n in range(20, 0, -1)] for name in "abc"] + [[at(30)]])
    assert readable.select() == readable.rows


def test_equal_times_are_ordered_by_message_then_context_then_place(put: Place) -> None:
    same = [at(0, "b"), at(0, "a", "x"), at(0, "a", ""), at(0, "a"), at(0, "a", "x"), at(0, "\uffff")]
    readable = put([same, [*same, at(0, "\U0001f600"), at(0, "Z")]])
    assert readable.select() == readable.rows


def test_the_earliest_and_the_latest_time_are_in_order(put: Place) -> None:
    latest = Entry(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "last")
    earliest = Entry(datetime(1, 1, 1, tzinfo=UTC), "first")
    readable = put([[latest, at(0)], [earliest]])
    assert readable.select() == readable.rows
    assert readable.select(end=micros(0)) == readable.rows[:1]
    assert readable.select(start=micros(0) + 1) == readable.rows[2:]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(batches=batches_of, data=st.data())
def test_whatever_the_entries_hold_any_selection_is_exact(
    put: Place, batches: list[list[Entry]], data: st.DataObject
) -> None:
    readable = put(batches)
    assert readable.select() == readable.rows
    bound = st.none() | times.map(to_micros)
    start, end, text = data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, "am", "J", "é"]))
    selected = [
        row
        for row in readable.rows
        if (start is None or to_micros(row.entry.timestamp) >= start)
        and (end is None or to_micros(row.entry.timestamp) < end)
        and (text is None or text in row.entry.message)
    ]
    assert readable.select(start=start, end=end, contains=text) == selected
    index = data.draw(st.integers(0, len(readable.rows) - 1))
    row = readable.rows[index]
    assert readable.select(after=position_of(row)) == readable.rows[index + 1 :]
    before, after = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    found = readable.around(row.batch_id, row.sequence, before, after)
    assert found is not None
    assert list(found.rows()) == readable.rows[max(0, index - before) : index + after + 1]


# ---- parts of it -------------------------------------------------------------------------------------------


def test_a_range_includes_its_start_and_not_its_end(put: Place) -> None:
    readable = put([[at(n) for n in range(10)], [at(n + 0.5) for n in range(10)]])
    expected = [row for row in readable.rows if micros(2) <= to_micros(row.entry.timestamp) < micros(5)]
    assert len(expected) == 6
    assert readable.select(start=micros(2), end=micros(5)) == expected
    assert readable.select(start=micros(100)) == []
    assert readable.select(end=micros(0)) == []


def test_a_text_is_found_literally_and_in_its_case_and_in_the_message_alone(put: Place) -> None:
    given = ["50% of_it", "50 of it", "OF_IT", "x.*", "xyz"]
    readable = put([[at(n, text, "of_it") for n, text in enumerate(given)]])
    assert [row.entry.message for row in readable.select(contains="of_it")] == ["50% of_it"]
    assert [row.entry.message for row in readable.select(contains=".*")] == ["x.*"]
    assert [row.entry.message for row in readable.select(contains="%")] == ["50% of_it"]


def test_pages_that_follow_one_another_show_each_row_once(put: Place) -> None:
    readable = put(
        [[at(n // 4, f"m{n % 3}") for n in range(30)], [at(n // 4, f"m{n % 3}") for n in range(25)]]
    )
    found: list[Row] = []
    while page := readable.select(after=position_of(found[-1]) if found else None, limit=7):
        assert len(page) == min(7, len(readable.rows) - len(found))
        found += page
    assert found == readable.rows


def test_a_page_goes_on_within_its_selection(put: Place) -> None:
    readable = put([[at(n, f"m{n % 2}") for n in range(20)]])
    selected = [row for row in readable.rows if row.entry.message == "m1"]
    asked = {"start": micros(4), "end": micros(15), "contains": "m1"}
    first = readable.select(limit=2, **asked)
    assert first == selected[2:4]
    assert readable.select(after=position_of(first[-1]), **asked) == selected[4:7]


def test_a_position_that_is_not_of_the_selection_is_refused(put: Place) -> None:
    readable = put([[at(n) for n in range(5)]])
    row = readable.rows[2]
    wrong = [
        Position(micros(2), str(uuid4()), row.sequence),
        Position(micros(2), row.batch_id, 99),
        Position(micros(2) + 1, row.batch_id, row.sequence),
        Position(micros(99), row.batch_id, row.sequence),
    ]
    for position in wrong:
        with pytest.raises(PositionNotFound):
            readable.select(after=position, limit=2)


def test_the_surroundings_of_a_row_end_where_the_data_set_does(put: Place) -> None:
    readable = put([[at(n * n) for n in range(6)], [at(3600 * 24 * 900)]])
    rows = readable.rows
    for index, before, after in ((0, 5, 2), (3, 2, 1), (6, 9, 9), (6, 1, 0), (2, 0, 0)):
        found = readable.around(rows[index].batch_id, rows[index].sequence, before, after)
        assert found is not None
        assert list(found.rows()) == rows[max(0, index - before) : index + after + 1]


def test_a_row_that_is_not_there_has_no_surroundings(put: Place) -> None:
    readable = put([[at(n) for n in range(3)]])
    batch_id = readable.rows[0].batch_id
    for place in ((batch_id, 3), (batch_id, -1), (batch_id, 2**62), (str(uuid4()), 0)):
        assert readable.around(*place, 2, 2) is None


def test_many_rows_come_in_order(put: Place) -> None:
    readable = put([[at(n + shift / 7, f"line {n}") for n in range(1_500)] for shift in range(3)])
    assert readable.select() == readable.rows
    index = 2_000
    row = readable.rows[index]
    found = readable.around(row.batch_id, row.sequence, 700, 50)
    assert found is not None
    assert list(found.rows()) == readable.rows[index - 700 : index + 51]


# ---- each row once, and only the manifest's ----------------------------------------------------------------


def test_only_acknowledged_rows_are_selected_and_each_once(
    store: EntryStore,
    ledger: ReceiptLedger,
    announce_uploading: Callable[..., Dataset],
    receipt_for: Callable[..., Receipt],
    upload: Callable[..., str],
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    orphan = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    store.append(orphan, [at(0.5, "orphan")], 0)
    given = [at(n) for n in range(12)]
    receipt = receipt_for(dataset, entries=12, key="a client's key")
    batch = Batch(dataset.dataset_id, dataset.owner, receipt.batch_id)
    for first, end in ((0, 8), (4, 12), (0, 12)):
        store.append(batch, given[first:end], first)
    ledger.add(receipt, dataset.version)
    rows = in_order({receipt.batch_id: given})
    early = ledger.manifest(dataset.dataset_id)
    other = upload(dataset, [at(3.5)])
    for manifest in (early, ledger.manifest(dataset.dataset_id), ledger.acknowledged(dataset.dataset_id)):
        known = dict(manifest.batches)
        assert known == {receipt.batch_id: 12} | ({other: 1} if manifest is not early else {})
        assert orphan.batch_id not in manifest.batches
        expected = rows if manifest is early else sorted([*rows, Row(other, 0, at(3.5))], key=order_of)
        assert [row for block in store.select(manifest, Selection()) for row in block.rows()] == expected
        assert store.around(manifest, orphan.batch_id, 0, 1, 1) is None


def test_a_dropped_data_set_has_nothing_to_select(
    store: EntryStore,
    ledger: ReceiptLedger,
    announce_uploading: Callable[..., Dataset],
    upload: Callable[..., str],
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    upload(dataset, [at(0)])
    manifest = ledger.manifest(dataset.dataset_id)
    store.drop(dataset.dataset_id)
    assert list(store.select(manifest, Selection())) == []


def test_a_removed_archive_is_named_whichever_way_it_is_read(archives: ArchiveStore) -> None:
    manifest = Manifest(str(uuid4()), {"batch": 2})
    archive = archives.write(manifest, PlacedEntries.in_blocks([Row("batch", n, at(n)) for n in range(2)]))
    assert len(list(archives.select(archive, Selection()))) == 1
    archives.remove(archive)
    with pytest.raises(ArchiveDamaged):
        list(archives.select(archive, Selection()))
    with pytest.raises(ArchiveDamaged):
        archives.around(archive, "batch", 0, 1, 1)


def test_an_archive_of_another_digest_is_not_read(archives: ArchiveStore) -> None:
    manifest = Manifest(str(uuid4()), {"batch": 1})
    archive = archives.write(manifest, PlacedEntries.in_blocks([Row("batch", 0, at(0))]))
    list(archives.select(archive, Selection()))
    with pytest.raises(ArchiveDamaged):
        list(archives.select(Archive(archive.url, 1, "0" * 64), Selection()))
