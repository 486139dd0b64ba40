"""The files in which several processes keep their metrics: prometheus-client writes to them as memory.

So a full disk is no error there, but SIGBUS, which kills the process. Their room is allocated beforehand.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_KINDS = ("counter", "gauge_mostrecent", "histogram")
_FILE = 1 << 20  # bytes, as prometheus_client.mmap_dict begins a file; some 6,000 series


class NoRoomForMetrics(Exception):
    """None of the folders has room for the files. The text says how much is needed, and where."""


@contextmanager
def shared_folder(processes: int, candidates: Sequence[Path]) -> Iterator[Path]:
    """A new folder, in the first of `candidates` that has room. Raises NoRoomForMetrics."""
    needed = 2 * processes * len(_KINDS) * _FILE  # twice: for processes that replace others
    for candidate in candidates:
        if candidate.is_dir() and shutil.disk_usage(candidate).free > needed:
            with TemporaryDirectory(prefix="logleap-metrics-", dir=candidate) as folder:
                yield Path(folder)
            return
    raise NoRoomForMetrics(f"{needed >> 20} MiB are needed in one of {', '.join(map(str, candidates))}")


def allocate(folder: Path) -> None:
    """Make the files of this process before prometheus-client opens them. Raises NoRoomForMetrics."""
    if not hasattr(os, "posix_fallocate"):
        return
    for kind in _KINDS:
        try:
            with (folder / f"{kind}_{os.getpid()}.db").open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, _FILE)
        except OSError as error:
            raise NoRoomForMetrics(f"{folder}: {error.strerror}") from error
