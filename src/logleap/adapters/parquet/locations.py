"""Where archive files lie: in a folder here. (In a bucket: archive_bucket.py.)"""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

_UNFINISHED = ".unfinished-"


class ArchivePlace(ABC):
    """Keeps files by their URL, each whole or not at all."""

    @abstractmethod
    def workshop(self, name: str) -> AbstractContextManager[Path]:
        """An empty folder to make files in that will begin with `name`; it is removed at the end."""

    @abstractmethod
    def put(self, file: Path, url: str) -> None:
        """Put a file of the workshop in its place, durably. May move it."""

    @abstractmethod
    def open(self, url: str) -> AbstractContextManager[BinaryIO]:
        """The file, for reading; it stays readable if it is removed meanwhile. Raises FileNotFoundError."""

    @abstractmethod
    def remove(self, url: str) -> None:
        """Remove the file; if it is not there, nothing happens."""

    @abstractmethod
    def remove_all(self, url: str) -> None:
        """Remove all files whose URL begins like this, and workshops for them that were left behind."""


class ArchiveFolder(ArchivePlace):
    """A folder of this machine, made when it is first needed. URLs: `file:///…`."""

    def __init__(self, url: str) -> None:
        self._folder = _path(url)

    @contextmanager
    def workshop(self, name: str) -> Iterator[Path]:
        # Beside the archives, because only within one file system a file is moved at a stroke.
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{_UNFINISHED}{name}", dir=self._folder) as workshop:
            yield Path(workshop)

    def put(self, file: Path, url: str) -> None:
        place = _path(url)
        _sync(file)
        file.replace(place)
        _sync(place.parent)

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
        for workshop in self._folder.glob(f"{_UNFINISHED}{name}*"):
            shutil.rmtree(workshop, ignore_errors=True)  # whoever works in there may be leaving it just now


def _path(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
