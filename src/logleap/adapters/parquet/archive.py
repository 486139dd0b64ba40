"""Archives as Parquet files, in whichever location a backend offers."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import BinaryIO
from uuid import uuid4

from logleap.adapters.parquet.locations import ArchiveLocation
from logleap.columnar.reports import report_on
from logleap.domain.datasets import Archive
from logleap.domain.entries import Entries, Manifest, PlacedEntries, Row, Wanted
from logleap.domain.report import Report
from logleap.domain.selection import Position, Selection
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import around, select
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.errors import CountMismatch, Unavailable

_REMEMBERED = 1_000  # archives whose digest was checked
_NO_NAME = re.compile(r"[^A-Za-z0-9-]")


class ParquetArchiveStore(ArchiveStore):
    """An archive is a file `{data set}-{UUID}.parquet` of all rows, and beside it a file of the same name
    with `.json`, its sidecar: the data set, its batches, the columns and the Parquet file's SHA-256.

    Both are made in a staging folder and stored under their names when they are whole. pyarrow is loaded at
    the first use: it is needed only for archiving.
    """

    def __init__(self, url: str, location: ArchiveLocation, scratch: Scratch | None = None) -> None:
        """Archives get names below `url`, which is one of `location`'s.

        `scratch`: the room for sorting entries that overlap in time.
        """
        self._url = url.rstrip("/")
        self._location = location
        self._scratch = scratch or Scratch()
        self._checked: dict[str, tuple[str, tuple[int, ...]]] = {}

    def check(self) -> None:
        if find_spec("pyarrow") is None:
            # Owners read this too: not the install command, which has the path of the server's files.
            raise Unavailable("Archives need pyarrow, which the extra logleap[archive] installs")
        with _usable(), self._location.staging_dir("check-"):
            pass

    def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
        from logleap.adapters.parquet.files import SCHEMA, count_rows, write_entries

        name = _name(manifest.dataset_id)
        url = f"{self._url}/{name}{uuid4()}.parquet"
        with _usable(), self._location.staging_dir(name) as folder:
            file, sidecar = folder / "rows", folder / "sidecar"
            try:
                write_entries(file, entries)
            except ValueError as error:
                raise Unavailable(f"The entries that are stored cannot be read: {error}") from error
            with file.open("rb") as written:
                archive = Archive(url, count_rows(written), _sha256(written))
            if archive.entries != manifest.entries:
                raise CountMismatch(manifest.entries, archive.entries)
            columns = {field.name: str(field.type) for field in SCHEMA}
            sidecar.write_text(_sidecar(archive, manifest, columns), "utf-8")
            try:
                self._location.put(sidecar, _sidecar_url(url))
                self._location.put(file, url)
                with self._opened(archive):
                    return archive
            except BaseException:
                self.remove(archive)
                raise

    def count(self, archive: Archive) -> int:
        from logleap.adapters.parquet.files import count_rows

        with self._opened(archive) as file:
            return count_rows(file)

    def read(self, archive: Archive) -> Iterator[Row]:
        from logleap.adapters.parquet.files import read_rows

        with self._opened(archive) as file:
            yield from read_rows(file)

    def select(self, archive: Archive, selection: Selection) -> Iterator[PlacedEntries]:
        from logleap.adapters.parquet.files import pieces

        with self._opened(archive, unless_known=True) as file:
            yield from select(pieces(file), selection, self._scratch)

    def around(
        self, archive: Archive, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        from logleap.adapters.parquet.files import find_row, pieces

        with self._opened(archive, unless_known=True) as file:
            micros = find_row(file, batch_id, sequence)
            if micros is None:
                return None

            def selected(selection: Selection) -> Iterator[PlacedEntries]:
                return select(pieces(file), selection, self._scratch)

            return around(selected, Position(micros, batch_id, sequence), before, after)

    def columns(self, archive: Archive) -> Iterator[Entries]:
        from logleap.adapters.parquet.files import read_entries

        with self._opened(archive) as file:
            yield from read_entries(file)

    def placed_columns(self, archive: Archive, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        from logleap.adapters.parquet.files import pieces

        with self._opened(archive, unless_known=True) as file:
            for piece in pieces(file):
                if wanted is None or wanted(piece.first, piece.last):
                    placed = piece.load()
                    if placed is not None:
                        yield placed

    def report(self, archive: Archive) -> Report:
        from logleap.adapters.parquet.files import read_blocks

        with self._opened(archive) as file:
            return report_on(partial(read_blocks, file), archive.entries)

    def remove(self, archive: Archive) -> None:
        with _usable():
            self._location.remove(archive.url)
            self._location.remove(_sidecar_url(archive.url))

    def remove_all(self, dataset_id: str) -> None:
        with _usable():
            self._location.remove_all(f"{self._url}/{_name(dataset_id)}")

    def _remember(self, archive: Archive, identity: tuple[int, ...]) -> None:
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[archive.url] = (archive.sha256, identity)

    @contextmanager
    def _opened(self, archive: Archive, *, unless_known: bool = False) -> Iterator[BinaryIO]:
        """The archive's Parquet file, after a check of its digest. Raises ArchiveDamaged.

        `unless_known`: a file that was checked before and has not been written since is not read for that.
        """
        with _usable():
            try:
                with self._location.open(archive.url) as file:
                    identity = _identity(file)
                    if not (unless_known and self._checked.get(archive.url) == (archive.sha256, identity)):
                        if _sha256(file) != archive.sha256:
                            raise ArchiveDamaged(archive.url, archive.sha256)
                        self._remember(archive, identity)
                    yield file
            except FileNotFoundError as error:
                raise ArchiveDamaged(archive.url) from error


def _identity(file: BinaryIO) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _name(dataset_id: str) -> str:
    """What the names of a data set's files begin with. Ids are UUIDs, so none begins like another."""
    return f"{_NO_NAME.sub('_', dataset_id)[:64]}-"


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unavailable(f"The archive cannot be written or read: {reason}") from error


def _sha256(file: BinaryIO) -> str:
    """The digest of the whole file, which stands at its beginning afterwards."""
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(2**20):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def _sidecar_url(url: str) -> str:
    return url.removesuffix(".parquet") + ".json"


def _sidecar(archive: Archive, manifest: Manifest, columns: Mapping[str, str]) -> str:
    content = {
        "dataId": manifest.dataset_id,
        "entries": archive.entries,
        "batches": dict(manifest.batches),
        "sha256": archive.sha256,
        "columns": columns,
        "createdAt": datetime.now(UTC).isoformat(),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)
