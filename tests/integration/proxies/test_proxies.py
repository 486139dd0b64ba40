"""What must come through a proxy unchanged: large uploads, refusals, streams, and paths."""

import gzip
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

SIZE = 64 << 20
LINE = json.dumps({"timestamp": "2026-03-02T06:00:00Z", "message": "x" * 65_000}).encode() + b"\n"
LINES = SIZE // len(LINE) + 1
STREAM = {"Accept": "application/x-ndjson", "Accept-Encoding": "identity"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def data_id(http: httpx2.Client) -> str:
    announced: str = http.post("/data", json={}).json()["dataId"]
    return announced


def _pieces() -> Iterator[bytes]:
    for _ in range(LINES):
        yield LINE


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
def test_an_upload_of_64_mib_arrives_whole(http: httpx2.Client, data_id: str, sized: bool) -> None:
    length = {"Content-Length": str(LINES * len(LINE))} if sized else {}
    answer = http.post(f"/data/{data_id}?dryRun=true", content=_pieces(), headers={**NDJSON, **length})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == LINES


def test_a_compressed_upload_arrives_as_it_is(http: httpx2.Client, data_id: str) -> None:
    headers = {**NDJSON, "Content-Encoding": "gzip"}
    answer = http.post(f"/data/{data_id}?dryRun=true", content=gzip.compress(LINE * 20), headers=headers)
    assert answer.json()["accepted"] == 20


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(
    proxied: Any, data_id: str, http: httpx2.Client
) -> None:
    host, port = proxied.url.removeprefix("http://").split(":")
    head = (
        f"POST /data/{data_id}?dryRun=true HTTP/1.1\r\nHost: {host}:{port}\r\nExpect: 100-continue\r\n"
        f"X-API-Key: {http.headers['X-API-Key']}\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(LINE)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), 30) as connection, connection.makefile("rb") as answer:
        connection.sendall(head.encode())
        assert answer.readline().startswith(b"HTTP/1.1 100 ")
        while answer.readline().strip():
            pass
        connection.sendall(LINE)
        assert answer.readline().startswith(b"HTTP/1.1 200 ")


TOO_LARGE = json.dumps({"timestamp": "2026-03-02T06:00:00Z", "message": "x" * (1 << 20)})


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ('{"timestamp": "yesterday", "message": "x"}', (422, "ENTRIES_INVALID")),
        (TOO_LARGE, (413, "ENTRY_TOO_LARGE")),
        ("", (400, "BODY_EMPTY")),
    ],
    ids=["422", "413", "400"],
)
def test_a_refusal_is_passed_on_whole(
    http: httpx2.Client, data_id: str, body: str, refused: tuple[int, str]
) -> None:
    headers = {"Content-Type": "application/json", "X-Request-Id": "through-a-proxy"}
    answer = http.post(f"/data/{data_id}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == refused
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == answer.json()["requestId"] == "through-a-proxy"


def test_entries_are_streamed_and_not_kept_in_files(http: httpx2.Client, proxied: Any) -> None:
    data_id = http.post("/data", json={}).json()["dataId"]
    assert http.post(f"/data/{data_id}", content=LINE * 320, headers=NDJSON).status_code == 200
    with http.stream("GET", f"/data/{data_id}/entries", headers=STREAM) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.headers["X-Entry-Count"] == "320"
        parts = answer.iter_raw()
        size = len(next(parts))
        # Meanwhile another client reads all of it: time enough for a proxy that would rather keep it.
        assert len(http.get(f"/data/{data_id}/entries", headers=STREAM).content) > 320 * 65_000
        assert size + sum(map(len, parts)) > 320 * 65_000
    log = proxied.log.read_text() if proxied.log.exists() else ""
    assert "buffered to a temporary file" not in log  # nginx warns of that, for uploads too


def test_metrics_are_not_passed_on(http: httpx2.Client) -> None:
    for path in ("/metrics", "/logleap/metrics", "//metrics", "/%6detrics", "/data/../metrics", "/metrics/"):
        connection = http.build_request("GET", http.base_url)
        connection.url = connection.url.copy_with(raw_path=path.encode())
        assert http.send(connection).status_code in (400, 403, 404), path


PATHS = {
    "nginx": {"location / {": "location /logleap/ {"},
    "haproxy": {"default_backend logleap": "use_backend logleap if { path_beg /logleap/ }"},
    "apache": {
        'ProxyPass "/" "http://127.0.0.1:8080/"': 'ProxyPass "/logleap/" "http://127.0.0.1:8080/logleap/"'
    },
}


@pytest.mark.parametrize("name", list(PATHS))
def test_under_a_path_every_link_stays_under_it(
    start_proxy: Any, origin: str, name: str, api_key: str
) -> None:
    with start_proxy(name, origin, PATHS[name]) as running:
        base = f"{running.url}/logleap/"
        with httpx2.Client(headers={"X-API-Key": api_key}, timeout=30, trust_env=False) as client:
            created = client.post(f"{base}data", json={})
            location = urljoin(base, created.headers["Location"])
            assert location.startswith(base)
            assert client.get(location).json() == created.json()
            started = client.post(f"{base}data/{created.json()['dataId']}", content=LINE, headers=NDJSON)
            assert started.status_code == 200
            page = client.get(f"{base}docs")
            for link in re.findall(r'(?:href|src|apiDescriptionUrl)="([^"]+)"', page.text):
                assert urljoin(f"{base}docs", link).startswith(base)
                assert client.get(urljoin(f"{base}docs", link)).status_code == 200, link
            console = client.get(f"{base}console")
            assert console.status_code == 303
            sign_in = urljoin(base, console.headers["Location"])
            assert sign_in.startswith(f"{base}console/sign-in")
            for link in re.findall(r'(?:href|src|action)="(?!data:)([^"]+)"', client.get(sign_in).text):
                assert urljoin(sign_in, link).startswith(base), link
            [api] = client.get(f"{base}openapi.json").json()["servers"]
            assert urljoin(base, api["url"]) + "/" == base
            assert client.get(f"{running.url}/data").status_code in (403, 404, 503)


@pytest.mark.parametrize("name", list(PATHS))
def test_a_server_without_keys_is_not_opened_to_the_world(
    start_proxy: Any, open_origin: str, name: str
) -> None:
    with start_proxy(name, open_origin) as running:
        refused = httpx2.post(f"{running.url}/data", json={}, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (403, "FORWARDED_WITHOUT_KEYS")
        assert httpx2.get(f"{running.url}/healthz", trust_env=False).status_code == 200
