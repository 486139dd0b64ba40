"""Entries in the file, in chunks."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

from logleap.adapters.local.sqlite.chunks.chunk import (
    READABLE,
    Chunk,
    distinct,
    is_whole,
    log_damage,
    pack,
    times_of,
)
from logleap.adapters.local.sqlite.chunks_in_time import ChunksInTime, ChunkTimes, forget_times
from logleap.adapters.local.sqlite.database import Database
from logleap.columnar.reports import report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest, PlacedEntries, Row, Wanted
from logleap.domain.report import Report
from logleap.domain.selection import Position, Selection
from logleap.ordering.merge import Piece
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import around, select
from logleap.ports.entries import EntryStore
from logleap.reporting.block import Block

_COLUMNS = "dataset_id, batch_id, first, entries, checksum, data, first_time, last_time"
_INSERT = f"INSERT INTO chunks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_POSITION = "batch_id, first, chunk_id"
_IN_ORDER = f"dataset_id = ? AND ({_POSITION}) > (?, ?, ?) ORDER BY {_POSITION} LIMIT ?"
_START = ("", -1, -1)
_PAGE_ROWS = 1000
_PAGE_BYTES = 4 << 20
CHUNKS_PER_DELETE = 200
"""Deleted at a time: uploads get in between."""


class SqliteEntryStore(EntryStore):
    """Chunks of entries as rows.

    `append` keeps a chunk in memory until the ledger, on the same database and in the same process, is
    given the batch's receipt: both are then written at once. A chunk that is damaged is not there for any
    reader, and said so in the log: the count then differs from what the receipts say.
    """

    def __init__(self, database: Database, scratch: Scratch | None = None) -> None:
        """`scratch`: the room for sorting entries that overlap in time."""
        self._database = database
        self._in_time = ChunksInTime(database)
        self._scratch = scratch or Scratch()

    def prepare(self, dataset_id: str) -> None:
        pass  # all data sets share one table

    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        staging = self._database.staging
        chunk = pack(batch, entries, first_sequence)
        if not staging.put(chunk):
            return
        try:
            with self._database.adding(staging.per_batch) as connection:
                excess = staging.excess()  # read once it is our turn: another thread may have written it
                insert_chunks(connection, excess)
        except BaseException:
            staging.remove([chunk])  # the caller gives up the batch
            raise
        staging.remove(excess)

    def count(self, manifest: Manifest) -> int:
        return sum(chunk.first + chunk.entries - fresh for chunk, fresh in self._stored(manifest))

    def read(self, manifest: Manifest) -> Iterator[Row]:
        for chunk, fresh in self._stored(manifest):
            entries = chunk.unpack()[fresh - chunk.first :]
            for sequence, entry in enumerate(entries, start=fresh):
                yield Row(chunk.batch_id, sequence, entry)

    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        return select(self._pieces(manifest, selection), selection, self._scratch)

    def around(
        self, manifest: Manifest, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        if not 0 <= sequence < manifest.batches.get(batch_id, 0):
            return None
        query = f"SELECT {READABLE} FROM chunks WHERE dataset_id = ? AND batch_id = ?"  # noqa: S608
        query += " AND first <= ? AND first + entries > ? ORDER BY first DESC"
        with self._database.reading() as connection:
            rows = connection.execute(query, (manifest.dataset_id, batch_id, sequence, sequence)).fetchmany(9)
        for chunk in (Chunk(*row) for row in rows):
            if is_whole(chunk) and chunk.first <= sequence < chunk.first + chunk.entries:
                position = Position(chunk.unpack().micros[sequence - chunk.first], batch_id, sequence)
                return around(partial(self.select, manifest), position, before, after)
        return None

    def columns(self, manifest: Manifest) -> Iterator[Entries]:
        for chunk, fresh in self._stored(manifest):
            entries = chunk.unpack_packed()
            yield entries[fresh - chunk.first :] if fresh > chunk.first else entries

    def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        for chunk, fresh in self._stored(manifest):
            first, last = chunk.first_time, chunk.last_time
            if wanted is None or first is None or last is None or wanted(first, last):
                entries = chunk.unpack_packed()
                if fresh > chunk.first:
                    entries = entries[fresh - chunk.first :]
                yield PlacedEntries.of_batch(chunk.batch_id, fresh, entries)

    def report(self, manifest: Manifest) -> Report:
        return report_on(partial(self._blocks, manifest), manifest.entries)

    def remove_orphans(self, manifest: Manifest) -> int:
        query = f"SELECT {_POSITION} FROM chunks WHERE {_IN_ORDER}"  # noqa: S608
        removed, last = 0, _START
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query, (manifest.dataset_id, *last, _PAGE_ROWS)).fetchall()
            if not page:
                break
            last = page[-1]
            orphans = [chunk_id for batch_id, _, chunk_id in page if batch_id not in manifest.batches]
            if orphans:
                removed += self._delete(manifest.dataset_id, orphans)
        if removed:
            self._database.release_space()
        return removed

    def drop(self, dataset_id: str) -> None:
        self._database.staging.remove_dataset(dataset_id)
        query = "SELECT chunk_id FROM chunks WHERE dataset_id = ? LIMIT ?"
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query, (dataset_id, _PAGE_ROWS)).fetchall()
            if not page:
                break
            self._delete(dataset_id, [chunk_id for (chunk_id,) in page])
        self._database.release_space()

    def _delete(self, dataset_id: str, chunk_ids: Sequence[int]) -> int:
        entries = 0
        for start in range(0, len(chunk_ids), CHUNKS_PER_DELETE):
            doomed = json.dumps(chunk_ids[start : start + CHUNKS_PER_DELETE])
            where = "chunk_id IN (SELECT value FROM json_each(?))"
            with self._database.writing() as connection:
                total = f"SELECT total(entries) FROM chunks WHERE {where}"  # noqa: S608
                entries += int(connection.execute(total, (doomed,)).fetchone()[0])
                connection.execute(f"DELETE FROM chunks WHERE {where}", (doomed,))  # noqa: S608
                forget_times(connection, dataset_id)
        return entries

    def _blocks(self, manifest: Manifest, *, packed: bool) -> Iterator[Block]:
        for chunk, fresh in self._stored(manifest):
            entries = chunk.unpack_packed() if packed else chunk.unpack()
            if fresh > chunk.first:
                entries = entries[fresh - chunk.first :]
            yield Block(chunk.batch_id, range(fresh, fresh + len(entries)), entries)

    def _pieces(self, manifest: Manifest, selection: Selection) -> Iterator[Piece]:
        found = self._in_time.find(manifest.dataset_id, selection.earliest, selection.end, is_whole)
        for times in found:
            yield Piece(times.first, times.last, partial(self._load, manifest, times))

    def _load(self, manifest: Manifest, times: ChunkTimes) -> PlacedEntries | None:
        query = f"SELECT {READABLE} FROM chunks WHERE chunk_id = ?"  # noqa: S608
        with self._database.reading() as connection:
            row = connection.execute(query, (times.chunk_id,)).fetchone()
        if row is None:  # dropped meanwhile
            return None
        chunk = Chunk(*row)
        if chunk.dataset_id != manifest.dataset_id or chunk.batch_id not in manifest.batches:
            return None
        if not is_whole(chunk):
            return None
        placed = chunk.placed()
        if times_of(placed.entries) != (times.first, times.last):
            log_damage(chunk)
            return None
        return placed

    def _stored(self, manifest: Manifest) -> Iterator[tuple[Chunk, int]]:
        """The chunks of the manifest's batches, each with its first entry that no chunk before it had."""
        return distinct(self._chunks(manifest.dataset_id), manifest.batches)

    def _chunks(self, dataset_id: str) -> Iterator[Chunk]:
        """All chunks of a data set, by batch, then by `first`."""
        query = f"SELECT {READABLE}, first_time, last_time, chunk_id FROM chunks WHERE {_IN_ORDER}"  # noqa: S608
        position: tuple[str, int, int] = _START
        while True:
            page: list[Chunk] = []
            size = 0
            with (
                self._database.reading() as connection,
                closing(connection.execute(query, (dataset_id, *position, _PAGE_ROWS))) as cursor,
            ):
                for *columns, chunk_id in cursor:
                    chunk = Chunk(*columns)
                    page.append(chunk)
                    position = (chunk.batch_id, chunk.first, chunk_id)
                    size += len(chunk.data)
                    if size > _PAGE_BYTES:
                        break
            if not page:
                return
            yield from page


def insert_chunks(connection: sqlite3.Connection, chunks: Iterable[Chunk]) -> None:
    """Store chunks."""
    connection.executemany(_INSERT, chunks)
