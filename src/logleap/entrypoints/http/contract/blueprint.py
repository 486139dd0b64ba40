"""A blueprint whose calls say what they take, answer and refuse: the OpenAPI document is made of that."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode

from logleap.entrypoints.http.contract.headers import (
    ANSWER_HEADERS,
    ConditionalHeaders,
    RepeatableHeaders,
    RequestHeaders,
)
from logleap.entrypoints.http.contract.negotiation import check_accept, tagged
from logleap.entrypoints.http.contract.problems import Problem, example_of
from logleap.entrypoints.http.contract.requests import DataPath, EmptyBody, NoQuery, codes_of
from logleap.entrypoints.http.contract.responses import Answer
from logleap.entrypoints.http.contract.schemas import Json, parameters, ref
from logleap.entrypoints.http.errors.codes import PROBLEMS, Code
from logleap.entrypoints.http.errors.refusals import WORDINGS
from logleap.entrypoints.http.errors.security import SCHEMES

Refusals = Callable[[int, Sequence[Code]], Json]
View = TypeVar("View", bound=Callable[..., Response])

ALWAYS: Sequence[Code] = (
    "REQUEST_MALFORMED",
    "REQUEST_TIMEOUT",
    "HEADERS_TOO_LARGE",
    "CROSS_SITE_REQUEST",
    "INTERNAL_ERROR",
)
WITH_OWNER: Sequence[Code] = (
    "QUERY_PARAMETER_UNKNOWN",
    "API_KEY_MISSING",
    "API_KEY_INVALID",
    "HOST_NOT_ALLOWED",
    "FORWARDED_WITHOUT_KEYS",
    "QUOTA_EXCEEDED",
    "UNAVAILABLE",
)
WITH_BODY: Sequence[Code] = (
    "STORAGE_FULL",
    "BODY_BROKEN_OFF",
    "BODY_TOO_SHORT",
    "CONTENT_LENGTH_INVALID",
    "GZIP_MALFORMED",
    "ZSTD_MALFORMED",
    "JSON_MALFORMED",
    "LENGTH_REQUIRED",
    "BODY_TOO_LARGE",
    "TRANSFER_CODING_UNSUPPORTED",
    "UNSUPPORTED_CONTENT_CODING",
    "UNSUPPORTED_MEDIA_TYPE",
)
_HEADERS_BY_STATUS: Mapping[int, Sequence[str]] = {
    401: ["WWW-Authenticate"],
    415: ["Accept", "Accept-Encoding"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    503: ["Retry-After"],
}
_TAGS = ["ETag", "Cache-Control"]
_UNCHANGED = "Nothing has changed: the client has this answer already."


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is declared: its view, OpenAPI's operation for it, and what it may refuse with.

    `raises` are the view's own refusals, `codes` those and all that its parts and the server bring along.
    """

    method: str
    rule: str
    view: Callable[..., Response]
    operation: Json
    media_types: Sequence[str]
    raises: frozenset[type[Exception]]
    codes: frozenset[Code]


class Api(Blueprint):
    """A group of calls. `owned`: each belongs to an owner, who shows a key (None: if there are any keys).

    An owner's GETs carry an ETag. `models` are those of its calls. `refusals` makes the content of a status'
    refusals, if not a Problem.
    """

    def __init__(
        self,
        name: str,
        *,
        owned: bool = False,
        keys: bool | None = False,
        refusals: Refusals | None = None,
    ) -> None:
        super().__init__(name, __name__)
        self.models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
        self.calls: dict[str, Call] = {}
        """By endpoint."""
        shown: list[Json] = [] if keys is False else [{scheme: []} for scheme in SCHEMES]
        self._security = [*shown, {}] if keys is None else shown
        self._refusals = refusals or _as_problem
        self._owned = owned
        self.before_request(self._check_accept)

    def call(
        self,
        method: Literal["GET", "POST", "PATCH", "DELETE"],
        rule: str,
        *,
        tag: str,
        answer: type[Answer] | Json | None,
        status: int = 200,
        example: Json | None = None,
        answer_headers: Sequence[str] = (),
        streams: Json | None = None,
        path: type[DataPath] = DataPath,
        query: type[NoQuery] = NoQuery,
        headers: type[RequestHeaders] | None = None,
        body: type[EmptyBody] | Json | None = None,
        body_example: Json | None = None,
        narrowed: Json | None = None,
        raises: Sequence[type[Exception]] = (),
        partial: bool = False,
    ) -> Callable[[View], View]:
        """Register a view for `rule`; its docstring is the call's summary and description.

        The view is called with the request, and with what is variable in the path, which `path` describes.

        `answer` comes with `status`: a model, the content by media type, or None for no body. `streams` is
        further content by media type, that may be asked for instead. `raises` are
        the refusals of what the view calls: use cases and codecs. What `query`, `headers` and `body` are
        refused with, when the view reads them, follows from these; `body` is a model (then none is needed) or
        the content by media type. A model needs an example. `narrowed` is a schema that the body must fit
        besides its model: for what is known only once the app is made. With `partial` the answer is a file of
        any media type, of which a part may be requested (206), and which says its own ETag.
        """
        conditional = self._owned and method == "GET"
        headers = headers or (ConditionalHeaders if conditional else RequestHeaders)
        content = self._content(answer, example, "serialization")
        content = {**(content or {}), **streams} if streams is not None else content
        codes = {*ALWAYS, *codes_of(query), *(WORDINGS[refusal].code for refusal in raises)}
        codes.update(WITH_OWNER if self._owned else ())
        codes.update(WITH_BODY if body is not None else ())
        codes.update(["BODY_INVALID"] if isinstance(body, type) else ())
        codes.update(["IDEMPOTENCY_KEY_INVALID"] if issubclass(headers, RepeatableHeaders) else ())
        codes.update(["NOT_ACCEPTABLE"] if content is not None and not partial else ())
        told = [*answer_headers, *(_TAGS if conditional else ())]
        responses = {str(status): _response(content, status, told), **_problems(codes, self._refusals)}
        if partial:
            responses["206"] = _response(content, 206, [*told, "Content-Range"])
        if conditional:
            responses["304"] = _response(None, 304, _TAGS, _UNCHANGED)
        places: dict[str, type[BaseModel]] = {"query": query, "header": headers}
        if "<" in rule:
            places = {"path": path, **places}
        operation: dict[str, Any] = {
            "tags": [tag],
            "parameters": [found for place, model in places.items() for found in parameters(model, place)],
            "responses": responses,
        }
        if body is not None:
            taken = self._content(body, body_example, "validation", narrowed)
            operation["requestBody"] = {"content": taken, "required": not isinstance(body, type)}
        if self._security:
            operation["security"] = self._security

        def registered(view: View) -> View:
            summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
            operation.update(operationId=to_camel(view.__name__), summary=summary.rstrip("."))
            if description:
                operation["description"] = description
            self.calls[f"{self.name}.{view.__name__}"] = Call(
                method,
                rule,
                view,
                operation,
                () if partial else tuple(content or ()),
                frozenset(raises),
                frozenset(codes),
            )
            self.add_url_rule(rule, view.__name__, self._answering(view), methods=[method])
            return view

        return registered

    def _answering(self, view: Callable[..., Response]) -> Callable[..., Response]:
        owned = self._owned

        def answer(**path: str) -> Response:
            asked = request._get_current_object()  # type: ignore[attr-defined]
            response = view(asked, *path.values())
            if not owned or asked.method not in ("GET", "HEAD") or "ETag" in response.headers:
                return response
            return tagged(asked, response)

        return answer

    def _check_accept(self) -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        call = self.calls.get(asked.endpoint or "")
        if call is not None and call.media_types and asked.method != "OPTIONS":
            check_accept(asked, call.media_types)

    def _content(
        self,
        body: type[BaseModel] | Json | None,
        example: Json | None,
        mode: JsonSchemaMode,
        narrowed: Json | None = None,
    ) -> Json | None:
        if not isinstance(body, type):
            return body
        self.models.append((body, mode))
        schema = {"allOf": [ref(body), narrowed]} if narrowed is not None else ref(body)
        return {"application/json": {"schema": schema, "example": example}}


def _response(content: Json | None, status: int, headers: Sequence[str], description: str = "") -> Json:
    told = {name: ANSWER_HEADERS[name] for name in ("X-Request-Id", *headers)}
    response = {"description": description or HTTPStatus(status).phrase, "headers": told}
    return {**response, "content": content} if content is not None else response


def _problems(codes: set[Code], content: Refusals) -> dict[str, Json]:
    by_status = defaultdict(list)
    for code in sorted(codes):
        by_status[PROBLEMS[code].status].append(code)
    return {
        str(status): _response(
            content(status, by_status[status]),
            status,
            _HEADERS_BY_STATUS.get(status, ()),
            "\n".join(_explained(code) for code in by_status[status]),
        )
        for status in sorted(by_status)
    }


def _explained(code: Code) -> str:
    return f"- `{code}`: {PROBLEMS[code].meaning} {PROBLEMS[code].remedy}"


def _as_problem(status: int, codes: Sequence[Code]) -> Json:
    schema = {"allOf": [ref(Problem), {"properties": {"code": {"enum": codes}}}]}
    examples = {code: {"summary": PROBLEMS[code].meaning, "value": example_of(code)} for code in codes}
    return {"application/problem+json": {"schema": schema, "examples": examples}}
