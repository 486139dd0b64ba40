"""A blueprint whose calls say what they take and answer: the OpenAPI document is made of that."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from flask import Response, request
from flask_openapi import APIBlueprint
from flask_openapi.models import OPENAPI3_REF_TEMPLATE, Parameter
from flask_openapi.utils import parse_rule
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from logleap.entrypoints.http.contract.codes import PROBLEMS, Code
from logleap.entrypoints.http.contract.headers import ANSWER_HEADERS, ConditionalHeaders, RequestHeaders
from logleap.entrypoints.http.contract.negotiation import check_accept, tagged
from logleap.entrypoints.http.contract.problems import Problem, example_of
from logleap.entrypoints.http.contract.requests import DataPath, EmptyBody, NoQuery
from logleap.entrypoints.http.contract.responses import Answer
from logleap.entrypoints.http.middleware.auth import SCHEMES

Json = Mapping[str, Any]
Refusals = Callable[[int, Sequence[Code]], Json]
View = TypeVar("View", bound=Callable[..., Response])

ALWAYS: Sequence[Code] = ("REQUEST_MALFORMED", "HEADERS_TOO_LARGE", "INTERNAL_ERROR")
WITH_OWNER: Sequence[Code] = (
    "QUERY_PARAMETER_UNKNOWN",
    "API_KEY_MISSING",
    "API_KEY_INVALID",
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


class Schemas(GenerateJsonSchema):
    """Without titles, which would only repeat the names, and defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """What is None by default is left out: that is no value which could be sent."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


class Api(APIBlueprint):
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
        shown: list[dict[str, list[str]]] = [] if keys is False else [{scheme: []} for scheme in SCHEMES]
        super().__init__(name, __name__, abp_security=[*shown, {}] if keys is None else shown)
        self.models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
        self._refusals = refusals or _as_problem
        self._common = (*ALWAYS, *WITH_OWNER) if owned else ALWAYS
        self._owned = owned
        self._offered: dict[str, Sequence[str]] = {}  # media types, by endpoint
        self.before_request(self._check_accept)

    def call(
        self,
        method: Literal["GET", "POST", "DELETE"],
        rule: str,
        *,
        tag: str,
        answer: type[Answer] | Json | None,
        status: int = 200,
        example: Json | None = None,
        answer_headers: Sequence[str] = (),
        query: type[NoQuery] = NoQuery,
        headers: type[RequestHeaders] | None = None,
        body: type[EmptyBody] | Json | None = None,
        body_example: Json | None = None,
        narrowed: Json | None = None,
        problems: Sequence[Code] = (),
    ) -> Callable[[View], View]:
        """Register a view for `rule`; its docstring is the call's summary and description.

        The view is called with the request, and the id where there is one in the path.

        `answer` comes with `status`: a model, the content by media type, or None for no body. `problems` are
        the codes of what this call answers else, besides those of many calls. `query`, `headers` and `body`
        are what the view reads by hand; `body` is a model (then none is needed) or the content by media type.
        A model needs an example. `narrowed` is a schema that the body must fit besides its model: for what is
        known only once the app is made.
        """
        codes = [*self._common, *(WITH_BODY if body is not None else ()), *problems]
        content = self._content(answer, example, "serialization")
        if content is not None:
            codes.append("NOT_ACCEPTABLE")
        conditional = self._owned and method == "GET"
        told = [*answer_headers, *(_TAGS if conditional else ())]
        responses = {status: _response(content, status, told), **_problems(codes, self._refusals)}
        if conditional:
            responses[304] = _response(None, 304, _TAGS, _UNCHANGED)
        options: dict[str, Any] = {}
        if body is not None:
            taken = self._content(body, body_example, "validation", narrowed)
            options["request_body"] = {"content": taken, "required": not isinstance(body, type)}
        headers = headers or (ConditionalHeaders if conditional else RequestHeaders)
        parameters = [*self._parameters(query, "query"), *self._parameters(headers, "header")]
        if "<" in rule:
            parameters = [*self._parameters(DataPath, "path"), *parameters]

        def registered(view: View) -> View:
            summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
            register: Callable[[View], View] = getattr(self, method.lower())(
                rule,
                tags=[{"name": tag}],
                summary=summary.rstrip("."),
                description=description or " ",
                operation_id=to_camel(view.__name__),
                responses=responses,
                **options,
            )
            register(view)
            # flask-openapi knows only those that it reads and checks itself.
            operation = getattr(self.paths[parse_rule(rule)], method.lower())
            operation.parameters = parameters
            self._offered[f"{self.name}.{view.__name__}"] = list(content or ())
            return view

        return registered

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """As of a blueprint, without flask-openapi's wrapper around the view: its checks take too long."""
        view = inspect.unwrap(view_func)

        def answer(**path: str) -> Response:
            asked = request._get_current_object()  # type: ignore[attr-defined]
            response: Response = view(asked, *path.values())
            return tagged(asked, response) if self._owned else response

        super().add_url_rule(rule, endpoint or view.__name__, answer, *args, **options)

    def _check_accept(self) -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        offered = self._offered.get(asked.endpoint or "")
        if offered and asked.method != "OPTIONS":
            check_accept(asked, offered)

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

    def _parameters(self, model: type[BaseModel], place: str) -> list[Parameter]:
        self.models.append((model, "validation"))
        schema = model.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE, schema_generator=Schemas)
        return [
            Parameter.model_validate(
                {
                    "name": name,
                    "in": place,
                    "required": place == "path",
                    "description": field.pop("description", None),
                    "example": field.pop("examples", [None])[0],
                    "schema": field,
                }
            )
            for name, field in schema.get("properties", {}).items()
        ]


def ref(model: type[BaseModel]) -> Json:
    """Where the document keeps the schema of `model`."""
    return {"$ref": OPENAPI3_REF_TEMPLATE.format(model=model.__name__)}


def _response(content: Json | None, status: int, headers: Sequence[str], description: str = "") -> Json:
    told = {name: ANSWER_HEADERS[name] for name in ("X-Request-Id", *headers)}
    response = {"description": description or HTTPStatus(status).phrase, "headers": told}
    return {**response, "content": content} if content is not None else response


def _problems(codes: Sequence[Code], content: Refusals) -> dict[int, Json]:
    by_status = defaultdict(list)
    for code in sorted(set(codes)):
        by_status[PROBLEMS[code].status].append(code)
    return {
        status: _response(
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
