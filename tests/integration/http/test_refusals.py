"""Bad input: a problem that says what, where and what to do; and nothing is stored."""

import gzip
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from logleap.entrypoints.http.contract.codes import PROBLEMS
from logleap.entrypoints.http.contract.entry_codes import ENTRY_PROBLEMS

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
JSON = "application/json"
NDJSON = "application/x-ndjson"


def entry(**fields: Any) -> bytes:
    return json.dumps({**ENTRY, **fields}).encode()


def raw(text: str) -> bytes:
    return text.encode()


OK = '"timestamp":"2026-03-02T06:00:00Z","message":"ok"'

REFUSED_BODIES = {
    "empty body": (b"", JSON, 400, "BODY_EMPTY"),
    "white space": (b"  \n ", JSON, 400, "BODY_EMPTY"),
    "empty array": (b"[]", JSON, 422, "BATCH_EMPTY"),
    "empty entries": (b'{"entries":[]}', JSON, 422, "BATCH_EMPTY"),
    "empty ndjson": (b"\n\n", NDJSON, 422, "BATCH_EMPTY"),
    "wrong content type": (entry(), "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "no content type": (entry(), None, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "other charset": (entry(), "application/json; charset=latin-1", 415, "UNSUPPORTED_CHARSET"),
    "broken JSON": (b'[{"timestamp":', JSON, 400, "JSON_MALFORMED"),
    "trailing garbage": (entry() + b"]", JSON, 400, "JSON_MALFORMED"),
    "NaN": (raw("{" + OK + ',"context":NaN}'), JSON, 400, "JSON_MALFORMED"),
    "Infinity": (raw("[{" + OK + ',"context":[-Infinity]}]'), JSON, 400, "JSON_MALFORMED"),
    "invalid UTF-8": (b'{"timestamp":"2026-03-02T06:00:00Z","message":"\xff"}', JSON, 400, "BODY_NOT_UTF8"),
    "deep nesting": (b"[" * 100_000 + b"]" * 100_000, JSON, None, None),
    "a number": (b"12", JSON, None, None),
    "a string": (b'"x"', JSON, None, None),
    "null": (b"null", JSON, None, None),
}


@pytest.mark.parametrize("case", REFUSED_BODIES)
def test_a_bad_body_is_refused_with_a_problem_and_nothing_is_stored(server: Any, case: str) -> None:
    body, content_type, status, code = REFUSED_BODIES[case]
    data_id = server.announce()
    headers = {"Content-Type": content_type} if content_type else {}
    answer = server.http.post(f"/data/{data_id}", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["requestId"] == answer.headers["X-Request-Id"]
    assert len(problem["detail"]) > 20
    if status is not None:
        assert (answer.status_code, problem["code"]) == (status, code)
    shown = server.dataset(data_id)
    assert (shown["state"], shown["entries"]) == ("created", 0)


BAD_ENTRIES = {
    "no timestamp": (b'{"message":"x"}', "timestamp"),
    "no message": (b'{"timestamp":"2026-03-02T06:00:00Z"}', "message"),
    "empty message": (entry(message=""), "message"),
    "message not a string": (entry(message=5), "message"),
    "unknown field": (entry(level="INF"), "level"),
    "field twice": (raw("{" + OK + ',"message":"again"}'), "message"),
    "lone surrogate": (raw('{"timestamp":"2026-03-02T06:00:00Z","message":"\\ud800"}'), "message"),
    "no offset": (entry(timestamp="2026-03-02T06:00:00"), "timestamp"),
    "date only": (entry(timestamp="2026-03-02"), "timestamp"),
    "epoch number": (entry(timestamp=1700000000), "timestamp"),
    "month 13": (entry(timestamp="2026-13-02T06:00:00Z"), "timestamp"),
    "before year 1": (entry(timestamp="0001-01-01T00:00:00+05:00"), "timestamp"),
    "after year 9999": (entry(timestamp="9999-12-31T23:59:59-05:00"), "timestamp"),
    "words": (entry(timestamp="yesterday"), "timestamp"),
    "null timestamp": (entry(timestamp=None), "timestamp"),
    "deep context": (raw("{" + OK + ',"context":' + "[" * 500 + "]" * 500 + "}"), "context"),
    "not an object": (b"5", None),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_each_bad_entry_is_named_and_the_good_ones_beside_it_are_not_stored(
    server: Any, case: str, form: str
) -> None:
    bad, field = BAD_ENTRIES[case]
    data_id = server.announce()
    good = entry()
    if form == "array":
        body, content_type = b"[" + b",".join([good, bad, good, bad]) + b"]", JSON
    else:
        body, content_type = b"\n".join([good, bad, b"", good, bad]), NDJSON
    answer = server.http.post(f"/data/{data_id}", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "ENTRIES_INVALID"
    last = form == "array" and case == "deep context"  # what is behind it is not read
    assert problem["errorsTotal"] == (1 if last else 2)
    assert [error["index"] for error in problem["errors"]] == ([1] if last else [1, 3])
    if form == "ndjson":
        assert [error["line"] for error in problem["errors"]] == [2, 5]
    assert {error.get("field") for error in problem["errors"]} == {field}
    assert all(len(error["detail"]) > 10 for error in problem["errors"])
    assert server.dataset(data_id)["entries"] == 0


def test_the_codes_of_bad_entries_are_those_that_are_documented(server: Any) -> None:
    data_id = server.announce()
    bad = [*(bad for bad, _ in BAD_ENTRIES.values()), entry(message="m")[:-1], entry(timestamp="9") + b"\xff"]
    bad += [entry(timestamp=time) for time in ("0001-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", 5)]
    found = set()
    mapped = [b'{"time": 1772431200, "msg": "x"}']
    mapped += [b'{"time": "2026-03-02T06:00:00 %b", "msg": "x"}' % zone for zone in (b"CET", b"+0100 UTC")]
    record = '{"timeUnixNano": "1772431200000000000", "body": %s}'
    export = '{"resourceLogs": [{"scopeLogs": [{"logRecords": [%s]}]}]}'
    large = json.dumps({"stringValue": "x" * (1 + (1 << 20))})
    otlp = [(export % (record % body)).encode() for body in ("7", large)]
    for query, lines in (
        ("", bad),
        ("?mapping=auto", [entry(msg="x")]),
        ("?mapping=pino", mapped),
        ("?mapping=otel-file", otlp),
    ):
        answer = server.http.post(
            f"/data/{data_id}{query}", content=b"\n".join(lines), headers={"Content-Type": NDJSON}
        )
        found |= {error["code"] for error in answer.json()["errors"]}
    assert found == set(ENTRY_PROBLEMS)


def test_huge_numbers_and_odd_text_are_kept_as_they_came(server: Any) -> None:
    data_id = server.announce()
    context = '{"n":123456789012345678901234567890,"e":1e999,"twice":1,"twice":2}'
    body = raw("{" + OK + ',"context":' + context + "}")
    assert server.http.post(f"/data/{data_id}", content=body, headers={"Content-Type": JSON}).is_success
    manifest = server.container.backend().ledger.manifest(data_id)
    [row] = server.container.backend().store.read(manifest)
    assert row.entry.context == context


def test_limits_answer_413_and_never_cut(start_server: Any) -> None:
    with start_server(
        json_body_limit=4096, ndjson_body_limit=8192, entry_limit=1024, json_entries_limit=20
    ) as server:
        data_id = server.announce()

        def status(body: bytes, content_type: str, **headers: str) -> tuple[int, str]:
            answer = server.http.post(
                f"/data/{data_id}", content=body, headers={"Content-Type": content_type, **headers}
            )
            return answer.status_code, answer.json().get("code", "")

        good = entry(message="m" * 100)
        assert status(b"[" + b",".join([good] * 20) + b"]", JSON)[0] == 200
        assert status(b"[" + b",".join([good] * 21) + b"]", JSON) == (413, "TOO_MANY_ENTRIES")
        assert status(entry(message="m" * 1024), JSON) == (413, "ENTRY_TOO_LARGE")
        assert status(entry(message="m" * 1024), NDJSON) == (413, "ENTRY_TOO_LARGE")
        assert status(b"[" + b",".join([good] * 60) + b"]", JSON) == (413, "BODY_TOO_LARGE")
        assert status(b"\n".join([good] * 60), NDJSON) == (413, "BODY_TOO_LARGE")
        bomb = gzip.compress(b" " * 5_000_000)
        assert status(bomb, JSON, **{"Content-Encoding": "gzip"}) == (413, "BODY_TOO_LARGE")
        assert status(bomb, NDJSON, **{"Content-Encoding": "gzip"}) == (413, "BODY_TOO_LARGE")
        assert server.dataset(data_id)["entries"] == 20


def test_codings_that_are_broken_or_unknown_are_refused(server: Any) -> None:
    data_id = server.announce()
    packed = gzip.compress(entry())

    def status(body: bytes, coding: str) -> int:
        headers = {"Content-Type": JSON, "Content-Encoding": coding}
        answer: int = server.http.post(f"/data/{data_id}", content=body, headers=headers).status_code
        return answer

    assert status(packed[:-5], "gzip") == 400
    assert status(packed + b"garbage", "gzip") == 400
    assert status(entry(), "gzip") == 400
    assert status(entry(), "br") == 415
    assert server.dataset(data_id)["entries"] == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_cut_off_on_its_way_is_not_stored(server: Any, chunked: bool) -> None:
    data_id = server.announce()
    whole = entry() + b"\n" + entry() + b"\n"
    address = urlsplit(server.url)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(whole) * 2}"
    head = (
        f"POST /data/{data_id} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\n{framing}\r\n\r\n"
    ).encode()
    sent = f"{len(whole):x}\r\n".encode() + whole + b"\r\n" if chunked else whole
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head + sent)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        received = connection.recv(4096)
    assert not received.startswith(b"HTTP/1.1 200")
    assert server.dataset(data_id)["entries"] == 0


@pytest.mark.parametrize(
    "data_id",
    ["9f5dd817-440d-40d0-9763-04b7cd898ebc", "nonsense", "..%2F..", "%00", "a" * 3000, "%F0%9F%98%80"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/data/{}"),
        ("GET", "/data/{}/events"),
        ("POST", "/data/{}"),
        ("POST", "/train/{}"),
        ("GET", "/train/{}"),
        ("POST", "/data/{}/archive"),
        ("DELETE", "/data/{}"),
    ],
)
def test_an_unknown_or_malformed_id_answers_404(server: Any, method: str, path: str, data_id: str) -> None:
    content = entry() if (method, path) == ("POST", "/data/{}") else b""
    answer = server.http.request(
        method, path.format(data_id), content=content, headers={"Content-Type": JSON} if content else {}
    )
    assert answer.status_code == 404, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_training_of_an_empty_data_set_is_refused(server: Any) -> None:
    data_id = server.announce()
    answer = server.http.post(f"/train/{data_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "DATASET_EMPTY")
    assert server.http.get(f"/train/{data_id}").json()["code"] == "RUN_NOT_FOUND"


def test_uploads_and_other_starts_are_refused_while_training(start_server: Any) -> None:
    with start_server(with_worker=False) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        assert server.http.post(f"/train/{data_id}").status_code == 202
        late = server.append(data_id, ENTRY)
        assert (late.status_code, late.json()["code"]) == (409, "STATE_CONFLICT")
        other = server.http.post(f"/train/{data_id}", json={"parameters": {"epochs": 3}})
        assert (other.status_code, other.json()["code"]) == (409, "RUN_IN_PROGRESS")


def test_expected_entries_that_differ_start_nothing(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, [ENTRY, ENTRY])
    answer = server.http.post(f"/train/{data_id}", json={"expectedEntries": 3})
    assert (answer.status_code, answer.json()["code"]) == (412, "ENTRY_COUNT_DIFFERS")
    assert server.dataset(data_id)["state"] == "uploading"
    # 2.0 is an integer, says JSON Schema.
    assert (
        server.http.post(
            f"/train/{data_id}", content=b'{"expectedEntries": 2.0}', headers={"Content-Type": JSON}
        ).status_code
        == 202
    )


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ('{"task": "rm -rf"}', 422, "count-entries"),
        ('{"tsk": "x"}', 422, "tsk"),
        ('{"expectedEntries": "2"}', 422, "expectedEntries"),
        ('{"expectedEntries": -1}', 422, "expectedEntries"),
        ('{"parameters": [1]}', 422, "parameters"),
        ('{"parameters": {"x": NaN}}', 400, "JSON"),
        ("[1]", 422, "object"),
        ("{", 400, "JSON"),
        ('{"parameters": ' + "[" * 50_000 + "]" * 50_000 + "}", 413, "65536"),
        ('{"parameters": {"x": ' + "[" * 99 + "]" * 99 + "}}", 422, "more than 100 levels deep"),
        ('{"expectedEntries": 99, "expectedEntries": 1}', 422, "'expectedEntries' occurs more than once"),
        ('{"parameters": {"x": [{"a": 1, "\\u0061": 2}]}}', 422, "'a' occurs more than once"),
        ('{"parameters": {"x": ' + "[" * 20_000 + "]" * 20_000 + "}}", 400, "JSON"),
    ],
)
def test_a_bad_start_is_refused(server: Any, body: str, status: int, word: str) -> None:
    data_id = server.announce()
    server.append(data_id, ENTRY)
    answer = server.http.post(f"/train/{data_id}", content=body, headers={"Content-Type": JSON})
    assert answer.status_code == status, answer.text
    assert word in answer.json()["detail"]
    assert server.dataset(data_id)["state"] == "uploading"


def test_parameters_that_nest_as_deep_as_they_may_are_told_again(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, ENTRY)
    parameters: Any = {"x": json.loads("[" * 98 + "]" * 98)}
    assert server.http.post(f"/train/{data_id}", json={"parameters": parameters}).status_code == 202
    assert server.http.get(f"/train/{data_id}").json()["parameters"] == parameters


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "x", "name": "x"}',
        '{"name": 5}',
        '{"nam": "x"}',
        '{"labels": {"a": 1}}',
        '{"name": ""}',
        "[]",
        "x",
        '"x"',
    ],
)
def test_a_bad_announcement_is_refused(server: Any, body: str) -> None:
    answer = server.http.post("/data", content=body, headers={"Content-Type": JSON})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/data", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", "/train/x", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(
    server: Any, method: str, path: str, allowed: set[str]
) -> None:
    answer = server.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_an_unknown_path_is_a_problem(server: Any) -> None:
    answer = server.http.get("/dta")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("pageSize=-1", "PAGE_SIZE_INVALID"),
        ("pageSize=x", "PAGE_SIZE_INVALID"),
        ("pageToken=zzz", "PAGE_TOKEN_INVALID"),
        ("pageToken=%00", "PAGE_TOKEN_INVALID"),
        ("state=done", "STATE_INVALID"),
        ("sate=created", "QUERY_PARAMETER_UNKNOWN"),
        ("state=created&state=trained", "QUERY_PARAMETER_INVALID"),
    ],
)
def test_a_bad_query_is_refused(server: Any, query: str, code: str) -> None:
    answer = server.http.get(f"/data?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_page_size_above_the_most_is_taken_as_the_most(server: Any) -> None:
    assert server.http.get("/data?pageSize=100000000").status_code == 200


def test_a_misspelt_query_parameter_uploads_nothing(server: Any) -> None:
    data_id = server.announce()
    answer = server.http.post(f"/data/{data_id}?dryrun=true", json=ENTRY)
    assert (answer.status_code, answer.json()["code"]) == (400, "QUERY_PARAMETER_UNKNOWN")
    assert server.dataset(data_id)["entries"] == 0


@pytest.mark.parametrize("query", ["dryRun=false&dryRun=true", "dryRun=true&dryRun=true"])
def test_a_repeated_query_parameter_uploads_nothing(server: Any, query: str) -> None:
    data_id = server.announce()
    answer = server.http.post(f"/data/{data_id}?{query}", json=ENTRY)
    assert (answer.status_code, answer.json()["code"]) == (400, "QUERY_PARAMETER_INVALID")
    assert server.dataset(data_id)["entries"] == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut".encode(), '"', '"open'])
def test_a_bad_idempotency_key_is_refused(server: Any, key: str | bytes) -> None:
    data_id = server.announce()
    answer = server.http.post(f"/data/{data_id}", json=ENTRY, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")


def test_a_key_used_for_another_body_is_refused(server: Any) -> None:
    data_id = server.announce()
    key = {"Idempotency-Key": "k"}
    assert server.append(data_id, ENTRY, **key).is_success
    answer = server.append(data_id, [ENTRY, ENTRY], **key)
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert server.dataset(data_id)["entries"] == 1


def test_a_key_used_for_another_training_is_refused(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, ENTRY)
    key = {"Idempotency-Key": "k"}
    started = server.http.post(f"/train/{data_id}", headers=key)
    assert started.status_code == 202
    answer = server.http.post(f"/train/{data_id}", json={"parameters": {"epochs": 3}}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert server.http.get(f"/train/{data_id}").json()["runId"] == started.json()["runId"]


def test_what_the_server_itself_refuses_is_a_problem_too(server: Any) -> None:
    address = urlsplit(server.url)
    for request, status in [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 262_200 + b"\r\n\r\n", b"431"),
        (b"POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /data HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
    ]:
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.settimeout(10)
            connection.sendall(request)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        assert received.split(b" ")[1] == status, received
        assert b"application/problem+json" in received
        problem = json.loads(received.split(b"\r\n\r\n", 1)[1])
        assert problem["status"] == int(status)
        assert problem["detail"].endswith(PROBLEMS[problem["code"]].remedy)
