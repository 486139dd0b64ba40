"""Entries in the time order: chunks are found by their times, those of earlier versions too."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from logleap.adapters.local.entries import insert_chunks
from logleap.adapters.local.sqlite.chunks.chunk import Chunk, pack
from logleap.domain.entries import Batch, Entries, Entry, Row
from logleap.domain.selection import Selection
from logleap.domain.times import to_micros

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def lines(first: int, number: int) -> list[Entry]:
    return [Entry(NOON + timedelta(seconds=n), f"line {n}") for n in range(first, first + number)]


def selected(local: Any, dataset: Any, **fields: Any) -> list[Row]:
    manifest = local.ledger.acknowledged(dataset.dataset_id)
    return [row for block in local.store.select(manifest, Selection(**fields)) for row in block.rows()]


def orphan(local: Any, dataset: Any, entries: list[Entry]) -> None:
    """A chunk in the file whose batch has no receipt."""
    batch = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    with local.database.writing() as connection:
        insert_chunks(connection, [pack(batch, entries, 0)])


def forget_times(local: Any) -> None:
    """As a file of an earlier version is after its migration."""
    with local.database.writing() as connection:
        connection.execute("UPDATE chunks SET first_time = NULL, last_time = NULL")
        connection.execute("DELETE FROM chunk_times")
        connection.execute("DELETE FROM timed")


def test_chunks_of_an_earlier_version_get_their_times_at_the_first_read(local: Any) -> None:
    dataset, other = local.announce(), local.announce()
    for first in range(0, 600, 10):
        local.upload(dataset, lines(first, 10))
    local.upload(other, lines(0, 3))
    expected = selected(local, dataset)
    forget_times(local)
    start = to_micros(NOON + timedelta(seconds=100))
    assert selected(local, dataset, limit=7, start=start) == expected[100:107]
    assert selected(local, dataset) == expected


def test_a_page_reads_the_chunks_of_its_range_alone(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = local.announce()
    for first in range(0, 2_000, 20):
        local.upload(dataset, lines(first, 25))
    local.upload(dataset, [lines(0, 1)[0], lines(5_000, 1)[0]])  # spans all others
    unpacked = []
    unpack = Chunk.unpack

    def noted(chunk: Chunk) -> Entries:
        unpacked.append(chunk)
        return unpack(chunk)

    monkeypatch.setattr(Chunk, "unpack", noted)
    start = to_micros(NOON + timedelta(seconds=1_000))
    assert len(selected(local, dataset, start=start, limit=30)) == 30
    assert len(unpacked) <= 6


@pytest.mark.parametrize("damage", ["data = x'00'", "first_time = 1", "last_time = last_time + 1"])
def test_a_damaged_chunk_is_not_there_and_is_told(
    local: Any, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = local.announce()
    kept, damaged = local.upload(dataset, lines(0, 5)), local.upload(dataset, lines(3, 4))
    with local.database.writing() as connection:
        connection.execute(f"UPDATE chunks SET {damage} WHERE batch_id = ?", (damaged,))
    assert {row.batch_id for row in selected(local, dataset)} == {kept}
    assert "4 entries are damaged" in caplog.text


def test_a_damaged_chunk_without_times_does_not_stop_the_others(local: Any) -> None:
    dataset = local.announce()
    kept, damaged = local.upload(dataset, lines(0, 5)), local.upload(dataset, lines(3, 4))
    forget_times(local)
    with local.database.writing() as connection:
        connection.execute("UPDATE chunks SET data = x'02' WHERE batch_id = ?", (damaged,))
    for _ in range(2):
        assert {row.batch_id for row in selected(local, dataset)} == {kept}


def test_a_reader_holds_no_transaction_between_two_blocks(local: Any) -> None:
    dataset = local.announce()
    for first in range(0, 100, 10):
        local.upload(dataset, lines(first, 10))
    manifest = local.ledger.manifest(dataset.dataset_id)
    blocks = local.store.select(manifest, Selection())
    next(blocks)
    with local.database.writing():
        pass
    with local.database.reading() as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    assert sum(map(len, blocks)) == 90


def test_a_batch_counts_from_its_receipt_on(local: Any) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(0, 1))
    orphan(local, dataset, lines(0, 9))
    assert len(selected(local, dataset)) == 1


def test_chunks_are_found_whose_numbers_were_those_of_others_before(local: Any) -> None:
    dataset, other = local.announce(), local.announce()
    local.upload(dataset, lines(0, 3))
    local.upload(other, lines(0, 3))
    assert len(selected(local, other)) == 3
    local.store.drop(other.dataset_id)
    assert len(selected(local, dataset)) == 3
    local.upload(dataset, lines(10, 3))  # its chunk has the number of the one that was dropped
    assert len(selected(local, dataset)) == 6


def test_orphans_that_are_removed_leave_the_order_of_the_others(local: Any) -> None:
    dataset = local.announce()
    expected = [local.upload(dataset, lines(0, 2))]
    orphan(local, dataset, lines(0, 9))
    expected.append(local.upload(dataset, lines(5, 2)))
    assert len(selected(local, dataset)) == 4
    assert local.store.remove_orphans(local.ledger.manifest(dataset.dataset_id)) == 9
    expected.append(local.upload(dataset, lines(9, 2)))
    assert [row.batch_id for row in selected(local, dataset)][::2] == expected


def test_a_manifest_is_kept_only_as_long_as_it_is_right(local: Any) -> None:
    dataset, ledger = local.announce(), local.ledger
    for number in range(1, 4):
        local.upload(dataset, lines(0, 1))
        assert len(ledger.acknowledged(dataset.dataset_id).batches) == number
        assert ledger.acknowledged(dataset.dataset_id) is ledger.acknowledged(dataset.dataset_id)
    for _ in range(5):
        ledger.acknowledged(local.announce().dataset_id)
    assert len(ledger.acknowledged(dataset.dataset_id).batches) == 3
