"""OTLP's exports of logs from bytes: protobuf messages, in binary or as JSON."""

from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from logleap.codecs.errors import JsonExportMalformed, ProtobufMalformed


def from_protobuf(body: bytes) -> ExportLogsServiceRequest:
    """The export in `body`. Unknown fields are passed over, as OTLP wants it. Raises ProtobufMalformed."""
    sent = ExportLogsServiceRequest()
    try:
        sent.ParseFromString(body)
    except DecodeError as error:
        raise ProtobufMalformed(str(error)) from None
    return sent


def from_json(body: bytes) -> ExportLogsServiceRequest:
    """The export in `body`. Unknown fields are passed over, as OTLP wants it. Raises JsonExportMalformed."""
    sent = ExportLogsServiceRequest()
    try:
        fields = msgspec.json.decode(body)
        _check_shape(fields, sent.DESCRIPTOR, "the body")
        if fields and "resourceLogs" not in fields and "resource_logs" not in fields:
            # Entries in LogLeap's own form, say: not to be taken for an export of nothing.
            raise json_format.ParseError("it has no resourceLogs")
        json_format.ParseDict(fields, sent, ignore_unknown_fields=True)
    except (msgspec.DecodeError, json_format.ParseError, RecursionError, UnicodeError) as error:
        raise JsonExportMalformed(str(error)) from None
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
