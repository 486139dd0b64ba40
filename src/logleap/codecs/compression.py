"""gzip and zstd inflated and deflated piece by piece, in bounded memory."""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from logleap.codecs.errors import GzipMalformed, ZstdMalformed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 1 << 18
"""Bytes: the most that is read, or inflated, at a time."""

_PARTS = 20_000  # of gzip or zstd in one body, enough for 1 GiB by bgzip: countless empty ones take an hour
_ZSTD_WINDOW = 23  # log2 of bytes: 8 MiB, what RFC 8878 (3.1.1.1.2) asks every decoder to support
_ZSTD_OPTIONS: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}

_ZSTD_WRITTEN: Mapping[int, int] = {
    zstd.CompressionParameter.compression_level: 6,
    zstd.CompressionParameter.window_log: 21,
}


def gunzip(sent: Iterable[bytes]) -> Iterator[bytes]:
    """Inflates gzip of one or more members (RFC 1952, 2.2), in pieces: the caller stops a bomb by counting.

    Raises GzipMalformed.
    """
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    members = 1
    for piece in sent:
        data = piece
        while data:
            if member.eof:
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                members += 1
                if members > _PARTS:
                    raise GzipMalformed(f"has more than {_PARTS} members")
            try:
                inflated = member.decompress(data, PIECE)
            except zlib.error as error:
                raise GzipMalformed(
                    f"is not gzip: {error}" if members == 1 else "goes on with something else after its end"
                ) from None
            if inflated:
                yield inflated
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise GzipMalformed("ends in the middle")


def unzstd(sent: Iterable[bytes]) -> Iterator[bytes]:
    """Inflates zstd of one or more frames (RFC 8878, 3.1), in pieces: the caller stops a bomb by counting.

    Raises ZstdMalformed.
    """
    frame = None
    frames = 0
    for piece in sent:
        data = piece
        while data or (frame is not None and not (frame.needs_input or frame.eof)):
            if frame is None or frame.eof:
                frame = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
                frames += 1
                if frames > _PARTS:
                    raise ZstdMalformed(f"has more than {_PARTS} frames")
            try:
                inflated = frame.decompress(data, PIECE)
            except zstd.ZstdError as error:
                raise ZstdMalformed(
                    f"is not zstd: {error}" if frames == 1 else "goes on with something else after its end"
                ) from None
            if inflated:
                yield inflated
            data = frame.unused_data if frame.eof else b""
    if frame is None or not frame.eof:
        raise ZstdMalformed("ends in the middle")


def compress_zstd(plain: Iterable[bytes]) -> Iterator[bytes]:
    """One zstd frame."""
    frame = zstd.ZstdCompressor(options=_ZSTD_WRITTEN)
    for piece in plain:
        if compressed := frame.compress(piece):
            yield compressed
    yield frame.flush()


def compress_gzip(plain: Iterable[bytes]) -> Iterator[bytes]:
    """One gzip member."""
    member = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for piece in plain:
        if compressed := member.compress(piece):
            yield compressed
    yield member.flush()


Coding = Callable[[Iterable[bytes]], Iterator[bytes]]
"""Takes the bytes as sent and gives the decoded ones, at most `PIECE` at a time."""

CODINGS: Mapping[str, Coding] = MappingProxyType(
    {"": iter, "identity": iter, "gzip": gunzip, "x-gzip": gunzip, "zstd": unzstd}
)
"""By the names of RFC 9110, 8.4.1, and of RFC 8878; empty for none."""
