"""What the client accepts as an answer, and whether it has that already (RFC 9110, sections 12 and 13)."""

import re
from collections.abc import Sequence

from flask import Request, Response
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import generate_etag, parse_accept_header

from logleap.entrypoints.http.errors.refusals import HttpError


def preferred(request: Request, offered: Sequence[str]) -> str | None:
    """Which of the media types `offered` the client prefers, the first of equal ones. None: none of them."""
    said = request.environ.get("HTTP_ACCEPT", "*/*").strip()
    if said in ("", "*", "*/*"):
        return offered[0]
    # Java's URLConnection sends `*; q=.2, */*; q=.2`, which Werkzeug passes over.
    kinds = parse_accept_header(re.sub(r"q=\.", "q=0.", said))
    accepted = MIMEAccept([(kind.partition(";")[0], quality) for kind, quality in kinds])
    return accepted.best_match(offered)


def content_coding(request: Request, offered: Sequence[str]) -> str | None:
    """Which of the content codings `offered` the client prefers, if it names any of them."""
    accepted = request.accept_encodings
    best = max(offered, key=accepted.quality)
    return best if accepted.quality(best) > 0 and "Accept-Encoding" in request.headers else None


def check_accept(request: Request, offered: Sequence[str]) -> None:
    """Raises HttpError (406) if the client accepts none of the media types `offered`, before any effect.

    Parameters, as a charset, are not looked at. Problems come as problem+json whatever is accepted.
    """
    if preferred(request, offered) is None:
        said = request.environ["HTTP_ACCEPT"].strip()
        shown = " or ".join(offered)
        detail = f"Accept is {said[:80]!r}, but this call returns {shown}. Accept that, or send no Accept."
        raise HttpError("NOT_ACCEPTABLE", detail)


def tagged(request: Request, response: Response) -> Response:
    """The response to a GET with its ETag; 304 without a body if the client's If-None-Match names that.

    A stream is left as it is: it has no ETag, which would need all of it.
    """
    if request.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed:
        etag = generate_etag(response.get_data())
        response.headers["ETag"] = f'"{etag}"'
        response.headers["Cache-Control"] = "private, no-cache"  # may be kept, must be asked about
        if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(etag):
            response.status_code = 304
            response.set_data(b"")
    return response
