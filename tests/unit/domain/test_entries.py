"""Entries by column, and what receipts add up to."""

from array import array
from datetime import UTC, datetime

from logleap.domain.entries import Entries, Entry, Manifest

MOMENT = datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_a_manifest_adds_up_its_batches() -> None:
    assert Manifest("d-1", {}).entries == 0
    assert Manifest("d-1", {"a": 2, "b": 10**12}).entries == 10**12 + 2


ENTRIES = [Entry(MOMENT, "a", None), Entry(MOMENT, "b", "c"), Entry(MOMENT, "d", "{}")]


def test_entries_by_column_are_a_sequence_of_the_same_entries() -> None:
    columns = Entries.of(ENTRIES)
    assert list(columns) == ENTRIES
    assert [columns[at] for at in range(-3, 3)] == ENTRIES * 2
    assert list(columns[1:]) == ENTRIES[1:]
    assert len(columns) == 3
    assert not Entries(array("q"), [], [])


def test_entries_that_are_columns_already_are_not_copied() -> None:
    columns = Entries.of(ENTRIES)
    assert Entries.of(columns) is columns
