"""What every EntryStore promises.

Rows must be readable only once the batch's receipt is in the ledger, so each test puts it there.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logleap.domain.datasets import Dataset
from logleap.domain.entries import Batch, Entries, Entry, Manifest, Receipt, Row
from logleap.ports.entries import EntryStore
from logleap.ports.receipts import ReceiptLedger

Announce = Callable[..., Dataset]
ReceiptFor = Callable[..., Receipt]
Upload = Callable[..., str]
Race = Callable[..., list[Any]]

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=50)
entries = st.builds(
    Entry,
    timestamp=st.datetimes(timezones=st.just(UTC)),
    message=texts.filter(bool),
    context=st.none() | texts,
)


def some_entries(number: int, first: int = 0) -> list[Entry]:
    return [Entry(NOON + timedelta(seconds=index), f"line {index}") for index in range(first, first + number)]


def rows_of(batch_id: str, given: Sequence[Entry]) -> list[Row]:
    return [Row(batch_id, sequence, entry) for sequence, entry in enumerate(given)]


def read(store: EntryStore, manifest: Manifest) -> dict[str, list[Row]]:
    """The rows by batch, in the order of reading."""
    batches: dict[str, list[Row]] = {}
    for row in store.read(manifest):
        batches.setdefault(row.batch_id, []).append(row)
    return batches


@pytest.fixture
def dataset(announce_uploading: Announce, store: EntryStore) -> Dataset:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    return dataset


@pytest.fixture
def batch(dataset: Dataset) -> Batch:
    return Batch(dataset.dataset_id, dataset.owner, str(uuid4()))


@pytest.fixture
def acknowledge(
    dataset: Dataset, ledger: ReceiptLedger, receipt_for: ReceiptFor
) -> Callable[[Batch, int], Manifest]:
    """Puts a batch's receipt into the ledger; the manifest from then on."""

    def call(batch: Batch, number: int) -> Manifest:
        ledger.add(receipt_for(dataset, batch_id=batch.batch_id, entries=number), dataset.version)
        return ledger.manifest(dataset.dataset_id)

    return call


Acknowledge = Callable[[Batch, int], Manifest]


# ---- what was appended comes back --------------------------------------------------------------------------


def test_an_empty_data_set_has_no_rows(store: EntryStore, dataset: Dataset) -> None:
    manifest = Manifest(dataset.dataset_id, {})
    assert store.count(manifest) == 0
    assert list(store.read(manifest)) == []


def test_a_batch_comes_back_as_it_was(store: EntryStore, batch: Batch, acknowledge: Acknowledge) -> None:
    given = some_entries(5)
    store.append(batch, given, 0)
    manifest = acknowledge(batch, 5)
    assert store.count(manifest) == 5
    assert list(store.read(manifest)) == rows_of(batch.batch_id, given)


def test_several_batches_come_back_each_in_its_order(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    given = {upload(dataset, batch): batch for batch in (some_entries(3), some_entries(1), some_entries(4))}
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.count(manifest) == 8
    assert read(store, manifest) == {batch_id: rows_of(batch_id, batch) for batch_id, batch in given.items()}


def test_a_batch_may_be_written_by_several_calls_in_any_order(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    given = some_entries(90)
    for first in (40, 0, 80, 20, 60):
        store.append(batch, given[first : first + 20], first)
    manifest = acknowledge(batch, 90)
    assert store.count(manifest) == 90
    assert list(store.read(manifest)) == rows_of(batch.batch_id, given)


def test_a_large_batch_comes_back_in_its_order(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    given = some_entries(5_000)
    store.append(batch, given, 0)
    manifest = acknowledge(batch, 5_000)
    assert store.count(manifest) == 5_000
    assert list(store.read(manifest)) == rows_of(batch.batch_id, given)


def test_many_small_batches_come_back(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    given = {upload(dataset, batch): batch for number in range(60) if (batch := some_entries(2, number))}
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.count(manifest) == 120
    assert read(store, manifest) == {batch_id: rows_of(batch_id, batch) for batch_id, batch in given.items()}


def test_columns_hold_the_entries_that_the_rows_hold(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    for batch in (some_entries(3), SPECIAL, some_entries(1)):
        upload(dataset, batch)
    orphans = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    store.append(orphans, some_entries(2), 0)
    store.append(orphans, some_entries(2), 2)
    manifest = ledger.manifest(dataset.dataset_id)
    columns = list(store.columns(manifest))
    rows = [row.entry for row in store.read(manifest)]
    assert len(rows) == sum(map(len, columns)) == 4 + len(SPECIAL)
    assert sorted(chain.from_iterable(columns), key=repr) == sorted(rows, key=repr)
    assert all(entries for entries in columns)


def test_placed_columns_hold_the_rows(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    for batch in (some_entries(3), SPECIAL, some_entries(1)):
        upload(dataset, batch)
    manifest = ledger.manifest(dataset.dataset_id)
    rows = sorted(store.read(manifest), key=repr)
    placed = list(store.placed_columns(manifest))
    assert sorted(chain.from_iterable(part.rows() for part in placed), key=repr) == rows
    asked: list[tuple[int, int]] = []

    def early(first: int, last: int) -> bool:
        asked.append((first, last))
        return first < 0

    some = list(chain.from_iterable(part.rows() for part in store.placed_columns(manifest, early)))
    assert all(first <= last for first, last in asked)
    assert {row for row in rows if row.entry.timestamp.year < 1970} <= set(some) <= set(rows)


def test_what_is_done_to_columns_does_not_change_what_is_stored(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    given = some_entries(5)
    store.append(batch, Entries.of(given), 0)
    manifest = acknowledge(batch, 5)
    for entries in store.columns(manifest):
        entries.micros[0] = 0
        entries.messages.clear()
        entries.contexts.clear()
    assert list(store.read(manifest)) == rows_of(batch.batch_id, given)


def test_columns_hold_an_entry_that_is_stored_twice_once(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    given = some_entries(30)
    for first, last in ((0, 20), (10, 30), (0, 20)):
        store.append(batch, given[first:last], first)
    manifest = acknowledge(batch, 30)
    assert list(chain.from_iterable(store.columns(manifest))) == given


SPECIAL = [
    Entry(datetime(1, 1, 1, tzinfo=UTC), "the first microsecond"),
    Entry(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "the last microsecond"),
    Entry(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "one microsecond before the epoch"),
    Entry(NOON, "no context", None),
    Entry(NOON, "empty context", ""),
    Entry(NOON, "the word null as context", "null"),
    Entry(NOON, "JSON context", '{"n": 18446744073709551616, "a": [1.0, "é"], "a": null}'),
    Entry(NOON, " spaces "),
    Entry(NOON, "tab\tquote\"backslash\\comma,'--;"),
    Entry(NOON, "line\nline\r\nline\u2028line"),
    Entry(NOON, "é and e\u0301, 😀, \U0010ffff, \ufeff, \x7f, \x1b[31m"),
    Entry(NOON, "NUL \0 in the middle", "\0"),
    Entry(NOON, "NULL"),
]


@pytest.mark.parametrize("entry", SPECIAL, ids=lambda entry: ascii(entry.message)[:30])
def test_values_come_back_exactly(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload, entry: Entry
) -> None:
    batch_id = upload(dataset, [entry])
    (row,) = store.read(ledger.manifest(dataset.dataset_id))
    assert row == Row(batch_id, 0, entry)
    assert row.entry.timestamp.utcoffset() == timedelta(0)


def test_a_message_and_a_context_may_have_a_mebibyte(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    given = [Entry(NOON, "x" * 2**20), Entry(NOON, "é" * 2**19, '"' * 2**20)]
    batch_id = upload(dataset, given)
    assert list(store.read(ledger.manifest(dataset.dataset_id))) == rows_of(batch_id, given)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(batches=st.lists(st.lists(entries, min_size=1, max_size=30), min_size=1, max_size=3))
def test_whatever_the_entries_hold_they_come_back_exactly(
    store: EntryStore,
    ledger: ReceiptLedger,
    announce_uploading: Announce,
    upload: Upload,
    batches: list[list[Entry]],
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    given = {upload(dataset, batch): batch for batch in batches}
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.count(manifest) == manifest.entries
    assert read(store, manifest) == {batch_id: rows_of(batch_id, batch) for batch_id, batch in given.items()}


# ---- each row once, and only the manifest's ----------------------------------------------------------------


def test_a_row_that_is_stored_twice_counts_once(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    given = some_entries(30)
    for _ in range(2):
        store.append(batch, given, 0)
    store.append(batch, given[10:20], 10)
    manifest = acknowledge(batch, 30)
    assert store.count(manifest) == 30
    assert list(store.read(manifest)) == rows_of(batch.batch_id, given)


def test_equal_entries_at_different_places_all_count(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    same = Entry(NOON, "same")
    for _ in range(2):
        upload(dataset, [same] * 3)
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.count(manifest) == 6
    assert len(list(store.read(manifest))) == 6


def test_rows_of_a_batch_outside_the_manifest_are_invisible(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload, batch: Batch
) -> None:
    store.append(batch, some_entries(7), 0)
    given = some_entries(2)
    batch_id = upload(dataset, given)
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.count(manifest) == 2
    assert list(store.read(manifest)) == rows_of(batch_id, given)


def test_the_number_is_counted_and_not_taken_from_the_manifest(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    store.append(batch, some_entries(7), 0)
    manifest = acknowledge(batch, 10)
    assert manifest.entries == 10
    assert store.count(manifest) == 7
    assert len(list(store.read(manifest))) == 7


def test_a_batch_of_the_manifest_that_was_never_appended_has_no_rows(
    store: EntryStore, batch: Batch, acknowledge: Acknowledge
) -> None:
    manifest = acknowledge(batch, 10)
    assert store.count(manifest) == 0
    assert list(store.read(manifest)) == []


def test_a_data_set_shows_its_own_rows_only(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, upload: Upload
) -> None:
    owner = f"owner-{uuid4()}"
    one, other = announce_uploading(owner=owner), announce_uploading(owner=owner)
    for dataset, number in ((one, 2), (other, 3)):
        store.prepare(dataset.dataset_id)
        upload(dataset, some_entries(number))
    assert store.count(ledger.manifest(one.dataset_id)) == 2
    assert store.count(ledger.manifest(other.dataset_id)) == 3
    assert len(list(store.read(ledger.manifest(one.dataset_id)))) == 2


def test_reading_can_be_broken_off_and_begun_again(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    given = some_entries(500)
    batch_id = upload(dataset, given)
    manifest = ledger.manifest(dataset.dataset_id)
    first, second = store.read(manifest), store.read(manifest)
    assert list(islice(first, 3)) == rows_of(batch_id, given)[:3]
    del first
    assert list(second) == rows_of(batch_id, given)


def test_batches_appended_at_the_same_moment_are_all_stored(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload, race: Race
) -> None:
    given = [some_entries(40, 1000 * number) for number in range(4)]
    batch_ids = race(*(partial(upload, dataset, batch) for batch in given))
    assert read(store, ledger.manifest(dataset.dataset_id)) == {
        batch_id: rows_of(batch_id, batch) for batch_id, batch in zip(batch_ids, given, strict=True)
    }


# ---- prepare, remove_orphans, drop -------------------------------------------------------------------------


def test_preparing_again_changes_nothing(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    store.prepare(dataset.dataset_id)
    upload(dataset, some_entries(3))
    store.prepare(dataset.dataset_id)
    assert store.count(ledger.manifest(dataset.dataset_id)) == 3


def test_removing_orphans_leaves_what_counts(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, upload: Upload
) -> None:
    one, other = announce_uploading(), announce_uploading()
    given = some_entries(4)
    for dataset in (one, other):
        store.prepare(dataset.dataset_id)
        store.append(Batch(dataset.dataset_id, dataset.owner, str(uuid4())), some_entries(7), 0)
    kept = upload(one, given)
    upload(other, given)
    manifest = ledger.manifest(one.dataset_id)
    removed = [store.remove_orphans(manifest) for _ in range(3)]
    assert min(removed) >= 0
    assert sum(removed) <= 7
    assert list(store.read(manifest)) == rows_of(kept, given)
    assert store.count(ledger.manifest(other.dataset_id)) == 4


def test_where_there_are_no_orphans_none_are_removed(
    store: EntryStore, ledger: ReceiptLedger, dataset: Dataset, upload: Upload
) -> None:
    upload(dataset, some_entries(4))
    manifest = ledger.manifest(dataset.dataset_id)
    assert store.remove_orphans(manifest) == 0
    assert store.count(manifest) == 4


def test_dropping_removes_all_rows_of_the_data_set_and_no_other(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, upload: Upload
) -> None:
    gone, other = announce_uploading(), announce_uploading()
    for dataset in (gone, other):
        store.prepare(dataset.dataset_id)
        upload(dataset, some_entries(3))
    manifest = ledger.manifest(gone.dataset_id)
    for _ in range(2):
        store.drop(gone.dataset_id)
        assert store.count(manifest) == 0
        assert list(store.read(manifest)) == []
    assert store.count(ledger.manifest(other.dataset_id)) == 3


def test_dropping_an_unknown_data_set_does_nothing(store: EntryStore) -> None:
    store.drop(str(uuid4()))
