"""Log records as entries."""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from logleap.codecs.epoch import parse_epoch
from logleap.codecs.errors import ExportTooLarge, InvalidRecords
from logleap.codecs.json.strict import InvalidEntry
from logleap.codecs.limits import SPREAD, Limits
from logleap.codecs.otlp.messages import Group
from logleap.codecs.timestamps import BadTimestamp
from logleap.domain.entries import Entry

_TRACE_ID, _SPAN_ID = 16, 8  # bytes

_encode = msgspec.json.Encoder().encode


class Export:
    """The log records of one export: the use cases' EntrySource.

    The good ones are entries, as OTLP wants it; `rejected` counts the others, `why` tells of the first one.
    If there are some and none is good, iterating raises InvalidRecords.
    """

    def __init__(self, groups: Iterable[Group], sha256: str, limits: Limits) -> None:
        """Raises ExportTooLarge, and what iterating `groups` does."""
        self._sha256 = sha256
        self._entries: list[Entry] = []
        self.rejected = 0
        self.why = ""
        for index, found in enumerate(entries_of(groups, limits)):
            if isinstance(found, InvalidEntry):
                self.rejected += 1
                self.why = self.why or f"number {index + 1} of the export: {found}"
            else:
                self._entries.append(found)

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        if self._entries:
            yield self._entries
        elif self.rejected:
            raise InvalidRecords(self.rejected, self.why)

    @property
    def sha256(self) -> str:
        """Hex, of the decoded body."""
        return self._sha256


def entries_of(groups: Iterable[Group], limits: Limits) -> Iterator[Entry | InvalidEntry]:
    """Each log record as an entry, or what is wrong with it. Raises ExportTooLarge, and what `groups` do."""
    spare = SPREAD * limits.json_bytes
    resource, written = None, {}
    for group in groups:
        if group.resource is not resource:
            resource = group.resource
            written = _written(resource=_attributes(resource.attributes))
        around = {**_written(scope=_scope(group.scope)), **written}
        for record in group.records:
            if isinstance(record, InvalidEntry):
                yield record
                continue
            try:
                entry, size = _entry(record, around, limits.entry_bytes)
            except InvalidEntry as error:
                yield error
                continue
            spare -= size
            if spare < 0:
                raise ExportTooLarge(SPREAD * limits.json_bytes)
            yield entry


def _entry(record: LogRecord, around: Mapping[str, msgspec.Raw], largest: int) -> tuple[Entry, int]:
    """The entry, and the bytes of its message and context. Raises InvalidEntry."""
    timestamp = _timestamp(record)
    body = _plain(record.body)
    text = body if isinstance(body, str) else None if body is None else _encode(body).decode()
    message = text or record.event_name
    if not message:
        raise InvalidEntry("MESSAGE_MISSING", "it has neither a body nor an eventName.")
    told = _filled(
        severityNumber=record.severity_number,
        severityText=record.severity_text,
        eventName=record.event_name,
        traceId=_hex(record.trace_id, _TRACE_ID),
        spanId=_hex(record.span_id, _SPAN_ID),
        attributes=_attributes(record.attributes),
    )
    if sum(map(len, around.values())) > largest:  # not copied for each of many records, only to find out
        raise _entry_too_large(largest)
    context = _encode({**told, **around}) if told or around else b""
    size = len(message.encode()) + len(context)
    if size > largest:
        raise _entry_too_large(largest)
    return Entry(timestamp, message, context.decode() or None), size


def _timestamp(record: LogRecord) -> datetime:
    """When it happened; if the record does not tell, when it was observed. Raises InvalidEntry."""
    name, nanoseconds = "timeUnixNano", record.time_unix_nano
    if not nanoseconds:
        name, nanoseconds = "observedTimeUnixNano", record.observed_time_unix_nano
    if not nanoseconds:
        raise InvalidEntry("TIMESTAMP_MISSING", "it has neither timeUnixNano nor observedTimeUnixNano.")
    try:
        return parse_epoch(str(nanoseconds), "ns")
    except BadTimestamp as bad:
        raise InvalidEntry(bad.code, f"{name}: {bad} Send nanoseconds.") from None


def _scope(scope: InstrumentationScope) -> Mapping[str, Any]:
    return _filled(name=scope.name, version=scope.version, attributes=_attributes(scope.attributes))


def _written(**fields: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(_encode(value)) for name, value in _filled(**fields).items()}


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {attribute.key: _plain(attribute.value) for attribute in attributes}


def _plain(value: AnyValue) -> Any:
    """The value for JSON: bytes in base64, doubles that JSON has no number for by their names."""
    kind = value.WhichOneof("value")
    match kind:
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value" if not math.isfinite(value.double_value):
            return str(value.double_value)
        case None | "string_value_strindex":  # the latter is for profiles alone: to be taken for no value
            return None
        case _:
            return getattr(value, kind)


def _hex(sent: bytes, size: int) -> str:
    """An id of `size` bytes in hex; empty if it is none.

    OTLP's JSON writes ids in hex, not in base64 as protobuf's does: from there they come wrongly decoded.
    """
    if len(sent) == size:
        return sent.hex()
    return base64.b64encode(sent).decode() if len(sent) * 2 == size * 3 else ""


def _entry_too_large(largest: int) -> InvalidEntry:
    return InvalidEntry("ENTRY_TOO_LARGE", f"it has more than {largest} bytes, the limit for one entry.")
