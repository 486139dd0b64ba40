"""Small JSON bodies, read as models."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from flask import Request
from pydantic import ValidationError

from logleap.codecs.json.walk import JsonWalk, TooDeep
from logleap.entrypoints.http.contract.refusals import HttpError
from logleap.entrypoints.http.contract.requests import EmptyBody
from logleap.entrypoints.http.ingest.body import read_body

LIMIT = 64 * 1024
MAX_DEPTH = 100  # arrays and objects in one another: pydantic cannot answer with more than 255

Body = TypeVar("Body", bound=EmptyBody)


def parse_body(model: type[Body], request: Request) -> Body:
    """The body as `model`; an empty body is an empty object. Raises HttpError, or what reading it does."""
    body = read_body(request, LIMIT)
    if body and request.mimetype != "application/json":
        detail = f"Content-Type is {request.mimetype[:80]!r}. Send this body as application/json."
        raise HttpError("UNSUPPORTED_MEDIA_TYPE", detail, {"Accept": "application/json"})
    try:
        fields = msgspec.json.decode(body.decode()) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HttpError("JSON_MALFORMED", f"The body is not JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise HttpError("BODY_INVALID", "The body must be a JSON object, or empty.")
    if fields:
        _check_names(body)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join(field.alias or name for name, field in model.model_fields.items())
        said = "is not a field of this body" if first["type"] == "extra_forbidden" else f"- {first['msg']}"
        detail = f"Field {place!r} {said}. The fields are: {allowed}."
        raise HttpError("BODY_INVALID", detail) from error


def _check_names(body: bytes) -> None:
    """Raises HttpError if the JSON nests too deeply, or if an object in it has a name twice."""
    try:
        JsonWalk(body, deepest=MAX_DEPTH).value()
    except TooDeep:
        detail = f"The body nests arrays and objects more than {MAX_DEPTH} levels deep."
        raise HttpError("BODY_INVALID", detail) from None
    json.loads(body, object_pairs_hook=_once_each, parse_int=str, parse_float=str)


def _once_each(members: Sequence[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in members:
        if name in names:
            # Parsers differ in which of them they take.
            raise HttpError("BODY_INVALID", f"Field {name[:100]!r} occurs more than once. Send it once.")
        names.add(name)
