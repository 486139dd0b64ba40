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
    """Your id for this request, 1 to 128 visible ASCII characters. The answer and the service's log have it
    too. Anything else is replaced by a new id."""


class RepeatableHeaders(RequestHeaders):
    """The headers of a call that can be repeated without being done twice."""

    key: Annotated[
        Annotated[str, Field(pattern=r'^("[!#-~]{1,255}"|[!#-~]{1,255})$')] | SkipJsonSchema[None],
        Field(alias="Idempotency-Key", examples=["5a6f1a4e-0d0b-4e5e-9a35-6f6f3f0a1c55"]),
    ] = None
    """1 to 255 visible ASCII characters, bare or in double quotes, such as a UUID. If an answer is lost,
    repeat the request with the same key: it takes effect once."""


class ConditionalHeaders(RequestHeaders):
    """The headers of a call whose answer the client may have already."""

    if_none_match: Annotated[
        str | SkipJsonSchema[None],
        Field(alias="If-None-Match", examples=['"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"']),
    ] = None
    """The `ETag` of an answer that you have. If it is still valid, the answer is 304, without a body."""


class ArtifactHeaders(ConditionalHeaders):
    """The headers of a call whose answer may be a part of a file, or compressed."""

    range: Annotated[str | SkipJsonSchema[None], Field(alias="Range", examples=["bytes=0-65535"])] = None
    """Only these bytes, such as `bytes=0-65535`, `bytes=65536-` or `bytes=-1000`; one range."""
    if_range: Annotated[
        str | SkipJsonSchema[None],
        Field(
            alias="If-Range",
            examples=['"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"'],
        ),
    ] = None
    """The `ETag` of the bytes that you have already: `Range` counts only if they are still the same."""
    accept_encoding: Annotated[
        str | SkipJsonSchema[None], Field(alias="Accept-Encoding", examples=["zstd, gzip"])
    ] = None
    """What is kept compressed is sent as zstd or gzip if you accept one of them."""


def _header(description: str, example: str | int) -> Mapping[str, Any]:
    schema = {"type": "integer" if isinstance(example, int) else "string"}
    return {"description": description, "schema": schema, "example": example}


ANSWER_HEADERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "X-Request-Id": _header("The request's id: yours, or a new UUID.", "deploy-4711"),
        "X-Entry-Count": _header(
            "How many entries the stream has, if all were selected: compare what has arrived.", 2
        ),
        "Location": _header("Where the created resource is.", "/data/7d8b0631-2c9e-419a-b895-103261ea9665"),
        "ETag": _header(
            "The version of this answer, for `If-None-Match`.", '"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"'
        ),
        "Accept-Ranges": _header("Parts can be requested by `Range`.", "bytes"),
        "Content-Disposition": _header("The artifact's name.", 'attachment; filename="model.bin"'),
        "Content-Range": _header("Which bytes these are, and of how many.", "bytes 0-65535/1048576"),
        "Cache-Control": _header("It may be cached, but must be revalidated.", "private, no-cache"),
        "Accept": _header("The supported media types; with UNSUPPORTED_MEDIA_TYPE.", "application/json"),
        "Accept-Encoding": _header(
            "The supported content codings; with UNSUPPORTED_CONTENT_CODING.", "gzip, zstd"
        ),
        "Retry-After": _header("Seconds to wait before a retry.", 2),
        "RateLimit": _header(
            "Per quota: the remaining amount (r), and the seconds until it resets (t).",
            '"requests";r=0;t=17',
        ),
        "RateLimit-Policy": _header(
            "Per quota: the amount (q) per window, and the window in seconds (w).", '"requests";q=600;w=60'
        ),
        "WWW-Authenticate": _header("How to send a key.", 'Bearer realm="logleap"'),
    }
)
