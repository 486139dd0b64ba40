"""Archives in memory."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from io import BytesIO
from uuid import uuid4

from logleap.columnar.reports import report_on
from logleap.domain.datasets import Archive
from logleap.domain.entries import Entry, Manifest, PlacedEntries, Row
from logleap.domain.report import Report
from logleap.domain.selection import Selection
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import around, find, pieces_of, select
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.errors import CountMismatch
from logleap.reporting.block import blocks_of


class MemoryArchiveStore(ArchiveStore):
    """Archives as files would hold them: a line of JSON for each row."""

    def __init__(self, scratch: Scratch | None = None) -> None:
        self._scratch = scratch or Scratch()
        self._files: dict[str, bytes] = {}

    def check(self) -> None:
        pass

    def write(self, manifest: Manifest, entries: Iterable[PlacedEntries]) -> Archive:
        content = b"".join(_line(row) for placed in entries for row in placed.rows())
        number = sum(1 for _ in _rows(content))
        if number != manifest.entries:
            raise CountMismatch(manifest.entries, number)
        url = f"memory:{manifest.dataset_id}/{uuid4()}"
        self._files[url] = content
        return Archive(url, number, hashlib.sha256(content).hexdigest())

    def count(self, archive: Archive) -> int:
        return sum(1 for _ in self.read(archive))

    def read(self, archive: Archive) -> Iterator[Row]:
        content = self._files.get(archive.url)
        if content is None:
            raise ArchiveDamaged(archive.url)
        if hashlib.sha256(content).hexdigest() != archive.sha256:
            raise ArchiveDamaged(archive.url, archive.sha256)
        return _rows(content)

    def select(self, archive: Archive, selection: Selection) -> Iterator[PlacedEntries]:
        return select(pieces_of(self.read(archive)), selection, self._scratch)

    def around(
        self, archive: Archive, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        position = find(self.read(archive), batch_id, sequence)
        if position is None:
            return None
        return around(partial(self.select, archive), position, before, after)

    def report(self, archive: Archive) -> Report:
        return report_on(blocks_of(partial(self.read, archive)), archive.entries)

    def remove(self, archive: Archive) -> None:
        self._files.pop(archive.url, None)

    def remove_all(self, dataset_id: str) -> None:
        for url in [url for url in self._files if url.startswith(f"memory:{dataset_id}/")]:
            del self._files[url]


def _line(row: Row) -> bytes:
    entry = row.entry
    fields = [row.batch_id, row.sequence, entry.timestamp.isoformat(), entry.message, entry.context]
    return json.dumps(fields).encode() + b"\n"


def _rows(content: bytes) -> Iterator[Row]:
    for line in BytesIO(content):
        batch_id, sequence, timestamp, message, context = json.loads(line)
        yield Row(batch_id, sequence, Entry(datetime.fromisoformat(timestamp), message, context))
