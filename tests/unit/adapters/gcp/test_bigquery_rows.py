"""How entries become requests to BigQuery: complete, in order, and none too large."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa
import pytest
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.gcp.bigquery import rows
from logleap.adapters.gcp.bigquery.rows import (
    ARROW_SCHEMA,
    INSERT_ROWS,
    REQUEST_BYTES,
    arrow_pieces,
    json_pieces,
)
from logleap.adapters.gcp.bigquery.tables import (
    CLUSTERING,
    COLUMNS,
    SharedTable,
    TablePerDataset,
    entries_table,
)
from logleap.domain.entries import Batch, Entry

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
BATCH = Batch("a-data-set", "an-owner", "a-batch")
MIB = 2**20

texts = st.text(st.characters(codec="utf-8"), max_size=300)
some_entries = st.lists(
    st.builds(
        Entry,
        timestamp=st.datetimes(timezones=st.just(UTC)),
        message=texts.filter(bool),
        context=st.none() | texts,
    ),
    min_size=1,
    max_size=60,
)
sequences = st.integers(0, 2**62)


@contextmanager
def requests_of(size: int) -> Iterator[None]:
    """So that a few short entries take several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "REQUEST_BYTES", size)
        yield


def rows_of(entries: list[Entry], first: int) -> list[dict[str, object]]:
    return [
        {
            "timestamp": entry.timestamp,
            "segmentId": "a-data-set",
            "owner": "an-owner",
            "content": entry.message,
            "context": entry.context,
            "batchId": "a-batch",
            "sequence": sequence,
        }
        for sequence, entry in enumerate(entries, first)
    ]


@given(entries=some_entries, first=sequences)
def test_arrow_pieces_hold_each_entry_once_in_order(entries: list[Entry], first: int) -> None:
    with requests_of(3_000):
        pieces = list(arrow_pieces(BATCH, entries, first))
    assert pa.Table.from_batches(pieces, ARROW_SCHEMA).to_pylist() == rows_of(entries, first)
    assert all(piece.nbytes <= 3_000 or piece.num_rows == 1 for piece in pieces)


@given(entries=some_entries, first=sequences)
def test_json_pieces_hold_each_entry_once_in_order(entries: list[Entry], first: int) -> None:
    with requests_of(3_000):
        pieces = list(json_pieces(BATCH, entries, first))
    found = [row for piece in pieces for row in piece]
    for row in found:
        row["timestamp"] = datetime.fromisoformat(row["timestamp"])
    assert found == rows_of(entries, first)
    assert all(len(piece) * 1_000 <= 3_000 or len(piece) == 1 for piece in pieces)


@given(entries=some_entries)
def test_no_json_piece_is_larger_than_a_request(entries: list[Entry]) -> None:
    with requests_of(10_000):
        pieces = list(json_pieces(BATCH, entries, 0))
    assert all(len(json.dumps(piece)) <= 10_000 for piece in pieces)


WORST = {
    "control characters": "\x01" * MIB,
    "two bytes each": "é" * (MIB // 2),
    "four bytes each": "😀" * (MIB // 4),
    "one of many is not ASCII": "😀" + "x" * (MIB - 4),
}


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_the_largest_entries_fit_into_the_services_limits(text: str) -> None:
    entries = [Entry(NOON, text)] * 3
    for piece in arrow_pieces(BATCH, entries, 0):
        assert piece.serialize().size < REQUEST_BYTES + MIB
    for rows_ in json_pieces(BATCH, entries, 0):
        assert len(json.dumps(rows_)) < 10_000_000


def test_short_entries_travel_together() -> None:
    entries = [Entry(NOON, "x" * 100)] * 5_000
    assert len(list(arrow_pieces(BATCH, entries, 0))) == 1
    assert {len(piece) for piece in json_pieces(BATCH, entries, 0)} == {INSERT_ROWS}


# ---- tables ------------------------------------------------------------------------------------------------


def test_the_table_has_the_columns_that_are_sent() -> None:
    table = entries_table(bigquery.TableReference.from_string("project.dataset.table"))
    assert [column.name for column in table.schema] == ARROW_SCHEMA.names
    assert [column.is_nullable for column in COLUMNS] == [field.nullable for field in ARROW_SCHEMA]
    assert table.clustering_fields == list(CLUSTERING) == ["segmentId", "batchId"]
    assert table.time_partitioning is None


@given(one=st.uuids() | st.text(), other=st.uuids() | st.text())
def test_each_data_set_has_a_table_name_of_its_own(one: UUID | str, other: UUID | str) -> None:
    name: Callable[[str], str] = TablePerDataset().table_name
    assert (name(str(one)) == name(str(other))) == (str(one) == str(other))
    assert name(str(one)).replace("_", "").isalnum()
    assert name(str(one)).isascii()


def test_a_table_is_named_after_its_data_set() -> None:
    dataset_id = "8b7f9a52-1c3e-4d5f-8a6b-0c1d2e3f4a5b"
    assert TablePerDataset().table_name(dataset_id) == "entries_8b7f9a52_1c3e_4d5f_8a6b_0c1d2e3f4a5b"
    assert SharedTable("logs").table_name(dataset_id) == "logs"
