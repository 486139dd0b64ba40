"""Entries by column, and what receipts add up to."""

from array import array
from datetime import UTC, datetime

import pytest

from logleap.domain.entries import NO_TEXT, Entries, Entry, Manifest, PackedEntries

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


def test_packed_entries_are_the_same_sequence_with_lists_that_are_made_when_they_are_wanted() -> None:
    micros = Entries.of(ENTRIES).micros
    spans = (
        array("q", [4 << 32 | 1, 0 << 32 | 1, 1 << 32 | 1]),
        array("q", [NO_TEXT, 2 << 32 | 1, 5 << 32 | 2]),
    )
    packed = PackedEntries(micros, b"bdc a{}".replace(b" ", b"-"), *spans, ordered=True)
    assert len(packed) == 3
    assert [packed[at] for at in range(-3, 3)] == ENTRIES * 2
    assert list(packed) == ENTRIES
    assert list(packed[1:]) == ENTRIES[1:]
    assert packed[1:].ordered
    assert not packed[::-1].ordered
    assert packed.messages is packed.messages
    assert packed.contexts == [None, "c", "{}"]
    assert packed.merged([]) is None
    with pytest.raises(AttributeError, match="others"):
        packed.others  # noqa: B018
