"""What requests may say besides entries: query parameters, keys of repetition, small JSON bodies."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from flask import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from logleap.domain.dataset import State
from logleap.entrypoints.http.problems import RequestRefused
from logleap.ports.datasets import Position

SMALL_BODY_LIMIT = 64 * 1024

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 50

Label = Annotated[str, Field(max_length=256)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel)


Body = TypeVar("Body", bound=_Body)


class AnnounceBody(_Body):
    """`POST /data`."""

    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    labels: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=64)], Label], Field(max_length=64)
    ] = {}


class EmptyBody(_Body):
    """A call that is told nothing more."""


class TrainBody(_Body):
    """`POST /train/{dataId}`."""

    task: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    parameters: dict[str, Any] = {}
    expected_entries: Annotated[int, Field(ge=0)] | None = None


def parse_body(model: type[Body], body: bytes) -> Body:
    """The body as `model`; an empty body is an empty object. Raises RequestRefused."""
    try:
        fields = msgspec.json.decode(body.decode()) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestRefused(400, "JSON_MALFORMED", f"The body is not JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise RequestRefused(422, "BODY_INVALID", "The body must be a JSON object, or empty.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join(field.alias or name for name, field in model.model_fields.items())
        said = "is no field of this body" if first["type"] == "extra_forbidden" else f"- {first['msg']}"
        detail = f"Field {place!r} {said}. The fields are: {allowed}."
        raise RequestRefused(422, "BODY_INVALID", detail) from error


def check_query(request: Request, allowed: Collection[str] = ()) -> None:
    """Refuse query parameters that this call doesn't know: ignoring them would do what nobody asked for."""
    for name in request.args:
        if name not in allowed:
            known = f"It knows {', '.join(sorted(allowed))}." if allowed else "It takes none."
            raise RequestRefused(
                400, "QUERY_PARAMETER_UNKNOWN", f"This call has no query parameter {name[:64]!r}. {known}"
            )


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key: 1 to 255 visible ASCII characters, bare or in double quotes."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    match = re.fullmatch(r'"([!#-~]{1,255})"|([!-~]{1,255})', header.strip())
    if match is None or (match[1] is None and '"' in match[2]):
        raise RequestRefused(
            400,
            "IDEMPOTENCY_KEY_INVALID",
            "Idempotency-Key must be 1 to 255 visible ASCII characters (a UUID, say), bare or in quotes.",
        )
    return match[1] or match[2]


def flag(request: Request, name: str) -> bool:
    """A query parameter that is `true` or `false`; false if it is not given."""
    text = request.args.get(name, "false")
    if text not in ("true", "false"):
        raise RequestRefused(
            400, "QUERY_PARAMETER_INVALID", f"{name} is {text[:40]!r}, but must be true or false."
        )
    return text == "true"


def page_size(request: Request) -> int:
    """`pageSize`: 50 if not given or 0, at most 1000 (AIP-158: more is taken as the most)."""
    text = request.args.get("pageSize", "0")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise RequestRefused(
            400, "PAGE_SIZE_INVALID", f"pageSize is {text[:40]!r}, but must be a whole number, 0 or more."
        )
    return min(int(text), MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


class Filters(NamedTuple):
    """Which data sets a list shows: those in this state, of exactly this name; None: any."""

    state: State | None
    name: str | None

    @property
    def mark(self) -> str:
        """Tells a page token that was made for other filters."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()[:16]


def list_filters(request: Request) -> Filters:
    """`state` and `name`, as far as given."""
    text = request.args.get("state")
    try:
        return Filters(None if text is None else State(text), request.args.get("name"))
    except ValueError:
        detail = f"state is {str(text)[:40]!r}, but must be one of: {', '.join(State)}."
        raise RequestRefused(400, "STATE_INVALID", detail) from None


def page_token(position: Position | None, filters: Filters) -> str | None:
    """A position in the list that these filters make, as an opaque token."""
    if position is None:
        return None
    plain = f"{filters.mark} {position.created_at.astimezone(UTC).isoformat()} {position.dataset_id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def page_position(request: Request, filters: Filters) -> Position | None:
    """`pageToken`, if given and not empty. Refused if it was made for other filters (AIP-158)."""
    token = request.args.get("pageToken")
    if not token:
        return None
    try:
        plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        mark, created_at, dataset_id = plain.split(" ")
        position = Position(datetime.fromisoformat(created_at).astimezone(UTC), dataset_id)
    except (binascii.Error, ValueError, OverflowError):
        detail = "pageToken is not one that this API gave out. Leave it out to begin with the first page."
        raise RequestRefused(400, "PAGE_TOKEN_INVALID", detail) from None
    if mark != filters.mark:
        detail = "pageToken is from a list with another state or name. Repeat those, or leave pageToken out."
        raise RequestRefused(400, "PAGE_TOKEN_INVALID", detail)
    return position
