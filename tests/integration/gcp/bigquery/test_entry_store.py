"""What the contract suite does not show of the entry store: its limits, other people's rows, odd ids."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.arrow_results import ArrowResults
from logleap.adapters.gcp.bigquery.tables import SharedTable
from logleap.adapters.gcp.bigquery.writers.streaming_insert import StreamingInserter
from logleap.adapters.gcp.entries import BigQueryEntryStore
from logleap.adapters.gcp.google.clients import read_client
from logleap.domain.entries import Batch, Entry, Manifest, Row

OpenStore = Callable[..., BigQueryEntryStore]
Append = Callable[[BigQueryEntryStore, str, list[Entry]], None]
Execute = Callable[[str], list[Any]]

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(open_store: OpenStore, dataset_id: str) -> BigQueryEntryStore:
    """With a table whose rows a test can change: the shared one."""
    store = open_store("storage-write", "shared-table")
    store.prepare(dataset_id)
    return store


@pytest.fixture
def execute(tables: bigquery.Client, dataset_name: str) -> Execute:
    """Runs SQL on the shared table, which it calls `entries`; the rows it answers."""

    def call(sql: str) -> list[Any]:
        name = f"`{tables.project}.{dataset_name}.entries`"
        return list(tables.query(sql.replace("entries", name)).result())

    return call


def some_entries(number: int) -> list[Entry]:
    return [Entry(NOON + timedelta(seconds=index), f"line {index}") for index in range(number)]


def rows_of(batch_id: str, entries: list[Entry]) -> list[Row]:
    return [Row(batch_id, sequence, entry) for sequence, entry in enumerate(entries)]


def test_a_batch_larger_than_a_request_is_stored_in_several(
    open_store: OpenStore, writer: str, dataset_id: str, append: Append
) -> None:
    entries = [Entry(NOON, f"{number}" + "x" * 1_000_000) for number in range(14)]
    entries += [Entry(NOON, f"short {number}") for number in range(1_200)]
    store = open_store(writer)
    store.prepare(dataset_id)
    append(store, "batch", entries)
    manifest = Manifest(dataset_id, {"batch": len(entries)})
    assert store.count(manifest) == len(entries)
    assert list(store.read(manifest)) == rows_of("batch", entries)


def test_threads_that_append_at_the_same_time_lose_nothing(
    open_store: OpenStore, writer: str, dataset_id: str, append: Append
) -> None:
    store = open_store(writer)
    store.prepare(dataset_id)
    batch_ids = [f"batch-{number}" for number in range(60)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda batch_id: append(store, batch_id, some_entries(20)), batch_ids))
    manifest = Manifest(dataset_id, dict.fromkeys(batch_ids, 20))
    assert store.count(manifest) == 1_200
    assert [row.batch_id for row in store.read(manifest)].count("batch-7") == 20


def test_a_store_can_be_used_again_after_closing(
    open_store: OpenStore, writer: str, dataset_id: str, append: Append
) -> None:
    store = open_store(writer)
    store.prepare(dataset_id)
    for batch_id in ("one", "two"):
        append(store, batch_id, some_entries(2))
        store.close()
    assert store.count(Manifest(dataset_id, {"one": 2, "two": 2})) == 4


# ---- manifests that one query cannot carry -----------------------------------------------------------------


@pytest.mark.parametrize(
    "limits", [{"batches_per_query": 3}, {"entries_per_query": 5}, {"batches_per_query": 1}], ids=str
)
def test_a_manifest_too_large_for_a_query_is_read_in_parts(
    open_store: OpenStore, dataset_id: str, append: Append, limits: dict[str, int]
) -> None:
    store = open_store("storage-write", "shared-table", **limits)
    store.prepare(dataset_id)
    batches = {f"b{number:02}": 1 + number % 4 for number in range(10)}
    orphans = {"a": 2, "b03x": 3, "b09x": 1, "c": 4}  # before, between and after the parts
    for batch_id, number in (batches | orphans).items():
        append(store, batch_id, some_entries(number))
    manifest = Manifest(dataset_id, batches)

    def read() -> list[Row]:
        return list(store.read(manifest))

    expected = [
        row for batch_id, number in batches.items() for row in rows_of(batch_id, some_entries(number))
    ]
    assert store.count(manifest) == manifest.entries == 23
    assert sorted(read(), key=lambda row: row[:2]) == expected
    assert all(one < next_ for one, next_ in pairwise(row[:2] for row in read()))
    assert store.remove_orphans(manifest) == 10
    assert store.remove_orphans(manifest) == 0
    assert store.count(Manifest(dataset_id, orphans)) == 0
    assert sorted(read(), key=lambda row: row[:2]) == expected


def test_a_report_in_parts_says_which_figures_are_not_complete(
    open_store: OpenStore, dataset_id: str, append: Append
) -> None:
    store = open_store("storage-write", "shared-table", batches_per_query=2)
    store.prepare(dataset_id)
    batches = {f"b{number}": 3 + number for number in range(5)}
    for batch_id, number in batches.items():
        append(store, batch_id, some_entries(number))
    manifest = Manifest(dataset_id, batches)
    in_parts = store.report(manifest)
    whole = open_store("storage-write", "shared-table").report(manifest)
    assert whole.duplicates_complete
    assert not in_parts.duplicates_complete
    assert 3 + 5 == in_parts.duplicates < whole.duplicates == manifest.entries - 7
    assert replace(in_parts, duplicates=whole.duplicates, duplicates_complete=True) == whole


def test_a_report_in_parts_says_how_many_of_a_message_it_may_have_missed(
    open_store: OpenStore, dataset_id: str, append: Append
) -> None:
    store = open_store("storage-write", "shared-table", batches_per_query=1)
    store.prepare(dataset_id)
    for batch_id in ("a", "b"):
        append(store, batch_id, 2 * some_entries(1_001))
    report = store.report(Manifest(dataset_id, {"a": 2_002, "b": 2_002}))
    assert report.entries == 4_004
    assert report.frequent_missed == 4
    assert {message.entries for message in report.frequent} == {4}


def test_a_query_carries_thousands_of_batches(
    store: BigQueryEntryStore, dataset_id: str, append: Append
) -> None:
    append(store, "batch-007", some_entries(5))
    manifest = Manifest(dataset_id, dict.fromkeys((f"batch-{number:03}" for number in range(5_000)), 1))
    assert store.count(manifest) == 5
    assert store.remove_orphans(manifest) == 0


def test_all_rows_of_an_empty_manifest_are_orphans(
    store: BigQueryEntryStore, dataset_id: str, append: Append
) -> None:
    append(store, "batch", some_entries(3))
    assert store.remove_orphans(Manifest(dataset_id, {})) == 3


# ---- rows that others changed ------------------------------------------------------------------------------


def test_a_deleted_row_is_missed(
    store: BigQueryEntryStore,
    dataset_id: str,
    append: Append,
    execute: Execute,
) -> None:
    append(store, "batch", some_entries(5))
    execute(f"DELETE FROM entries WHERE segmentId = '{dataset_id}' AND sequence = 2")
    manifest = Manifest(dataset_id, {"batch": 5})
    assert store.count(manifest) == 4
    assert [row.sequence for row in store.read(manifest)] == [0, 1, 3, 4]


def test_doubled_rows_count_once_and_are_read_once(
    store: BigQueryEntryStore,
    dataset_id: str,
    append: Append,
    execute: Execute,
) -> None:
    append(store, "batch", some_entries(5))
    execute(f"INSERT INTO entries SELECT * FROM entries WHERE segmentId = '{dataset_id}'")
    manifest = Manifest(dataset_id, {"batch": 5})
    assert store.count(manifest) == 5
    assert list(store.read(manifest)) == rows_of("batch", some_entries(5))


def test_a_row_too_many_is_counted(
    store: BigQueryEntryStore,
    dataset_id: str,
    append: Append,
    execute: Execute,
) -> None:
    append(store, "batch", some_entries(5))
    execute(
        "INSERT INTO entries (timestamp, segmentId, content, batchId, sequence) "
        f"VALUES (TIMESTAMP '2026-08-01 12:00:00+00', '{dataset_id}', 'forged', 'batch', 99)"
    )
    assert store.count(Manifest(dataset_id, {"batch": 5})) == 6


def test_rows_made_by_hand_are_not_read_and_stay_until_the_data_set_is_dropped(
    store: BigQueryEntryStore,
    dataset_id: str,
    append: Append,
    execute: Execute,
) -> None:
    append(store, "batch", some_entries(2))
    execute(
        "INSERT INTO entries (timestamp, segmentId, owner, content, context) "
        f"VALUES (TIMESTAMP '2026-08-01 12:00:00+00', '{dataset_id}', 'o', 'by hand', NULL)"
    )
    manifest = Manifest(dataset_id, {"batch": 2})
    assert store.count(manifest) == 2
    assert list(store.read(manifest)) == rows_of("batch", some_entries(2))
    assert store.remove_orphans(manifest) == 0
    assert store.remove_orphans(Manifest(dataset_id, {})) == 2
    by_hand = "SELECT content FROM entries WHERE batchId IS NULL"
    assert [tuple(row) for row in execute(by_hand)] == [("by hand",)]
    store.drop(dataset_id)
    assert execute(by_hand) == []


# ---- ids and names -----------------------------------------------------------------------------------------

HOSTILE = ["'; DROP TABLE entries; --", "` OR TRUE OR `", "\\", "%_*", "@segment", "ü 😀", "..", "a" * 2000]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_no_id_is_read_as_sql(open_store: OpenStore, layout: str, dataset_id: str, hostile: str) -> None:
    store = open_store("storage-write", layout)
    for each in (dataset_id, hostile):
        store.prepare(each)
        store.append(Batch(each, hostile, hostile), some_entries(3), 0)
    kept, gone = Manifest(dataset_id, {hostile: 3}), Manifest(hostile, {hostile: 3})
    assert store.count(gone) == 3
    assert list(store.read(gone)) == rows_of(hostile, some_entries(3))
    assert store.remove_orphans(gone) == 0
    store.drop(hostile)
    assert store.count(gone) == 0
    assert store.count(kept) == 3


@pytest.mark.parametrize("name", ["", "a-b", "a b", "a`b", "a.b", "ä", "x" * 1025])
def test_a_name_that_is_no_name_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        BigQueryEntryStore(
            bigquery.Client,
            name,
            "US",
            SharedTable(),
            StreamingInserter(bigquery.Client),
            results=ArrowResults(read_client),
        )
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        SharedTable(name)
