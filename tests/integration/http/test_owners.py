"""Owners are walls: with keys on, another owner's data set is as good as none."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from logleap.settings import ApiKey

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
ROUTES = [
    ("GET", "/data/{}", None),
    ("GET", "/data/{}/events", None),
    ("POST", "/data/{}", ENTRY),
    ("POST", "/train/{}", None),
    ("GET", "/train/{}", None),
    ("POST", "/data/{}/archive", None),
    ("DELETE", "/data/{}", None),
]


def key(key_id: str, owner: str) -> ApiKey:
    return ApiKey(key_id, owner, hashlib.sha256(f"secret-of-{key_id}".encode()).hexdigest())


def headers(key_id: str) -> dict[str, str]:
    return {"X-API-Key": f"{key_id}.secret-of-{key_id}"}


@pytest.fixture(scope="module")
def guarded(start_server: Any) -> Iterator[Any]:
    with start_server(api_keys=(key("a1", "anna"), key("a2", "anna"), key("b1", "bert"))) as server:
        yield server


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_another_owners_data_set_answers_exactly_as_an_unknown_one(
    guarded: Any, method: str, path: str, body: Any
) -> None:
    data_id = guarded.http.post("/data", headers=headers("a1")).json()["dataId"]
    guarded.http.post(f"/data/{data_id}", json=ENTRY, headers=headers("a1"))
    unknown_id = data_id[:-4] + ("0000" if data_id[-4:] != "0000" else "1111")

    def ask(asked_id: str) -> tuple[int, Any]:
        sent = {**headers("b1"), "X-Request-Id": "same"}
        answer = guarded.http.request(method, path.format(asked_id), json=body, headers=sent)
        return answer.status_code, {
            name: value.replace(asked_id, "ID") if isinstance(value, str) else value
            for name, value in answer.json().items()
        }

    assert ask(data_id) == ask(unknown_id)
    assert ask(data_id)[0] == 404
    assert guarded.http.get(f"/data/{data_id}", headers=headers("a1")).json()["entries"] == 1


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


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"X-API-Key": "a1.wrong"},
        {"X-API-Key": "nobody.secret"},
        {"X-API-Key": "a1"},
        {"X-API-Key": "."},
        {"X-API-Key": "ä.ö".encode()},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"), [*ROUTES, ("POST", "/data", None), ("GET", "/data", None)]
)
def test_without_a_right_key_nothing_is_answered(
    guarded: Any, method: str, path: str, body: Any, shown: dict[str, Any]
) -> None:
    answer = guarded.http.request(method, path.format("x"), json=body, headers=shown)
    assert answer.status_code == 401
    assert answer.json()["code"] in ("API_KEY_MISSING", "API_KEY_INVALID")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_health_needs_no_key(guarded: Any) -> None:
    assert guarded.http.get("/healthz").is_success
    assert guarded.http.get("/readyz").is_success


def test_the_key_is_not_in_the_log(guarded: Any, caplog: pytest.LogCaptureFixture) -> None:
    guarded.http.get("/data", headers=headers("a1"))
    guarded.http.get("/data", headers={"X-API-Key": "a1.not-the-secret"})
    assert "secret" not in caplog.text
