"""Which file system a folder is on, and that it is made to stay."""

from pathlib import Path

import pytest

from logleap.adapters.local.sqlite import folder
from logleap.adapters.local.sqlite.folder import file_system_of, network_file_system, prepare_folder

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /proc rw - proc proc rw
41 22 0:50 / /mnt/share rw,relatime shared:9 master:2 - nfs4 server:/export rw,vers=4.2
42 41 254:1 / /mnt/share/disk rw - xfs /dev/vdb rw
43 22 0:51 / /mnt/two\\040words\\134x rw - cifs //server/share rw
44 22 0:52 / /home/me/remote rw - fuse.sshfs me@server:/ rw
45 22 0:53 / /mnt/both rw - nfs server:/a rw
46 22 254:2 / /mnt/both rw - ext4 /dev/vdc rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/logleap", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/down", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share/disk/data", "xfs"),
        ("/mnt/two words\\x/data", "cifs"),
        ("/home/me/remote/data", "fuse.sshfs"),
        ("/mnt/both/data", "ext4"),
    ],
)
def test_a_folder_is_on_the_file_system_mounted_deepest_and_last(place: str, kind: str) -> None:
    assert file_system_of(Path(place), MOUNTS) == kind


def test_a_folder_on_this_machines_disk_is_on_no_network(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {tmp_path.resolve()} rw - {kind} x rw\n")
    monkeypatch.setattr(folder, "_MOUNTS", mounts)
    assert network_file_system(tmp_path / "data") == kind


def test_where_mounts_cannot_be_listed_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_MOUNTS", tmp_path / "missing")
    assert network_file_system(tmp_path) is None


def test_a_folder_is_made_with_all_above_it_and_may_be_there(tmp_path: Path) -> None:
    for _ in range(2):
        prepare_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
