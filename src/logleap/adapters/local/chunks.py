"""Chunks: the entries of one append, as one compressed value that can tell whether it is whole."""

import sys
import threading
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from logleap.domain.entries import Batch, Entries, Entry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_FORMAT = b"\x01"  # msgpack of three columns (times, messages, contexts) in a zstd frame
_LEVEL = 1  # on log lines no larger than level 3, in half its time

_Columns = tuple[list[datetime], list[str], list[str | None]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Columns)


class _OfThread(threading.local):
    """A compressor, kept: to make one takes longer than to compress a few entries."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(_LEVEL)


_of_thread = _OfThread()


class Chunk(NamedTuple):
    """The entries `first`, `first + 1`, … of a batch, `entries` in number.

    `checksum` covers all other fields, so that their number is as good as the bytes that hold them.
    """

    dataset_id: str
    batch_id: str
    first: int
    entries: int
    checksum: int
    data: bytes

    @property
    def whole(self) -> bool:
        """False if any field is not as it was written."""
        return self.checksum == _checksum(self.dataset_id, self.batch_id, self.first, self.entries, self.data)

    def unpack(self) -> Entries:
        """Its entries. Raises ValueError if a newer version wrote them in a way unknown to this one."""
        if not self.data.startswith(_FORMAT):
            raise ValueError(
                f"chunk {self.first} of batch {self.batch_id} is in format {self.data[:1]!r}, "
                "which this version of LogLeap does not know: use the one that wrote it"
            )
        return Entries(*_decoder.decode(zstd.decompress(memoryview(self.data)[1:])))


def pack(batch: Batch, entries: Sequence[Entry], first: int) -> Chunk:
    """A chunk of `entries`, the first of which is the batch's entry number `first`."""
    columns = Entries.of(entries)
    plain = _encoder.encode((columns.timestamps, columns.messages, columns.contexts))
    data = _FORMAT + _of_thread.compressor.compress(plain, zstd.ZstdCompressor.FLUSH_FRAME)
    count = len(entries)
    checksum = _checksum(batch.dataset_id, batch.batch_id, first, count, data)
    return Chunk(batch.dataset_id, batch.batch_id, first, count, checksum, data)


def _checksum(dataset_id: str, batch_id: str, first: int, entries: int, data: bytes) -> int:
    head = f"{dataset_id}\0{batch_id}\0{first}\0{entries}\0".encode()
    return zlib.crc32(data, zlib.crc32(head))
