"""Entries in the time order: chunks are found by their times, those of earlier versions too."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from logleap.adapters.local.sqlite.chunks import Chunk
from logleap.domain.entries import Batch, Entries, Entry, Row
from logleap.domain.selection import Selection
from logleap.domain.times import to_micros

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def lines(first: int, number: int) -> list[Entry]:
    return [Entry(NOON + timedelta(seconds=n), f"line {n}") for n in range(first, first + number)]


def selected(local: Any, dataset: Any, **fields: Any) -> list[Row]:
    manifest = local.ledger.acknowledged(dataset.dataset_id)
    return [row for block in local.store.select(manifest, Selection(**fields)) for row in block.rows()]


def without_times(local: Any) -> int:
    with local.database.reading() as connection:
        query = "SELECT count(*) FROM chunks WHERE level IS NULL OR first_time IS NULL OR last_time IS NULL"
        return int(connection.execute(query).fetchone()[0])


def forget_times(local: Any) -> None:
    with local.database.writing() as connection:
        connection.execute("UPDATE chunks SET level = NULL, first_time = NULL, last_time = NULL")


def test_chunks_of_an_earlier_version_get_their_times_at_the_first_read(local: Any) -> None:
    dataset, other = local.announce(), local.announce()
    for first in range(0, 600, 10):
        local.upload(dataset, lines(first, 10))
    local.upload(other, lines(0, 3))
    expected = selected(local, dataset)
    forget_times(local)
    start = to_micros(NOON + timedelta(seconds=100))
    assert selected(local, dataset, limit=7, start=start) == expected[100:107]
    assert without_times(local) == 1  # of the other data set
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


@pytest.mark.parametrize("damage", ["data = x'00'", "first_time = first_time - 1", "last_time = 0"])
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


def test_a_batch_in_several_chunks_counts_from_its_receipt_on(local: Any) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(0, 1))
    batch = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    long = [Entry(NOON, "x" * 700_000 + str(n)) for n in range(9)]  # written as it comes
    local.store.append(batch, long, 0)
    assert len(selected(local, dataset)) == 1
