"""The three calls, and what can be asked about them."""

import gzip
import json
import time
from typing import Any
from uuid import UUID

import pytest

ENTRY = {"timestamp": "2026-03-02T06:00:00.123+01:00", "message": "conveyor started"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def finished_run(server: Any, data_id: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        run = server.http.get(f"/train/{data_id}").json()
        if run["state"] in ("succeeded", "failed"):
            return run
        time.sleep(0.02)
    pytest.fail(f"the run did not end: {run}")


def test_announced_uploaded_and_trained_entries_are_counted(server: Any) -> None:
    announced = server.http.post("/data")
    assert announced.status_code == 201
    data_id = announced.json()["dataId"]
    assert UUID(data_id).version == 4
    assert announced.headers["Location"] == f"/data/{data_id}"
    assert announced.json()["state"] == "created"

    answer = server.append(data_id, [ENTRY, {**ENTRY, "context": {"line": 7}}])
    assert answer.status_code == 200
    assert answer.json() == {
        "dataId": data_id,
        "batchId": answer.json()["batchId"],
        "accepted": 2,
        "replayed": False,
        "state": "uploading",
    }

    started = server.http.post(f"/train/{data_id}")
    assert started.status_code == 202
    assert started.headers["Location"] == f"/train/{data_id}"
    run_id = started.json()["runId"]
    assert started.json() == {
        "dataId": data_id,
        "runId": run_id,
        "task": "count-entries",
        "state": "training",
        "entries": 2,
    }

    run = finished_run(server, data_id)
    assert (run["runId"], run["state"], run["result"]) == (run_id, "succeeded", {"entries": 2})
    assert run["attempts"] == 1
    assert run["startedAt"] <= run["finishedAt"]
    shown = server.dataset(data_id)
    assert (shown["state"], shown["entries"], shown["batches"]) == ("trained", 2, 1)
    kinds = [event["kind"] for event in server.http.get(f"/data/{data_id}/events").json()["events"]]
    assert kinds == [
        "announced",
        "first-entries",
        "training-started",
        "training-claimed",
        "training-succeeded",
    ]


@pytest.mark.parametrize(
    ("body", "headers", "accepted"),
    [
        (json.dumps(ENTRY), {"Content-Type": "application/json"}, 1),
        (json.dumps([ENTRY] * 3), {"Content-Type": "application/json; charset=utf-8"}, 3),
        (json.dumps({"entries": [ENTRY] * 2}), {"Content-Type": "application/json"}, 2),
        (f"{json.dumps(ENTRY)}\n\n{json.dumps(ENTRY)}", NDJSON, 2),
    ],
    ids=["one object", "array", "entries", "ndjson"],
)
@pytest.mark.parametrize("coding", ["plain", "gzip"])
def test_each_form_of_body_is_taken(
    server: Any, body: str, headers: dict[str, str], accepted: int, coding: str
) -> None:
    data_id = server.announce()
    content = body.encode()
    if coding == "gzip":
        content, headers = gzip.compress(content), {**headers, "Content-Encoding": "gzip"}
    answer = server.http.post(f"/data/{data_id}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == accepted
    assert server.dataset(data_id)["entries"] == accepted


def test_a_chunked_body_is_taken(server: Any) -> None:
    data_id = server.announce()

    def chunks() -> Any:
        for _ in range(100):
            yield json.dumps(ENTRY).encode() + b"\n"

    answer = server.http.post(f"/data/{data_id}", content=chunks(), headers=NDJSON)
    assert answer.json()["accepted"] == 100, answer.text


def test_a_repeated_batch_changes_nothing_also_after_the_training(server: Any) -> None:
    data_id = server.announce()
    first = server.append(data_id, [ENTRY], **{"Idempotency-Key": '"a key"'.replace(" ", "-")}).json()
    again = server.append(data_id, [ENTRY], **{"Idempotency-Key": "a-key"}).json()
    assert again == {**first, "replayed": True}
    server.http.post(f"/train/{data_id}")
    finished_run(server, data_id)
    late = server.append(data_id, [ENTRY], **{"Idempotency-Key": "a-key"})
    assert late.json() == {**first, "replayed": True, "state": "trained"}
    assert server.dataset(data_id)["entries"] == 1


def test_without_a_key_a_second_post_is_a_second_batch(server: Any) -> None:
    data_id = server.announce()
    batches = {server.append(data_id, [ENTRY]).json()["batchId"] for _ in range(2)}
    assert len(batches) == 2
    assert server.dataset(data_id)["batches"] == 2


def test_a_repeated_start_answers_the_same_run(start_server: Any) -> None:
    with start_server(with_worker=False) as server:
        data_id = server.announce()
        server.append(data_id, [ENTRY])
        runs = {server.http.post(f"/train/{data_id}").json()["runId"] for _ in range(3)}
        assert len(runs) == 1


def test_a_start_with_a_key_answers_its_run_after_it_has_ended_and_one_without_makes_a_new_one(
    server: Any,
) -> None:
    data_id = server.announce()
    server.append(data_id, [ENTRY])
    key = {"Idempotency-Key": "start-1"}
    first = server.http.post(f"/train/{data_id}", headers=key).json()["runId"]
    finished_run(server, data_id)
    assert server.http.post(f"/train/{data_id}", headers=key).json()["runId"] == first
    second = server.http.post(f"/train/{data_id}").json()["runId"]
    assert second != first
    assert finished_run(server, data_id)["result"] == {"entries": 1}


def test_a_name_and_labels_are_kept(server: Any) -> None:
    data_id = server.announce(name="Linie 3 – Wartung", labels={"site": "Köln"})
    shown = server.dataset(data_id)
    assert (shown["name"], shown["labels"]) == ("Linie 3 – Wartung", {"site": "Köln"})


def test_lists_meet_each_data_set_once_while_others_are_added(start_server: Any) -> None:
    with start_server() as server:
        ids = [server.announce(name=str(number)) for number in range(7)]
        server.append(ids[2], [ENTRY])
        met: list[str] = []
        token: str | None = ""
        while token is not None:
            page = server.http.get("/data", params={"pageSize": 3, "pageToken": token}).json()
            met += [dataset["dataId"] for dataset in page["datasets"]]
            token = page["nextPageToken"]
            server.announce(name="a newcomer")
        assert met == ids[::-1]
        uploading = server.http.get("/data", params={"state": "uploading"}).json()["datasets"]
        assert [(dataset["dataId"], dataset["entries"]) for dataset in uploading] == [(ids[2], 1)]


def test_the_request_id_is_taken_or_made_and_echoed(server: Any) -> None:
    answer = server.http.get("/data/none", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == answer.json()["requestId"] == "abc-1"
    made = server.http.get("/healthz", headers={"X-Request-Id": "bad id" + "x" * 200})
    assert UUID(made.headers["X-Request-Id"]).version == 4


def test_health_and_readiness_answer(server: Any) -> None:
    assert server.http.get("/healthz").json() == {"status": "ok"}
    assert server.http.get("/readyz").json() == {"status": "ready"}
