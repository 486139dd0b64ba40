"""Where archive files are kept: the interface, and a folder of this machine.

What else a backend offers (a bucket, say) is in its own `archive.py`.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.adapters.files.durable import make_durable, sync

_STAGING_PREFIX = ".unfinished-"


class ArchiveUrlNotSupported(ValueError):
    """The backend does not write archives to this URL. The text names the URLs that it takes."""


class ArchiveLocation(ABC):
    """Keeps files by their URL, each whole or not at all."""

    @abstractmethod
    def staging_dir(self, name: str) -> AbstractContextManager[Path]:
        """An empty folder in which to write files whose names will begin with `name`; removed at the end."""

    @abstractmethod
    def put(self, file: Path, url: str) -> None:
        """Store a file of the staging folder under its URL, durably. May move it."""

    @abstractmethod
    def open(self, url: str) -> AbstractContextManager[BinaryIO]:
        """The file, for reading; it stays readable if it is removed meanwhile. Raises FileNotFoundError."""

    @abstractmethod
    def remove(self, url: str) -> None:
        """Remove the file; if it is not there, nothing happens."""

    @abstractmethod
    def remove_all(self, url: str) -> None:
        """Remove all files whose URL begins like this, and staging folders for them that were left behind."""


class ArchiveFolder(ArchiveLocation):
    """A folder of this machine, made when it is first needed. URLs: `file:///…`.

    Only its owner can access it, if it is made here, and its files.
    """

    def __init__(self, url: str) -> None:
        self._folder = _path(url)

    @contextmanager
    def staging_dir(self, name: str) -> Iterator[Path]:
        # Beside the archives: only within one file system is a file moved atomically.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{_STAGING_PREFIX}{name}", dir=self._folder) as folder:
            yield Path(folder)

    def put(self, file: Path, url: str) -> None:
        target = _path(url)
        file.chmod(0o600)
        sync(file)
        file.replace(target)
        make_durable(target.parent)

    @contextmanager
    def open(self, url: str) -> Iterator[BinaryIO]:
        with _path(url).open("rb") as file:
            yield file

    def remove(self, url: str) -> None:
        _path(url).unlink(missing_ok=True)

    def remove_all(self, url: str) -> None:
        name = _path(url).name
        for file in self._folder.glob(f"{name}*"):
            file.unlink(missing_ok=True)
        for folder in self._folder.glob(f"{_STAGING_PREFIX}{name}*"):
            shutil.rmtree(folder, ignore_errors=True)  # its user may be removing it at this moment


def _path(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))
