"""Chunks: the entries of one append, as one compressed value that can tell whether it is whole."""

import logging
import sys
import threading
import zlib
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from logleap.codecs.packed import columns as packed
from logleap.domain.entries import Batch, Entries, Entry, PlacedEntries
from logleap.domain.times import to_micros

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

log = logging.getLogger(__name__)

_FORMAT = b"\x02"
"""msgpack of three columns in a zstd frame. The times are bytes: 64-bit integers, the lowest byte first.

Chunks of format 1 have a list of msgpack's own times instead.
"""
READABLE = "dataset_id, batch_id, first, entries, checksum, CAST(data AS BLOB)"
"""The columns of a Chunk in the table. Whatever damage makes of the type of a value, its bytes are read."""

_LEVEL = 1  # on log lines no larger than level 3, in half its time

_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(tuple[bytes, list[str], list[str | None]]).decode
_decode_first = msgspec.msgpack.Decoder(tuple[list[datetime], list[str], list[str | None]]).decode


class _OfThread(threading.local):
    """A compressor, kept: to make one takes longer than to compress a few entries."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(_LEVEL)


_of_thread = _OfThread()


class Chunk(NamedTuple):
    """The entries `first`, `first + 1`, … of a batch, `entries` in number.

    `checksum` covers all fields that are not times, so that their number is as good as the bytes that hold
    them. The times are those of the earliest and the latest entry, in microseconds since 1970. They follow
    from the entries, and are None in chunks that were stored before there were times.
    """

    dataset_id: str
    batch_id: str
    first: int
    entries: int
    checksum: int
    data: bytes
    first_time: int | None = None
    last_time: int | None = None

    @property
    def whole(self) -> bool:
        """False if any field is not as it was written."""
        return self.checksum == _checksum(self.dataset_id, self.batch_id, self.first, self.entries, self.data)

    def unpack(self) -> Entries:
        """Its entries. Raises ValueError if a newer version wrote them in a way unknown to this one."""
        if self.data.startswith(_FORMAT):
            times, messages, contexts = _decode(self._plain())
            return Entries(_lowest_byte_first(array("q", times)), messages, contexts)
        if self.data.startswith(b"\x01"):
            moments, messages, contexts = _decode_first(self._plain())
            return Entries(array("q", map(to_micros, moments)), messages, contexts)
        raise ValueError(
            f"chunk {self.first} of batch {self.batch_id} is in format {self.data[:1]!r}, "
            "which this version of LogLeap does not know: use the one that wrote it"
        )

    @property
    def _packable(self) -> bool:
        return packed.COMPILED and self.data.startswith(_FORMAT)

    def unpack_packed(self) -> Entries:
        """Its entries in their order: if possible packed. Raises ValueError as above."""
        found = packed.unpacked(self._plain()) if self._packable else None
        return self.unpack() if found is None else found

    def placed(self) -> PlacedEntries:
        """Its entries and where they stand: if possible packed, and then in the time order.

        Raises ValueError as above.
        """
        if self._packable:
            found = packed.unpacked_in_order(self._plain())
            if found is not None:
                entries, order = found
                sequences = range(self.first, self.first + len(entries))
                placed_at = sequences if order is None else [sequences[index] for index in order]
                return PlacedEntries(entries, [self.batch_id] * len(entries), placed_at)
        return PlacedEntries.of_batch(self.batch_id, self.first, self.unpack())

    def _plain(self) -> bytes:
        return zstd.decompress(memoryview(self.data)[1:])


def is_whole(chunk: Chunk) -> bool:
    """False, and a line in the log, if it is damaged."""
    if not chunk.whole:
        log_damage(chunk)
        return False
    return True


def log_damage(chunk: Chunk) -> None:
    """Log that a chunk is damaged."""
    position = (chunk.dataset_id, chunk.batch_id, chunk.first, chunk.entries)
    log.error("data set %s, batch %s: from entry %d on, %d entries are damaged", *position)


def distinct(chunks: Iterable[Chunk], batches: Container[str]) -> Iterator[tuple[Chunk, int]]:
    """The chunks of these batches, each with its first entry that no chunk before it had.

    `chunks` are ordered by batch, then by `first`. Damaged ones are left out and logged.
    """
    batch_id, end = "", 0
    for chunk in chunks:
        if chunk.batch_id not in batches:
            continue
        if not is_whole(chunk):
            continue
        if chunk.batch_id != batch_id:
            batch_id, end = chunk.batch_id, 0
        fresh = max(chunk.first, end)
        end = max(chunk.first + chunk.entries, end)
        if fresh < end:
            yield chunk, fresh


def pack(batch: Batch, entries: Sequence[Entry], first: int) -> Chunk:
    """A chunk of `entries`, the first of which is the batch's entry number `first`."""
    columns = Entries.of(entries)
    times = _lowest_byte_first(columns.micros).tobytes()
    plain = _encoder.encode((times, columns.messages, columns.contexts))
    data = _FORMAT + _of_thread.compressor.compress(plain, zstd.ZstdCompressor.FLUSH_FRAME)
    count = len(entries)
    checksum = _checksum(batch.dataset_id, batch.batch_id, first, count, data)
    return Chunk(batch.dataset_id, batch.batch_id, first, count, checksum, data, *times_of(columns))


def times_of(entries: Entries) -> tuple[int, int]:
    """The times of the earliest and the latest of these entries; 0 where there are none."""
    return entries.ends() if len(entries) else (0, 0)


def _lowest_byte_first(numbers: "array[int]") -> "array[int]":
    """The same numbers on most machines; on the others their bytes are turned round, there or back."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


def _checksum(dataset_id: str, batch_id: str, first: int, entries: int, data: bytes) -> int:
    head = f"{dataset_id}\0{batch_id}\0{first}\0{entries}\0".encode()
    return zlib.crc32(data, zlib.crc32(head))
