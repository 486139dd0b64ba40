"""A training set as Arrow record batches."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.arrow import SCHEMA, record_batches
from logleap.domain.entries import Entries, Entry
from logleap.ports.errors import CountMismatch
from logleap.testing import training_context
from logleap.usecases.training.run_training.training_set import CheckedTrainingSet

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)

ENTRIES = [
    Entry(datetime(1, 1, 1, tzinfo=UTC), "the first microsecond"),
    Entry(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "the last microsecond", ""),
    Entry(NOON, "é, 😀, NUL \0", '{"n": 18446744073709551616}'),
    *(Entry(NOON + timedelta(seconds=n), f"line {n}") for n in range(20)),
]


def entries_of(table: pa.Table) -> list[Entry]:
    rows = zip(*(table.column(name).to_pylist() for name in SCHEMA.names), strict=True)
    return [Entry(timestamp, message, context) for timestamp, message, context in rows]


def test_a_table_has_each_entry_with_its_time_to_the_microsecond() -> None:
    context = training_context(ENTRIES)
    table = pa.Table.from_batches(record_batches(context.training_set), SCHEMA)
    assert table.schema == SCHEMA
    assert entries_of(table) == ENTRIES


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30))
def test_record_batches_are_full_whatever_the_sizes_of_the_batches(batch_size: int, max_rows: int) -> None:
    context = training_context(ENTRIES, batch_size=batch_size)
    batches = list(record_batches(context.training_set, max_rows))
    sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == len(ENTRIES)
    assert all(size == max_rows for size in sizes[:-1])
    rows = [entry for entries in context.training_set.columns() for entry in entries]
    assert entries_of(pa.Table.from_batches(batches, SCHEMA)) == rows


def test_a_record_batch_keeps_its_times_after_the_next_one_was_made() -> None:
    context = training_context(ENTRIES)
    first, *_ = record_batches(context.training_set, 2)
    assert first.column("timestamp").to_pylist() == [entry.timestamp for entry in ENTRIES[:2]]


def test_an_empty_training_set_makes_no_record_batches() -> None:
    assert list(record_batches(training_context([]).training_set)) == []


def test_too_few_rows_in_a_record_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="max_rows is 0; it must be 1 or more"):
        next(record_batches(training_context([]).training_set, 0))


def test_entries_are_checked_against_the_receipts() -> None:
    def columns() -> Iterator[Entries]:
        yield Entries.of(ENTRIES)

    def nothing() -> Iterator[Sequence[Entry]]:
        raise AssertionError

    short = CheckedTrainingSet(len(ENTRIES) + 1, lambda: 0, nothing, columns)  # type: ignore[arg-type]
    with pytest.raises(CountMismatch, match="1 lost"):
        list(record_batches(short))
    exact = CheckedTrainingSet(len(ENTRIES), lambda: 0, nothing, columns)  # type: ignore[arg-type]
    assert sum(batch.num_rows for batch in record_batches(exact)) == len(ENTRIES)
