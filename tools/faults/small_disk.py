"""A disk that is soon full: a tmpfs of a few MiB."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20


class CannotMount(Exception):
    """There is no small disk to be had here. The text says why."""


@contextlib.contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """A file system of `size` MiB of its own. Raises CannotMount unless this is root, or may sudo."""
    if not hasattr(os, "geteuid"):
        raise CannotMount("this system has no tmpfs")
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    with tempfile.TemporaryDirectory(prefix="logleap-disk-") as folder:
        options = f"size={size}m,mode=700,uid={os.geteuid()},gid={os.getegid()}"
        command = [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError as error:
            raise CannotMount("only root can mount a small disk") from error
        except subprocess.CalledProcessError as error:
            raise CannotMount(f"a small disk cannot be mounted here: {error.stderr.strip()}") from error
        try:
            yield Path(folder)
        finally:
            subprocess.run([*as_root, "umount", "--lazy", folder], check=True)


def unavailable() -> str | None:
    """Why there is no small disk here, or None."""
    try:
        with small_disk(1):
            return None
    except CannotMount as error:
        return str(error)


def fill(disk: Path, leave: int = 0) -> Path:
    """A file that leaves so many bytes free on the disk, whoever else writes to it meanwhile."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        for step in (MIB, 4096):
            with contextlib.suppress(OSError):  # what is free was used by another
                while shutil.disk_usage(disk).free >= leave + step:
                    os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, step)
    finally:
        os.close(descriptor)
    return ballast
