"""Copies of the database: of one moment, read after they were made, and put back whole."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite import backup
from logleap.adapters.local.sqlite.backup import back_up, restore, verify
from logleap.adapters.local.sqlite.database import FILE_NAME, Database, StorageUnusable
from logleap.adapters.local.sqlite.schema import MIGRATIONS
from logleap.domain.datasets import Action

LOG = f"{FILE_NAME}-wal"


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(StorageUnusable) as refused:
        call()
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_a_copy_made_beside_busy_writers_is_of_one_moment_and_restored_whole(
    open_local: Any, tmp_path: Path, start_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder, file = tmp_path / "data", tmp_path / "copy.db"
    local = open_local(folder)
    datasets = [local.announce(), local.announce()]
    uploaders = [
        start_process("uploader.py", folder, dataset.owner, dataset.dataset_id, size, 2)
        for dataset, size in zip(datasets, ("small", "large"), strict=True)
    ]
    before = [_acknowledged(uploader, 20) for uploader in uploaders]
    made = back_up(folder, file)
    after = [_acknowledged(uploader, 5) for uploader in uploaders]
    for uploader in uploaders:
        uploader.send_signal(signal.SIGKILL)  # beside the writers: kill -9 changes nothing of the copy
        uploader.wait()
    assert made.incomplete == []
    found, replaced = restore(tmp_path / "fresh", file)
    assert replaced is None
    assert (found.entries, found.until) == (made.entries, made.until)
    fresh = open_local(tmp_path / "fresh")
    total = 0
    for dataset, kept, later in zip(datasets, before, after, strict=True):
        manifest = fresh.ledger.manifest(dataset.dataset_id)
        assert kept.items() <= manifest.batches.items()
        assert all(manifest.batches.get(batch, entries) == entries for batch, entries in later.items())
        assert fresh.store.count(manifest) == manifest.entries
        total += manifest.entries
    assert total == made.entries


def _acknowledged(uploader: "subprocess.Popen[str]", number: int) -> dict[str, int]:
    assert uploader.stdout is not None
    lines = [uploader.stdout.readline().split() for _ in range(number)]
    return {batch: int(entries) for batch, entries in lines}


def test_a_copy_that_was_not_finished_is_not_taken_for_one(
    open_local: Any, tmp_path: Path, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = open_local(tmp_path / "data")
    local.upload(local.announce(), lines(5))
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from logleap.adapters.local.sqlite import backup\n"
        "backup.verify = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "backup.back_up(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    file = tmp_path / "copy.db"
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "data", file], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not file.exists()
    assert back_up(tmp_path / "data", file).entries == 5
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy.db"]


def test_a_copy_is_one_file_for_its_owner_alone(local: Any, tmp_path: Path, lines: Any) -> None:
    local.upload(local.announce(), lines(5))
    (tmp_path / "copies").mkdir()
    back_up(tmp_path, tmp_path / "copies/copy.db")
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["copy.db"]
    assert (tmp_path / "copies/copy.db").stat().st_mode & 0o777 == 0o600


def test_a_copy_replaces_no_file(local: Any, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("notes")
    assert "exists already" in refusal(lambda: back_up(tmp_path, file))
    assert file.read_text() == "notes"


def test_a_copy_into_a_folder_that_is_missing_is_refused_and_said(local: Any, tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(lambda: back_up(tmp_path, tmp_path / "nowhere/copy.db"))


def test_no_copy_is_made_of_nothing_or_of_a_part(open_local: Any, tmp_path: Path) -> None:
    assert "check LOGLEAP_DATA_DIR" in refusal(lambda: back_up(tmp_path / "data", tmp_path / "copy.db"))
    open_local(tmp_path / "data").database.close()
    (tmp_path / "data" / f"{FILE_NAME}-last").unlink()
    assert "later changes may be missing" in refusal(lambda: back_up(tmp_path / "data", tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()


def test_what_is_replaced_is_kept_and_its_log_is_not_taken_for_that_of_the_copy(
    open_local: Any, tmp_path: Path, lines: Any, start_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder, file = tmp_path / "data", tmp_path / "copy.db"
    local = open_local(folder)
    dataset = local.announce()
    local.upload(dataset, lines(5))
    back_up(folder, file)
    local.database.close()
    uploader = start_process("uploader.py", folder, dataset.owner, dataset.dataset_id, "small", 1)
    later = _acknowledged(uploader, 10)
    uploader.send_signal(signal.SIGKILL)
    uploader.wait()
    assert (folder / LOG).stat().st_size > 0
    (folder / LOG).rename(tmp_path / "log")  # it got lost: the start is refused, and a copy is restored
    assert "is missing, cut or damaged" in refusal(lambda: Database(folder))
    (tmp_path / "log").rename(folder / LOG)
    _, replaced = restore(folder, file)
    assert replaced is not None
    restored = open_local(folder)
    assert restored.count(dataset) == restored.ledger.totals(dataset.dataset_id).entries == 5
    restored.upload(dataset, lines(3))
    assert restored.count(dataset) == 8
    old = open_local(replaced)
    assert later.items() <= old.ledger.manifest(dataset.dataset_id).batches.items()


@pytest.mark.parametrize("last_step", ["log", "memory", "database", "copy", "marker"])
def test_a_restoring_that_breaks_off_leaves_a_start_that_is_refused_or_as_it_was(
    open_local: Any, tmp_path: Path, lines: Any, monkeypatch: pytest.MonkeyPatch, last_step: str
) -> None:
    folder, file = tmp_path / "data", tmp_path / "copy.db"
    local = open_local(folder)
    dataset = local.announce()
    local.upload(dataset, lines(5))
    back_up(folder, file)
    local.upload(dataset, lines(3))
    local.database.close()
    for name in (LOG, f"{FILE_NAME}-shm"):
        (folder / name).touch()  # as SIGKILL leaves them
    calls = iter(["log", "memory", "database", "copy", "marker"])

    def make_durable(_: Path) -> None:
        if next(calls) == last_step:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(backup, "make_durable", make_durable)
    refusal(lambda: restore(folder, file))
    monkeypatch.undo()
    if last_step == "marker":
        assert open_local(folder).count(dataset) == 5
    elif last_step in {"log", "memory"}:
        assert open_local(folder).count(dataset) == 8  # the log was empty
    else:
        assert "restore a backup" in refusal(lambda: Database(folder))
        restore(folder, file)
        assert open_local(folder).count(dataset) == 5


def test_nothing_is_restored_to_a_folder_in_use(
    open_local: Any, tmp_path: Path, lines: Any, start_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder, file = tmp_path / "data", tmp_path / "copy.db"
    local = open_local(folder)
    dataset = local.announce()
    local.upload(dataset, lines(5))
    back_up(folder, file)
    local.database.close()
    user = start_process("uploader.py", folder, dataset.owner, dataset.dataset_id, "small", 1)
    _acknowledged(user, 1)
    user.send_signal(signal.SIGSTOP)
    assert "is in use: stop every LogLeap on this folder" in refusal(lambda: restore(folder, file))
    user.send_signal(signal.SIGKILL)
    user.wait()
    restore(folder, file)
    assert open_local(folder).count(dataset) == 5


def test_a_damaged_copy_is_not_restored(open_local: Any, tmp_path: Path, noise: Any) -> None:
    folder, file = tmp_path / "data", tmp_path / "copy.db"
    local = open_local(folder)
    local.upload(local.announce(), noise(3))
    back_up(folder, file)
    content = file.read_bytes()
    torn = content[:4096] + b"\xff" * 8192 + content[12288:]
    for harmed in (content[: len(content) // 2], torn, b"notes"):
        file.write_bytes(harmed)
        text = refusal(lambda: restore(tmp_path / "fresh", file))
        assert "damaged" in text or "not an SQLite file" in text
    assert not (tmp_path / "fresh" / FILE_NAME).exists()
    assert "no file" in refusal(lambda: restore(folder, tmp_path / "nowhere.db"))


def test_a_copy_of_another_program_or_of_a_newer_version_is_not_restored(local: Any, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    back_up(tmp_path, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert "made by a newer LogLeap" in refusal(lambda: restore(tmp_path / "fresh", file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA application_id = 7")
    assert "is not a backup that LogLeap made" in refusal(lambda: restore(tmp_path / "fresh", file))


def test_data_sets_of_which_entries_are_missing_are_named(local: Any, tmp_path: Path, lines: Any) -> None:
    whole, harmed, deleted = (local.announce() for _ in range(3))
    for dataset in (whole, harmed, deleted):
        local.upload(dataset, lines(5))
    with local.database.writing() as connection:
        connection.execute("UPDATE chunks SET checksum = 1 WHERE dataset_id <> ?", (whole.dataset_id,))
    local.datasets.save(
        local.datasets.get("owner", deleted.dataset_id).after(Action.DELETE, whole.created_at)
    )
    made = back_up(tmp_path, tmp_path / "copy.db")
    assert made.incomplete == [harmed.dataset_id]
    assert (made.datasets, made.entries) == (3, 5)
    assert verify(tmp_path / "copy.db").incomplete == [harmed.dataset_id]


def test_the_disk_of_the_copy_may_be_full(local: Any, tmp_path: Path, noise: Any) -> None:
    local.upload(local.announce(), noise(30))
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from logleap.adapters.local.sqlite import backup\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n"
        "    backup.back_up(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except backup.StorageUnusable as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(tmp_path / "copy.db")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "cannot be copied to" in said
    assert not any(path.name.startswith((".copy", "copy")) for path in tmp_path.iterdir())


def test_a_copy_of_an_earlier_version_is_restored_and_brought_to_this_one(
    open_local: Any, tmp_path: Path, lines: Any, bring_back: Any
) -> None:
    local = open_local(tmp_path / "data")
    dataset = local.announce()
    local.upload(dataset, lines(5))
    back_up(tmp_path / "data", tmp_path / "copy.db")
    bring_back(tmp_path / "copy.db", 4)
    restore(tmp_path / "fresh", tmp_path / "copy.db")
    assert open_local(tmp_path / "fresh").count(dataset) == 5
    shutil.rmtree(tmp_path / "fresh")
