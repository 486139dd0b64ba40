"""A log file from the browser: all of it is stored, once, or nothing."""

import gzip
import io
from typing import Any

import pytest

from logleap.container import build_container
from logleap.entrypoints.web import create_web_app
from logleap.settings import Settings


def stored(browser: Any, data_id: str) -> tuple[int, int]:
    """Entries and batches."""
    found = browser.get(f"/data/{data_id}").json
    return found["entries"], found["batches"]


def test_a_file_is_stored_and_the_page_tells_how_it_was_read(browser: Any) -> None:
    data_id = browser.announce()
    page = browser.upload(data_id, timezone="Europe/Berlin")
    assert page.status_code == 200
    assert "3 entries of" in page.text
    assert "from 2026-03-02T05:00:00" in page.text
    assert "Europe/Berlin" in page.text
    assert stored(browser, data_id) == (3, 1)
    entries = browser.get(f"/data/{data_id}/entries").json["entries"]
    assert entries[1]["message"] == "ERROR jam at gate 4\n  at gate.py line 12"


def test_an_assumed_zone_is_told_by_the_forms_label(browser: Any) -> None:
    page = browser.upload(browser.announce())
    assert "zone: UTC (assumed" in page.text
    assert "“Time zone”" in page.text
    assert "--timezone" not in page.text


def test_the_same_form_stores_its_file_once(browser: Any, log: str) -> None:
    data_id = browser.announce()
    path = f"/console/data/{data_id}/upload"
    hidden = browser.fields(path, path)
    for attempt in range(3):
        page = browser.send_file(path, hidden, log)
        assert page.status_code == 200
        assert ("were not added again" in page.text) == (attempt > 0)
    assert stored(browser, data_id) == (3, 1)
    other = browser.send_file(path, hidden, log + log)
    assert (other.status_code, stored(browser, data_id)) == (422, (3, 1))
    assert "has stored another file before" in other.text
    assert browser.upload(data_id, log).status_code == 200
    assert stored(browser, data_id) == (6, 2)


def test_a_file_becomes_a_data_set_of_its_own_once_per_form(fresh: Any, log: str) -> None:
    hidden = fresh.fields("/console/upload", "/console/upload")
    for attempt in range(3):
        page = fresh.send_file("/console/upload", hidden, log, name="line 1" if attempt == 0 else "another")
        assert page.status_code == 200
        assert ("were not added again" in page.text) == (attempt > 0)
    (made,) = fresh.get("/data").json["datasets"]
    assert (made["name"], made["entries"], made["batches"]) == ("line 1", 3, 1)
    assert f'href="/console/data/{made["dataId"]}"' in page.text


def test_a_file_that_cannot_be_read_makes_no_data_set(fresh: Any) -> None:
    hidden = fresh.fields("/console/upload", "/console/upload")
    page = fresh.send_file("/console/upload", hidden, "no time at all\n" * 3, name="<b>")
    assert page.status_code == 422
    assert 'value="&lt;b&gt;"' in page.text
    assert hidden["attempt"] in page.text  # corrected, it is still the same attempt
    checked = fresh.send_file("/console/upload", hidden, "2026-03-02 06:00:00 x\n", check="1")
    assert "would add 1 entry" in checked.text
    assert fresh.send_file("/console/upload", hidden, "\n", check="1").status_code == 422
    long = fresh.send_file("/console/upload", hidden, "2026-03-02 06:00:00 x\n", name="x" * 257)
    assert (long.status_code, "“Name” has more than 256" in long.text) == (422, True)
    assert fresh.get("/data").json["datasets"] == []


def test_data_sets_from_the_browser_use_up_their_quota(make: Any, log: str) -> None:
    browser = make(create_web_app(build_container(Settings(backend="memory", datasets_per_owner="1/day"))))
    sent = [
        browser.send_file("/console/upload", browser.fields("/console/upload", "/console/upload"), log)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [200, 429]


def test_a_repetition_uses_up_no_quota(make: Any, log: str) -> None:
    settings = Settings(backend="memory", entries_per_owner="3/day")
    browser = make(create_web_app(build_container(settings)))
    data_id = browser.announce()
    path = f"/console/data/{data_id}/upload"
    hidden = browser.fields(path, path)
    assert [browser.send_file(path, hidden, log).status_code for _ in range(2)] == [200, 200]
    refused = browser.upload(data_id, log)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "A quota is used up" in refused.text


def test_of_a_file_with_a_bad_line_nothing_is_stored_and_the_remedy_is_in_the_form(browser: Any) -> None:
    data_id = browser.announce()
    bad = b"2026-03-02 06:00:00 a\n\xff\xfe\xfd\n2026-03-02 06:00:01 b\n"
    page = browser.upload(data_id, bad, encoding="utf-8")
    assert page.status_code == 422
    assert "line 2" in page.text
    assert "--" not in page.text.split('id="problem"')[1].split("</div>")[0]
    assert stored(browser, data_id) == (0, 0)
    assert browser.get(f"/data/{data_id}").json["state"] == "created"
    skipped = browser.upload(data_id, bad, encoding="utf-8", bad_lines="skip")
    assert skipped.status_code == 200
    assert "1 left out" in skipped.text
    assert stored(browser, data_id) == (2, 1)


def test_an_entry_that_the_server_refuses_is_named_by_its_line(make: Any) -> None:
    browser = make(create_web_app(build_container(Settings(backend="memory", entry_limit=100))))
    data_id = browser.announce()
    page = browser.upload(data_id, f"2026-03-02 06:00:00 a\n2026-03-02 06:00:01 {'x' * 200}\n")
    assert page.status_code == 422
    assert "line 2" in page.text
    assert "more than 100 bytes" in page.text
    assert stored(browser, data_id) == (0, 0)


def test_packed_files_are_unpacked_up_to_a_limit(make: Any, browser: Any, log: str) -> None:
    data_id = browser.announce()
    assert browser.upload(data_id, gzip.compress(log.encode()), "app.log.gz").status_code == 200
    assert stored(browser, data_id) == (3, 1)
    small = make(create_web_app(build_container(Settings(backend="memory", ndjson_body_limit=1 << 20))))
    data_id = small.announce()
    page = small.upload(data_id, gzip.compress(b"\n" * (8 << 20)), "app.log.gz")
    assert page.status_code == 422
    assert "more than 1,048,576 bytes" in page.text


def test_only_checked_nothing_is_stored(browser: Any) -> None:
    data_id = browser.announce()
    page = browser.upload(data_id, check="1")
    assert page.status_code == 200
    assert "would add 3 entries" in page.text
    assert stored(browser, data_id) == (0, 0)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("timezone", "Mars/Phobos", "“Time zone”"),
        ("format", "pdf", "“Format”"),
        ("mapping", "none-such", "“Field mapping”"),
        ("repeated_hour", "third", "“Repeated hour”"),
        ("year", "0", "“Year of the first entry”"),
        ("year", "<b>", "“Year of the first entry”"),
        ("time_column", "t", "both the time and the message"),
        ("timestamp_format", "%Q", "“Form of the times”"),
        ("encoding", "klingon", "klingon"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_filled_in_stays(
    browser: Any, field: str, value: str, said: str
) -> None:
    data_id = browser.announce()
    page = browser.upload(data_id, **{field: value, "bad_lines": "skip"})
    assert page.status_code == 422
    assert said in page.text
    assert '<option value="skip" selected>' in page.text
    assert stored(browser, data_id) == (0, 0)


def test_columns_of_a_table_are_taken_as_the_form_names_them(browser: Any) -> None:
    data_id = browser.announce()
    table = "d;t;m\n2026-03-02;06:00:00;one\n2026-03-02;06:00:01;two\n"
    page = browser.upload(data_id, table, "x.csv", time_column="d+t", message_column="m")
    assert page.status_code == 200, page.text
    assert stored(browser, data_id) == (2, 1)


def test_without_a_file_the_form_says_so(browser: Any) -> None:
    data_id = browser.announce()
    path = f"/console/data/{data_id}/upload"
    chosen_none = browser.post(path, {**browser.fields(path, path), "file": (io.BytesIO(b""), "")})
    assert "Choose a log file" in chosen_none.text
    empty = browser.upload(data_id, "")
    assert empty.status_code == 422
    assert stored(browser, data_id) == (0, 0)


def test_a_form_that_breaks_off_stores_nothing(browser: Any, log: str) -> None:
    data_id = browser.announce()
    path = f"/console/data/{data_id}/upload"
    parts = [*browser.fields(path, path).items()]
    head = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    head += f'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n{log}'
    for body in (head, head + "\r\n--b", head[:-20], head.replace("--b\r\n", "", 1)):
        page = browser.client.post(
            path, data=body.encode(), content_type="multipart/form-data; boundary=b", headers=browser.headers
        )
        assert page.status_code in (403, 422), body  # 403: its token is in what is lost
        assert stored(browser, data_id) == (0, 0)
    whole = browser.client.post(
        path,
        data=f"{head}\r\n--b--\r\n".encode(),
        content_type="multipart/form-data; boundary=b",
        headers=browser.headers,
    )
    assert whole.status_code == 200
    assert stored(browser, data_id) == (3, 1)


def test_a_sealed_data_set_takes_no_file(browser: Any) -> None:
    data_id = browser.announce()
    page = f"/console/data/{data_id}/upload"
    hidden = browser.fields(page, page)
    browser.upload(data_id)
    browser.send(f"/console/data/{data_id}", f"/console/data/{data_id}/train", task="count-entries")
    assert browser.get(page).status_code == 409
    assert browser.send_file(page, hidden, "2026-03-02 06:00:00 x\n").status_code == 409
