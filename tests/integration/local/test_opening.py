"""What a file or folder may be like, and what is said where it cannot be used."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite import database, folder
from logleap.adapters.local.sqlite.database import FILE_NAME, Database, StorageUnusable
from logleap.adapters.local.sqlite.schema import APPLICATION_ID, MIGRATIONS
from logleap.ports.errors import Unavailable

OpenLocal = Callable[[Path], Any]
Lines = Callable[..., Any]


def refusal(place: Path) -> str:
    """The one line with which the folder is refused."""
    with pytest.raises(StorageUnusable) as refused:
        Database(place)
    text = str(refused.value)
    assert "\n" not in text
    assert str(place) in text
    return text


# ---- a new file, and one that is there ---------------------------------------------------------------------


def test_folder_and_file_are_made_and_found_again(
    open_local: OpenLocal, tmp_path: Path, lines: Lines
) -> None:
    place = tmp_path / "not" / "there yet? 100% #1"
    first = open_local(place)
    dataset = first.announce()
    first.upload(dataset, lines(5))
    first.database.close()
    beside = {f"{FILE_NAME}-{name}" for name in ("last", "next", "reserve")}
    assert {path.name for path in place.iterdir()} == {FILE_NAME, *beside}
    assert open_local(place).count(dataset) == 5


def test_the_file_is_marked_and_durable(open_local: OpenLocal, tmp_path: Path) -> None:
    with open_local(tmp_path).database.reading() as connection:
        pragmas = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "journal_mode", "synchronous", "auto_vacuum")
        }
    assert pragmas == {
        "application_id": APPLICATION_ID,
        "user_version": len(MIGRATIONS),
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "auto_vacuum": 2,  # INCREMENTAL
    }


def test_processes_may_make_the_file_at_the_same_moment(
    tmp_path: Path, start_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    for number in range(3):
        place = tmp_path / str(number)
        openers = [start_process("opener.py", place) for _ in range(4)]
        assert [opener.communicate()[0] for opener in openers] == ["opened\n"] * 4


def test_a_closed_store_is_unavailable(open_local: OpenLocal, tmp_path: Path) -> None:
    local = open_local(tmp_path)
    for _ in range(2):
        local.database.close()
    with pytest.raises(Unavailable, match="it is closed"):
        local.announce()


# ---- other files -------------------------------------------------------------------------------------------


def test_a_file_that_is_no_sqlite_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    content = b"These are my notes. " * 500
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / FILE_NAME).chmod(0o644)
    assert "not an SQLite file: move it away, or choose another data folder" in refusal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mark", ["PRAGMA user_version = 1", "PRAGMA application_id = 7"])
def test_the_sqlite_file_of_another_program_is_refused_and_left_alone(tmp_path: Path, mark: str) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE notes (text)")
    connection.execute(mark)
    connection.commit()
    connection.close()
    content = (tmp_path / FILE_NAME).read_bytes()
    assert "an SQLite file of another program: move it away" in refusal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_an_empty_file_is_filled(open_local: OpenLocal, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    open_local(tmp_path).announce()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.touch()
    assert "cannot be the data folder: " in refusal(place)
    assert "cannot be the data folder: Not a directory." in refusal(place / "deeper")


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / {tmp_path.resolve()} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(folder, "_MOUNTS", mounts)
    text = refusal(tmp_path / "data")
    assert "network file system (nfs4)" in text
    assert "choose a data folder on a disk of this machine" in text


# ---- versions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_file_of_each_earlier_version_is_brought_to_this_one(
    open_local: OpenLocal, tmp_path: Path, version: int
) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        for statement in chain.from_iterable(MIGRATIONS[:version]):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
    local = open_local(tmp_path)
    local.announce()
    with local.database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (0,)


def test_an_older_file_is_brought_to_the_new_version_with_all_that_is_in_it(
    open_local: OpenLocal, tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_local(tmp_path)
    dataset = old.announce()
    old.upload(dataset, lines(5))
    addition = ("ALTER TABLE events ADD COLUMN actor TEXT", "CREATE TABLE actors (name TEXT PRIMARY KEY)")
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, addition))
    for events in (2, 3):
        new = open_local(tmp_path)
        with new.database.reading() as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
            assert connection.execute("SELECT actor FROM events").fetchall() == [(None,)] * events
        assert new.count(dataset) == 5
        new.announce()


def test_a_migration_that_fails_changes_nothing(
    open_local: OpenLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_local(tmp_path).database.close()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE half (a)", "CREATE NONSENSE")))
        with pytest.raises(sqlite3.OperationalError, match="syntax error"):
            Database(tmp_path)
    with open_local(tmp_path).database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT * FROM sqlite_master WHERE name = 'half'").fetchall() == []


def test_a_file_of_a_newer_version_is_refused(
    open_local: OpenLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE more (a)",)))
        open_local(tmp_path)
    text = refusal(tmp_path)
    assert f"written by a newer LogLeap (its schema is {len(MIGRATIONS) + 1}, this one knows up to" in text
    assert "use that version" in text


def test_a_process_of_the_old_version_stops_writing_once_a_newer_one_has_taken_over(
    open_local: OpenLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_local(tmp_path)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE more (a)",)))
    open_local(tmp_path)
    with pytest.raises(Unavailable, match="a newer LogLeap has migrated the file"):
        old.announce()


# ---- in use ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["deleted", "moved", "replaced"])
def test_a_file_that_is_taken_away_is_noticed_before_anything_is_lost_in_it(
    open_local: OpenLocal, tmp_path: Path, lines: Lines, harm: str
) -> None:
    local = open_local(tmp_path / "data")
    dataset = local.announce()
    local.upload(dataset, lines(5))
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    if harm == "replaced":
        open_local(tmp_path / "data")
    for call in (lambda: local.upload(dataset, lines(1)), local.database.check):
        with pytest.raises(Unavailable, match="moved, deleted or replaced"):
            call()
    if harm == "moved":
        shutil.move(tmp_path / "elsewhere", tmp_path / "data")
        local.upload(dataset, lines(1))
        assert local.count(dataset) == 6


def test_a_lock_that_another_process_keeps_makes_it_unavailable_in_time(
    open_local: OpenLocal, tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * database.LOCK_SECONDS < 10  # for a turn in the process, then among processes
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.2)
    local = open_local(tmp_path)
    dataset = local.announce()
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="another process has been writing"):
            local.upload(dataset, lines(3))
        with pytest.raises(Unavailable):
            local.database.check()
        assert local.datasets.get(dataset.owner, dataset.dataset_id) == dataset  # readers wait for nobody
        assert "another process has been writing" in refusal(tmp_path)
    finally:
        other.close()
    local.upload(dataset, lines(3))
    assert local.count(dataset) == 3


# ---- permissions -------------------------------------------------------------------------------------------


@pytest.fixture
def bound_by_permissions() -> Iterator[Path]:
    """A folder of a user whom permissions bind, and that user for the length of the test if this is root."""
    place = Path(tempfile.mkdtemp())  # not tmp_path: others must be able to get there
    root = os.geteuid() == 0
    if root:
        os.chown(place, 65534, 65534)
        os.setegid(65534)
        os.seteuid(65534)
    try:
        yield place
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
        place.chmod(0o700)
        shutil.rmtree(place)


def test_a_folder_that_may_not_be_written_is_refused(bound_by_permissions: Path) -> None:
    bound_by_permissions.chmod(0o500)
    assert "cannot be written: check its owner and permissions" in refusal(bound_by_permissions)
    assert "cannot be the data folder: Permission denied." in refusal(bound_by_permissions / "deeper")


def test_a_file_that_may_not_be_written_is_refused(bound_by_permissions: Path) -> None:
    Database(bound_by_permissions).close()
    file = bound_by_permissions / FILE_NAME
    for mode in (0o400, 0o000):
        file.chmod(mode)
        assert "cannot be written: check its owner and permissions" in refusal(bound_by_permissions)
    file.chmod(0o600)
    Database(bound_by_permissions).close()
