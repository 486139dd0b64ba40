"""Blobs as files in a folder of this machine."""

import errno
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from logleap.adapters.files.durable import make_durable
from logleap.adapters.files.part import FilePart
from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob
from logleap.ports.errors import StorageFull, Unavailable

_NO_NAME = re.compile(r"[^A-Za-z0-9-]")
_STAGED, _PUBLISHED = "staged", "published"


class ArtifactUrlRefused(ValueError):
    """The backend does not keep artifacts at this URL. The text names the URLs that it takes."""


class ArtifactFolder(ArtifactStore):
    """Files `staged/{data set}/{run}/{blob}` and `published/…`, readable for their owner alone.

    The folder is made when it is first needed. A file is moved from one to the other at once, so both must
    be on one file system.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, dataset_id: str, run_id: str, chunks: Iterable[bytes]) -> str:
        blob = Blob(dataset_id, run_id, str(uuid4()))
        path = self._path(_STAGED, blob)
        with _usable():
            file = self._create(path)
        with file:
            for chunk in chunks:
                with _usable():
                    file.write(chunk)
            with _usable():
                file.flush()
                os.fsync(file.fileno())
                make_durable(path.parent)
        return blob.blob

    def publish(self, dataset_id: str, run_id: str, blobs: Collection[str]) -> None:
        with _usable():
            for name in blobs:
                blob = Blob(dataset_id, run_id, name)
                source, target = self._path(_STAGED, blob), self._path(_PUBLISHED, blob)
                if source.exists():
                    _make_folder(target.parent, self._folder.parent)
                    with suppress(FileNotFoundError):  # another process was quicker, or removes all
                        source.replace(target)
                        make_durable(target.parent)
            self._tidy(self._path(_STAGED, Blob(dataset_id, run_id, "")))

    def staged(self) -> Iterator[Blob]:
        top = self._folder / _STAGED
        with _usable(), suppress(FileNotFoundError):  # a folder was removed meanwhile: the rest comes later
            for path in top.glob("*/*/*"):
                yield Blob(*path.relative_to(top).parts)

    def discard(self, blob: Blob) -> None:
        path = self._path(_STAGED, blob)
        with _usable():
            path.unlink(missing_ok=True)
            self._tidy(path.parent)

    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
        # Staged first: it may be published between the two.
        for place in (_STAGED, _PUBLISHED):
            with _usable(), suppress(FileNotFoundError):
                return BufferedReader(FilePart(self._path(place, blob).open("rb"), start, length))
        raise ArtifactMissing(*blob)

    def remove_all(self, dataset_id: str) -> None:
        for place in (_STAGED, _PUBLISHED):
            folder = self._folder / place / _name(dataset_id)
            while folder.exists():
                with _usable(), suppress(FileNotFoundError):  # another process removes it, too
                    shutil.rmtree(folder)

    def _create(self, path: Path) -> BinaryIO:
        while True:
            _make_folder(path.parent, self._folder.parent)
            with suppress(FileNotFoundError):  # its folder was removed while it was empty
                return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _path(self, place: str, blob: Blob) -> Path:
        return self._folder.joinpath(place, *map(_name, blob))

    def _tidy(self, folder: Path) -> None:
        """Remove a folder of staged blobs, and the one around it, as far as they are empty."""
        for empty in (folder, folder.parent):
            with suppress(OSError):
                empty.rmdir()


def _name(text: str) -> str:
    """Ids are UUIDs; nothing else leads out of the folder."""
    return _NO_NAME.sub("_", text)[:64]


def _make_folder(folder: Path, above: Path) -> None:
    """Make a folder and those that it is in, up to `above`, so that a crash cannot take them away again."""
    above.mkdir(parents=True, exist_ok=True)
    while not folder.exists():
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        with suppress(FileNotFoundError):  # another process removes one while it is empty
            for path in reversed(missing):
                path.mkdir(mode=0o700, exist_ok=True)
                make_durable(path.parent)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"The artifacts' folder cannot be written or read: {reason}") from error
