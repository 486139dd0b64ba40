"""`?partial=true` and `?dryRun=true`."""

import json
import sys
from typing import Any

import httpx2
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = {"timestamp": "2026-03-02T06:00:00Z", "message": "conveyor started"}
BAD = {"timestamp": "yesterday", "message": "conveyor started"}


def post(server: Any, data_id: str, query: str, entries: Any, **headers: str) -> httpx2.Response:
    answer: httpx2.Response = server.http.post(f"/data/{data_id}?{query}", json=entries, headers=headers)
    return answer


def test_partial_stores_the_good_entries_and_names_the_bad(server: Any) -> None:
    data_id = server.announce()
    answer = post(server, data_id, "partial=true", [GOOD, BAD, GOOD])
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"], told["errorsTotal"]) == (2, 1, 1)
    (error,) = told["errors"]
    assert (error["index"], error["field"], error["code"]) == (1, "timestamp", "TIMESTAMP_INVALID")
    assert server.dataset(data_id)["entries"] == 2


def test_a_repeated_partial_upload_is_told_the_same_and_changes_nothing(server: Any) -> None:
    data_id = server.announce()
    key = {"Idempotency-Key": "shift-1"}
    first = post(server, data_id, "partial=true", [GOOD, BAD], **key).json()
    again = post(server, data_id, "partial=true", [GOOD, BAD], **key).json()
    assert again == {**first, "replayed": True}
    assert server.dataset(data_id)["entries"] == 1


def test_partial_refuses_a_body_without_a_good_entry(server: Any) -> None:
    data_id = server.announce()
    answer = post(server, data_id, "partial=true", [BAD, BAD])
    assert (answer.status_code, answer.json()["code"]) == (422, "ENTRIES_INVALID")
    assert server.dataset(data_id)["state"] == "created"


def test_a_dry_run_tells_what_would_be_taken_and_stores_nothing(server: Any) -> None:
    data_id = server.announce()
    answer = post(server, data_id, "dryRun=true", [GOOD, GOOD])
    assert answer.json() == {"dataId": data_id, "accepted": 2, "dryRun": True, "state": "created"}
    answer = post(server, data_id, "dryRun=true&partial=true", [GOOD, BAD])
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)
    shown = server.dataset(data_id)
    assert (shown["state"], shown["entries"], shown["batches"]) == ("created", 0, 0)


def test_a_dry_run_is_refused_as_the_upload_would_be(server: Any) -> None:
    data_id = server.announce()
    for entries, status, code in (
        ([GOOD, BAD], 422, "ENTRIES_INVALID"),
        ([], 422, "BATCH_EMPTY"),
    ):
        answer = post(server, data_id, "dryRun=true", entries)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    unknown = post(server, "00000000-0000-4000-8000-000000000000", "dryRun=true", [GOOD])
    assert unknown.status_code == 404
    server.append(data_id, [GOOD])
    server.http.post(f"/train/{data_id}")
    sealed = post(server, data_id, "dryRun=true", [GOOD])
    assert (sealed.status_code, sealed.json()["code"]) == (409, "STATE_CONFLICT")


@pytest.mark.parametrize("query", ["partial=yes", "dryRun=1", "partial="])
def test_a_flag_is_true_or_false(server: Any, query: str) -> None:
    answer = post(server, server.announce(), query, [GOOD])
    assert (answer.status_code, answer.json()["code"]) == (400, "QUERY_PARAMETER_INVALID")
    assert query.partition("=")[0] in answer.json()["detail"]


def test_a_zstd_body_is_taken_and_a_bomb_is_not(server: Any) -> None:
    data_id = server.announce()
    headers = {"Content-Type": "application/json", "Content-Encoding": "zstd"}
    for content, status in (
        (zstd.compress(json.dumps([GOOD] * 3).encode()), 200),
        (zstd.compress(b" " * (11 << 20)), 413),
    ):
        answer = server.http.post(f"/data/{data_id}", content=content, headers=headers)
        assert answer.status_code == status, answer.text
    assert server.dataset(data_id)["entries"] == 3


def test_a_key_of_a_partial_upload_says_so_when_it_is_repeated_as_a_whole(server: Any) -> None:
    data_id = server.announce()
    body = [GOOD, BAD]
    key = {"Idempotency-Key": "k-1"}
    stored = server.http.post(f"/data/{data_id}?partial=true", json=body, headers=key).json()
    refused = server.http.post(f"/data/{data_id}", json=body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "STORED_PARTIALLY")
    assert stored["batchId"] in refused.json()["detail"]
    again = server.http.post(f"/data/{data_id}?partial=true", json=body, headers=key)
    assert (again.json()["replayed"], again.json()["batchId"]) == (True, stored["batchId"])
    assert server.dataset(data_id)["entries"] == 1
