"""The list of data sets, one of them, what is done with it, keys and quotas."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logleap.container import build_container
from logleap.domain.datasets import State
from logleap.entrypoints.console.pages import dataset as dataset_page
from logleap.entrypoints.console.pages import datasets as datasets_page
from logleap.entrypoints.web import create_web_app
from logleap.settings import Settings

HOSTILE = (
    "</td><script>alert(1)</script><img src=x onerror=alert(2)>",
    "\"'><svg/onload=alert(3)> {{ 7*7 }} {% raw %}",
    "bell \x07 nul \x00 escape \x1b[31m C1 \x9b",
    "from right \u202eto left\u202c \u2066isolated\u2069 \u200f\u061c \u200b\ufeff",
)


def test_an_empty_list_says_what_to_do_next(fresh: Any) -> None:
    page = fresh.get("/console").text
    assert "There are no data sets yet" in page
    assert 'href="/console/upload"' in page
    assert "No data set matches" in fresh.get("/console?state=failed").text


def test_data_sets_of_a_name_stand_together_with_what_they_hold(fresh: Any) -> None:
    ids = [fresh.announce(name) for name in ("line 1", "line 2", "line 1", "")]
    fresh.upload(ids[0])
    page = fresh.get("/console").text
    assert re.findall(r"<h2>(?:<bdi class=\"text\">)?([^<]*)", page) == ["Without a name", "line 1", "line 2"]
    sections = page.split("<section")
    assert [data_id[:8] in sections[2] for data_id in ids] == [True, False, True, False]
    row = next(part for part in page.split("<tr>") if ids[0] in part)
    assert '<td class="num">3</td>' in row
    assert "state-uploading" in row
    assert re.findall('datetime="(2026-03-[^"]*)"', row) == [
        "2026-03-02T06:00:00.000000Z",
        "2026-03-02T06:00:09.000000Z",
    ]


def test_the_list_is_filtered_and_paged_to_its_end(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_page, "PAGE_SIZE", 4)
    made = [fresh.announce("even" if number % 2 else "odd & <b>") for number in range(11)]
    fresh.upload(made[0])

    def walk(path: str) -> list[str]:
        found: list[str] = []
        while path:
            page = fresh.get(path).text
            found += re.findall(r'href="/console/data/([0-9a-f-]{36})"', page)
            following = re.search(r'rel="next" href="([^"]*)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
        return found

    assert sorted(walk("/console")) == sorted(made)
    assert sorted(walk("/console?name=odd+%26+%3Cb%3E")) == sorted(made[::2])
    assert walk("/console?state=uploading") == [made[0]]
    assert walk("/console?state=nonsense&name=nowhere") == []
    assert fresh.get("/console?pageToken=x").status_code == 400


def test_one_data_set_shows_its_report_its_log_and_what_can_be_done(browser: Any) -> None:
    data_id = browser.announce("line 1")
    empty = browser.get(f"/console/data/{data_id}").text
    assert "It has no entries yet" in empty
    assert f"logleap push FILE --dataset {data_id}" in empty
    browser.upload(data_id)
    page = browser.get(f"/console/data/{data_id}").text
    for said in (
        "First entries arrived.",
        "jam at gate 4",
        "Most frequent messages",
        "4 s",
        "Train",
        "Archive",
    ):
        assert said in page
    assert "2026-03-02T06:00:09.000000Z" in page
    assert "Cancel the training" not in page


def test_the_report_of_a_large_data_set_has_a_page_of_its_own(
    browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_page, "INLINE", 2)
    data_id = browser.announce()
    browser.upload(data_id)
    page = browser.get(f"/console/data/{data_id}").text
    assert f'data-load="/console/data/{data_id}/report"' in page
    assert "Most frequent messages" not in page
    assert 'id="report"' in browser.get(f"/console/data/{data_id}/report").text


def test_each_form_starts_one_training(browser: Any) -> None:
    data_id = browser.announce()
    browser.upload(data_id)
    path = f"/console/data/{data_id}"
    form = {**browser.fields(path, f"{path}/train"), "task": "log-model"}
    answers = [browser.post(f"{path}/train", form) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(browser.get(f"/train/{data_id}/runs").json["runs"]) == 1
    assert "data-live" in browser.get(path).text


@pytest.mark.parametrize("change", ["cancel", "archive", "delete"])
def test_what_cannot_be_undone_is_asked_first(browser: Any, change: str) -> None:
    data_id = browser.announce()
    browser.upload(data_id)
    path = f"/console/data/{data_id}"
    if change == "cancel":
        browser.send(path, f"{path}/train", task="count-entries")
    before = browser.get(f"/data/{data_id}").json["state"]
    page = browser.get(f"{path}/{change}")
    assert page.status_code == 200
    assert "?</h1>" in page.text
    assert browser.get(f"/data/{data_id}").json["state"] == before
    assert browser.send(f"{path}/{change}", f"{path}/{change}").status_code == 303
    after = browser.get(f"/data/{data_id}")
    told = (after.status_code, after.json.get("state"))
    assert told == {"cancel": (200, "failed"), "archive": (200, "archived"), "delete": (404, None)}[change]


def test_what_the_state_does_not_allow_is_refused_in_words(browser: Any) -> None:
    data_id = browser.announce()
    path = f"/console/data/{data_id}"
    browser.upload(data_id)
    hidden = browser.fields(path, f"{path}/train")
    browser.send(path, f"{path}/train", task="count-entries")
    refused = browser.post(f"{path}/delete", hidden)
    assert refused.status_code == 409
    assert "text/html" in refused.headers["Content-Type"]
    assert State.TRAINING in refused.text


def test_text_of_logs_and_names_does_no_harm(browser: Any) -> None:
    lines = "".join(f"2026-03-02T06:00:00Z {text}\n" for text in HOSTILE[:2])
    data_id = browser.announce(HOSTILE[0])
    assert browser.upload(data_id, lines, file_name=HOSTILE[0]).status_code == 200
    for text in HOSTILE[2:]:
        entry = {"timestamp": "2026-03-02T06:00:00Z", "message": text}
        assert browser.client.post(f"/data/{data_id}", json=entry, headers=browser.headers).status_code == 200
    for path in ("/console", f"/console/data/{data_id}", f"/console/data/{data_id}/delete"):
        page = browser.get(path).text
        assert "&lt;script&gt;alert(1)" in page
        assert not re.search("<script>alert|<img|<svg/onload", page)
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f\u061c]", page)
    shown = browser.get(f"/console/data/{data_id}").text
    assert "{{ 7*7 }}" in shown
    assert '<span class="code" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>' in shown
    assert '<span class="code" title="control character">U+0007</span>' in shown


def test_a_line_of_a_mebibyte_does_not_swell_the_page(browser: Any) -> None:
    data_id = browser.announce()
    for _ in range(3):
        entry = {"timestamp": "2026-03-02T06:00:00Z", "message": "x" * ((1 << 20) - 200)}
        assert browser.client.post(f"/data/{data_id}", json=entry, headers=browser.headers).status_code == 200
    assert len(browser.get(f"/console/data/{data_id}").data) < 200 << 10


def test_ones_own_keys_and_quotas_are_shown_and_no_secret(make: Any, keys: Any) -> None:
    settings = Settings(backend="memory", api_keys=keys, entries_per_owner="10/hour")
    container = build_container(settings)
    made, shown = container.create_key()("anna", "for the nightly tests")
    container.revoke_key()(made.key_id)
    anna = make(create_web_app(container))
    anna.sign_in("a1")
    page = anna.get("/console/account").text
    for key_id in ("a1", "a2", made.key_id):
        assert f"<code>{key_id}</code>" in page
    assert "<code>b1</code>" not in page
    assert "you signed in with it" in page
    assert "for the nightly tests" in page
    assert "revoked <time" in page
    assert "10 in 1 h" in page
    assert shown.partition(".")[2] not in page
    assert "secret-of" not in page
    assert all(key.sha256 not in page for key in keys)


@pytest.mark.parametrize(("language", "shown"), [("de-DE,de;q=0.9,en;q=0.8", "1.234"), ("en-GB", "1,234")])
def test_numbers_are_as_the_browsers_language_has_them(browser: Any, language: str, shown: str) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    entries = [
        {"timestamp": (at + timedelta(seconds=number)).isoformat(), "message": "x"} for number in range(1234)
    ]
    data_id = browser.announce()
    browser.client.post(f"/data/{data_id}", json=entries, headers=browser.headers)
    assert f"<dd>{shown} " in browser.get(f"/console/data/{data_id}", **{"Accept-Language": language}).text
