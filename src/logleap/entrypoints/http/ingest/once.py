"""`?once=body`: an idempotency key made of the request's own bytes, for clients that cannot send one."""

import hashlib
import json
from tempfile import SpooledTemporaryFile
from typing import Any

from flask import Request, Response, after_this_request

from logleap.codecs.limits import Limits
from logleap.entrypoints.http.contract.requests import AppendQuery
from logleap.entrypoints.http.ingest.body import open_body, open_sent
from logleap.entrypoints.http.ingest.entry_stream import body_limit

_IN_MEMORY = 1 << 19  # bytes; as many as the server keeps there of a body


def key_of_body(request: Request, limits: Limits, query: AppendQuery) -> str:
    """The key: two requests have the same one if they would store the same entries, from the same bytes.

    It is made of the digest of the decoded body, and of the parameters that decide what is stored of it. It
    has a blank, so that no client can send it as its Idempotency-Key. The body is read for it once, and is
    then at its beginning again: the key is known before anything is stored, as with a client's.

    Raises as `entry_stream`, and what reading a body raises.
    """
    limit = body_limit(request, limits)
    stream = _rewindable(request, limit)
    start = stream.tell()
    body = open_body(request, limit)
    for _ in body:
        pass
    stream.seek(start)
    parts = [body.sha256, query.mapping, query.timezone, query.partial]
    return f"body {hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _rewindable(request: Request, limit: int) -> Any:
    """The bytes of the body as they were sent, in a file or in memory."""
    stream = request.environ["wsgi.input"]
    if hasattr(stream, "seekable") and stream.seekable():
        return stream
    # Not the server of LogLeap, which has received the whole body before the call begins.
    kept = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 -- closed with the request

    @after_this_request
    def close(response: Response) -> Response:
        kept.close()
        return response

    for piece in open_sent(request, limit):
        kept.write(piece)
    kept.seek(0)
    request.environ["wsgi.input"] = kept
    request.environ["wsgi.input_terminated"] = True
    return kept
