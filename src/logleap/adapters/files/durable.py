"""What keeps a file, and its name in a folder, through a crash of the machine."""

import os
from pathlib import Path


def make_durable(folder: Path) -> None:
    """Write the names in a folder to the disk. Raises OSError."""
    if os.name != "nt":  # a folder cannot be opened there, and needs no such care
        sync(folder)


def sync(path: Path) -> None:
    """Write what is known of a closed file, or of a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
