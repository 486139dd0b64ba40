"""OTLP/HTTP logs: what is answered, in the client's encoding."""

import gzip
import json
from typing import Any

import httpx2
import pytest
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def export_of(*messages: str, at: int = 1772431200_000000_000) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for message in messages:
        records.add(time_unix_nano=at).body.string_value = message
    return bytes(request.SerializeToString())


def as_json(*messages: str) -> bytes:
    records = [{"timeUnixNano": "1772431200000000000", "body": {"stringValue": text}} for text in messages]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def post(
    server: Any, data_id: str, body: bytes, content_type: str = PROTOBUF, **headers: str
) -> httpx2.Response:
    sent = {"Content-Type": content_type, **headers}
    answer: httpx2.Response = server.http.post(f"/data/{data_id}/v1/logs", content=body, headers=sent)
    assert answer.headers["Content-Type"] == (PROTOBUF if content_type == PROTOBUF else JSON)
    return answer


def response_of(answer: httpx2.Response) -> ExportLogsServiceResponse:
    assert answer.status_code == 200, answer.content
    response = ExportLogsServiceResponse()
    response.ParseFromString(answer.content)
    return response


def status_of(answer: httpx2.Response) -> Status:
    status = Status()
    status.ParseFromString(answer.content)
    return status


def test_an_export_is_answered_in_its_own_encoding_and_trained_on(server: Any) -> None:
    data_id = server.announce()
    answer = post(server, data_id, export_of("a", "b"))
    assert response_of(answer) == ExportLogsServiceResponse()
    answer = post(server, data_id, as_json("c"), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    zipped = gzip.compress(export_of("d"))
    assert response_of(post(server, data_id, zipped, **{"Content-Encoding": "gzip"})).ByteSize() == 0
    assert server.dataset(data_id)["entries"] == 4


def test_an_export_that_is_sent_again_counts_once_whatever_its_coding(server: Any) -> None:
    data_id = server.announce()
    body = export_of("a", "b")
    post(server, data_id, body)
    for again in (
        post(server, data_id, body),
        post(server, data_id, gzip.compress(body), **{"Content-Encoding": "gzip"}),
    ):
        told = response_of(again).partial_success
        assert told.rejected_log_records == 0
        assert "counts once" in told.error_message
    assert server.dataset(data_id)["entries"] == 2
    post(server, data_id, export_of("a", "b", at=1772431200_000000_001))
    assert server.dataset(data_id)["entries"] == 4


def test_an_idempotency_key_decides_instead(server: Any) -> None:
    data_id = server.announce()
    for key in ("first", "second", "second"):
        response_of(post(server, data_id, export_of("a"), **{"Idempotency-Key": key}))
    assert server.dataset(data_id)["entries"] == 2
    reused = post(server, data_id, export_of("b"), **{"Idempotency-Key": "first"})
    assert reused.status_code == 422
    assert "IDEMPOTENCY_KEY_REUSED" in status_of(reused).message


def test_records_that_cannot_be_taken_are_told_as_a_partial_success(server: Any) -> None:
    data_id = server.announce()
    for _ in range(2):
        told = response_of(post(server, data_id, export_of("a", "", ""))).partial_success
        assert told.rejected_log_records == 2
        assert "neither a body" in told.error_message
    assert server.dataset(data_id)["entries"] == 1
    answer = post(server, data_id, as_json("b", ""), JSON)
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert server.dataset(data_id)["entries"] == 2


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (
            '{"timeUnixNano": "1772431200000000000", "body": {"stringValue": "cut \\ud83d"}}',
            "half of a character",
        ),
        ('{"timeUnixNano": "1772431200", "body": {"stringValue": "x"}}', "likely a number of s"),
        ('{"timeUnixNano": "yesterday", "body": {"stringValue": "x"}}', "timeUnixNano"),
        ('{"timeUnixNano": "1772431200000000000", "body": "x"}', "body is not an object"),
        (
            '{"timeUnixNano": "1772431200000000000", "body": {"stringValue": "%s"}}'
            % ("x" * (1 + (1 << 20))),
            "1048576",
        ),
    ],
    ids=["half a character", "seconds", "words", "a bare body", "large"],
)
def test_one_bad_record_costs_that_record_and_repeats_count_once(server: Any, bad: str, why: str) -> None:
    data_id = server.announce()
    body = as_json("a", "b").replace(b'"logRecords": [', b'"logRecords": [%b, ' % bad.encode())
    for _ in range(2):
        told = post(server, data_id, body, JSON).json()["partialSuccess"]
        assert told["rejectedLogRecords"] == "1"
        assert why in told["errorMessage"]
        assert "number 1 of the export" in told["errorMessage"]
        assert server.dataset(data_id)["entries"] == 2


def test_a_text_that_is_not_utf_8_in_protobuf_costs_its_record(server: Any) -> None:
    data_id = server.announce()
    told = response_of(
        post(server, data_id, export_of("a", "BAD", "b").replace(b"BAD", b"B\xffD"))
    ).partial_success
    assert told.rejected_log_records == 1
    assert "number 2 of the export" in told.error_message
    assert server.dataset(data_id)["entries"] == 2


def test_an_export_of_nothing_is_taken_and_changes_nothing(server: Any) -> None:
    data_id = server.announce()
    assert response_of(post(server, data_id, b"")) == ExportLogsServiceResponse()
    for nothing in (b"{}", b' { "resourceLogs" : [ ] } ', b'{"resourceLogs": [{"scopeLogs": []}]}'):
        assert post(server, data_id, nothing, JSON).json() == {}
    assert server.dataset(data_id)["state"] == "created"


def test_unknown_fields_are_passed_over(server: Any) -> None:
    data_id = server.announce()
    body = as_json("a").replace(b'"body"', b'"colour": "red", "body"')
    assert post(server, data_id, body, JSON).json() == {}
    assert server.dataset(data_id)["entries"] == 1


@pytest.mark.parametrize(
    ("logs", "told"), [(7, "resourceLogs is not an array"), ([7], "resourceLogs is not an object")]
)
def test_what_has_the_wrong_form_is_named(server: Any, logs: Any, told: str) -> None:
    answer = post(server, server.announce(), json.dumps({"resourceLogs": logs}).encode(), JSON)
    assert answer.status_code == 400
    assert told in answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"\xff", PROTOBUF, 400, "PROTOBUF_MALFORMED"),
        (b"{", JSON, 400, "JSON_MALFORMED"),
        (b"[]", JSON, 400, "JSON_MALFORMED"),
        (b'{"timestamp": "2026-03-02T06:00:00Z", "message": "jam"}', JSON, 400, "JSON_MALFORMED"),
        (b"\xff", JSON, 400, "JSON_MALFORMED"),
        (b"[" * 100_000, JSON, 400, "JSON_MALFORMED"),
        (b'{"resourceLogs": ["x"]}', JSON, 400, "JSON_MALFORMED"),
        (b'{"resourceLogs": [{"resource": []}]}', JSON, 400, "JSON_MALFORMED"),
        (as_json("x").replace(b'{"stringValue": "x"}', b'"x"'), JSON, 400, "RECORDS_INVALID"),
        (export_of(""), PROTOBUF, 400, "RECORDS_INVALID"),
        (b"x", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * (11 << 20), JSON, 413, "BODY_TOO_LARGE"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_cannot_be_taken_is_refused_with_a_status_and_stores_nothing(
    server: Any, body: bytes, content_type: str, status: int, code: str
) -> None:
    data_id = server.announce()
    answer = post(server, data_id, body, content_type)
    assert answer.status_code == status
    if content_type == PROTOBUF:
        told = status_of(answer)
        assert told.code == code_pb2.INVALID_ARGUMENT
        assert told.message.startswith(f"{code}: ")
    else:
        assert answer.json()["message"].startswith(f"{code}: ")
    assert answer.headers["X-Request-Id"] in answer.text
    assert server.dataset(data_id)["state"] == "created"


def test_unknown_and_sealed_data_sets_are_refused_for_good(server: Any) -> None:
    unknown = post(server, "00000000-0000-4000-8000-000000000000", export_of("a"))
    assert (unknown.status_code, status_of(unknown).code) == (404, code_pb2.NOT_FOUND)
    data_id = server.announce()
    post(server, data_id, export_of("a"))
    server.http.post(f"/train/{data_id}")
    sealed = post(server, data_id, export_of("b"))
    assert (sealed.status_code, status_of(sealed).code) == (409, code_pb2.FAILED_PRECONDITION)
    assert "counts once" in response_of(post(server, data_id, export_of("a"))).partial_success.error_message


def test_an_export_needs_a_key_where_keys_are_on(start_server: Any) -> None:
    with start_server(auth="keys", api_keys="k:anna:" + "0" * 64) as server:
        answer = post(server, "x", export_of("a"))
        assert (answer.status_code, status_of(answer).code) == (401, code_pb2.UNAUTHENTICATED)
        assert answer.headers["WWW-Authenticate"]


def test_exported_records_count_against_the_owners_quota(start_server: Any) -> None:
    with start_server(entries_per_owner="2/hour") as server:
        data_id = server.announce()
        for _ in range(2):
            response_of(post(server, data_id, export_of("a")))
        response_of(post(server, data_id, export_of("b")))
        refused = post(server, data_id, export_of("c"))
        assert (refused.status_code, status_of(refused).code) == (429, code_pb2.RESOURCE_EXHAUSTED)
        assert int(refused.headers["Retry-After"]) > 0
        assert server.dataset(data_id)["entries"] == 2


@given(body=st.binary(max_size=60), content_type=st.sampled_from([PROTOBUF, JSON]))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_taken_or_refused(server: Any, body: bytes, content_type: str) -> None:
    answer = post(server, "00000000-0000-4000-8000-000000000000", body, content_type)
    assert answer.status_code in (400, 404)
