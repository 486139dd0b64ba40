"""Which chunks of a data set hold entries of a range of time: by an index, without reading the chunks.

A chunk of level n spans less than 2^n microseconds, and half of that at least. So of each level those that
reach into a range from `start` on begin less than 2^n before it, and of what the index shows of them at most
about half does not.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from typing import NamedTuple

from logleap.adapters.local.sqlite.chunks import Chunk, times_of
from logleap.adapters.local.sqlite.database import Database

_BEFORE_ALL = -(1 << 62)
_AFTER_ALL = 1 << 62  # microseconds
_FIRST_PAGE, _PAGE = 16, 1_000  # rows of the index
_OLD = 50
"""Chunks without times that get them in one transaction: uploads get in between."""

_NEXT_LEVEL = "SELECT min(level) FROM chunks WHERE dataset_id = ? AND level > ?"
_OF_LEVEL = """
    SELECT first_time, last_time, chunk_id FROM chunks
    WHERE dataset_id = ? AND level = ? AND (first_time, last_time, chunk_id) > (?, ?, ?) AND first_time < ?
    ORDER BY first_time, last_time, chunk_id LIMIT ?
"""
_WITHOUT_TIMES = """
    SELECT chunk_id, dataset_id, batch_id, first, entries, checksum, CAST(data AS BLOB) FROM chunks
    WHERE dataset_id = ? AND level IS NULL AND chunk_id > ? ORDER BY chunk_id LIMIT ?
"""
_SET_TIMES = "UPDATE chunks SET level = ?, first_time = ?, last_time = ? WHERE chunk_id = ? AND level IS NULL"


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

        Chunks that an earlier version stored, and that are whole, are read once, to note their times.
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
        """Note the times of the chunks that have none."""
        chunk_id = -1
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_WITHOUT_TIMES, (dataset_id, chunk_id, _OLD)).fetchall()
            if not rows:
                return
            chunk_id = rows[-1][0]
            chunks = [(row[0], Chunk(*row[1:])) for row in rows]
            times = [
                (*times_of(chunk.unpack().micros), number) for number, chunk in chunks if is_whole(chunk)
            ]
            with self._database.writing(sum(len(chunk.data) for _, chunk in chunks)) as connection:
                connection.executemany(_SET_TIMES, times)
