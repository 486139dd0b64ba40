"""What OTLP/HTTP sends and is answered: protobuf messages, in binary or as JSON, as the request is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from flask import Request, Response, request
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.codes import PROBLEMS, Code
from logleap.entrypoints.http.ingest.body import BodyRefused

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

Json = Mapping[str, Any]

# https://cloud.google.com/apis/design/errors#handling_errors, which says what gRPC calls an HTTP status.
_RPC_CODES: Mapping[int, int] = MappingProxyType(
    {
        401: code_pb2.UNAUTHENTICATED,
        404: code_pb2.NOT_FOUND,
        409: code_pb2.FAILED_PRECONDITION,
        429: code_pb2.RESOURCE_EXHAUSTED,
        500: code_pb2.INTERNAL,
        503: code_pb2.UNAVAILABLE,
    }
)


def check_media_type(request: Request) -> None:
    """Raises BodyRefused (415) unless the body is said to be protobuf or JSON."""
    if request.mimetype not in (PROTOBUF, JSON):
        said = f"Content-Type {request.mimetype[:80]!r}" if request.mimetype else "No Content-Type"
        detail = f"{said} is not supported. OTLP is sent as {PROTOBUF}, or as {JSON}."
        raise BodyRefused(415, "UNSUPPORTED_MEDIA_TYPE", detail, {"Accept": f"{PROTOBUF}, {JSON}"})


def decoded(request: Request, body: bytes) -> ExportLogsServiceRequest:
    """The export in `body`. Unknown fields are passed over, as OTLP wants it. Raises BodyRefused."""
    sent = ExportLogsServiceRequest()
    if request.mimetype == PROTOBUF:
        try:
            sent.ParseFromString(body)
        except DecodeError as error:
            detail = f"The body is no ExportLogsServiceRequest in protobuf: {error}."
            raise BodyRefused(400, "PROTOBUF_MALFORMED", detail) from None
        return sent
    try:
        fields = msgspec.json.decode(body)
        _check_shape(fields, sent.DESCRIPTOR, "the body")
        if fields and "resourceLogs" not in fields and "resource_logs" not in fields:
            # Entries in LogLeap's own form, say: not to be taken for an export of nothing.
            raise json_format.ParseError("it has no resourceLogs")
        json_format.ParseDict(fields, sent, ignore_unknown_fields=True)
    except (msgspec.DecodeError, json_format.ParseError, RecursionError, UnicodeError) as error:
        detail = f"The body is no ExportLogsServiceRequest in JSON: {error}."
        raise BodyRefused(400, "JSON_MALFORMED", detail) from None
    return sent


def _check_shape(value: Any, descriptor: Any, where: str) -> None:
    """Raises ParseError where an object, or an array of them, is missing: json_format passes over some."""
    if not isinstance(value, dict):
        raise json_format.ParseError(f"{where} is not an object")
    for field in descriptor.fields:
        inner = value.get(field.json_name, value.get(field.name))
        if inner is None or field.message_type is None:
            continue
        if field.is_repeated and not isinstance(inner, list):
            raise json_format.ParseError(f"{field.json_name} is not an array")
        for item in inner if field.is_repeated else [inner]:
            _check_shape(item, field.message_type, field.json_name)


def encoded(request: Request, message: Message, status: int = 200) -> Response:
    """`message` as a response, in binary or as JSON, as `request` is."""
    if request.mimetype == PROTOBUF:
        return Response(message.SerializeToString(), status, content_type=PROTOBUF)
    return Response(json_format.MessageToJson(message, indent=None), status, content_type=JSON)


def as_status(response: Response) -> Response:
    """A problem as google.rpc.Status, which is how OTLP is told of failures; other responses as they are."""
    if response.mimetype != "application/problem+json":
        return response
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
