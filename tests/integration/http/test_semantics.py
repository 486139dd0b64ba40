"""HTTP as RFC 9110 has it: what is accepted, what is allowed, what the client has already."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "image/*", "application/xml, text/*"]
)
def test_a_client_that_accepts_no_json_is_told_so_and_nothing_is_stored(server: Any, accept: str) -> None:
    data_id = server.announce()
    answer = server.append(data_id, ENTRY, Accept=accept)
    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert "application/json" in answer.json()["detail"]
    assert server.dataset(data_id)["entries"] == 0


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*",
        "*/*",
        "application/*",
        "application/json; charset=utf-8",
        "text/html, application/json;q=0.1",
        "text/html, image/gif, *; q=.2, */*; q=.2",
        "application/vnd.oai.openapi+json, application/problem+json, application/json",
    ],
)
def test_a_client_that_accepts_json_gets_it(server: Any, accept: str) -> None:
    answer = server.http.get("/data", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


def test_where_nothing_is_answered_anything_may_be_accepted(server: Any) -> None:
    answer = server.http.delete(f"/data/{server.announce()}", headers={"Accept": "text/html"})
    assert answer.status_code == 204


def test_an_unknown_media_type_or_coding_is_answered_with_the_known_ones(server: Any) -> None:
    path = f"/data/{server.announce()}"
    as_text = server.http.post(path, content=b"x", headers={"Content-Type": "text/plain"})
    assert as_text.status_code == 415
    assert as_text.headers["Accept"].startswith("application/json, application/x-ndjson")
    packed = server.http.post(path, json=ENTRY, headers={"Content-Encoding": "br"})
    assert packed.status_code == 415
    assert packed.headers["Accept-Encoding"] == "gzip, zstd"


@pytest.mark.parametrize("path", ["/data", "/train/{}", "/data/{}/archive"])
@pytest.mark.parametrize("sent", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_a_small_body_is_json_and_says_so(server: Any, path: str, sent: dict[str, str]) -> None:
    data_id = server.announce()
    answer = server.http.post(path.format(data_id), content=b"{}", headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["Accept"] == "application/json"


def test_a_post_without_a_length_and_not_chunked_has_no_body(server: Any) -> None:
    address = urlsplit(server.url)
    for path, status in ((f"/data/{server.announce()}", 400), ("/data", 201)):
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "application/json")
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


def get_paths(server: Any) -> list[str]:
    data_id = server.announce()
    server.append(data_id, ENTRY)
    run_id = server.http.post(f"/train/{data_id}").json()["runId"]
    document = server.http.get("/openapi.json").json()
    gets = [path for path, item in document["paths"].items() if "get" in item and "{name}" not in path]
    return ["/docs", *(path.replace("{dataId}", data_id).replace("{runId}", run_id) for path in gets)]


def test_head_answers_what_get_does_without_the_body(server: Any) -> None:
    for path in get_paths(server):
        head, get = server.http.head(path), server.http.get(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_options_names_the_methods_and_needs_no_key(start_server: Any) -> None:
    with start_server(auth="keys", api_keys="k:anna:" + "0" * 64) as server:
        answer = server.http.options("/data/x")
    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}


@pytest.mark.parametrize("tag", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_already_is_not_sent_again(server: Any, method: str, tag: str) -> None:
    path = f"/data/{server.announce()}"
    etag = server.http.get(path).headers["ETag"]
    again = server.http.request(method, path, headers={"If-None-Match": tag.format(etag)})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in again.headers


def test_an_etag_is_another_once_something_has_changed(server: Any) -> None:
    data_id = server.announce()
    before = server.http.get(f"/data/{data_id}").headers["ETag"]
    server.append(data_id, ENTRY)
    answer = server.http.get(f"/data/{data_id}", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.json()["entries"] == 1
    assert answer.headers["ETag"] != before


def test_a_problem_has_no_etag(server: Any) -> None:
    answer = server.http.get("/data/x", headers={"If-None-Match": "*"})
    assert answer.status_code == 404
    assert "ETag" not in answer.headers


def test_slashes_are_not_merged_by_a_redirect(server: Any) -> None:
    assert server.http.get("//data").status_code == 404
