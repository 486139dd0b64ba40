"""The folder that the file lies in."""

import logging
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from logleap.adapters.files.durable import make_durable

log = logging.getLogger(__name__)

# Several machines can share these. SQLite's log needs memory that all its users share, so one machine:
# https://www.sqlite.org/wal.html (disadvantages).
_NETWORK = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
    *("ocfs2", "orangefs", "smb3", "smbfs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone"),
    *("fuse.s3fs", "fuse.sshfs"),
}
_MOUNTS = Path("/proc/self/mountinfo")


def prepare_folder(folder: Path) -> None:
    """Make the folder, if it is not there, so that a crash cannot take it away again. Raises OSError.

    Only its owner can access one that is made here.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        make_durable(path.parent)


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner can access, if there is none. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return  # without opening it: closing it would release SQLite's locks
    os.close(descriptor)


def restrict_access(folder: Path, files: Iterable[Path]) -> None:
    """Leave access to the owner alone, and log each change. Raises OSError.

    A folder with the sticky bit, such as /tmp, keeps its mode.
    """
    if os.name == "nt":
        return  # files have the access rights of their folder there
    for path in (folder, *files):
        try:
            mode = path.lstat().st_mode
            open_to = stat.S_IMODE(mode) & 0o077
            if not open_to or mode & stat.S_ISVTX or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                continue
            path.chmod(stat.S_IMODE(mode) & ~0o077)
        except FileNotFoundError:
            continue  # another process has closed the database
        except PermissionError:
            log.warning("other users can access %s (%03o), and only its owner can change that", path, open_to)
            continue
        log.warning("other users could access %s (%03o): only its owner can now", path, open_to)


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
