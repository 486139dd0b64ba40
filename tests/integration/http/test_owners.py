"""Owners are walls: with keys on, another owner's data set is as good as none.

The routes are the app's own, so that a new one is tested, or stops these tests, on the day when it is added.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from logleap.container import build_container
from logleap.domain.keys import ApiKey
from logleap.entrypoints.http.app import create_app
from logleap.settings import Settings

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
BODIES = {"/data/<dataId>": ENTRY, "/score/<dataId>": ENTRY, "/data/<dataId>/v1/logs": {}}
"""What is posted where an empty body would be refused before the data set is looked for."""

PUBLIC = ("/healthz", "/readyz", "/metrics", "/openapi", "/schemas/", "/docs", "/static/")
"""All other routes want a key."""


def routes() -> list[tuple[str, str]]:
    app = create_app(build_container(Settings(backend="memory")))
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(PUBLIC)]
    return sorted((method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"OPTIONS"})


ROUTES = routes()
UNKNOWN = str(uuid.uuid4())
DATASET_ROUTES = [route for route in ROUTES if "<" in route[1]]


def key(key_id: str, owner: str) -> ApiKey:
    return ApiKey(
        key_id, owner, hashlib.sha256(f"secret-of-{key_id}".encode()).hexdigest(), datetime.now(UTC)
    )


def headers(key_id: str) -> dict[str, str]:
    return {"X-API-Key": f"{key_id}.secret-of-{key_id}"}


@pytest.fixture(scope="module")
def guarded(start_server: Any) -> Iterator[Any]:
    with start_server(api_keys=(key("a1", "anna"), key("a2", "anna"), key("b1", "bert"))) as server:
        yield server


def ask(guarded: Any, method: str, rule: str, data_id: str, **sent: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer, but for the id and what differs from request to request."""
    path = rule.replace("<dataId>", quote(data_id, safe="")).replace("<runId>", UNKNOWN)
    path = path.replace("<name>", "model.bin")
    assert "<" not in path, f"this test knows no value for {rule}"
    body = BODIES.get(rule) if method == "POST" else None
    answer = guarded.http.request(method, path, json=body, headers={"X-Request-Id": "same", **sent})
    kept = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    quoted = json.dumps(f"'{data_id}'")[1:-1]
    return answer.status_code, kept, answer.text.replace(quoted, "'ID'")


@pytest.mark.parametrize(("method", "rule"), DATASET_ROUTES)
def test_another_owners_data_set_answers_exactly_as_an_unknown_or_malformed_one(
    guarded: Any, method: str, rule: str
) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    guarded.http.post(f"/data/{data_id}", json=ENTRY, headers=headers("a1"))
    foreign = ask(guarded, method, rule, data_id, **headers("b1"))
    assert foreign[0] == 404
    unknown = data_id[:-4] + ("0000" if data_id[-4:] != "0000" else "1111")
    malformed = ("x", data_id[:-1], data_id.replace("-", ""), f"{data_id} ", "ÄÖ", "a;b", "9" * 2000, "__x__")
    for asked_id in (unknown, *malformed):
        assert ask(guarded, method, rule, asked_id, **headers("b1")) == foreign
    assert guarded.http.get(f"/data/{data_id}", headers=headers("a1")).json()["entries"] == 1


STEPS: dict[str, list[str]] = {
    "created": [],
    "uploading": ["/data/{}"],
    "training": ["/data/{}", "/train/{}"],
    "archived": ["/data/{}", "/data/{}/archive"],
}


@pytest.mark.parametrize("state", STEPS)
def test_its_state_does_not_show_and_nobody_else_changes_it(guarded: Any, state: str) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    for step in STEPS[state]:
        body = ENTRY if step == "/data/{}" else None
        assert guarded.http.post(step.format(data_id), json=body, headers=headers("a1")).is_success
    views = [f"/data/{data_id}", f"/data/{data_id}/events"]
    before = [guarded.http.get(view, headers=headers("a1")).json() for view in views]
    assert before[0]["state"] == state
    for method, rule in DATASET_ROUTES:
        foreign, unknown = (
            ask(guarded, method, rule, asked, **headers("b1"), **{"If-None-Match": "*"})
            for asked in (data_id, str(uuid.uuid4()))
        )
        assert foreign == unknown
    assert [guarded.http.get(view, headers=headers("a1")).json() for view in views] == before


@pytest.mark.parametrize("query", ["", "?partial=true", "?dryRun=true", "?unknown=1"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'[{"message": 1}]', json.dumps([ENTRY] * 3).encode()])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson", "text/plain"])
def test_whatever_is_posted_another_owners_answers_as_an_unknown_one(
    guarded: Any, content_type: str, body: bytes, query: str
) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    key = {"Idempotency-Key": "shift-1", "X-Request-Id": "same", "Content-Type": content_type}
    mine = guarded.http.post(f"/data/{data_id}", json=ENTRY, headers={**headers("a1"), **key})
    assert mine.status_code in (200, 415)
    foreign, unknown = (
        guarded.http.post(f"/data/{asked}{query}", content=body, headers={**headers("b1"), **key})
        for asked in (data_id, UNKNOWN)
    )
    assert foreign.status_code == unknown.status_code >= 400
    assert foreign.text.replace(data_id, UNKNOWN) == unknown.text


@pytest.mark.parametrize(("method", "rule"), DATASET_ROUTES)
def test_ones_own_data_set_is_found(guarded: Any, method: str, rule: str) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    guarded.http.post(f"/data/{data_id}", json=ENTRY, headers=headers("a1"))
    guarded.http.post(f"/train/{data_id}", headers=headers("a1"))  # or some answer only that there is no run
    status, _, body = ask(guarded, method, rule, data_id, **headers("a2"))
    below = "<runId>" in rule or "<name>" in rule  # of which this test knows none that is there
    assert (status == 404) == below, body
    assert "DATASET_NOT_FOUND" not in body


def test_lists_hold_only_the_owners_own(guarded: Any) -> None:
    mine = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    theirs = guarded.http.post("/data", headers=headers("b1")).json()["dataId"]
    listed = [item["dataId"] for item in guarded.http.get("/data", headers=headers("a2")).json()["datasets"]]
    assert mine in listed
    assert theirs not in listed


def test_a_second_key_of_the_same_owner_opens_the_same_data(guarded: Any) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    assert guarded.http.get(f"/data/{data_id}", headers=headers("a2")).is_success
    bearer = {"Authorization": "Bearer a2.secret-of-a2"}
    assert guarded.http.get(f"/data/{data_id}", headers=bearer).is_success


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_without_a_right_key_nothing_is_answered(guarded: Any, method: str, rule: str) -> None:
    missing = [ask(guarded, method, rule, "x", **shown) for shown in NO_KEY]
    wrong = [ask(guarded, method, rule, "x", **shown) for shown in WRONG_KEY]
    for status, kept, _ in (*missing, *wrong):
        assert status == 401
        assert kept["www-authenticate"].startswith("Bearer")
    if method != "HEAD":
        assert {body for _, _, body in missing} == {missing[0][2]}
        assert "API_KEY_MISSING" in missing[0][2]
        assert "API_KEY_INVALID" in wrong[0][2]
    assert wrong == [wrong[0]] * len(wrong)  # an unknown id and a wrong secret cannot be told apart


NO_KEY: list[dict[str, Any]] = [
    {},
    {"X-API-Key": ""},
    {"Authorization": "Basic YTpi"},
    {"Authorization": "Bearer"},
]
WRONG_KEY: list[dict[str, Any]] = [
    {"X-API-Key": "a1.wrong"},
    {"X-API-Key": "nobody.secret"},
    {"X-API-Key": "a1"},
    {"X-API-Key": "."},
    {"X-API-Key": "ä.ö".encode()},
    {"Authorization": "Bearer a1.secret-of-a2"},
]


def test_health_needs_no_key(guarded: Any) -> None:
    assert guarded.http.get("/healthz").is_success
    assert guarded.http.get("/readyz").is_success


def test_the_key_is_not_in_the_log(guarded: Any, caplog: pytest.LogCaptureFixture) -> None:
    guarded.http.get("/data", headers=headers("a1"))
    guarded.http.get("/data", headers={"X-API-Key": "a1.not-the-secret"})
    assert "secret" not in caplog.text
