"""The folder that the file lies in."""

import os
import re
from pathlib import Path

# Several machines can share these. SQLite's log needs memory that all its users share, so one machine:
# https://www.sqlite.org/wal.html (disadvantages).
_NETWORK = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
    *("ocfs2", "orangefs", "smb3", "smbfs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone"),
    *("fuse.s3fs", "fuse.sshfs"),
}
_MOUNTS = Path("/proc/self/mountinfo")


def prepare_folder(folder: Path) -> None:
    """Make the folder, if it is not there, so that a crash cannot take it away again. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        make_durable(path.parent)


def make_durable(folder: Path) -> None:
    """Write the names in a folder to the disk. Raises OSError."""
    if os.name == "nt":
        return  # a folder cannot be opened there, and needs no such care
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def network_file_system(folder: Path) -> str | None:
    """The kind of network file system that the folder is on; None if on none, or if that can't be told."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    kind = file_system_of(folder.resolve(), mounts)
    return kind if kind in _NETWORK else None


def file_system_of(folder: Path, mounts: str) -> str | None:
    """The file system type of a folder, by the text of /proc/self/mountinfo (man 5 proc)."""
    found, depth = None, -1
    for line in mounts.splitlines():
        fields, _, source = line.partition(" - ")
        mount_point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4]))
        if folder.is_relative_to(mount_point) and len(mount_point.parts) >= depth:  # later mounts lie on top
            found, depth = source.split(" ")[0], len(mount_point.parts)
    return found
