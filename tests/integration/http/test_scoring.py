"""`POST /score/{dataId}`: entries are judged by a log model, and nothing is stored."""

import gzip
import hashlib
import json
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from logleap.client import ApiError, Client, Incomplete
from logleap.codecs.compression import compress_zstd
from logleap.entrypoints.http.calls import scoring

NDJSON = {"Content-Type": "application/x-ndjson"}
STAMP = "2026-03-02T06:00:00Z"


def entry(message: str, context: Any = None) -> dict[str, Any]:
    return {"timestamp": STAMP, "message": message, "context": context}


def hour() -> list[dict[str, str]]:
    """An hour of a service, one entry per second: four gates, and answers of 5 to 40 ms."""
    chance = random.Random(7)
    found = []
    for second in range(3600):
        message = f"Order {chance.randint(1, 10**6)} left by gate {1 + second % 4}"
        if second % 20 == 0:
            message = f"Station {second // 20 % 5} answered after {chance.randint(5, 40)} ms"
        stamp = f"2026-03-02T06:{second // 60:02}:{second % 60:02}Z"
        found.append({"timestamp": stamp, "message": message})
    return found


def trained(server: Any, entries: list[dict[str, str]]) -> str:
    with Client(server.url) as client:
        data_id = str(client.announce()["dataId"])
        client.append(data_id, entries)
        client.train(data_id, task="log-model")
        assert client.wait(data_id, timeout=60)["state"] == "succeeded"
    return data_id


@pytest.fixture(scope="module")
def model(server: Any) -> str:
    """A data set with a log model."""
    return trained(server, hour())


def lines(answer: httpx2.Response) -> tuple[list[Any], Any]:
    """What is said of each entry, and the summary."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    *found, last = map(json.loads, answer.text.splitlines())
    return found, last["summary"]


def ndjson(*entries: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in entries)


GIVEN = [
    entry("Order 400017 left by gate 2"),
    entry("Order 400018 left by gate 7"),
    entry("Station 3 answered after 900 ms"),
    entry("Station 3 answered after 12 ms"),
    {"timestamp": "yesterday", "message": "Order 400001 left by gate 1"},
    entry("Belt 4 jammed"),
    entry("Belt 5 jammed"),
]


@pytest.mark.parametrize("form", ["array", "object", "ndjson", "gzip", "zstd"])
def test_each_entry_is_judged_and_the_summary_has_one_warning_per_new_template(
    server: Any, model: str, form: str
) -> None:
    kind = {"array": "application/json", "object": "application/json"}.get(form, "application/x-ndjson")
    body = ndjson(*GIVEN)
    headers = {"Content-Type": kind}
    if form in ("array", "object"):
        body = json.dumps(GIVEN if form == "array" else {"entries": GIVEN}).encode()
    if form in ("gzip", "zstd"):
        body = gzip.compress(body) if form == "gzip" else b"".join(compress_zstd([body]))
        headers["Content-Encoding"] = form
    found, summary = lines(server.http.post(f"/score/{model}", content=body, headers=headers))
    artifact = server.http.get(f"/train/{model}/artifacts/log-model.json")
    ids = {template["text"]: template["id"] for template in artifact.json()["templates"]}
    order, station = ids["Order <*> left by gate <*>"], ids["Station <*> answered after <*>"]
    assert [told["index"] for told in found] == list(range(7))
    assert [told.get("templateId") for told in found] == [order, order, station, station, None, None, None]
    kinds = [[one["kind"] for one in told.get("findings", ())] for told in found]
    assert kinds == [[], ["value"], ["value"], [], [], ["new"], ["new"]]
    assert 'position 2 (after "gate")' in found[1]["findings"][0]["detail"]
    assert "900 ms. Known: 5 to 40 ms" in found[2]["findings"][0]["detail"]
    assert (found[4]["error"]["code"], found[4]["error"]["field"]) == ("TIMESTAMP_INVALID", "timestamp")
    assert 'matches: "Belt <*> jammed"' in found[5]["findings"][0]["detail"]
    assert (summary["entries"], summary["matched"], summary["invalid"]) == (6, 4, 1)
    assert summary["findings"] == {"new": 2, "value": 2}
    assert artifact.headers["ETag"].startswith(f'"{summary["digest"]}')
    warnings = [(one["kind"], one["text"], one["count"], one["first"]) for one in summary["warnings"]]
    assert warnings == [
        ("new", "Belt <*> jammed", 2, 5),
        ("value", "Order <*> left by gate <*>", 1, 1),
        ("value", "Station <*> answered after <*>", 1, 2),
    ]


def test_the_models_own_entries_have_no_finding_and_nothing_is_stored(server: Any, model: str) -> None:
    found, summary = lines(server.http.post(f"/score/{model}", content=ndjson(*hour()), headers=NDJSON))
    assert len(found) == summary["matched"] == 3600
    assert (summary["findings"], summary["warnings"]) == ({"new": 0, "value": 0}, [])
    assert server.dataset(model)["entries"] == 3600


def test_entries_are_scored_in_every_state_that_has_a_model(server: Any) -> None:
    data_id = trained(server, hour()[:200])
    body = ndjson(GIVEN[0])
    answers = [server.http.post(f"/score/{data_id}", content=body, headers=NDJSON)]
    assert server.http.post(f"/data/{data_id}/archive").status_code == 200
    answers.append(server.http.post(f"/score/{data_id}", content=body, headers=NDJSON))
    assert [lines(answer)[1]["matched"] for answer in answers] == [1, 1]


def test_a_mapping_reads_fields_of_other_names(server: Any, model: str) -> None:
    record = {"level": 30, "time": 1772431200000, "msg": "Order 400017 left by gate 2"}
    answer = server.http.post(f"/score/{model}?mapping=pino", content=ndjson(record), headers=NDJSON)
    assert lines(answer)[1]["entries"] == 1


def test_without_a_model_it_is_refused_and_a_bad_body_before_the_stream_begins(
    server: Any, model: str
) -> None:
    without = server.announce()
    cases = [
        (without, ndjson(GIVEN[0]), {}, 409, "MODEL_MISSING"),
        ("nowhere", ndjson(GIVEN[0]), {}, 404, "DATASET_NOT_FOUND"),
        (model, b"\n", {}, 422, "BATCH_EMPTY"),
        (model, b"[", {"Content-Type": "application/json"}, 400, "JSON_MALFORMED"),
        (model, b"x", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (model, b"x", {"Content-Encoding": "gzip"}, 400, "GZIP_MALFORMED"),
    ]
    for data_id, body, headers, status, code in cases:
        answer = server.http.post(f"/score/{data_id}", content=body, headers={**NDJSON, **headers})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_model_of_other_masks_is_refused_with_the_remedy(start_server: Any, tmp_path: Any) -> None:
    masks = tmp_path / "masks.toml"
    masks.write_text('[masks]\nticket = "[A-Z]{2,6}-[0-9]+"\n')
    place = {"backend": "local", "data_dir": tmp_path / "data"}
    with start_server(with_worker=True, **place) as server:
        data_id = trained(server, hour()[:50])
    with start_server(masks=masks, **place) as server:
        answer = server.http.post(f"/score/{data_id}", content=ndjson(GIVEN[0]), headers=NDJSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "MODEL_UNUSABLE")
    assert "train it again" in answer.json()["detail"]


def broken_body() -> bytes:
    """More than the server reads at once, and then a line that no entry may be as long as."""
    return ndjson(*hour()) * 8 + b'"' + b"x" * (2 << 20) + b'"\n'


def test_a_stream_that_breaks_off_says_why_and_has_no_last_chunk(server: Any, model: str) -> None:
    parts = []
    with (
        server.http.stream("POST", f"/score/{model}", content=broken_body(), headers=NDJSON) as answer,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        parts += list(answer.iter_bytes())
    assert answer.status_code == 200
    # The last part is read by hand: the client stops where the chunks do.
    address = urlsplit(server.url)
    body = broken_body()
    head = (
        f"POST /score/{model} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        received = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert b"\r\n0\r\n\r\n" not in received
    last = json.loads(received.rstrip().splitlines()[-1])
    assert last["problem"]["code"] == "ENTRY_TOO_LARGE"
    http_1_0 = head.replace("HTTP/1.1", "HTTP/1.0").encode() + body
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(http_1_0)
        received = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert b" 413 " in received.partition(b"\r\n")[0]


def test_many_bad_entries_end_the_reading(server: Any, model: str) -> None:
    answer = server.http.post(f"/score/{model}", content=b"{}\n" * 100_001, headers=NDJSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "ENTRIES_INVALID")


@pytest.fixture
def limited(start_server: Any) -> Iterator[Any]:
    digest = hashlib.sha256(b"secret").hexdigest()
    with start_server(
        with_worker=True, api_keys=f"a:anna:{digest},b:bert:{digest}", entries_per_owner="210/hour"
    ) as server:
        yield server


def test_scored_entries_use_up_the_quota_of_their_owner(limited: Any) -> None:
    limited.http.headers["X-API-Key"] = "a.secret"
    with Client(limited.url, api_key="a.secret") as client:
        data_id = str(client.announce()["dataId"])
        client.append(data_id, hour()[:200])
        client.train(data_id, task="log-model")
        client.wait(data_id, timeout=60)
    found = [
        limited.http.post(f"/score/{data_id}", content=ndjson(*[GIVEN[0]] * 10), headers=NDJSON)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in found] == [200, 429]
    foreign = limited.http.post(
        f"/score/{data_id}", content=ndjson(GIVEN[0]), headers={**NDJSON, "X-API-Key": "b.secret"}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (404, "DATASET_NOT_FOUND")


def test_a_loaded_model_is_not_read_again(server: Any, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = ndjson(GIVEN[0])
    lines(server.http.post(f"/score/{model}", content=body, headers=NDJSON))

    def gone(*_: Any, **__: Any) -> Any:
        raise AssertionError("the model was read again")

    monkeypatch.setattr(server.container.backend().artifacts, "open", gone)
    assert lines(server.http.post(f"/score/{model}", content=body, headers=NDJSON))[1]["matched"] == 1


def test_the_example_of_the_document_has_the_fields_of_an_answer(server: Any, model: str) -> None:
    content = scoring.ANSWER["application/x-ndjson"]
    example = [json.loads(line) for line in str(content["example"]).splitlines()]
    found, summary = lines(server.http.post(f"/score/{model}", content=ndjson(*GIVEN), headers=NDJSON))
    assert set(example[-1]["summary"]) == set(summary)
    assert set(example[-1]["summary"]["warnings"][0]) == set(summary["warnings"][0])
    assert set(example[1]) == set(found[1])


def test_the_entries_of_a_template_are_read_in_pages_and_streams(server: Any, model: str) -> None:
    templates = server.http.get(f"/train/{model}/artifacts/log-model.json").json()["templates"]
    station = next(one for one in templates if one["text"].startswith("Station"))
    with Client(server.url) as client:
        found = list(client.entries(model, template=station["id"]))
        assert len(found) == station["count"] == 180
        assert all(one["message"].startswith("Station") for one in found)
        page = client.page(model, template=station["id"], size=100)
        assert page["entries"] == found[:100]
        rest = client.page(model, template=station["id"], size=100, token=page["nextPageToken"])
        assert (rest["entries"], rest["nextPageToken"]) == (found[100:], None)
    for accept in ("application/json", "application/x-ndjson"):
        headers = {"Accept": accept}
        answers = [
            server.http.get(f"/data/{data_id}/entries?template=0123", headers=headers)
            for data_id in (model, server.announce())
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
            (404, "TEMPLATE_NOT_FOUND"),
            (409, "MODEL_MISSING"),
        ]
    both = server.http.get(f"/data/{model}/entries?template=0123&around=b:1")
    assert (both.status_code, both.json()["code"]) == (400, "QUERY_PARAMETER_INVALID")


def test_the_client_scores_entries_and_tells_a_broken_answer_from_a_whole_one(
    server: Any, model: str
) -> None:
    with Client(server.url) as client:
        scores = client.score(model, GIVEN)
        with pytest.raises(Incomplete, match="iterate all"):
            _ = scores.summary
        assert [told["index"] for told in scores] == list(range(7))
        assert scores.summary["matched"] == 4
        with pytest.raises(Incomplete, match="ENTRY_TOO_LARGE: Line 28801"):
            list(client.score_lines(model, [broken_body()]))
        with pytest.raises(ApiError, match="has no log model"):
            client.score(server.announce(), GIVEN)
