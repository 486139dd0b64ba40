"""OTLP's exports of logs from bytes: protobuf messages, in binary or as JSON.

An export is never parsed as a whole: an empty message takes two bytes, and a hundred in memory. It is taken
apart into its log records, which are counted and parsed one by one, so that memory is bounded by the largest
of them, and what is wrong with one costs that one alone.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from logleap.codecs.errors import JsonExportMalformed, ProtobufMalformed, TooManyRecords
from logleap.codecs.json.strict import InvalidEntry
from logleap.codecs.json.walk import (
    has_lone_surrogate,
    lone_surrogates_replaced,
)
from logleap.codecs.limits import Limits

MAX_AROUND = 50_000
"""Resources and scopes of one export."""

_MAX_FIELDS = 4 * MAX_AROUND  # of all messages around the log records
_JSON_PER_BYTE = 4  # bytes of OTLP's JSON for one of an entry's, which writes attributes shorter
_BYTES_PER_OBJECT = 16  # at least, on average: an attribute with a number takes two of them, and 35 bytes
_BYTES_PER_VALUE = 6  # likewise
_TOO_LARGE = "ENTRY_TOO_LARGE"

# Escapes of what is no character (https://www.unicode.org/faq/private_use.html#nonchar1): one is not in use.
_MARKS = tuple(rb"\uFDd%x" % number for number in range(16))
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_EMPTY = re.compile(rb"\s*\{\s*\}\s*")


class Group(NamedTuple):
    """Log records that share a resource and a scope; in place of those that cannot be parsed, why not."""

    resource: Resource
    scope: InstrumentationScope
    records: Iterator[LogRecord | InvalidEntry]


def from_protobuf(body: bytes, limits: Limits) -> Iterator[Group]:
    """The log records of the export in `body`. Unknown fields are passed over, as OTLP wants it.

    While it is iterated: ProtobufMalformed, or TooManyRecords where there are more than `limits` allow.
    """
    try:
        yield from _groups(_Binary(body, limits), limits.json_entries)
    except _Wrong as error:
        raise ProtobufMalformed(str(error)) from None


def from_json(body: bytes, limits: Limits) -> Iterator[Group]:
    """The log records of the export in `body`. Unknown fields are passed over, as OTLP wants it.

    While it is iterated: JsonExportMalformed, or TooManyRecords where there are more than `limits` allow.
    """
    try:
        yield from _groups(_Json(body, limits.entry_bytes), limits.json_entries)
    except _Wrong as error:
        raise JsonExportMalformed(str(error)) from None


class _Wrong(Exception):
    """The export is none; the text says why."""


class _Parts(NamedTuple):
    """What a message consists of, still encoded: its field 1 (several are merged), and its field 2."""

    first: Sequence[Any]
    second: Iterator[Any]


class _Encoding(Protocol):
    """How to take an export apart. Each step raises _Wrong."""

    def resources(self) -> Iterator[Any]: ...
    def of_resource(self, data: Any) -> _Parts: ...
    def of_scope(self, data: Any) -> _Parts: ...
    def parse(self, data: Any, message: Message, name: str) -> InvalidEntry | None: ...


def _groups(encoding: _Encoding, most: int) -> Iterator[Group]:
    """What is wrong with a resource or a scope is wrong with each of its records."""
    around = 0
    taken = _Count()
    first_wrong: InvalidEntry | None = None
    for of_resource in encoding.resources():
        around += 1
        parts, scopes = encoding.of_resource(of_resource)
        resource = Resource()
        of_all = _parsed(encoding, parts, resource, "its resource")
        for of_scope in scopes:
            around += 1
            if around > MAX_AROUND:
                break
            parts, records = encoding.of_scope(of_scope)
            scope = InstrumentationScope()
            wrong = of_all or _parsed(encoding, parts, scope, "its scope")
            first_wrong = first_wrong or wrong
            yield Group(resource, scope, _records(encoding, records, wrong, taken, most))
        first_wrong = first_wrong or of_all
        if around > MAX_AROUND:
            raise _Wrong(f"it has more than {MAX_AROUND} resources and scopes")
    if not taken.number and first_wrong and first_wrong.code != _TOO_LARGE:
        raise _Wrong(str(first_wrong))


class _Count:
    number = 0


def _records(
    encoding: _Encoding, parts: Iterator[Any], wrong: InvalidEntry | None, taken: _Count, most: int
) -> Iterator[LogRecord | InvalidEntry]:
    for part in parts:
        if taken.number == most:
            raise TooManyRecords(most)
        taken.number += 1
        record = LogRecord()
        yield wrong or encoding.parse(part, record, "it") or record


def _parsed(encoding: _Encoding, parts: Sequence[Any], message: Message, name: str) -> InvalidEntry | None:
    wrong = None
    for part in parts:
        wrong = wrong or encoding.parse(part, message, name)
    return wrong


def _malformed(name: str, why: str) -> InvalidEntry:
    return InvalidEntry("RECORD_MALFORMED", f"{name} {why}")


def _too_large(name: str, largest: int) -> InvalidEntry:
    return InvalidEntry(_TOO_LARGE, f"{name} has more than {largest} bytes, the limit for one entry.")


# ---- binary ------------------------------------------------------------------------------------------------

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
"""Types of fields: https://protobuf.dev/programming-guides/encoding/#structure"""


class _Binary:
    def __init__(self, body: bytes, limits: Limits) -> None:
        self._body = body
        self._largest = limits.entry_bytes
        self._most = limits.json_entries
        self._fields = _MAX_FIELDS + self._most
        self._spare = self._fields

    def resources(self) -> Iterator[slice]:
        yield from self._split(slice(0, len(self._body))).first

    def of_resource(self, data: slice) -> _Parts:
        return self._split(data)

    def of_scope(self, data: slice) -> _Parts:
        return self._split(data, self._most)

    def parse(self, data: slice, message: Message, name: str) -> InvalidEntry | None:
        if data.stop - data.start > self._largest:
            return _too_large(name, self._largest)
        try:
            message.MergeFromString(self._body[data])
        except DecodeError:
            return _malformed(name, "is malformed, or a text in it is not UTF-8.")
        return None

    def _split(self, place: slice, most: int | None = None) -> _Parts:
        """The fields 1 and 2 of the message there. Raises TooManyRecords: more than `most` of 2."""
        body, at, end = self._body, place.start, place.stop
        parts: tuple[list[slice], list[slice]] = [], []
        while at < end:
            begin = at
            tag, at = self._varint(at, end)
            kind, number = tag & 7, tag >> 3
            if kind == _DELIMITED:
                size = body[at] if at < end else 0
                if size < 0x80:
                    at += 1
                else:
                    size, at = self._varint(at, end)
                if number in (1, 2):
                    parts[number - 1].append(slice(at, at + size))
                    if most is not None and len(parts[1]) > most:
                        raise TooManyRecords(most)
                at += size
            elif kind == _VARINT:
                _, at = self._varint(at, end)
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                at += 8 if kind == _EIGHT_BYTES else 4
            else:
                raise _Wrong(f"a field of an unknown type begins at its byte {begin + 1}")
            if at > end or not number:
                raise _Wrong(f"the field that begins at its byte {begin + 1} is malformed, or cut off")
            self._spare -= 1
            if self._spare < 0:
                raise _Wrong(f"it has more than {self._fields} fields around its log records")
        return _Parts(parts[0], iter(parts[1]))

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        begin = at
        value = shift = 0
        while at < end and shift < 70:
            byte = self._body[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise _Wrong(f"the number at its byte {begin + 1} does not end")


# ---- JSON --------------------------------------------------------------------------------------------------


class _Names(msgspec.Struct):
    """The fields of the messages around log records, in both spellings that protobuf's JSON has."""

    resourceLogs: msgspec.Raw = msgspec.Raw()  # noqa: N815
    resource_logs: msgspec.Raw = msgspec.Raw()
    resource: msgspec.Raw = msgspec.Raw()
    scopeLogs: msgspec.Raw = msgspec.Raw()  # noqa: N815
    scope_logs: msgspec.Raw = msgspec.Raw()
    scope: msgspec.Raw = msgspec.Raw()
    logRecords: msgspec.Raw = msgspec.Raw()  # noqa: N815
    log_records: msgspec.Raw = msgspec.Raw()


_decode_names = msgspec.json.Decoder(_Names).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NOT_JSON = (msgspec.DecodeError, json_format.ParseError, RecursionError, UnicodeError)


class _Json:
    def __init__(self, body: bytes, largest: int) -> None:
        self._largest = largest
        self._mark: bytes | None = None
        self._body = body
        if has_lone_surrogate(body):  # msgspec gives up at halves of characters, wherever they are
            self._mark = next((mark for mark in _MARKS if mark not in body), None)
            if self._mark is None:
                raise _Wrong("it holds halves of characters")
            self._body = lone_surrogates_replaced(body, self._mark)

    def resources(self) -> Iterator[bytes]:
        _check_density(self._body)
        found = _names(self._body, "the body")
        logs = bytes(found.resourceLogs) or bytes(found.resource_logs)
        if not logs and not _EMPTY.fullmatch(self._body):
            # Entries in LogLeap's own form, say: not to be taken for an export of nothing.
            raise _Wrong("it has no resourceLogs")
        yield from _items(logs, "resourceLogs")

    def of_resource(self, data: bytes) -> _Parts:
        found = _names(data, "resourceLogs")
        scopes = bytes(found.scopeLogs) or bytes(found.scope_logs)
        return _Parts(_one(found.resource), _items(scopes, "scopeLogs"))

    def of_scope(self, data: bytes) -> _Parts:
        found = _names(data, "scopeLogs")
        records = bytes(found.logRecords) or bytes(found.log_records)
        return _Parts(_one(found.scope), _items(records, "logRecords"))

    def parse(self, data: bytes, message: Message, name: str) -> InvalidEntry | None:
        if self._mark is not None and self._mark in data:
            half = r"holds half of a character: a \ud800–\udfff escape without its other half. Was it cut?"
            return InvalidEntry("SURROGATE_UNPAIRED", f"{name} {half}")
        if len(data) > self._largest and (
            len(data) > _JSON_PER_BYTE * self._largest or data.count(b"{") > self._largest // _JSON_PER_BYTE
        ):
            return _too_large(name, self._largest)
        try:
            fields = msgspec.json.decode(data)
            _check_shape(fields, message.DESCRIPTOR, name)
            json_format.ParseDict(fields, message, ignore_unknown_fields=True)
        except RecursionError:
            return _malformed(name, "nests too many arrays and objects in one another.")
        except _NOT_JSON as error:
            return _malformed(name, f"is malformed: {error}.")
        return None


def _check_density(body: bytes) -> None:
    """Raises _Wrong if it consists of values that are smaller than what an export can be made of.

    They would take much more memory, and time, than their text.
    """
    objects, values = len(body) // _BYTES_PER_OBJECT + 1000, len(body) // _BYTES_PER_VALUE + 1000
    if body.count(b"{") > objects or _values(body) > values:
        bare = _STRINGS.sub(b"", body)
        if bare.count(b"{") > objects or _values(bare) > values:
            raise _Wrong(f"it has more than {objects} objects, or {values} values, in {len(body)} bytes")


def _values(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[") + text.count(b",")


def _names(data: bytes, where: str) -> _Names:
    try:
        return _decode_names(data)
    except msgspec.ValidationError:
        raise _Wrong(f"{where} is not an object") from None
    except _NOT_JSON as error:
        raise _Wrong(str(error)) from None


def _one(raw: msgspec.Raw) -> Sequence[bytes]:
    data = bytes(raw)
    return [] if data in (b"", b"null") else [data]


def _items(data: bytes, where: str) -> Iterator[bytes]:
    """The items of an array; none of null."""
    if data in (b"", b"null"):
        return
    if data[:1] != b"[":
        raise _Wrong(f"{where} is not an array")
    try:
        yield from map(bytes, _decode_items(data))
    except _NOT_JSON as error:
        raise _Wrong(str(error)) from None


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
