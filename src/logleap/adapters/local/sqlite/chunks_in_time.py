"""Which chunks of a data set hold entries of a range of time: by an index, without reading the chunks.

A chunk of level n spans less than 2^n microseconds, and half of that at least. So of each level those that
reach into a range from `start` on begin less than 2^n before it, and of what the index shows of them at most
about half does not.

Readers keep the index, so that uploads pay nothing for it: before each use the chunks that came in since the
last one are added. These have larger numbers than all chunks of the data set that were there before.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from heapq import merge
from typing import NamedTuple

from logleap.adapters.local.sqlite.chunks.chunk import Chunk, times_of
from logleap.adapters.local.sqlite.database import Database

_BEFORE_ALL = -(1 << 62)
_AFTER_ALL = 1 << 62  # microseconds
_FIRST_PAGE, _PAGE = 16, 1_000  # rows of the index
_ADDED = 200
"""Chunks that are added to the index in one transaction: uploads get in between."""

_NEXT_LEVEL = "SELECT min(level) FROM chunk_times WHERE dataset_id = ? AND level > ?"
_OF_LEVEL = """
    SELECT first_time, last_time, chunk_id FROM chunk_times
    WHERE dataset_id = ? AND level = ? AND (first_time, last_time, chunk_id) > (?, ?, ?) AND first_time < ?
    ORDER BY first_time, last_time, chunk_id LIMIT ?
"""
_TOTAL = "SELECT batches FROM totals WHERE dataset_id = ?"
_TIMED = "SELECT last_chunk, batches FROM timed WHERE dataset_id = ?"
# The plus has the chunks found by their data set, not by their number.
_NEW = "SELECT chunk_id FROM chunks WHERE dataset_id = ? AND +chunk_id > ? ORDER BY chunk_id"
_TIMES = """
    SELECT chunk_id, first_time, last_time FROM chunks WHERE chunk_id IN (SELECT value FROM json_each(?))
"""
_CHUNK = """
    SELECT dataset_id, batch_id, first, entries, checksum, CAST(data AS BLOB) FROM chunks WHERE chunk_id = ?
"""
_ADD = """
    INSERT OR IGNORE INTO chunk_times
    SELECT dataset_id, ?, ?, ?, chunk_id FROM chunks WHERE chunk_id = ? AND dataset_id = ?
"""
_REACHED = """
    INSERT INTO timed SELECT ?, NULL, chunk_id FROM chunks WHERE chunk_id = ? AND dataset_id = ?
    ON CONFLICT DO UPDATE SET last_chunk = excluded.last_chunk
"""
_COMPLETE = "UPDATE timed SET batches = ? WHERE dataset_id = ? AND last_chunk = ?"


class ChunkTimes(NamedTuple):
    """Times of the earliest and the latest entry of a chunk, in microseconds since 1970."""

    first: int
    last: int
    chunk_id: int


class ChunksInTime:
    """Finds chunks by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, dataset_id: str, start: int | None, end: int | None, is_whole: Callable[[Chunk], bool]
    ) -> Iterator[ChunkTimes]:
        """The chunks, of any batch, with entries from `start` to before `end`, in the order of their `first`.

        Chunks that an earlier version stored without their times are read once; those that are not whole
        are left out.
        """
        self._complete(dataset_id, is_whole)
        start = _BEFORE_ALL if start is None else start
        end = _AFTER_ALL if end is None else end
        levels = [self._of_level(dataset_id, level, start, end) for level in self._levels(dataset_id)]
        return merge(*levels)

    def _levels(self, dataset_id: str) -> Iterator[int]:
        level: int | None = -1
        while level is not None:
            with self._database.reading() as connection:
                (level,) = connection.execute(_NEXT_LEVEL, (dataset_id, level)).fetchone()
            if level is not None:
                yield level

    def _of_level(self, dataset_id: str, level: int, start: int, end: int) -> Iterator[ChunkTimes]:
        position = ChunkTimes(start - (1 << level), _AFTER_ALL, 0)
        size = _FIRST_PAGE
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_OF_LEVEL, (dataset_id, level, *position, end, size)).fetchall()
            for position in map(ChunkTimes._make, rows):
                if position.last >= start:
                    yield position
            if len(rows) < size:
                return
            size = _PAGE

    def _complete(self, dataset_id: str, is_whole: Callable[[Chunk], bool]) -> None:
        """Add to the index what has come in."""
        with self._database.reading() as connection:
            # First the batches: the chunks of each are stored by then.
            batches, reached, complete = _state(connection, dataset_id)
            if complete:
                return
            new = [number for (number,) in connection.execute(_NEW, (dataset_id, reached))]
        for start in range(0, len(new), _ADDED):
            some = new[start : start + _ADDED]
            times = list(self._times(some, is_whole))
            with self._database.writing() as connection:
                connection.executemany(_ADD, ((*row, dataset_id) for row in times))
                reached = some[-1]
                connection.execute(_REACHED, (dataset_id, reached, dataset_id))
        with self._database.writing() as connection:
            connection.execute(_COMPLETE, (batches, dataset_id, reached))

    def _times(
        self, numbers: list[int], is_whole: Callable[[Chunk], bool]
    ) -> Iterator[tuple[int, int, int, int]]:
        """Level, first and last time, and number of each chunk."""
        with self._database.reading() as connection:
            rows = connection.execute(_TIMES, (json.dumps(numbers),)).fetchall()
        for number, first, last in rows:
            if first is not None and last is not None:
                yield (last - first).bit_length(), first, last, number
                continue
            with self._database.reading() as connection:
                row = connection.execute(_CHUNK, (number,)).fetchone()
            if row is not None and is_whole(chunk := Chunk(*row)):
                times = times_of(chunk.unpack())
                yield (times[1] - times[0]).bit_length(), *times, number


def forget_times(connection: sqlite3.Connection, dataset_id: str) -> None:
    """Empty the index of a data set whose chunks are deleted: the numbers of some may be given again."""
    connection.execute("DELETE FROM chunk_times WHERE dataset_id = ?", (dataset_id,))
    connection.execute("DELETE FROM timed WHERE dataset_id = ?", (dataset_id,))


def _state(connection: sqlite3.Connection, dataset_id: str) -> tuple[int | None, int, bool]:
    """How many batches are acknowledged; up to which chunk the index goes; whether it has all of them."""
    total = connection.execute(_TOTAL, (dataset_id,)).fetchone()
    timed = connection.execute(_TIMED, (dataset_id,)).fetchone()
    batches = None if total is None else total[0]
    if timed is None:
        return batches, -1, batches is None
    return batches, timed[0], timed[1] == batches
