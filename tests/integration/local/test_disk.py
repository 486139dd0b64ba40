"""A disk that is full, or mounted for reading: nothing is lost, and all goes on once that is mended."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite.database import Database, StorageUnusable
from logleap.ports.errors import Unavailable

OpenLocal = Callable[[Path], Any]
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path, leave: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = place / "ballast"
    status = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leave)
    return ballast


def test_a_full_disk_makes_it_unavailable_and_keeps_what_was_acknowledged(
    small_disk: Path, open_local: OpenLocal, lines: Any, noise: Any
) -> None:
    local = open_local(small_disk / "data")
    dataset = local.announce()
    local.upload(dataset, lines(5))
    ballast = fill(small_disk, leave=MIB)
    with pytest.raises(Unavailable, match="its disk is full"):
        local.database.check()
    for chunks in ([noise(40)], [noise(40)] * 5):  # the second is written before its receipt
        with pytest.raises(Unavailable, match="its disk is full"):
            local.upload(dataset, *chunks)
    assert local.count(dataset) == 5
    ballast.unlink()
    local.database.check()
    local.upload(dataset, noise(40))
    assert local.count(dataset) == 45
    with local.database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_log_that_cannot_be_emptied_for_want_of_room_loses_nothing(
    small_disk: Path, open_local: OpenLocal, noise: Any, caplog: pytest.LogCaptureFixture
) -> None:
    local = open_local(small_disk / "data")
    dataset = local.announce()
    ballast = fill(small_disk, leave=22 * MIB)  # for the log, but not for as much in the file
    uploads = 0
    while "could not checkpoint" not in caplog.text:
        local.upload(dataset, noise(40))
        uploads += 1
    assert local.count(dataset) == 40 * uploads
    ballast.unlink()
    for _ in range(uploads):
        local.upload(dataset, noise(40))
    assert local.count(dataset) == 80 * uploads


def test_a_full_disk_is_refused_at_the_start(small_disk: Path) -> None:
    ballast = fill(small_disk, leave=8 * 1024)
    with pytest.raises(StorageUnusable, match="its disk is full: free some space"):
        Database(small_disk / "data")
    ballast.unlink()
    Database(small_disk / "data").close()


def test_a_disk_that_is_mounted_for_reading_is_refused(small_disk: Path, open_local: OpenLocal) -> None:
    local = open_local(small_disk / "data")
    dataset = local.announce()
    local.database.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageUnusable, match="its disk is mounted for writing"):
        Database(small_disk / "data")
    with pytest.raises(StorageUnusable, match="Read-only file system"):
        Database(small_disk / "new")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    local = open_local(small_disk / "data")
    assert local.datasets.get(dataset.owner, dataset.dataset_id) == dataset


def test_a_file_that_cannot_grow_makes_it_unavailable_and_keeps_what_was_acknowledged(
    tmp_path: Path, lines: Any, noise: Any, monkeypatch: pytest.MonkeyPatch, open_local: OpenLocal
) -> None:
    connect = Database._connect

    def connect_to_a_small_file(database: Database, **options: Any) -> sqlite3.Connection:
        connection = connect(database, **options)
        connection.execute("PRAGMA max_page_count = 100")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_connect", connect_to_a_small_file)
        local = open_local(tmp_path)
        dataset = local.announce()
        local.upload(dataset, lines(5))
        for chunks in ([noise(40)], [noise(40)] * 5):  # the second is written before its receipt
            with pytest.raises(Unavailable, match="its disk is full: free some space"):
                local.upload(dataset, *chunks)
            assert local.count(dataset) == 5
        local.database.close()
    local = open_local(tmp_path)
    local.upload(dataset, noise(40))
    assert local.count(dataset) == 45
