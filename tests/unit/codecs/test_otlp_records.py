"""OTLP's log records become entries that keep what they tell."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from logleap.codecs.errors import (
    ExportTooLarge,
    InvalidRecords,
    JsonExportMalformed,
    ProtobufMalformed,
    TooManyRecords,
)
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH
from logleap.codecs.limits import Limits
from logleap.codecs.otlp.messages import MAX_AROUND, Group, from_json, from_protobuf
from logleap.codecs.otlp.records import Export
from logleap.domain.entries import Entry

LIMITS = Limits()
AT = 1772431200_123456_789
MOMENT = datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC)
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def record(**fields: Any) -> dict[str, Any]:
    return {"timeUnixNano": AT, "body": {"stringValue": "jam"}, **fields}


def export_of(*records: Any, limits: Limits = LIMITS, **around: Any) -> Export:
    sent = {"resourceLogs": [{"scopeLogs": [{"logRecords": records, **around}]}]}
    return Export(from_json(json.dumps(sent).encode(), limits), "sha", limits)


def received(sent: ExportLogsServiceRequest) -> Iterator[Group]:
    return from_protobuf(sent.SerializeToString(), LIMITS)


def entries(export: Export) -> list[Entry]:
    return [entry for part in export for entry in part]


def one(**fields: Any) -> Entry:
    (entry,) = entries(export_of(record(**fields)))
    return entry


def context(entry: Entry) -> Any:
    return json.loads(entry.context or "null")


def test_a_record_is_an_entry_with_all_it_tells_in_the_context() -> None:
    sent = json_format.ParseDict(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "line-3"}}]},
                    "scopeLogs": [
                        {
                            "scope": {"name": "gates", "version": "1.2"},
                            "logRecords": [
                                record(
                                    severityNumber=13,
                                    severityText="WARN",
                                    attributes=[{"key": "gate", "value": {"intValue": "4"}}],
                                ),
                                record(),
                            ],
                        },
                        {"logRecords": [record(body={"stringValue": "other scope"})]},
                    ],
                },
                {"scopeLogs": [{"logRecords": [record(body={"stringValue": "bare"})]}]},
            ]
        },
        ExportLogsServiceRequest(),
    )
    jam, plain, other, bare = entries(Export(received(sent), "sha", LIMITS))
    around = {"scope": {"name": "gates", "version": "1.2"}, "resource": {"service.name": "line-3"}}
    assert (jam.timestamp, jam.message) == (MOMENT, "jam")
    assert context(jam) == {
        "severityNumber": 13,
        "severityText": "WARN",
        "attributes": {"gate": 4},
        **around,
    }
    assert context(plain) == around
    assert context(other) == {"resource": {"service.name": "line-3"}}
    assert bare == Entry(MOMENT, "bare")


def test_a_record_without_a_time_has_the_one_at_which_it_was_observed() -> None:
    assert one(timeUnixNano=0, observedTimeUnixNano=AT).timestamp == MOMENT
    assert one(timeUnixNano=AT, observedTimeUnixNano=1).timestamp == MOMENT


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"timeUnixNano": "1772431200"},
            r"timeUnixNano: .* likely a number of s, 2026-03-02T06:00:00Z\. Send nano",
        ),
        ({"timeUnixNano": "1772431200123"}, "likely a number of ms"),
        ({"timeUnixNano": "1772431200123456", "observedTimeUnixNano": AT}, "likely a number of us"),
        ({"timeUnixNano": 0, "observedTimeUnixNano": "1772431200"}, "observedTimeUnixNano: .* of s"),
        ({"timeUnixNano": str(2**64 - 1)}, "In no unit"),
    ],
)
def test_a_time_before_1990_or_after_2100_is_rejected_with_the_likely_unit(fields: Any, why: str) -> None:
    export = export_of(record(**fields), record())
    assert entries(export) == [Entry(MOMENT, "jam")]
    assert export.rejected == 1
    assert re.search(why, export.why), export.why


# ---- one bad record costs that record ----------------------------------------------------------------------

HALF = "cut \ud83d"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"body": {"stringValue": HALF}}, "half of a character"),
        ({"attributes": [{"key": HALF, "value": {"intValue": 1}}]}, "half of a character"),
        ({"timeUnixNano": "yesterday"}, "timeUnixNano"),
        ({"timeUnixNano": -1}, "timeUnixNano"),
        ({"timeUnixNano": 2**64}, "timeUnixNano"),
        ({"timeUnixNano": 1.5}, "timeUnixNano"),
        ({"severityNumber": [9]}, "severityNumber"),
        ({"body": "jam"}, "body is not an object"),
        ({"body": {"stringValue": 7}}, "stringValue"),
        ({"attributes": {"gate": 4}}, "attributes is not an array"),
        ({"traceId": 7}, "traceId"),
    ],
    ids=repr,
)
def test_a_record_in_json_that_cannot_be_parsed_is_rejected_and_the_others_taken(bad: Any, why: str) -> None:
    export = export_of(record(), record(**bad), record(body={"stringValue": "other"}), record(**bad))
    assert entries(export) == [Entry(MOMENT, "jam"), Entry(MOMENT, "other")]
    assert export.rejected == 2
    assert export.why.startswith("number 2 of the export: it ")
    assert why in export.why


def test_a_record_that_is_no_object_or_nests_too_deep_is_rejected_alone() -> None:
    deep: Any = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    export = export_of(7, record(body=deep), None, record())
    assert entries(export) == [Entry(MOMENT, "jam")]
    assert export.rejected == 3


def test_a_bad_resource_or_scope_costs_its_records_alone() -> None:
    bad = {"attributes": [{"key": "a", "value": {"stringValue": HALF}}]}
    sent = {
        "resourceLogs": [
            {"resource": bad, "scopeLogs": [{"logRecords": [record(), record()]}]},
            {
                "scopeLogs": [
                    {"scope": bad, "logRecords": [record()]},
                    {"scope": {"name": "gates"}, "logRecords": [record()]},
                ]
            },
        ]
    }
    export = Export(from_json(json.dumps(sent).encode(), LIMITS), "sha", LIMITS)
    (entry,) = entries(export)
    assert context(entry) == {"scope": {"name": "gates"}}
    assert export.rejected == 3
    assert export.why.startswith("number 1 of the export: its resource holds half of a character")


def test_a_record_in_protobuf_that_cannot_be_parsed_is_rejected_and_the_others_taken() -> None:
    sent = ExportLogsServiceRequest()
    around = sent.resource_logs.add()
    around.resource.attributes.add(key="service.name").value.string_value = "line-3"
    records = around.scope_logs.add().log_records
    for text in ("jam", "BAD", "other"):
        records.add(time_unix_nano=AT).body.string_value = text
    body = sent.SerializeToString().replace(b"BAD", b"B\xffD")
    export = Export(from_protobuf(body, LIMITS), "sha", LIMITS)
    assert [entry.message for entry in entries(export)] == ["jam", "other"]
    assert {entry.context for entry in entries(export)} == {'{"resource":{"service.name":"line-3"}}'}
    assert export.rejected == 1
    assert export.why.startswith("number 2 of the export: it is malformed, or a text in it is not UTF-8")


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05", b"\x0a\x02\x12\x05"])
def test_what_is_no_protobuf_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(ProtobufMalformed):
        Export(from_protobuf(body, LIMITS), "sha", LIMITS)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"resourceLogs": 7}', b'{"a": "\\ud800"}'],
)
def test_what_is_no_export_in_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(JsonExportMalformed):
        Export(from_json(body, LIMITS), "sha", LIMITS)


def test_the_names_of_fields_in_snake_case_are_known_record_by_record_too() -> None:
    text = json.dumps({"resource_logs": [{"scope_logs": [{"log_records": [record(), record(body=7)]}]}]})
    export = Export(from_json(text.encode(), LIMITS), "sha", LIMITS)
    assert (entries(export), export.rejected) == ([Entry(MOMENT, "jam")], 1)


def test_no_more_records_resources_and_scopes_than_the_limits_are_parsed() -> None:
    limits = replace(LIMITS, json_entries=3)
    assert export_of(7, 7, 7, limits=limits).rejected == 3
    with pytest.raises(TooManyRecords):
        export_of(7, 7, 7, 7, limits=limits)
    for text in ('{"resourceLogs": [%s]}', '{"resourceLogs": [{"scopeLogs": [%s]}]}'):
        many = (text % ",".join(['{"a": "bbbbbbbb"}'] * (MAX_AROUND + 1))).encode()
        with pytest.raises(JsonExportMalformed, match="more than 50000 resources and scopes"):
            Export(from_json(many, LIMITS), "sha", LIMITS)
    for many in (b"\x0a\x00" * (MAX_AROUND + 1), b"\x18\x00" * 500_000):
        with pytest.raises(ProtobufMalformed, match="more than"):
            Export(from_protobuf(many, LIMITS), "sha", LIMITS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"intValue": "-9223372036854775808"}, "-9223372036854775808"),
        ({"boolValue": False}, "false"),
        ({"doubleValue": 0.5}, "0.5"),
        ({"doubleValue": "NaN"}, "nan"),
        ({"bytesValue": "AAH/"}, "AAH/"),
        (
            {
                "kvlistValue": {
                    "values": [
                        {
                            "key": "a",
                            "value": {
                                "arrayValue": {"values": [{"intValue": 1}, {}, {"doubleValue": "-Infinity"}]}
                            },
                        }
                    ]
                }
            },
            '{"a":[1,null,"-inf"]}',
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_body_that_is_no_text_is_a_message_all_the_same(body: Any, message: str) -> None:
    assert one(body=body).message == message


def test_an_event_without_a_body_has_its_name_as_the_message() -> None:
    entry = one(body={}, eventName="gate.jammed")
    assert entry.message == "gate.jammed"
    assert context(entry) == {"eventName": "gate.jammed"}


def test_ids_are_in_hex_whether_they_came_as_protobuf_or_as_json() -> None:
    told = {"traceId": TRACE, "spanId": SPAN}
    assert context(one(traceId=TRACE, spanId=SPAN)) == told
    sent = json_format.ParseDict(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [record()]}]}]}, ExportLogsServiceRequest()
    )
    of_protobuf = sent.resource_logs[0].scope_logs[0].log_records[0]
    of_protobuf.trace_id, of_protobuf.span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    (entry,) = entries(Export(received(sent), "sha", LIMITS))
    assert context(entry) == told
    assert one(traceId="00ff", spanId="").context is None


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"timeUnixNano": 0}, "neither timeUnixNano nor observedTimeUnixNano"),
        ({"body": {}}, "neither a body nor an eventName"),
        ({"body": {"stringValue": ""}}, "neither a body nor an eventName"),
        ({"body": {"stringValue": "x" * (1 << 20) + "x"}}, "more than 1048576 bytes"),
    ],
)
def test_records_that_cannot_be_taken_are_counted_and_the_others_taken(bad: Any, why: str) -> None:
    export = export_of(record(**bad), record(), record(**bad))
    assert entries(export) == [Entry(MOMENT, "jam")]
    assert export.rejected == 2
    assert why in export.why
    with pytest.raises(InvalidRecords) as refused:
        entries(export_of(record(**bad)))
    assert refused.value.total == 1
    assert why in refused.value.first


def test_nothing_is_no_entries() -> None:
    assert entries(export_of()) == []
    assert entries(Export(received(ExportLogsServiceRequest()), "sha", LIMITS)) == []


def test_an_entry_of_exactly_the_limit_is_taken() -> None:
    sent = record(body={"stringValue": "é" * 100}, severityText="WARN")
    size = 200 + len('{"severityText":"WARN"}')
    assert len(entries(export_of(sent, limits=replace(LIMITS, entry_bytes=size)))) == 1
    assert export_of(sent, limits=replace(LIMITS, entry_bytes=size - 1)).rejected == 1


def test_more_records_than_the_limit_are_refused_as_a_whole() -> None:
    limits = replace(LIMITS, json_entries=3)
    assert len(entries(export_of(*[record()] * 3, limits=limits))) == 3
    with pytest.raises(TooManyRecords, match="more than 3 "):
        export_of(*[record()] * 3, record(body={}), limits=limits)


def test_a_resource_that_would_be_repeated_too_often_is_refused() -> None:
    limits = replace(LIMITS, json_bytes=10_000)
    scope = {"name": "s" * 1000}
    assert len(entries(export_of(*[record()] * 30, limits=limits, scope=scope))) == 30
    with pytest.raises(ExportTooLarge, match="more than 40000 bytes"):
        export_of(*[record()] * 50, limits=limits, scope=scope)


@pytest.mark.parametrize(("scopes", "records"), [(1000, 0), (1, 1000)])
def test_a_large_resource_costs_no_more_for_having_many_scopes_or_records(scopes: int, records: int) -> None:
    """A few kilobytes of gzip would otherwise keep a thread busy for an hour."""

    def seconds(scopes: int, records: int) -> float:
        sent = ExportLogsServiceRequest()
        of_resource = sent.resource_logs.add()
        of_resource.resource.attributes.add(key="large").value.string_value = "x" * (4 << 20)
        for _ in range(scopes):
            of_scope = of_resource.scope_logs.add()
            for _ in range(records):
                of_scope.log_records.add(time_unix_nano=AT).body.string_value = "x"
        began = time.process_time()
        assert Export(received(sent), "sha", LIMITS).rejected == scopes * records
        return time.process_time() - began

    once = max(seconds(1, 0), seconds(1, 1))
    assert seconds(scopes, records) < 30 * once


VALUES = st.recursive(
    st.builds(AnyValue)
    | st.builds(AnyValue, string_value=st.text())
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary())
    | st.builds(AnyValue, string_value_strindex=st.integers(0, 9)),
    lambda inner: st.lists(inner, max_size=3).map(
        lambda values: AnyValue(array_value={"values": values})  # type: ignore[arg-type]
    ),
    max_leaves=5,
)


@given(
    st.lists(
        st.tuples(VALUES, st.text(), VALUES, st.integers(0, 2**64 - 1), st.binary(max_size=20)), max_size=4
    )
)
def test_any_records_are_entries_with_json_in_the_context_or_are_counted(sent: list[Any]) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for body, key, value, at, trace_id in sent:
        added = records.add(body=body, time_unix_nano=at, trace_id=trace_id)
        added.attributes.add(key=key, value=value)
    export = Export(received(request), "sha", LIMITS)
    if export.rejected == len(sent):
        return
    found = entries(export)
    assert len(found) + export.rejected == len(sent)
    for entry in found:
        assert entry.message
        assert entry.context is not None
        assert set(json.loads(entry.context)) >= {"attributes"}


def test_no_context_nests_deeper_than_others_may() -> None:
    """Protobuf itself allows 100 messages in one another, of which an array takes two."""
    request = ExportLogsServiceRequest()
    added = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=AT)
    added.body.string_value = "x"
    deepest = added.attributes.add(key="a").value
    for _ in range(47):
        deepest = deepest.array_value.values.add()
    parsed = ExportLogsServiceRequest()
    parsed.ParseFromString(request.SerializeToString())
    (entry,) = entries(Export(received(parsed), "sha", LIMITS))
    assert entry.context is not None
    assert 47 < entry.context.count("[") + entry.context.count("{") <= MAX_CONTEXT_DEPTH
