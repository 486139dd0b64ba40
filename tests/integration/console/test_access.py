"""Who may look, and who may change: sessions, tokens of forms, origins."""

import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from logleap.container import Container, build_container
from logleap.entrypoints.console.sessions import COOKIE
from logleap.entrypoints.web import create_web_app
from logleap.settings import Settings


def test_without_a_session_each_page_leads_to_the_sign_in_page_and_back(keyed_app: Flask, make: Any) -> None:
    stranger = make(keyed_app)
    answer = stranger.get("/console?state=failed")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/console/sign-in?next=/console?state%3Dfailed",
    )
    page = stranger.get(answer.headers["Location"])
    assert 'type="password"' in page.text
    back = stranger.post(
        "/console/sign-in",
        {**stranger.fields(answer.headers["Location"], "/console/sign-in"), "key": "a1.secret-of-a1"},
    )
    assert (back.status_code, back.headers["Location"]) == (303, "/console?state=failed")
    assert stranger.get("/console").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://elsewhere.example/", "//elsewhere.example", "/data", "/console/../x\\y", "/consolex", ""],
)
def test_signing_in_leads_nowhere_but_into_the_console(keyed_app: Flask, make: Any, wanted: str) -> None:
    stranger = make(keyed_app)
    answer = stranger.send("/console/sign-in", key="a1.secret-of-a1", next=wanted)
    assert answer.headers["Location"] == "/console"


@pytest.mark.parametrize("shown", ["", "a1", "a1.wrong", "x.secret-of-a1", "a1.secret-of-b1", "ä\0"])
def test_a_wrong_key_begins_no_session(keyed_app: Flask, make: Any, shown: str) -> None:
    stranger = make(keyed_app)
    answer = stranger.send("/console/sign-in", key=shown)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "unknown, wrong, or was revoked" in answer.text
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "secure"),
    [({}, False), ({"Origin": "https://logs.example"}, True), ({"X-Forwarded-Proto": "https"}, True)],
)
def test_the_cookie_is_for_this_server_alone_and_holds_no_key(
    keyed_app: Flask, make: Any, headers: dict[str, str], secure: bool
) -> None:
    cookie = make(keyed_app, **headers).sign_in("a1").headers["Set-Cookie"]
    parts = {part.strip() for part in cookie.split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age=43200"} <= parts
    assert ("Secure" in parts) == secure
    assert "secret" not in cookie


def test_a_changed_cookie_is_none(keyed_app: Flask, make: Any) -> None:
    anna = make(keyed_app)
    anna.sign_in("a1")
    value = anna.client.get_cookie(COOKIE, path="/console").value
    for changed in (value[:-1], value[1:], value.replace(".", "", 1), "", "x.y.z", "a" * 3000):
        anna.client.set_cookie(COOKIE, changed, path="/console")
        assert anna.get("/console").status_code == 303
    anna.client.set_cookie(COOKIE, value, path="/console")
    assert anna.get("/console").status_code == 200


def test_a_session_ends_by_itself(make: Any, keys: Any) -> None:
    settings = Settings(backend="memory", api_keys=keys, console_session=timedelta(seconds=-1))
    anna = make(create_web_app(build_container(settings)))
    anna.sign_in("a1")
    assert anna.get("/console").status_code == 303


def test_under_a_path_all_addresses_and_the_cookie_are_below_it(keyed_app: Flask, make: Any) -> None:
    anna = make(keyed_app)
    under = {"environ_overrides": {"SCRIPT_NAME": "/logs"}, "headers": anna.headers}
    led = anna.client.get("/console?state=failed", **under).headers["Location"]
    assert led == "/logs/console/sign-in?next=/logs/console?state%3Dfailed"
    page = anna.client.get("/console/sign-in?next=/logs/console?state%3Dfailed", **under).text
    assert not re.search('(?:href|src|action)="/(?!logs/)', page)
    hidden = dict(re.findall('type="hidden" name="([^"]*)" value="([^"]*)"', page))
    answer = anna.client.post("/console/sign-in", data={**hidden, "key": "a1.secret-of-a1"}, **under)
    assert answer.headers["Location"] == "/logs/console?state=failed"
    assert "Path=/logs/console" in answer.headers["Set-Cookie"]


def test_who_signs_out_is_out(anna: Any) -> None:
    answer = anna.send("/console", "/console/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/sign-in")
    assert anna.get("/console").status_code == 303


def test_a_revoked_key_ends_its_sessions_and_no_others(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logleap.usecases.keys.TRUST", 0.0)
    container = build_container(Settings(backend="memory"))
    made = [container.create_key()("anna") for _ in range(2)]
    browsers = [make(create_web_app(container)) for _ in made]
    for browser, (_, shown) in zip(browsers, made, strict=True):
        assert browser.send("/console/sign-in", key=shown).status_code == 303
        assert browser.get("/console").status_code == 200
    data_id = container.announce_dataset()("anna", None, {}).dataset_id
    form = browsers[0].fields("/console/account", "/console/sign-out")
    container.revoke_key()(made[0][0].key_id)
    assert browsers[0].get("/console").status_code == 303
    assert browsers[1].get("/console").status_code == 200
    refused = browsers[0].post(f"/console/data/{data_id}/delete", form)
    assert refused.status_code == 401
    assert "nothing was changed" in refused.text
    assert container.show_datasets().one("anna", data_id).dataset.version == 1


def test_another_key_of_the_same_id_ends_the_session(make: Any, keys: Any) -> None:
    """As where an operator exchanges the secret of a key in the settings."""
    container = build_container(Settings(backend="memory", api_keys=keys))
    anna = make(create_web_app(container))
    anna.sign_in("a1")
    cookie = anna.client.get_cookie(COOKIE, path="/console").value
    exchanged = Settings(backend="memory", api_keys=(replace(keys[0], sha256="0" * 64), *keys[1:]))
    other = build_container(exchanged)
    other.authenticate()._secret = container.authenticate().signing_secret()
    browser = make(create_web_app(other))
    browser.client.set_cookie(COOKIE, cookie, path="/console")
    assert browser.get("/console").status_code == 303


def test_processes_that_share_a_backend_share_sessions(make: Any, tmp_path: Any) -> None:
    containers = [build_container(Settings(backend="local", data_dir=tmp_path)) for _ in range(2)]
    _, shown = containers[0].create_key()("anna")
    first, second = (make(create_web_app(container)) for container in containers)
    first.send("/console/sign-in", key=shown)
    second.client.set_cookie(COOKIE, first.client.get_cookie(COOKIE, path="/console").value, path="/console")
    assert second.get("/console").status_code == 200
    assert (tmp_path / "session-secret").stat().st_mode & 0o777 == 0o600
    for container in containers:
        container.backend().close()


# ---- changes -----------------------------------------------------------------------------------------------


def changes(app: Flask) -> list[str]:
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or set())
        and rule.rule.startswith("/console/")
        and "<path" not in rule.rule
    )


def test_each_change_wants_a_token_of_this_session(
    keyed_app: Flask, keyed: Container, anna: Any, bert: Any
) -> None:
    data_id = anna.announce()
    others = bert.fields("/console/account", "/console/sign-out")["csrf"]
    own = anna.fields("/console/account", "/console/sign-out")["csrf"]
    before = keyed.show_datasets().events("anna", data_id)
    rules = changes(keyed_app)
    assert len(rules) >= 8
    for rule in rules:
        path = rule.replace("<dataId>", data_id).replace("<runId>", "x")
        for token in ("", "x", others, own[:-1]):
            multipart = {"file": (io.BytesIO(b"x"), "x.log")} if rule.endswith("/upload") else {}
            answer = anna.post(path, {"csrf": token, "attempt": "0" * 32, "key": "a1.x", **multipart})
            assert answer.status_code == 403, (rule, token)
            assert "FORM_EXPIRED" in answer.text
    assert keyed.show_datasets().events("anna", data_id) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "x"])
def test_no_page_of_another_origin_changes_anything(
    keyed_app: Flask, anna: Any, app: Flask, make: Any, site: str
) -> None:
    keyless = make(app)
    data_id = keyless.announce()
    token = keyless.fields("/console/upload", "/console/upload")["csrf"]
    for browser, served in ((anna, keyed_app), (keyless, app)):
        for rule in changes(served):
            path = rule.replace("<dataId>", data_id).replace("<runId>", "x")
            answer = browser.post(path, {"csrf": token}, **{"Sec-Fetch-Site": site})
            assert answer.status_code == 403, rule
            assert "CROSS_SITE_REQUEST" in answer.text
            assert "text/html" in answer.headers["Content-Type"]


def test_without_keys_only_this_machines_names_are_answered_and_no_session_is_needed(
    app: Flask, make: Any
) -> None:
    browser = make(app)
    assert browser.get("/console").status_code == 200
    assert "Sign out" not in browser.get("/console").text
    refused = browser.get("/console", Host="rebound.example")
    assert refused.status_code == 403
    assert "HOST_NOT_ALLOWED" in refused.text
    assert browser.post("/console/upload", {}, Origin="http://127.0.0.1:9999").status_code == 403


def test_the_first_key_closes_the_console(make: Any) -> None:
    container = build_container(Settings(backend="memory"))
    browser = make(create_web_app(container))
    assert browser.get("/console").status_code == 200
    container.create_key()("anna")
    assert browser.get("/console").status_code == 303


# ---- what all pages have -----------------------------------------------------------------------------------


def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own(browser: Any) -> None:
    data_id = browser.announce("x")
    pages = [
        "/console",
        "/console/upload",
        "/console/account",
        f"/console/data/{data_id}",
        "/console/nowhere",
    ]
    for path in [*pages, f"/console/data/{data_id}/upload", f"/console/data/{data_id}/delete"]:
        page = browser.get(path)
        policy = page.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'"} <= set(
            policy
        )
        assert {"frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", page.text), path
        assert not re.search(r'(?:src|href|action)="(?!/|#|data:,)', page.text), path
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_the_files_of_pages_are_cached_for_ever_by_their_digest(browser: Any) -> None:
    found = re.findall(r'"(/console/static/[^"]*)"', browser.get("/console").text)
    assert [path.rpartition("/")[2] for path in found] == ["console.css", "console.js"]
    for path in found:
        assert browser.get(path).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        digest = path.split("/")[3]
        stale = browser.get(path.replace(digest, "0" * 16))
        assert (stale.status_code, stale.headers["Cache-Control"]) == (200, "no-store")
    assert browser.get("/console/static/x/other.css").status_code == 404


def test_the_root_leads_browsers_to_the_console_and_tells_programs_as_before(browser: Any) -> None:
    answer = browser.get("/", Accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    for accept in ("*/*", "application/json"):
        told = browser.get("/", Accept=accept)
        assert (told.status_code, told.content_type) == (404, "application/problem+json")


def test_an_error_is_a_page_in_words_with_the_requests_id(browser: Any) -> None:
    page = browser.get("/console/data/nowhere", **{"X-Request-Id": "mine-1"})
    assert page.status_code == 404
    assert "There is no such data set" in page.text
    assert "<code>mine-1</code>" in page.text
    assert browser.get("/console/nowhere").status_code == 404
    wrong = browser.get("/console/sign-out")
    assert wrong.status_code in (404, 405)
    assert "text/html" in wrong.headers["Content-Type"]


def test_a_failure_of_ours_is_a_page_that_tells_nothing_but_the_id(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the inside")

    container = build_container(Settings(backend="memory"))
    browser = make(create_web_app(container))
    monkeypatch.setattr(type(container.show_datasets()), "list", fail)
    page = browser.get("/console", **{"X-Request-Id": "mine-2"})
    assert page.status_code == 500
    assert "mine-2" in page.text
    assert "inside" not in page.text
