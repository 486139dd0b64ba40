"""What requests may say besides entries: path, query parameters, headers, small JSON bodies."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from logleap.domain.datasets import State
from logleap.entrypoints.http.contract.codes import PROBLEMS, Code
from logleap.entrypoints.http.contract.refusals import HttpError

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 50

Label = Annotated[str, Field(max_length=256)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True)


class DataPath(_Model):
    """The path of a call on one data set."""

    data_id: Annotated[str, Field(examples=["7d8b0631-2c9e-419a-b895-103261ea9665"])]
    """As `POST /data` answered it."""


# ---- query parameters --------------------------------------------------------------------------------------


class NoQuery(_Model):
    """A call without query parameters. Those with some are its subclasses.

    A wrong value of the field `page_size` is refused as PAGE_SIZE_INVALID, and so on, where there is such a
    code; others are QUERY_PARAMETER_INVALID.
    """


Query = TypeVar("Query", bound=NoQuery)


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise ValueError(f"must be one of: {', '.join(State)}") from None


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


Flag = Annotated[bool, BeforeValidator(_flag)]


def _page_size(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("must be a whole number, 0 or more")
    return min(int(text), MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


class ListQuery(NoQuery):
    """`GET /data`."""

    state: Annotated[
        Annotated[State, BeforeValidator(_state)] | SkipJsonSchema[None], Field(examples=["uploading"])
    ] = None
    """Only data sets in this state."""
    name: str | SkipJsonSchema[None] = None
    """Only data sets of exactly this name."""
    page_size: Annotated[
        int,
        BeforeValidator(_page_size),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [100]}),
    ] = DEFAULT_PAGE_SIZE
    """The most to answer at once. 0 stands for the default, more than 1000 for 1000 (AIP-158)."""
    page_token: str = ""
    """`nextPageToken` of the page before, of a list with the same `state` and `name`. Without it: the first
    page."""


class AppendQuery(NoQuery):
    """`POST /data/{dataId}`."""

    partial: Flag = False
    """Take the good entries and name the bad ones, instead of refusing all of them for one bad one. Where
    none is good, or 100,000 or 16 MiB of them are bad, all are refused."""
    dry_run: Flag = False
    """Only tell what would be taken; store nothing."""
    mapping: Annotated[str | SkipJsonSchema[None], Field(examples=["pino"])] = None
    """The name of a mapping: which fields of yours are the timestamp and the message. All others become the
    context. Without it an entry has the fields of this API, and no others."""


def parse_query(model: type[Query], request: Request) -> Query:
    """The query parameters as `model`. Raises HttpError (400).

    Unknown and repeated ones are refused: ignoring them would do what nobody asked for.
    """
    if not request.query_string:
        return model()
    try:
        query = model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise _bad_query(model, error) from None
    for name, values in request.args.lists():
        if len(values) > 1:
            detail = f"{name} is given {len(values)} times. Give it once."
            raise HttpError("QUERY_PARAMETER_INVALID", detail)
    return query


def codes_of(model: type[NoQuery]) -> Sequence[Code]:
    """The codes of wrong values of the query parameters that `model` has."""
    own = [f"{name.upper()}_INVALID" for name in model.model_fields]
    return ["QUERY_PARAMETER_INVALID", *(code for code in own if code in PROBLEMS)] if own else []


def _bad_query(model: type[NoQuery], error: ValidationError) -> HttpError:
    names = {field.alias: name for name, field in model.model_fields.items()}
    # An unknown one goes first: it may be a known one, misspelt.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    alias = str(first["loc"][0])
    if alias not in names:
        known = f"It knows {', '.join(sorted(map(str, names)))}." if names else "It takes none."
        said = f"This call has no query parameter {alias[:64]!r}. {known}"
        return HttpError("QUERY_PARAMETER_UNKNOWN", said)
    why = first["msg"].removeprefix("Value error, ")
    own = f"{names[alias].upper()}_INVALID"
    code = own if own in PROBLEMS else "QUERY_PARAMETER_INVALID"
    return HttpError(code, f"{alias} is {str(first['input'])[:40]!r}, but {why}.")


# ---- headers -----------------------------------------------------------------------------------------------


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key: 1 to 255 visible ASCII characters, bare or in double quotes."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    match = re.fullmatch(r'"([!#-~]{1,255})"|([!#-~]{1,255})', header.strip())
    if match is None:
        raise HttpError(
            "IDEMPOTENCY_KEY_INVALID",
            "Idempotency-Key must be 1 to 255 visible ASCII characters (a UUID, say), bare or in quotes.",
        )
    return match[1] or match[2]


# ---- small bodies ------------------------------------------------------------------------------------------


class EmptyBody(_Model):
    """A call that is told nothing more: `{}`, or no body at all."""

    model_config = ConfigDict(strict=True)


class AnnounceBody(EmptyBody):
    """What a data set can be given along. No body at all is fine."""

    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """For people; it need not be unique."""
    labels: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=64)], Label],
        Field(max_length=64),
    ] = {}
    """At most 64: names of 1 to 64 characters, values of at most 256."""


def _whole(number: Any) -> Any:
    """As JSON Schema has it: 2.0 is an integer."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class TrainBody(EmptyBody):
    """How to train. No body at all is fine."""

    task: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """One that the operator offers; without it the operator's first."""
    parameters: dict[str, Any] = {}
    """For the task, as it wants them; at most 99 arrays and objects in one another."""
    expected_entries: Annotated[int, Field(ge=0), BeforeValidator(_whole)] | None = None
    """Refuse to start, with 412, unless exactly so many entries were acknowledged."""
