"""Entries: a folder per batch, and in it a file per append, a line per entry."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import uuid4

from logleap.columnar.reports import report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest, PlacedEntries, Row
from logleap.domain.report import Report
from logleap.domain.selection import Selection
from logleap.domain.times import from_micros
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import around, find, pieces_of, select
from logleap.ports.entries import EntryStore
from logleap.reporting.block import blocks_of
from logleap_files.folder import Folder, available, file_name


class FileEntryStore(EntryStore):
    """A file's name begins with the sequence number of its first entry. What is stored twice is read once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._scratch = Scratch()

    def prepare(self, dataset_id: str) -> None:
        pass

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        columns = Entries.of(entries)
        lines = map(json.dumps, zip(columns.micros, columns.messages, columns.contexts, strict=True))
        name = f"{_path(batch.dataset_id)}/{file_name(batch.batch_id)}/{first_sequence:012}-{uuid4()}"
        self._folder.write(name, "".join(f"{line}\n" for line in lines).encode())

    def count(self, manifest: Manifest) -> int:
        return sum(1 for _ in self.read(manifest))

    def read(self, manifest: Manifest) -> Iterator[Row]:
        for batch_id in manifest.batches:
            yield from self._rows(manifest.dataset_id, batch_id)

    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        return select(pieces_of(self.read(manifest)), selection, self._scratch)

    def around(
        self, manifest: Manifest, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        position = find(self.read(manifest), batch_id, sequence)
        if position is None:
            return None
        return around(partial(self.select, manifest), position, before, after)

    def report(self, manifest: Manifest) -> Report:
        return report_on(blocks_of(partial(self.read, manifest)), manifest.entries)

    def remove_orphans(self, manifest: Manifest) -> int:
        removed = 0
        known = set(map(file_name, manifest.batches))
        for name in self._folder.names(_path(manifest.dataset_id)):
            if name not in known:
                removed += sum(1 for _ in self._rows(manifest.dataset_id, name))
                self._folder.remove(f"{_path(manifest.dataset_id)}/{name}")
        return removed

    def drop(self, dataset_id: str) -> None:
        self._folder.remove(_path(dataset_id))

    def _rows(self, dataset_id: str, batch_id: str) -> Iterator[Row]:
        """In ascending sequence, each once: what several files hold is read from the first of them."""
        place = f"{_path(dataset_id)}/{file_name(batch_id)}"
        expected = 0
        for name in self._folder.names(place):
            with available(), (self._folder.path / place / name).open("rb") as file:
                for sequence, line in enumerate(file, start=int(name[:12])):
                    if sequence >= expected:
                        micros, message, context = json.loads(line)
                        yield Row(batch_id, sequence, Entry(from_micros(micros), message, context))
                        expected = sequence + 1


def _path(dataset_id: str) -> str:
    return f"entries/{file_name(dataset_id)}"
