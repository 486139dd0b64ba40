"""What OTLP/HTTP sends and is answered: protobuf messages, in binary or as JSON, as the request is."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flask import Request, Response, request
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

from logleap.codecs.limits import Limits
from logleap.codecs.otlp.messages import Group, from_json, from_protobuf
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.errors.codes import PROBLEMS, Code
from logleap.entrypoints.http.errors.refusals import HttpError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

Json = Mapping[str, Any]

# https://cloud.google.com/apis/design/errors#handling_errors, which says what gRPC calls an HTTP status.
_RPC_CODES: Mapping[int, int] = MappingProxyType(
    {
        401: code_pb2.UNAUTHENTICATED,
        403: code_pb2.PERMISSION_DENIED,
        404: code_pb2.NOT_FOUND,
        409: code_pb2.FAILED_PRECONDITION,
        429: code_pb2.RESOURCE_EXHAUSTED,
        500: code_pb2.INTERNAL,
        503: code_pb2.UNAVAILABLE,
    }
)


def check_media_type(request: Request) -> None:
    """Raises HttpError (415) unless the body is said to be protobuf or JSON."""
    if request.mimetype not in (PROTOBUF, JSON):
        said = f"Content-Type {request.mimetype[:80]!r}" if request.mimetype else "No Content-Type"
        detail = f"{said} is not supported. Send OTLP as {PROTOBUF} or {JSON}."
        raise HttpError("UNSUPPORTED_MEDIA_TYPE", detail, {"Accept": f"{PROTOBUF}, {JSON}"})


def decoded(request: Request, body: bytes, limits: Limits) -> Iterator[Group]:
    """The log records of the export in `body`, by the request's type.

    While it is iterated: ProtobufMalformed, JsonExportMalformed or TooManyRecords.
    """
    return from_protobuf(body, limits) if request.mimetype == PROTOBUF else from_json(body, limits)


def encoded(request: Request, message: Message, status: int = 200) -> Response:
    """`message` as a response, in binary or as JSON, as `request` is."""
    if request.mimetype == PROTOBUF:
        return Response(message.SerializeToString(), status, content_type=PROTOBUF)
    return Response(json_format.MessageToJson(message, indent=None), status, content_type=JSON)


LONGEST_RETRY_AFTER = 5
"""Seconds. OpenTelemetry's exporter for Python drops an export at once if it should wait for longer than
what is left of its timeout, 10 seconds by default: findings/otel-python-gives-up-on-a-long-retry-after.sh
"""


def as_status(response: Response) -> Response:
    """A problem as google.rpc.Status, which is how OTLP is told of failures; other responses as they are.

    `Retry-After` is cut to LONGEST_RETRY_AFTER.
    """
    if response.mimetype != "application/problem+json":
        return response
    if "Retry-After" in response.headers:
        seconds = min(int(response.headers["Retry-After"]), LONGEST_RETRY_AFTER)
        response.headers["Retry-After"] = str(seconds)
    problem = response.get_json()
    message = f"{problem['code']}: {problem['detail']} (request {problem['requestId']})"
    status = encoded(request, _status(response.status_code, message), response.status_code)
    response.data, response.content_type = status.data, status.content_type
    return response


def _status(status: int, message: str) -> Status:
    return Status(code=_RPC_CODES.get(status, code_pb2.INVALID_ARGUMENT), message=message)


# ---- for the OpenAPI document ------------------------------------------------------------------------------


def _contents(schema: Json, told: Mapping[str, Json]) -> Json:
    binary = {"description": f"{schema['description']} In protobuf's binary form."}
    return {
        JSON: {"schema": schema, "examples": told},
        PROTOBUF: {"schema": binary, "example": ""},
    }


BODY = _contents(
    {
        "description": "OTLP's ExportLogsServiceRequest.",
        "type": "object",
        "properties": {
            "resourceLogs": {
                "anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "null"}],
            }
        },
        "anyOf": [{"required": ["resourceLogs"]}, {"maxProperties": 0}],
    },
    {"logs": {"summary": "A log record", "value": examples.EXPORT}},
)

ANSWER = _contents(
    {
        "description": "OTLP's ExportLogsServiceResponse.",
        "type": "object",
        "properties": {
            "partialSuccess": {
                "type": "object",
                "properties": {
                    "rejectedLogRecords": {"type": "string", "pattern": "^[0-9]+$"},
                    "errorMessage": {"type": "string"},
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    },
    {
        "taken": {"summary": "All were taken", "value": {}},
        "partial": {"summary": "Some could not be taken", "value": examples.PARTLY_EXPORTED},
    },
)


def refusals(status: int, codes: Sequence[Code]) -> Json:
    """The content of the refusals with `codes`, which `as_status` makes."""
    told: Mapping[str, Json] = {
        code: {
            "summary": PROBLEMS[code].meaning,
            "value": json_format.MessageToDict(_status(status, f"{code}: {PROBLEMS[code].meaning}")),
        }
        for code in codes
    }
    schema = {
        "description": "A google.rpc.Status, its `message` beginning with our code.",
        "type": "object",
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        "required": ["code", "message"],
        "additionalProperties": False,
    }
    return _contents(schema, told)
