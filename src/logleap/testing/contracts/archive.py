"""What every ArchiveStore promises."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from uuid import uuid4

import pytest

from logleap.domain.datasets import Archive
from logleap.domain.entries import Entry, Manifest, PlacedEntries, Row
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.errors import CountMismatch

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)

blocks_of = PlacedEntries.in_blocks

SPECIAL = [
    Entry(datetime(1, 1, 1, tzinfo=UTC), "the first microsecond"),
    Entry(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "the last microsecond"),
    Entry(NOON, "no context", None),
    Entry(NOON, "empty context", ""),
    Entry(NOON, "line\nline\r\nline\u2028line", '{"n": 18446744073709551616, "a": 1, "a": 2}'),
    Entry(NOON, "é and e\u0301, 😀, \U0010ffff, \ufeff, \x1b[31m", "null"),
    Entry(NOON, "NUL \0 in the middle", "\0"),
    Entry(NOON, "x" * 2**20, '"' * 2**20),
]


def rows_of(given: dict[str, list[Entry]]) -> Iterator[Row]:
    for batch_id, entries in given.items():
        for sequence, entry in enumerate(entries):
            yield Row(batch_id, sequence, entry)


def some_rows(batch_id: str, number: int) -> Iterator[Row]:
    return rows_of({batch_id: [Entry(NOON + timedelta(seconds=n), f"line {n}") for n in range(number)]})


def manifest_of(number: int) -> Manifest:
    return Manifest(str(uuid4()), {"batch": number})


def test_the_rows_come_back_as_they_were(archives: ArchiveStore) -> None:
    given = {"one": SPECIAL, "two": [Entry(NOON, "last")]}
    manifest = Manifest(str(uuid4()), {batch_id: len(entries) for batch_id, entries in given.items()})
    archive = archives.write(manifest, blocks_of(rows_of(given)))
    assert archive.entries == manifest.entries == archives.count(archive)
    rows = list(archives.read(archive))
    assert sorted(rows, key=lambda row: row[:2]) == list(rows_of(given))
    assert {row.entry.timestamp.utcoffset() for row in rows} == {timedelta(0)}


def test_many_rows_come_back(archives: ArchiveStore) -> None:
    archive = archives.write(manifest_of(20_000), blocks_of(some_rows("batch", 20_000)))
    assert archives.count(archive) == 20_000
    assert list(archives.read(archive)) == list(some_rows("batch", 20_000))


def test_columns_hold_the_entries_that_the_rows_hold(archives: ArchiveStore) -> None:
    given = {"one": SPECIAL, "two": [Entry(NOON, f"line {n}") for n in range(1500)]}
    archive = archives.write(
        Manifest(str(uuid4()), {"one": len(SPECIAL), "two": 1500}), blocks_of(rows_of(given))
    )
    columns = list(chain.from_iterable(archives.columns(archive)))
    assert columns == [row.entry for row in archives.read(archive)]
    assert len(columns) == archive.entries
    placed = chain.from_iterable(part.rows() for part in archives.placed_columns(archive))
    assert sorted(placed, key=repr) == sorted(archives.read(archive), key=repr)
    early = chain.from_iterable(
        part.rows() for part in archives.placed_columns(archive, lambda first, _: first < 0)
    )
    assert {row for row in archives.read(archive) if row.entry.timestamp.year < 1970} <= set(early)


def test_an_archive_says_its_digest(archives: ArchiveStore) -> None:
    one = archives.write(manifest_of(2), blocks_of(some_rows("batch", 2)))
    other = archives.write(manifest_of(3), blocks_of(some_rows("batch", 3)))
    assert one.sha256 != other.sha256
    for archive in (one, other):
        assert len(bytes.fromhex(archive.sha256)) == 32


def test_reading_can_be_broken_off_and_begun_again(archives: ArchiveStore) -> None:
    archive = archives.write(manifest_of(500), blocks_of(some_rows("batch", 500)))
    first = archives.read(archive)
    assert list(islice(first, 3)) == list(some_rows("batch", 3))
    del first
    assert list(archives.read(archive)) == list(some_rows("batch", 500))


def test_each_data_set_has_an_archive_of_its_own(archives: ArchiveStore) -> None:
    one = archives.write(manifest_of(2), blocks_of(some_rows("batch", 2)))
    other = archives.write(manifest_of(3), blocks_of(some_rows("batch", 3)))
    archives.remove(one)
    assert archives.count(other) == 3


@pytest.mark.parametrize("number", [0, 2, 4])
def test_another_number_of_rows_than_acknowledged_is_refused_and_leaves_nothing(
    archives: ArchiveStore, archived_files: Callable[[], set[str]], number: int
) -> None:
    before = archived_files()
    with pytest.raises(CountMismatch, match=f"3 entries were acknowledged, but {number} are stored"):
        archives.write(manifest_of(3), blocks_of(some_rows("batch", number)))
    assert archived_files() == before


def test_rows_that_break_off_leave_nothing(
    archives: ArchiveStore, archived_files: Callable[[], set[str]]
) -> None:
    def breaking_off() -> Iterator[Row]:
        yield from some_rows("batch", 2)
        raise RuntimeError("the store is gone")

    before = archived_files()
    with pytest.raises(RuntimeError, match="the store is gone"):
        archives.write(manifest_of(3), blocks_of(breaking_off()))
    assert archived_files() == before


def test_an_archive_written_earlier_stays_as_it_is(archives: ArchiveStore) -> None:
    manifest = manifest_of(3)
    first = archives.write(manifest, blocks_of(some_rows("batch", 3)))
    second = archives.write(Manifest(manifest.dataset_id, {"other": 5}), blocks_of(some_rows("other", 5)))
    with pytest.raises(CountMismatch):
        archives.write(manifest, blocks_of(some_rows("batch", 2)))
    assert list(archives.read(first)) == list(some_rows("batch", 3))
    assert list(archives.read(second)) == list(some_rows("other", 5))
    archives.remove(first)
    assert archives.count(second) == 5


def test_a_removed_archive_is_gone(archives: ArchiveStore, archived_files: Callable[[], set[str]]) -> None:
    before = archived_files()
    archive = archives.write(manifest_of(3), blocks_of(some_rows("batch", 3)))
    assert archived_files() != before
    for _ in range(2):
        archives.remove(archive)
        assert archived_files() == before
        assert_damaged(archives, archive)


def test_all_archives_of_a_data_set_go_at_once_and_no_other(
    archives: ArchiveStore, archived_files: Callable[[], set[str]]
) -> None:
    other = archives.write(manifest_of(3), blocks_of(some_rows("batch", 3)))
    before = archived_files()
    manifest = manifest_of(2)
    gone = [archives.write(manifest, blocks_of(some_rows("batch", 2))) for _ in range(2)]
    for _ in range(2):
        archives.remove_all(manifest.dataset_id)
        assert archived_files() == before
    for archive in gone:
        assert_damaged(archives, archive)
    assert archives.count(other) == 3


DAMAGE: dict[str, Callable[[Archive], Archive]] = {
    "another digest": lambda archive: replace(archive, sha256="0" * 64),
    "nothing there": lambda archive: replace(archive, url=archive.url + "x"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_missing_archive_is_named_and_not_taken_for_whole(
    archives: ArchiveStore, damage: str
) -> None:
    assert_damaged(
        archives,
        DAMAGE[damage](archives.write(manifest_of(3), blocks_of(some_rows("batch", 3)))),
    )


def assert_damaged(archives: ArchiveStore, archive: Archive) -> None:
    with pytest.raises(ArchiveDamaged, match=re.escape(archive.url)):
        archives.count(archive)
    with pytest.raises(ArchiveDamaged, match=re.escape(archive.url)):
        list(archives.read(archive))
