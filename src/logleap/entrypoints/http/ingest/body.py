"""A request's body as decoded bytes: read to its end, counted, inflated, digested, in bounded memory."""

import hashlib
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from flask import Request

from logleap.domain.errors import Refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZSTD_WINDOW = 23  # log2 of bytes: 8 MiB, what RFC 8878 (3.1.1.1.2) asks every decoder to support

_PIECE = 1 << 18  # bytes: what is read, or inflated, at a time
_PARTS = 20_000  # of gzip or zstd in one body, enough for 1 GiB by bgzip: countless empty ones take an hour


class BodyRefused(Refusal):
    """The request cannot be taken as a whole. The text says what is wrong, where, and what to do about it.

    `status` is the HTTP status to answer with, `headers` go with it; `code` is stable and UPPER_SNAKE.
    """

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


class Body:
    """The decoded bytes of one request's body. It can be read once: by iterating, or by `read`.

    `limit` is in bytes and holds for what is sent and for what that inflates to. Nothing is cut off: a body
    that is longer, or that ends before it should, raises BodyRefused, here or while it is read.
    Werkzeug's `request.stream` is not used: with a body of unknown length it ends early without a word.
    """

    def __init__(self, request: Request, limit: int) -> None:
        environ = request.environ
        self._limit = limit
        self._length = _declared_length(environ)
        self._decode = _coding(environ)
        self._stream = environ["wsgi.input"]
        self._digest = hashlib.sha256()
        if self._length is not None and self._length > limit:
            raise self._too_large()

    @property
    def sha256(self) -> str:
        """The digest (hex) of the decoded bytes that were read so far."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The decoded bytes in small pieces. Raises BodyRefused; what came until then must not count."""
        size = 0
        for piece in self._decode(self._sent()):
            size += len(piece)
            if size > self._limit:
                raise self._too_large()
            self._digest.update(piece)
            yield piece

    def read(self) -> bytes:
        """All decoded bytes. Raises BodyRefused."""
        return b"".join(self)

    def _sent(self) -> Iterator[bytes]:
        count = 0
        while self._length is None or count < self._length:
            # Never more than declared: a server that does not end the stream would wait for ever.
            wanted = _PIECE if self._length is None else min(_PIECE, self._length - count)
            try:
                piece = self._stream.read(wanted)
            except Exception as error:  # each server raises its own: OSError, ParseException, …
                raise BodyRefused(
                    400,
                    "BODY_BROKEN_OFF",
                    f"The body could not be read beyond byte {count}: the connection broke off, or a chunk "
                    "is malformed. Nothing of it was taken; send the whole request again.",
                ) from error
            if not piece:
                break
            count += len(piece)
            if count > self._limit:
                raise self._too_large()
            yield piece
        if self._length is not None and count < self._length:
            raise BodyRefused(
                400,
                "BODY_TOO_SHORT",
                f"The body ended after {count} bytes, but its Content-Length is {self._length}. "
                "Nothing of it was taken; send the whole request again.",
            )

    def _too_large(self) -> BodyRefused:
        return BodyRefused(
            413,
            "BODY_TOO_LARGE",
            f"The body has more than {self._limit} bytes, as sent or inflated, which is the limit for its "
            "Content-Type. Split it into several requests.",
        )


def read_body(request: Request, limit: int) -> bytes:
    """The decoded body of a request that may have none: then it is empty. Raises BodyRefused."""
    if "CONTENT_LENGTH" not in request.environ and "HTTP_TRANSFER_ENCODING" not in request.environ:
        return b""  # RFC 9112, 6.3: such a request has no body
    return Body(request, limit).read()


def _declared_length(environ: Mapping[str, Any]) -> int | None:
    """The bytes to expect, or None where the server itself ends the stream (a chunked body)."""
    length = environ.get("CONTENT_LENGTH") or None
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        length = None  # RFC 9112, 6.3: then Content-Length does not count
    if length is None:
        if environ.get("wsgi.input_terminated"):
            return None
        # Without either nobody knows where the body ends: it would be taken for an empty one.
        raise BodyRefused(
            411, "LENGTH_REQUIRED", "The length of the body is not known. Send it with a Content-Length."
        )
    if not re.fullmatch("[0-9]{1,18}", length):
        raise BodyRefused(400, "CONTENT_LENGTH_INVALID", "Content-Length is not a number of bytes.")
    return int(length)


def _coding(environ: Mapping[str, Any]) -> Callable[[Iterable[bytes]], Iterator[bytes]]:
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if coding not in _CODINGS:
        raise BodyRefused(
            415,
            "UNSUPPORTED_CONTENT_CODING",
            f"Content-Encoding {coding[:40]!r} is not supported. Use gzip or zstd, or send the body plain.",
            headers={"Accept-Encoding": "gzip, zstd"},
        )
    return _CODINGS[coding]


def _gunzip(sent: Iterable[bytes]) -> Iterator[bytes]:
    """Inflates gzip of one or more members (RFC 1952, 2.2), in pieces: a bomb is stopped by who counts."""
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    members = 1
    for piece in sent:
        data = piece
        while data:
            if member.eof:
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                members += 1
                if members > _PARTS:
                    raise _not_gzip(f"has more than {_PARTS} members")
            try:
                inflated = member.decompress(data, _PIECE)
            except zlib.error as error:
                raise _not_gzip(
                    f"is not gzip: {error}" if members == 1 else "goes on with something else after its end"
                ) from None
            if inflated:
                yield inflated
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise _not_gzip("ends in the middle")


def _unzstd(sent: Iterable[bytes]) -> Iterator[bytes]:
    """Inflates zstd of one or more frames (RFC 8878, 3.1), in pieces: a bomb is stopped by who counts."""
    frame = None
    frames = 0
    for piece in sent:
        data = piece
        while data or (frame is not None and not (frame.needs_input or frame.eof)):
            if frame is None or frame.eof:
                frame = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
                frames += 1
                if frames > _PARTS:
                    raise _not_zstd(f"has more than {_PARTS} frames")
            try:
                inflated = frame.decompress(data, _PIECE)
            except zstd.ZstdError as error:
                raise _not_zstd(
                    f"is not zstd: {error}" if frames == 1 else "goes on with something else after its end"
                ) from None
            if inflated:
                yield inflated
            data = frame.unused_data if frame.eof else b""
    if frame is None or not frame.eof:
        raise _not_zstd("ends in the middle")


_ZSTD_OPTIONS: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}


def _not_gzip(what: str) -> BodyRefused:
    return _malformed("GZIP_MALFORMED", "gzip", what)


def _not_zstd(what: str) -> BodyRefused:
    return _malformed("ZSTD_MALFORMED", "zstd", what)


def _malformed(code: str, coding: str, what: str) -> BodyRefused:
    return BodyRefused(
        400,
        code,
        f"The body was announced as {coding} (Content-Encoding), but {what}. Nothing of it was taken.",
    )


# Each takes the bytes as sent and gives the decoded ones, at most _PIECE at a time.
_CODINGS: Mapping[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = MappingProxyType(
    {"": iter, "identity": iter, "gzip": _gunzip, "x-gzip": _gunzip, "zstd": _unzstd}
)
