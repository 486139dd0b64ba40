"""Files that are there completely or not at all, and a lock that makes several changes one transaction."""

import fcntl
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from logleap.ports.errors import Unavailable

_PLAIN = re.compile(r"[A-Za-z0-9-]{1,64}")


def file_name(text: str) -> str:
    """A file name for any text that a client may send as an id or key."""
    if _PLAIN.fullmatch(text):
        return text
    return f"~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class Folder:
    """A folder that threads and processes share. Needs POSIX's flock. Each call may raise Unavailable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._threads = threading.RLock()
        self._depth = 0
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self._lock)

    def check(self) -> None:
        """Raises Unavailable unless files can be written."""
        self.write("check", b"")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else holds the lock meanwhile, in any process. May be nested."""
        with self._threads, available():
            if self._depth == 0:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    fcntl.flock(self._lock, fcntl.LOCK_UN)

    def read(self, name: str) -> bytes | None:
        """The file's content, or None if there is no such file."""
        with available():
            try:
                return (self.path / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file, at once and durably."""
        target = self.path / name
        with available():
            self._make(target.parent)
            unfinished = target.parent / f".{uuid4()}"
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
            _sync(target.parent)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; if it is not there, nothing happens."""
        target = self.path / name
        with available():
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def names(self, name: str) -> list[str]:
        """The names of the complete files and the folders in a folder, in order."""
        with available():
            try:
                found = [path.name for path in (self.path / name).iterdir()]
            except FileNotFoundError:
                return []
        return sorted(each for each in found if not each.startswith("."))

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)


@contextmanager
def available() -> Iterator[None]:
    """Turns an error of the file system into Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The folder cannot be read or written: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
