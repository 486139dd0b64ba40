"""The headers of requests and answers, for the OpenAPI document."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema


class RequestHeaders(BaseModel):
    """The headers that every call knows."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    request_id: Annotated[
        str | SkipJsonSchema[None], Field(alias="X-Request-Id", examples=["deploy-4711"])
    ] = None
    """Your name for this request, of 1 to 128 visible ASCII characters: it comes back in the answer, and in
    the service's log. Anything else is replaced by a new one."""


class RepeatableHeaders(RequestHeaders):
    """The headers of a call that can be repeated without being done twice."""

    key: Annotated[
        Annotated[str, Field(pattern=r'^("[!#-~]{1,255}"|[!#-~]{1,255})$')] | SkipJsonSchema[None],
        Field(alias="Idempotency-Key", examples=["5a6f1a4e-0d0b-4e5e-9a35-6f6f3f0a1c55"]),
    ] = None
    """1 to 255 visible ASCII characters, bare or in double quotes: a UUID, say. Repeat a request whose answer
    got lost with the key it had, and it is carried out once."""


class ConditionalHeaders(RequestHeaders):
    """The headers of a call whose answer the client may have already."""

    if_none_match: Annotated[
        str | SkipJsonSchema[None],
        Field(alias="If-None-Match", examples=['"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"']),
    ] = None
    """The `ETag` of an answer that you have: as long as that is right, 304 comes, without a body."""


def _header(description: str, example: str | int) -> Mapping[str, Any]:
    schema = {"type": "integer" if isinstance(example, int) else "string"}
    return {"description": description, "schema": schema, "example": example}


ANSWER_HEADERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "X-Request-Id": _header("The request's name: yours, or a new UUID.", "deploy-4711"),
        "Location": _header("Where to look at what was made.", "/data/7d8b0631-2c9e-419a-b895-103261ea9665"),
        "ETag": _header(
            "Names this answer, for `If-None-Match`.", '"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"'
        ),
        "Cache-Control": _header("It may be kept, and must be asked about.", "private, no-cache"),
        "Accept": _header("The media types that are taken; with UNSUPPORTED_MEDIA_TYPE.", "application/json"),
        "Accept-Encoding": _header(
            "The codings that are taken; with UNSUPPORTED_CONTENT_CODING.", "gzip, zstd"
        ),
        "Retry-After": _header("Seconds to wait before the same request is sent again.", 2),
        "RateLimit": _header(
            "Of each quota that is set: what is left (r), and the seconds (t) until it is whole again.",
            '"requests";r=0;t=17',
        ),
        "RateLimit-Policy": _header(
            "Each quota that is set: the amount (q) in so many seconds (w).", '"requests";q=600;w=60'
        ),
        "WWW-Authenticate": _header("How to show a key.", 'Bearer realm="logleap"'),
    }
)
