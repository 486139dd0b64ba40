"""A body as decoded bytes: read to its end, counted, inflated, digested, in bounded memory."""

import hashlib
from collections.abc import Iterator
from typing import Any, Protocol

from logleap.codecs.compression import PIECE, Coding
from logleap.codecs.errors import BodyBrokenOff, BodyTooLarge, BodyTooShort


class Stream(Protocol):
    """What bytes are read from, as WSGI's `wsgi.input`."""

    def read(self, size: int, /) -> Any:
        """At most `size` bytes; none at the end."""
        ...


class Body:
    """The decoded bytes of one body. It can be read once: by iterating, or by `read`.

    `length` is the number of bytes as sent, None where the stream itself ends. `limit` is in bytes and holds
    for what is sent and for what that inflates to. Nothing is cut off: a body that is longer, or that ends
    before it should, is refused, here or while it is read.
    """

    def __init__(self, stream: Stream, length: int | None, coding: Coding, limit: int) -> None:
        """Raises BodyTooLarge."""
        self._stream = stream
        self._length = length
        self._decode = coding
        self._limit = limit
        self._digest = hashlib.sha256()
        if length is not None and length > limit:
            raise BodyTooLarge(limit)

    @property
    def sha256(self) -> str:
        """The digest (hex) of the decoded bytes that were read so far."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The decoded bytes in small pieces. If it raises, what came until then must not count.

        Raises BodyBrokenOff, BodyTooShort, BodyTooLarge, GzipMalformed, ZstdMalformed.
        """
        size = 0
        for piece in self._decode(self._sent()):
            size += len(piece)
            if size > self._limit:
                raise BodyTooLarge(self._limit)
            self._digest.update(piece)
            yield piece

    def read(self) -> bytes:
        """All decoded bytes. Raises as above."""
        return b"".join(self)

    def _sent(self) -> Iterator[bytes]:
        count = 0
        while self._length is None or count < self._length:
            # Never more than declared: a server that does not end the stream would wait for ever.
            wanted = PIECE if self._length is None else min(PIECE, self._length - count)
            try:
                piece = self._stream.read(wanted)
            except Exception as error:  # each server raises its own: OSError, ParseException, …
                raise BodyBrokenOff(count) from error
            if not piece:
                break
            count += len(piece)
            if count > self._limit:
                raise BodyTooLarge(self._limit)
            yield piece
        if self._length is not None and count < self._length:
            raise BodyTooShort(count, self._length)
