"""A file's bytes, unpacked: gzip, zstd, bzip2 and xz are told by their first bytes, whatever its name."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol

from logleap.client.logfiles._errors import LogFileError, unreadable

CHUNK = 256 * 1024
_LARGEST_WINDOW = 27  # zstd: 128 MiB, as its own program takes without being asked to


class _Unpacker(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Packing(NamedTuple):
    """A compression: its name, the bytes that it begins with, and what undoes it."""

    name: str
    magic: bytes
    unpacker: Callable[[], _Unpacker]
    errors: tuple[type[Exception], ...]


def _zstd() -> _Unpacker:
    zstd = _zstd_module()
    unpacker: _Unpacker = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW}
    )
    return unpacker


def _zstd_module() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


PACKINGS = (
    Packing("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(31), (zlib.error,)),
    Packing("zstd", b"\x28\xb5\x2f\xfd", _zstd, ()),
    Packing("bzip2", b"BZh", bz2.BZ2Decompressor, (OSError, ValueError)),
    Packing("xz", b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), (lzma.LZMAError,)),
)

_UNREADABLE: Sequence[tuple[bytes, str, str]] = (
    (b"PK\x03\x04", "a zip archive", "unzip -p FILE | logleap push -"),
    (b"PK\x05\x06", "an empty zip archive", ""),
    (b"\x04\x22\x4d\x18", "packed by lz4", "lz4 -dc FILE | logleap push -"),
    (b"\x02\x21\x4c\x18", "packed by lz4 (its old form)", "lz4 -dc FILE | logleap push -"),
    (b"\xff\x06\x00\x00sNaPpY", "packed by snappy", "unpack it first"),
    (b"\x5d\x00\x00", "packed by lzma", "unlzma -c FILE | logleap push -"),
    (b"LZIP", "packed by lzip", "lzip -dc FILE | logleap push -"),
    (b"\x89LZO\x00", "packed by lzop", "lzop -dc FILE | logleap push -"),
    (b"\x1f\x9d", "packed by compress", "zcat FILE | logleap push -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x -so FILE | logleap push -"),
    (b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul FILE | logleap push -"),
    (b"PAR1", "a Parquet file", "write its rows as NDJSON or CSV first"),
    (b"ARROW1", "an Arrow file", "write its rows as NDJSON or CSV first"),
    (b"ORC", "an ORC file", "write its rows as NDJSON or CSV first"),
    (b"Obj\x01", "an Avro file", "write its rows as NDJSON or CSV first"),
    (b"SQLite format 3\x00", "a SQLite database", "write its rows as NDJSON or CSV first"),
    (b"ElfFile\x00", "a Windows event log", "export it as CSV, or dump it as JSON lines"),
    (b"LPKSHHRH", "a journal of systemd", "journalctl --file FILE -o json | logleap push -"),
    (b"%PDF-", "a PDF", "export it as text"),
    (b"\x7fELF", "a program", ""),
    (b"\xd4\xc3\xb2\xa1", "a capture of network packets", ""),
    (b"\x0a\x0d\x0d\x0a", "a capture of network packets", ""),
)


class Unpacked:
    """The bytes of a stream, unpacked if they are packed; `packing` names how. Damage raises LogFileError.

    So does a file of more than `most` bytes. `note`: what was passed over at its end, as `gzip -d` does.
    """

    def __init__(self, stream: BinaryIO, name: str, most: int | None = None) -> None:
        self._most = most
        self._stream = stream
        self._name = name
        self.note: str | None = None
        self._begin = b""
        while len(self._begin) < 512 and (more := self._read(512 - len(self._begin))):
            self._begin += more
        self._refuse_unreadable()
        self._packing = next((kind for kind in PACKINGS if self._begin.startswith(kind.magic)), None)
        if self._packing is not None and self._packing.name == "bzip2" and self._begin[4:10] != b"1AY&SY":
            self._packing = None

    @property
    def packing(self) -> str | None:
        """The compression's name."""
        return self._packing.name if self._packing else None

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces that are not empty."""
        size = 0
        for chunk in self._chunks():
            size += len(chunk)
            if self._most is not None and size > self._most:
                raise LogFileError(
                    self._name, None, f"it has more than {self._most:,} bytes. Split it into several files."
                )
            yield chunk

    def _chunks(self) -> Iterator[bytes]:
        if self._packing is None:
            yield from self._raw()
            return
        errors: tuple[type[Exception], ...] = (*self._packing.errors, EOFError)
        if self._packing.name == "zstd":
            errors = (*errors, _zstd_module().ZstdError)
        try:
            yield from self._unpacked(self._packing)
        except LogFileError:
            raise
        except errors as error:
            raise LogFileError(self._name, None, f"the {self.packing} file is damaged: {error}.") from None

    def _refuse_unreadable(self) -> None:
        begin = self._begin
        for magic, what, advice in _UNREADABLE:
            if begin.startswith(magic):
                remedy = f". Try: {advice}" if "|" in advice else f": {advice}" if advice else ""
                file = "it" if self._name == "-" else self._name
                raise LogFileError(
                    self._name, None, f"this is {what}, which is not read{remedy.replace('FILE', file)}."
                )
        if begin[257:262] == b"ustar":
            raise LogFileError(
                self._name, None, f"this is a tar archive. Try: tar -xOf {self._name} | logleap push -"
            )

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise unreadable(self._name, error) from error

    def _raw(self) -> Iterator[bytes]:
        if self._begin:
            yield self._begin
        while chunk := self._read(CHUNK):
            yield chunk

    def _unpacked(self, packing: Packing) -> Iterator[bytes]:
        unpacker = packing.unpacker()
        raw = self._raw()
        data = b""
        while True:
            if unpacker.eof:
                data = unpacker.unused_data or next(raw, b"")
                while data and len(data) < len(packing.magic) and (more := next(raw, b"")):
                    data += more
                if not data:
                    return
                if not data.startswith(packing.magic):
                    self.note = f"what follows the end of the {packing.name} data was left out"
                    return
                unpacker = packing.unpacker()
            else:
                data = next(raw, b"")
                if not data:
                    raise EOFError("it ends in the middle, so a part of it is missing")
            yield from _pieces(unpacker, data)


def _pieces(unpacker: Any, data: bytes) -> Iterator[bytes]:
    """What comes out of `data`, a bounded piece at a time however much that is."""
    if hasattr(unpacker, "unconsumed_tail"):  # zlib's
        while data:
            if piece := unpacker.decompress(data, CHUNK):
                yield piece
            data = unpacker.unconsumed_tail
            if unpacker.eof:
                return
        while not unpacker.eof and (piece := unpacker.decompress(b"", CHUNK)):
            yield piece
        return
    while True:
        if piece := unpacker.decompress(data, CHUNK):
            yield piece
        data = b""
        if unpacker.eof or unpacker.needs_input:
            return
