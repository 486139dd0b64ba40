"""The body of a request, opened as its headers say. It is read and decoded in `logleap.codecs.body`.

Werkzeug's `request.stream` is not used: with a body of unknown length it ends early without a word.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Request

from logleap.codecs.body import Body
from logleap.codecs.compression import CODINGS, Coding
from logleap.entrypoints.http.errors.refusals import HttpError


def open_body(request: Request, limit: int) -> Body:
    """The body of `request`, of at most `limit` bytes.

    Raises HttpError (400, 411, 415) if its headers are wrong, BodyTooLarge if they announce too much.
    """
    environ = request.environ
    return Body(environ["wsgi.input"], _declared_length(environ), _coding(environ), limit)


def open_sent(request: Request, limit: int) -> Body:
    """As `open_body`, but the bytes as they are sent: not decompressed."""
    environ = request.environ
    return Body(environ["wsgi.input"], _declared_length(environ), CODINGS[""], limit)


def read_body(request: Request, limit: int) -> bytes:
    """The decoded body of a request that may have none: then it is empty. Raises as `open_body` and Body."""
    if "CONTENT_LENGTH" not in request.environ and "HTTP_TRANSFER_ENCODING" not in request.environ:
        return b""  # RFC 9112, 6.3: such a request has no body
    return open_body(request, limit).read()


def _declared_length(environ: Mapping[str, Any]) -> int | None:
    """The bytes to expect, or None where the server itself ends the stream (a chunked body)."""
    length = environ.get("CONTENT_LENGTH") or None
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        length = None  # RFC 9112, 6.3: then Content-Length does not count
    if length is None:
        if environ.get("wsgi.input_terminated"):
            return None
        # Without either nobody knows where the body ends: it would be taken for an empty one.
        raise HttpError("LENGTH_REQUIRED", "The length of the body is unknown. Send a Content-Length.")
    if not re.fullmatch("[0-9]{1,18}", length):
        raise HttpError("CONTENT_LENGTH_INVALID", "Content-Length is not a number of bytes.")
    return int(length)


def _coding(environ: Mapping[str, Any]) -> Coding:
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if coding not in CODINGS:
        raise HttpError(
            "UNSUPPORTED_CONTENT_CODING",
            f"Content-Encoding {coding[:40]!r} is not supported. Use gzip, zstd or no compression.",
            {"Accept-Encoding": "gzip, zstd"},
        )
    return CODINGS[coding]
