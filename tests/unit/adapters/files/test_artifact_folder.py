"""Blobs as files: who may read them, and what becomes of errors of the disk."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logleap.adapters.files.artifacts import ArtifactFolder
from logleap.adapters.files.part import FilePart
from logleap.ports.artifacts import Blob
from logleap.ports.errors import StorageFull, Unavailable

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@posix
def test_files_and_folders_are_for_their_owner_alone(folder: Path) -> None:
    store = ArtifactFolder(folder)
    for _ in range(2):
        blob = store.write("d", "r", [b"secret"])
        store.publish("d", "r", [blob])
    store.write("d", "r", [b"staged"])
    modes = {path.relative_to(folder): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {mode for path, mode in modes.items() if (folder / path).is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if (folder / path).is_file()} == {0o600}


def test_no_id_leads_out_of_the_folder(folder: Path) -> None:
    store = ArtifactFolder(folder)
    blob = store.write("../../up", "../r", [b"x"])
    with store.open(Blob("../../up", "../r", blob)) as file:
        assert file.read() == b"x"
    assert {path.name for path in folder.parent.iterdir()} == {"artifacts"}


def test_nothing_is_left_of_folders_that_are_empty(folder: Path) -> None:
    store = ArtifactFolder(folder)
    kept, gone = store.write("d", "r", [b"x"]), store.write("d2", "r", [b"x"])
    store.publish("d", "r", [kept])
    store.discard(Blob("d2", "r", gone))
    assert list((folder / "staged").iterdir()) == []


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(("number", "kind"), [(28, StorageFull), (5, Unavailable)])
def test_a_disk_that_is_full_or_fails_is_unavailable(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(kind, match="artifacts' folder cannot be written or read: "):
        ArtifactFolder(folder).write("d", "r", [b"x"])


def test_a_part_ends_where_it_is_to_end_however_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with FilePart(path.open("rb"), 3, 4) as part:
        assert (part.read(2), part.read(100), part.read(1)) == (b"34", b"56", b"")
        assert part.seek(-100, os.SEEK_CUR) == 0
        assert part.seek(-1, os.SEEK_END) == 3
        assert part.read() == b"6"
    with FilePart(path.open("rb"), 99) as part:
        assert part.read() == b""
