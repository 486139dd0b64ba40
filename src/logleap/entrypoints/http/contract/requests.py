"""What requests may say besides entries: path, query parameters, headers, small JSON bodies."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from logleap.codecs.timestamps import parse_timestamp
from logleap.codecs.zones import ZoneUnknown, zone_of
from logleap.domain.datasets import Retention, State
from logleap.domain.log_models import LOG_MODEL, MAX_IGNORED, MAX_IGNORED_CHARS, PREVIOUS
from logleap.domain.times import to_micros
from logleap.entrypoints.http.errors.codes import PROBLEMS, Code
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.settings import MAX_TIME_LIMIT

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 50
DEFAULT_AROUND = 10

Label = Annotated[str, Field(max_length=256)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True)


class DataPath(_Model):
    """The path of a call on one data set."""

    data_id: Annotated[str, Field(examples=["7d8b0631-2c9e-419a-b895-103261ea9665"])]
    """As `POST /data` answered it."""


class RunPath(DataPath):
    """The path of a call on one run."""

    run_id: Annotated[str, Field(examples=["ef86759a-8246-428d-a73f-c781b3f6f927"])]
    """As `POST /train/{dataId}` answered it."""


class ArtifactPath(DataPath):
    """The path of a call on one artifact."""

    name: Annotated[str, Field(examples=["log-model.json"])]
    """As `GET /train/{dataId}/artifacts` lists it."""


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


PageSize = Annotated[
    int,
    BeforeValidator(_page_size),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [100]}),
]


class ListQuery(NoQuery):
    """`GET /data`."""

    state: Annotated[
        Annotated[State, BeforeValidator(_state)] | SkipJsonSchema[None], Field(examples=["uploading"])
    ] = None
    """Only data sets in this state."""
    name: str | SkipJsonSchema[None] = None
    """Only data sets with exactly this name."""
    page_size: PageSize = DEFAULT_PAGE_SIZE
    """The number of data sets per page. 0 means the default, more than 1000 means 1000 (AIP-158)."""
    page_token: str = ""
    """`nextPageToken` of the previous page, from a list with the same `state` and `name`. Without it: the
    first page."""


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except ZoneUnknown as unknown:
        hint = ". In a URL, write + as %2B" if name.startswith(" ") else ""
        raise ValueError(f"{unknown}{hint}") from None
    return name


class RunsQuery(NoQuery):
    """`GET /train/{dataId}/runs`."""

    page_size: PageSize = DEFAULT_PAGE_SIZE
    """The number of runs per page. 0 means the default, more than 1000 means 1000 (AIP-158)."""
    page_token: str = ""
    """`nextPageToken` of the previous page. Without it: the first page."""


class RunQuery(NoQuery):
    """`GET /train/{dataId}/artifacts`, and one of them."""

    run_id: Annotated[
        str | SkipJsonSchema[None], Field(examples=["ef86759a-8246-428d-a73f-c781b3f6f927"])
    ] = None
    """The artifacts of this run. Without it: of the latest succeeded run that saved any."""


class ScoreQuery(NoQuery):
    """`POST /score/{dataId}`."""

    mapping: Annotated[str | SkipJsonSchema[None], Field(examples=["pino"])] = None
    """The name of a mapping, which says which of your fields are the timestamp and the message. All others
    become the context. Without a mapping, an entry has only the fields of this API."""
    timezone: Annotated[
        Annotated[str, BeforeValidator(_zone)] | SkipJsonSchema[None], Field(examples=["Europe/Berlin"])
    ] = None
    """With `mapping`: the time zone of timestamps without an offset, such as `Europe/Berlin` or `+01:00` (in
    a URL: `%2B01:00`). It counts in place of the mapping's own `zone`; without either they are refused."""


class AppendQuery(ScoreQuery):
    """`POST /data/{dataId}`."""

    partial: Flag = False
    """Store the valid entries and list the invalid ones, instead of refusing the request for one of them. If
    no entry is valid, or 100,000 entries or 16 MiB are invalid, the request is refused."""
    dry_run: Flag = False
    """Only say what would be stored; store nothing."""
    once: Annotated[Literal["body"] | SkipJsonSchema[None], Field(examples=["body"])] = None
    """`body`: a request without an `Idempotency-Key` that repeats the bytes of an earlier one (decompressed,
    and with the same `mapping`, `timezone` and `partial`) adds nothing, and is answered as a repetition. For
    clients that repeat a request whose answer was lost but send no key. Two batches that have the same bytes
    by nature also count once."""


def _moment(text: str) -> int:
    if re.search(r" \d\d:?\d\d$", text):  # where a + was, which stands for a space in a URL
        raise ValueError("must be a time with its offset: in a URL write + as %2B, or use Z and UTC")
    return to_micros(parse_timestamp(text))


def _place(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"([!-~]{1,200}):([0-9]{1,18})", text)
    if found is None:
        raise ValueError("must be a batch's id, a colon and the entry's sequence number in it")
    return found[1], int(found[2])


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) > MAX_PAGE_SIZE:
        raise ValueError(f"must be a whole number, 0 to {MAX_PAGE_SIZE}")
    return int(text)


def _text(text: str) -> str:
    if not text:
        raise ValueError("must be at least one character: omit it to have all")
    return text


Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Around = Annotated[
    tuple[str, int],
    BeforeValidator(_place),
    WithJsonSchema({"type": "string", "pattern": "^.{1,200}:[0-9]{1,18}$"}),
]
Number = Annotated[
    int,
    BeforeValidator(_number),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_AROUND}),
]


class EntriesQuery(NoQuery):
    """`GET /data/{dataId}/entries`."""

    start: Annotated[
        Moment | SkipJsonSchema[None], Field(alias="from", examples=["2026-03-02T05:00:00Z"])
    ] = None
    """Only entries at this time or later: RFC 3339 with an offset."""
    end: Annotated[Moment | SkipJsonSchema[None], Field(alias="to", examples=["2026-03-02T06:00:00Z"])] = None
    """Only entries before this time."""
    contains: Annotated[
        Annotated[str, BeforeValidator(_text), Field(min_length=1)] | SkipJsonSchema[None],
        Field(examples=["jam at gate"]),
    ] = None
    """Only entries whose message contains exactly this text; upper and lower case differ."""
    template: Annotated[
        Annotated[str, BeforeValidator(_text), Field(min_length=1)] | SkipJsonSchema[None],
        Field(examples=["9c1f30d2aa07b5e4"]),
    ] = None
    """Only entries of the template with this id, in the data set's current log model."""
    around: Annotated[
        Around | SkipJsonSchema[None], Field(examples=["a236259b-e630-4343-a1df-2a6547a9a7a9:1"])
    ] = None
    """Only this entry, named by `batchId:sequence`, and those around it. JSON only, without pages and without
    the parameters above."""
    before: Annotated[Number | SkipJsonSchema[None], Field(examples=[10])] = None
    """With `around`: how many entries before it, at most 1000; 10 if omitted."""
    after: Annotated[Number | SkipJsonSchema[None], Field(examples=[10])] = None
    """With `around`: how many entries after it, at most 1000; 10 if omitted."""
    page_size: Annotated[
        int | SkipJsonSchema[None],
        BeforeValidator(_page_size),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "examples": [100]}),
    ] = None
    """JSON only: the number of entries per page. 0 means the default, 50, more than 1000 means 1000."""
    page_token: str = ""
    """JSON only: `nextPageToken` of the previous page, with the same `from`, `to`, `contains` and `template`.
    Without it: the first page."""


def parse_query(model: type[Query], request: Request) -> Query:
    """The query parameters as `model`. Raises HttpError (400).

    Unknown and repeated ones are refused: to ignore them could do something nobody asked for.
    """
    if not request.query_string:
        return model()
    try:
        query = model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise _bad_query(model, error) from None
    for name, values in request.args.lists():
        if len(values) > 1:
            detail = f"{name} occurs {len(values)} times. Send it once."
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
        known = f"Its parameters are {', '.join(sorted(map(str, names)))}." if names else "It has none."
        said = f"This call has no query parameter {alias[:64]!r}. {known}"
        return HttpError("QUERY_PARAMETER_UNKNOWN", said)
    why = first["msg"].removeprefix("Value error, ").removesuffix(".")
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
            "Idempotency-Key must be 1 to 255 visible ASCII characters (such as a UUID), bare or in quotes.",
        )
    return match[1] or match[2]


# ---- small bodies ------------------------------------------------------------------------------------------


class EmptyBody(_Model):
    """No parameters: `{}`, or no body."""

    model_config = ConfigDict(strict=True)


def _whole(number: Any) -> Any:
    """As JSON Schema has it: 2.0 is an integer."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Seconds = Annotated[int, Field(ge=1, le=MAX_TIME_LIMIT), BeforeValidator(_whole)] | None


class AnnounceBody(EmptyBody):
    """Optional properties of the data set; the body may be omitted."""

    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """For people; it need not be unique."""
    labels: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=64)], Label],
        Field(max_length=64),
    ] = {}
    """At most 64: names of 1 to 64 characters, values of at most 256."""
    archive_after: Seconds = None
    """Seconds from the end of the last successful run until the data set is archived by itself; at most what
    the operator has set, which counts without it."""
    delete_after: Seconds = None
    """Seconds from the last acknowledged batch or the end of the last run, whichever is later, until the data
    set is deleted by itself; likewise."""

    @property
    def retention(self) -> Retention:
        """What was asked for."""
        return Retention(
            *(
                None if seconds is None else timedelta(seconds=seconds)
                for seconds in (self.archive_after, self.delete_after)
            )
        )


# Of the parameters, all other tasks have any.
_LOG_MODEL_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "baseline": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "The data set to compare with: its id, or "
            f"`{PREVIOUS}` for the latest older one of the series.",
        },
        "ignore": {
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_IGNORED_CHARS},
            "description": f"At most {MAX_IGNORED} ids of templates, or patterns of their text, that are no "
            "changes. With a baseline only.",
        },
        "current": {
            "type": "boolean",
            "default": True,
            "description": "Whether the log model becomes that of the data set.",
        },
    },
    "anyOf": [
        {"required": ["baseline"], "properties": {"baseline": {"type": "string"}}},
        {"properties": {"ignore": {"maxItems": 0}}},
    ],
}


class TrainBody(EmptyBody):
    """How to train; the body may be omitted."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["task"], "properties": {"task": {"const": LOG_MODEL}}},
            "then": {"properties": {"parameters": _LOG_MODEL_PARAMETERS}},
        }
    )

    task: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """One of the tasks that the operator offers; by default the operator's choice."""
    parameters: dict[str, Any] = {}
    """Parameters of the task; arrays and objects may be nested up to 99 levels deep."""
    time_limit: Annotated[int, Field(ge=1), BeforeValidator(_whole)] | None = None
    """Seconds that the run may take, from its first attempt; then it fails as `TIME_LIMIT_EXCEEDED`. Without
    it, the operator's limit counts, which it must not exceed."""
    expected_entries: Annotated[int, Field(ge=0), BeforeValidator(_whole)] | None = None
    """Refuse to start, with 412, unless exactly this many entries were acknowledged."""

    @property
    def allowed_time(self) -> timedelta | None:
        """`time_limit`, as far as a duration can have it: what is longer is refused anyway."""
        return (
            None if self.time_limit is None else timedelta(seconds=min(self.time_limit, MAX_TIME_LIMIT + 1))
        )


class CancelBody(EmptyBody):
    """What to cancel. No body at all is fine."""

    run_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Only this run, so that a late repetition does not cancel another; without it the latest."""
