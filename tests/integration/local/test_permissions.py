"""Nobody but the owner can read what is stored, or take a lock that the server waits for."""

import logging
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.archive import LocalArchiveStore
from logleap.adapters.local.sqlite.database import FILE_NAME
from logleap.adapters.local.sqlite.folder import restrict_access
from logleap.usecases.lifecycle.archive import ArchiveDataset

if os.name == "nt":
    pytest.skip("Windows has no such modes", allow_module_level=True)

NOBODY = 65534


@pytest.fixture(params=[0o022, 0o000])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in paths}


@pytest.mark.usefixtures("_umask")
def test_only_the_owner_can_access_what_is_made(open_local: Any, tmp_path: Path, lines: Any) -> None:
    local = open_local(tmp_path / "data")
    dataset = local.announce()
    local.upload(dataset, lines(5))
    archives = LocalArchiveStore((tmp_path / "data/archive").as_uri())
    ArchiveDataset(local.datasets, local.store, local.ledger, archives, lambda: dataset.created_at)(
        "owner", dataset.dataset_id
    )
    found = modes(tmp_path / "data")
    assert {f"{FILE_NAME}{end}" for end in ("", "-wal", "-shm", "-next", "-last", "-reserve")} <= set(found)
    assert {name: mode for name, mode in found.items() if mode not in {0o600, 0o700}} == {}
    assert {name for name, mode in found.items() if mode == 0o700} == {".", "archive"}
    assert len(found) == 10  # with the archive and its notes


@pytest.mark.usefixtures("_umask")
def test_what_others_could_access_is_restricted_and_logged(
    open_local: Any, tmp_path: Path, lines: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    local = open_local(folder)
    dataset = local.announce()
    local.upload(dataset, lines(5))
    local.database.close()
    for path in folder.iterdir():
        path.chmod(0o644)
    folder.chmod(0o755)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert open_local(folder).count(dataset) == 5
    assert {name: mode for name, mode in modes(folder).items() if mode not in {0o600, 0o700}} == {}
    for path in (folder, folder / FILE_NAME, folder / f"{FILE_NAME}-next", folder / f"{FILE_NAME}-last"):
        assert f"other users could access {path}" in caplog.text
    caplog.clear()
    open_local(folder)
    assert caplog.text == ""


def test_a_folder_for_everybody_is_left_as_it_is_but_not_the_files(open_local: Any, tmp_path: Path) -> None:
    folder = tmp_path / "like-tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    open_local(folder)
    assert {name: mode for name, mode in modes(folder).items() if mode != 0o600} == {".": 0o1777}


def test_what_belongs_to_another_user_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    with caplog.at_level(logging.WARNING):
        restrict_access(tmp_path, [tmp_path / "gone"])
    assert f"other users can access {tmp_path} (055), and only its owner can change that" in caplog.text


def test_another_user_can_neither_read_nor_lock(open_local: Any, lines: Any) -> None:
    if os.geteuid() != 0 or shutil.which("flock") is None:
        pytest.skip("only root can act as another user, with util-linux' flock")
    script = 'for file; do head -c 1 "$file" && echo read "$file"; flock -n "$file" echo locked "$file"; done'
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        for folder in (Path(parent, "data"), Path(parent, "shared")):
            if folder.name == "shared":
                folder.mkdir()
                folder.chmod(0o1777)
            local = open_local(folder)
            local.upload(local.announce(), lines(5))
            names = sorted(map(str, folder.iterdir()))
            done = subprocess.run(
                ["/bin/sh", "-c", script, "sh", *names],
                user=NOBODY,
                group=NOBODY,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout == ""
            assert done.stderr.count("Permission denied") == 2 * len(names)
