"""OTLP's exports of logs from bytes: protobuf messages, in binary or as JSON.

An export is parsed as a whole. Where that fails, its log records are parsed one by one, so that what is wrong
with one of them costs that one alone.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from logleap.codecs.errors import JsonExportMalformed, ProtobufMalformed, TooManyRecords
from logleap.codecs.json.strict import InvalidEntry
from logleap.codecs.json.walk import has_lone_surrogate, lone_surrogates_replaced

_MOST = 50_000  # resources and scopes: a few megabytes can hold millions of empty ones

_LENGTH_DELIMITED = 2  # https://protobuf.dev/programming-guides/encoding/#structure

# Escapes of what is no character (https://www.unicode.org/faq/private_use.html#nonchar1): one is not in use.
_MARKS = tuple(rb"\uFDd%x" % number for number in range(16))

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_NOTHING: Mapping[int, InvalidEntry] = MappingProxyType({})


class Received(NamedTuple):
    """An export, and what is wrong with those log records that could not be parsed.

    Those are counted from 0 through all of the export, and are empty in it.
    """

    request: ExportLogsServiceRequest
    invalid: Mapping[int, InvalidEntry] = _NOTHING


def from_protobuf(body: bytes, most: int = _MOST) -> Received:
    """The export in `body`. Unknown fields are passed over, as OTLP wants it.

    Raises ProtobufMalformed, or TooManyRecords where more than `most` would have to be parsed one by one.
    """
    sent = ExportLogsServiceRequest()
    try:
        sent.ParseFromString(body)
    except DecodeError as error:
        try:
            received = _one_by_one(_BINARY, body, most)
        except DecodeError:
            received = None
        if received is None:
            raise ProtobufMalformed(str(error)) from None
        return received
    return Received(sent)


def from_json(body: bytes, most: int = _MOST) -> Received:
    """The export in `body`. Unknown fields are passed over, as OTLP wants it.

    Raises JsonExportMalformed, or TooManyRecords where more than `most` would have to be parsed one by one.
    """
    sent = ExportLogsServiceRequest()
    try:
        fields = msgspec.json.decode(body)
        _check_shape(fields, sent.DESCRIPTOR, "the body")
        if fields and "resourceLogs" not in fields and "resource_logs" not in fields:
            # Entries in LogLeap's own form, say: not to be taken for an export of nothing.
            raise json_format.ParseError("it has no resourceLogs")
        json_format.ParseDict(fields, sent, ignore_unknown_fields=True)
    except _NOT_JSON as error:
        try:
            received = _json_one_by_one(body, most)
        except _NOT_JSON:
            received = None
        if received is None:
            raise JsonExportMalformed(str(error)) from None
        return received
    return Received(sent)


_NOT_JSON = (msgspec.DecodeError, json_format.ParseError, RecursionError, UnicodeError)


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


# ---- one by one --------------------------------------------------------------------------------------------


class _Encoding(NamedTuple):
    """How to take a message apart: its fields of a name and number, each still encoded; and to parse one."""

    parts: Callable[[bytes, str, int], Iterator[bytes]]
    parse: Callable[[bytes, Message], None]


def _one_by_one(encoding: _Encoding, body: bytes, most: int) -> Received | None:
    """The export, each log record parsed alone. None: there are none.

    What is wrong with a resource or a scope is wrong with each of its records. Raises TooManyRecords, or what
    the encoding raises if `body` is none at all.
    """
    sent = ExportLogsServiceRequest()
    invalid: dict[int, InvalidEntry] = {}
    index = around = 0
    for of_resource in encoding.parts(body, "resourceLogs", 1):
        to_resource = sent.resource_logs.add()
        of_all = _parsed(encoding, of_resource, "resource", to_resource.resource)
        around += 1
        for of_scope in encoding.parts(of_resource, "scopeLogs", 2):
            to_scope = to_resource.scope_logs.add()
            of_these = of_all or _parsed(encoding, of_scope, "scope", to_scope.scope)
            around += 1
            if around > _MOST:
                return None
            for record in encoding.parts(of_scope, "logRecords", 2):
                if index == most:
                    raise TooManyRecords(most)
                to_record = to_scope.log_records.add()
                wrong = of_these or _parsed_alone(encoding, record, to_record, "it")
                if wrong:
                    to_record.Clear()
                    invalid[index] = wrong
                index += 1
    return Received(sent, invalid) if index else None


def _parsed(encoding: _Encoding, data: bytes, name: str, message: Message) -> InvalidEntry | None:
    """Parse the field 1, called `name`, of the message in `data`; what is wrong with it."""
    wrong = None
    for part in encoding.parts(data, name, 1):
        wrong = wrong or _parsed_alone(encoding, part, message, f"its {name}")
    return wrong


def _parsed_alone(encoding: _Encoding, data: bytes, message: Message, what: str) -> InvalidEntry | None:
    try:
        encoding.parse(data, message)
    except InvalidEntry as invalid:
        return InvalidEntry(invalid.code, f"{what} {invalid}")
    except DecodeError:
        why = "is malformed, or a text in it is not UTF-8."
    except RecursionError:
        why = "nests too many arrays and objects in one another."
    except (msgspec.DecodeError, json_format.ParseError, UnicodeError) as error:
        why = f"is malformed: {error}."
    else:
        return None
    return InvalidEntry("RECORD_MALFORMED", f"{what} {why}")


def _parts_of_json(data: bytes, name: str, number: int) -> Iterator[bytes]:
    del number
    fields = _decode_object(data)
    raw = fields.get(name, fields.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name)))
    if raw is None:
        return
    if name in ("resource", "scope"):
        if bytes(raw) != b"null":
            yield bytes(raw)
        return
    yield from map(bytes, _decode_array(raw) or ())


def _parse_json(data: bytes, message: Message) -> None:
    fields = msgspec.json.decode(data)
    _check_shape(fields, message.DESCRIPTOR, "it")
    json_format.ParseDict(fields, message, ignore_unknown_fields=True)


def _json_one_by_one(body: bytes, most: int) -> Received | None:
    """The same with halves of characters, at which msgspec gives up, wherever they are, marked before."""
    if not has_lone_surrogate(body):
        return _one_by_one(_Encoding(_parts_of_json, _parse_json), body, most)
    mark = next((mark for mark in _MARKS if mark not in body), None)
    if mark is None:
        return None

    def parse(data: bytes, message: Message) -> None:
        if mark in data:
            half = r"holds half of a character: a \ud800–\udfff escape without its other half. Was it cut?"
            raise InvalidEntry("SURROGATE_UNPAIRED", half)
        _parse_json(data, message)

    return _one_by_one(_Encoding(_parts_of_json, parse), lone_surrogates_replaced(body, mark), most)


def _parts_of_binary(data: bytes, name: str, number: int) -> Iterator[bytes]:
    del name
    message = Empty()
    message.ParseFromString(data)
    for field in UnknownFieldSet(message):
        if field.field_number == number and field.wire_type == _LENGTH_DELIMITED:
            yield field.data


def _parse_binary(data: bytes, message: Message) -> None:
    message.MergeFromString(data)


_BINARY = _Encoding(_parts_of_binary, _parse_binary)
