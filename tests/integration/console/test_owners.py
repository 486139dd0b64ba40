"""Owners are walls in the console too: another owner's data set is as good as none, on every route."""

import io
import re
import uuid
from typing import Any

import pytest
from flask import Flask

from logleap.container import build_container
from logleap.entrypoints.web import create_web_app
from logleap.settings import Settings

PUBLIC = {"console.sign_in", "console.begin_session", "console.asset", "console.nowhere", "console.root"}


def routes() -> list[tuple[str, str]]:
    app = create_web_app(build_container(Settings(backend="memory")))
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and rule.endpoint not in PUBLIC
    ]
    return sorted(
        (method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    )


ROUTES = routes()
DATASET_ROUTES = [route for route in ROUTES if "<dataId>" in route[1]]
BATCH = str(uuid.uuid4())


def ask(browser: Any, method: str, rule: str, data_id: str, token: str) -> tuple[int, dict[str, str], str]:
    """The answer, but for the id and what differs from request to request."""
    path = rule.replace("<dataId>", data_id).replace("<runId>", BATCH).replace("<name>", "log-model.json")
    path = re.sub("<(int:)?sequence>", "0", path).replace("<batchId>", BATCH)
    assert "<" not in path, f"this test knows no value for {rule}"
    form: dict[str, Any] = {"csrf": token, "attempt": "0" * 32, "task": "count-entries", "seal": "yes"}
    form |= {"baseline": BATCH, "ignore": ""}
    if rule.endswith("/upload"):
        form["file"] = (io.BytesIO(b"2026-03-02T06:00:00Z x\n"), "x.log")
    request_id = {"X-Request-Id": "same"}
    answer = browser.post(path, form, **request_id) if method == "POST" else browser.get(path, **request_id)
    kept = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    text = re.sub('name="csrf" value="[^"]*"', "", answer.text)
    return answer.status_code, kept, text.replace(data_id, "ID")


@pytest.mark.parametrize(("method", "rule"), DATASET_ROUTES)
def test_another_owners_data_set_answers_exactly_as_an_unknown_one(
    anna: Any, bert: Any, method: str, rule: str
) -> None:
    data_id = anna.announce()
    anna.upload(data_id)
    token = bert.fields("/console/account", "/console/sign-out")["csrf"]
    before = anna.get(f"/data/{data_id}").json
    foreign = ask(bert, method, rule, data_id, token)
    assert foreign[0] == 404
    for other in (str(uuid.uuid4()), data_id[:-1], "__x__"):
        assert ask(bert, method, rule, other, token) == foreign
    assert anna.get(f"/data/{data_id}").json == before


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_without_a_session_nothing_is_answered(keyed_app: Flask, make: Any, method: str, rule: str) -> None:
    stranger = make(keyed_app, **{"X-API-Key": "a1.secret-of-a1"})  # which opens the API alone
    answer = ask(stranger, method, rule, "x", "")
    assert answer[0] == (303 if method == "GET" else 401)
    if method == "GET":
        assert answer[1]["Location"].startswith("/console/sign-in?next=/console")


def test_a_list_holds_the_owners_own_alone_and_a_second_key_opens_the_same(
    keyed_app: Flask, anna: Any, bert: Any, make: Any
) -> None:
    mine, theirs = anna.announce("mine"), bert.announce("theirs")
    second = make(keyed_app)
    second.sign_in("a2")
    for browser in (anna, second):
        page = browser.get("/console").text
        assert mine in page
        assert theirs not in page
    assert second.get(f"/console/data/{mine}").status_code == 200


def test_a_page_token_of_another_owner_shows_nothing_of_theirs(anna: Any, bert: Any) -> None:
    name = str(uuid.uuid4())
    made = [anna.announce(name) for _ in range(51)]
    following = re.search(r'rel="next" href="([^"]*)"', anna.get(f"/console?name={name}").text)
    assert following
    page = bert.get(following[1].replace("&amp;", "&")).text
    assert not any(data_id in page for data_id in made)
