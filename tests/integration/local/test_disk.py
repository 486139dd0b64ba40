"""A disk that is full, or mounted for reading: nothing is lost, and all goes on once that is mended."""

import itertools
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.archive import LocalArchiveStore
from logleap.adapters.local.artifacts import LocalArtifactStore
from logleap.adapters.local.sqlite.database import FILE_NAME, Database, StorageUnusable
from logleap.adapters.local.sqlite.space import DiskSpace
from logleap.domain.datasets import NO_RETENTION, Action, State
from logleap.domain.errors import DatasetNotFound
from logleap.ports.errors import StorageFull, Unavailable
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.lifecycle.sweep import Sweep
from tools.faults.small_disk import fill

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
OpenLocal = Callable[..., Any]
MIB = 1 << 20


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
    small_disk: Path,
    open_local: OpenLocal,
    noise: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DiskSpace, "take", lambda space, size: None)
    monkeypatch.setattr(DiskSpace, "log_limit", 8 * MIB)
    local = open_local(small_disk / "data")
    dataset = local.announce()
    ballast = fill(small_disk, leave=11 * MIB)  # for the log, but not for as much in the file
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


@dataclass
class Filled:
    """A data folder on a disk that uploads have filled."""

    local: Any
    datasets: list[Any]
    uploaded: Counter[str]


@pytest.fixture
def filled(small_disk: Path, open_local: OpenLocal, noise: Any) -> Filled:
    local = open_local(small_disk / "data")
    datasets = [local.announce() for _ in range(3)]
    uploaded: Counter[str] = Counter()
    for entries in (40, 1):
        for dataset in itertools.cycle(datasets):
            try:
                local.upload(dataset, noise(entries))
            except StorageFull:
                break
            uploaded[dataset.dataset_id] += entries
    return Filled(local, datasets, uploaded)


def delete(local: Any, dataset: Any) -> None:
    archives = LocalArchiveStore((local.database._folder / "archive").as_uri())
    artifacts = LocalArtifactStore((local.database._folder / "artifacts").as_uri())
    DeleteDataset(local.datasets, local.store, archives, artifacts, lambda: datetime.now(UTC))(
        dataset.owner, dataset.dataset_id
    )


def test_uploads_leave_a_reserve_with_which_deleting_makes_room_for_uploads(
    filled: Filled, small_disk: Path, noise: Any
) -> None:
    local = filled.local
    assert sum(filled.uploaded.values()) * 32 * 1024 > 25 * MIB
    assert shutil.disk_usage(small_disk).free > 3 * MIB
    with pytest.raises(StorageFull, match="its disk is full except for"):  # noqa: PT012
        while True:
            local.announce()
    assert shutil.disk_usage(small_disk).free > 3 * MIB
    first, *others = filled.datasets
    free = shutil.disk_usage(small_disk).free
    delete(local, first)
    assert shutil.disk_usage(small_disk).free > free + 4 * MIB
    for dataset in others:
        assert local.count(dataset) == filled.uploaded[dataset.dataset_id]
    local.upload(others[0], noise(40))
    local.database.check()


def test_a_disk_that_uploads_have_filled_can_be_opened_again(
    filled: Filled, small_disk: Path, open_local: OpenLocal, caplog: pytest.LogCaptureFixture
) -> None:
    filled.local.database.close()
    fill(small_disk, leave=3 * MIB)
    local = open_local(small_disk / "data")
    assert "no uploads for now" in caplog.text
    for dataset in filled.datasets:
        assert local.count(dataset) == filled.uploaded[dataset.dataset_id]
    delete(local, filled.datasets[0])


def test_a_disk_that_others_have_filled_to_the_last_byte_can_be_opened_and_deleted_from(
    filled: Filled, small_disk: Path, open_local: OpenLocal
) -> None:
    filled.local.database.close()
    fill(small_disk)
    local = open_local(small_disk / "data")
    delete(local, filled.datasets[0])
    assert local.count(filled.datasets[1]) == filled.uploaded[filled.datasets[1].dataset_id]


def test_a_disk_on_which_nothing_is_held_can_be_read_while_it_is_full(
    filled: Filled, small_disk: Path, open_local: OpenLocal, caplog: pytest.LogCaptureFixture
) -> None:
    (small_disk / "data" / f"{FILE_NAME}-reserve").unlink()
    fill(small_disk)
    local = open_local(small_disk / "data")
    assert "nothing can be stored for now, only read" in caplog.text
    for dataset in filled.datasets:
        assert local.count(dataset) == filled.uploaded[dataset.dataset_id]
    with pytest.raises(Unavailable, match="its disk is full: free some space"):
        delete(local, filled.datasets[0])


def test_what_was_held_is_held_again_once_there_is_room(local: Any, tmp_path: Path) -> None:
    held = tmp_path / f"{FILE_NAME}-reserve"
    size = held.stat().st_size
    assert size == 4 * MIB
    assert local.database.space.release()
    assert not held.exists()
    local.database.check()
    assert held.stat().st_size == size


def test_a_reserve_of_nothing_lets_uploads_use_the_whole_disk(
    small_disk: Path, open_local: OpenLocal, noise: Any
) -> None:
    local = open_local(small_disk / "data", reserve=0)
    assert not (small_disk / "data" / f"{FILE_NAME}-reserve").exists()
    dataset = local.announce()
    fill(small_disk, leave=2 * MIB)
    local.upload(dataset, noise(40))


def test_several_processes_leave_the_reserve_too(small_disk: Path, open_local: OpenLocal, noise: Any) -> None:
    processes = [open_local(small_disk / "data") for _ in range(3)]
    full = 0
    dataset = processes[0].announce()
    for local in itertools.cycle(processes):
        try:
            local.upload(dataset, noise(40))
        except StorageFull:
            full += 1
            if full == 6:
                break
    assert shutil.disk_usage(small_disk).free > 3 * MIB
    delete(processes[1], dataset)


def test_a_full_archive_folder_affects_only_the_data_set_to_be_archived_and_only_for_now(
    small_disk: Path, local: Any, noise: Any, lines: Any
) -> None:
    pytest.importorskip("pyarrow")
    archives = LocalArchiveStore((small_disk / "archive").as_uri())
    archive = ArchiveDataset(local.datasets, local.store, local.ledger, archives, lambda: NOON)
    artifacts = LocalArtifactStore((small_disk / "artifacts").as_uri())
    delete = DeleteDataset(local.datasets, local.store, archives, artifacts, lambda: NOON)
    sweep = Sweep(
        local.datasets,
        local.runs,
        local.queue,
        artifacts,
        archive,
        delete,
        ApplyRetention(local.datasets, local.ledger, archive, delete, lambda: NOON, NO_RETENTION),
        now=lambda: NOON + timedelta(hours=1),
        patience=timedelta(minutes=10),
        max_attempts=5,
        time_limit=timedelta(days=1),
    )
    large, small, deleted, called = (local.announce() for _ in range(4))
    for dataset in (large, called):
        local.upload(dataset, noise(40))
    for dataset in (small, deleted):
        local.upload(dataset, lines(5))
    ballast = fill(small_disk, leave=MIB)
    with pytest.raises(Unavailable, match="No space left on device"):
        archive("owner", called.dataset_id)
    assert local.datasets.get("owner", called.dataset_id).state is State.UPLOADING
    for dataset, action in ((large, Action.ARCHIVE), (deleted, Action.DELETE), (small, Action.ARCHIVE)):
        stored = local.datasets.get("owner", dataset.dataset_id)
        local.datasets.save(stored.after(action, NOON))  # then a SIGKILL
    assert sweep().finished == 2
    with pytest.raises(DatasetNotFound):
        local.datasets.get("owner", deleted.dataset_id)
    assert local.datasets.get("owner", small.dataset_id).dropped
    assert local.datasets.get("owner", large.dataset_id).state is State.UPLOADING
    assert local.count(large) == 40
    ballast.unlink()
    assert archive("owner", large.dataset_id).totals.entries == 40
