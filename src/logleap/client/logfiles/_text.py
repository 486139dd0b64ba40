"""From bytes to lines: gzip, the encoding, and a bound on what is held in memory."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from logleap.client.logfiles._entries import LogFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 64 * 1024
MAX_ENTRY = 16 * 1024 * 1024
"""In characters. No log entry is that long (the API takes 1 MiB unless told otherwise), a binary may be."""


class LogText:
    """A log file as text, read once from front to back; `head` is its first piece, to look at beforehand.

    Whatever the file's size, one chunk and the line at hand are all that is held.
    """

    def __init__(self, stream: BinaryIO, *, name: str, encoding: str) -> None:
        self.name = name
        self._rest = self._decoded(stream, encoding)
        self.head = next(self._rest, "")

    def error(self, line: int | None, detail: str) -> LogFileError:
        """The error to raise about a line of this file."""
        return LogFileError(self.name, line, detail)

    def pieces(self) -> Iterator[str]:
        """The text in pieces that end anywhere."""
        if self.head:
            yield self.head
        yield from self._rest

    def lines(self) -> Iterator[str]:
        """The lines, each with the line feed that ends it. Nothing but a line feed ends a line."""
        begun: list[str] = []
        number = 1
        for piece in self.pieces():
            for part in io.StringIO(piece, newline="\n"):
                begun.append(part)
                if part.endswith("\n"):
                    yield "".join(begun)
                    begun.clear()
                    number += 1
            if sum(map(len, begun)) > MAX_ENTRY:
                raise self.error(number, f"a line of more than {MAX_ENTRY:,} characters: no text log?")
        if begun:
            yield "".join(begun)

    def _decoded(self, stream: BinaryIO, encoding: str) -> Iterator[str]:
        try:
            "x".encode(encoding)  # refuses codecs that are for no text, such as base64; lookup() doesn't
            decoder = codecs.getincrementaldecoder("utf-8-sig" if _is_utf8(encoding) else encoding)()
        except (LookupError, ValueError):
            raise self.error(
                None, f"--encoding {encoding!r} is unknown. Known: utf-8, cp1252, utf-16 …"
            ) from None
        line = 1
        for chunk in self._bytes(stream):
            try:
                piece = decoder.decode(chunk, final=not chunk)
                piece.encode()  # utf-7 and a few more let half surrogate pairs through
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                reason = f"{error.reason}: {error.object[error.start]:#04x}"
                raise self.error(line, _no_text(encoding, reason)) from None
            except UnicodeError as error:
                raise self.error(line, _no_text(encoding, str(error))) from None
            line += piece.count("\n")
            if piece:
                yield piece

    def _bytes(self, stream: BinaryIO) -> Iterator[bytes]:
        """The file's bytes, inflated if it is gzipped; an empty chunk is the last."""
        source = io.BufferedReader(_Borrowed(stream), CHUNK)
        reader = gzip.GzipFile(fileobj=source) if source.peek(2).startswith(b"\x1f\x8b") else source
        chunk = b"-"
        while chunk:
            try:
                chunk = reader.read(CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise self.error(None, f"the gzip file is damaged or cut off: {error}.") from None
            yield chunk


class _Borrowed(io.RawIOBase):
    """Lets a reader look ahead in the caller's stream without closing it in the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


def _no_text(encoding: str, reason: str) -> str:
    return f"not {encoding} text ({reason}). Name the right one: --encoding cp1252, latin-1, utf-16 …"


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"
