"""Damage to what is stored is found by whoever counts or reads, and nothing else suffers."""

import logging
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite.chunks.chunk import pack
from logleap.adapters.local.sqlite.database import FILE_NAME
from logleap.domain.entries import Batch
from logleap.ports.errors import Unavailable


def damage(local: Any, change: str, batch_id: str) -> None:
    with local.database.writing() as connection:
        assert connection.execute(f"UPDATE chunks SET {change} WHERE batch_id = ?", (batch_id,)).rowcount == 1


@pytest.mark.parametrize(
    "change",
    [
        "data = CAST(substr(data, 1, 40) || x'00' || substr(data, 42) AS BLOB)",
        "data = substr(data, 1, 40) || x'00' || substr(data, 42)",  # the type has changed too
        "data = substr(data, 1, length(data) - 1)",
        "data = x''",
        "entries = entries + 1",
        "first = first + 1",
        "checksum = checksum + 1",
        "dataset_id = 'another'",
    ],
)
def test_a_damaged_chunk_is_missing_from_count_and_reading_and_said_so(
    local: Any, lines: Any, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    dataset = local.announce()
    harmed = local.upload(dataset, lines(30))
    kept = local.upload(dataset, lines(7))
    damage(local, change, harmed)
    manifest = local.ledger.manifest(dataset.dataset_id)
    assert manifest.entries == 37
    with caplog.at_level(logging.ERROR):
        assert local.store.count(manifest) == 7
    if not change.startswith("dataset_id"):
        assert harmed in caplog.text
        assert dataset.dataset_id in caplog.text
    assert {row.batch_id for row in local.store.read(manifest)} == {kept}


def test_another_copy_of_a_damaged_chunk_is_read_instead(local: Any, lines: Any) -> None:
    dataset = local.announce()
    given = lines(30)
    batch_id = local.upload(dataset, given)
    copy = pack(Batch(dataset.dataset_id, dataset.owner, batch_id), given, 0)
    damage(local, "entries = entries + 100", batch_id)
    with local.database.writing() as connection:
        insert = "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
        connection.execute(insert, copy)
    assert local.count(dataset) == 30
    rows = local.store.read(local.ledger.manifest(dataset.dataset_id))
    assert [row.entry for row in rows] == given


def test_a_byte_that_changed_on_the_disk_is_found(
    open_local: Any, tmp_path: Path, lines: Any, noise: Any
) -> None:
    local = open_local(tmp_path)
    dataset = local.announce()
    local.upload(dataset, noise(3))
    local.upload(dataset, lines(7))
    with local.database.reading() as connection:
        (data,) = connection.execute("SELECT data FROM chunks ORDER BY length(data) DESC LIMIT 1").fetchone()
    local.database.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    # Some page of the file holds these bytes of the chunk in one piece.
    piece = next(data[at : at + 16] for at in range(1000, 9000, 64) if data[at : at + 16] in content)
    content[content.index(piece)] ^= 1
    file.write_bytes(content)
    assert open_local(tmp_path).count(dataset) == 7


def test_a_file_that_is_damaged_as_a_whole_is_unavailable_and_said_to_be_damaged(
    open_local: Any, tmp_path: Path, lines: Any
) -> None:
    local = open_local(tmp_path)
    dataset = local.announce()
    for number in range(200):
        local.upload(dataset, lines(50, number))
    local.database.close()
    file = tmp_path / FILE_NAME
    local = open_local(tmp_path)
    with local.database.reading() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'chunks'"
        ((page,),) = connection.execute(query).fetchall()
    local.database.close()
    content = file.read_bytes()
    file.write_bytes(content[: 4096 * (page - 1)] + b"\xff" * 4096 + content[4096 * page :])
    local = open_local(tmp_path)
    with pytest.raises(Unavailable, match="damaged: stop every process that uses it, and restore a backup"):
        local.count(dataset)


def test_a_damaged_last_page_is_not_taken_for_a_full_disk(
    open_local: Any, tmp_path: Path, noise: Any
) -> None:
    local = open_local(tmp_path)
    datasets = [local.announce(), local.announce()]
    for _ in range(10):
        for dataset in datasets:
            local.upload(dataset, noise(1))
    local.database.close()
    file = tmp_path / FILE_NAME
    file.write_bytes(file.read_bytes()[:-4096] + b"\xff" * 4096)
    local = open_local(tmp_path)
    with pytest.raises(Unavailable, match="damaged: stop every process that uses it, and restore a backup"):
        local.store.drop(datasets[0].dataset_id)
