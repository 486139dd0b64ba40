"""`GET /train/{dataId}/artifacts`: lists, parts, codings, and what a slow client cannot do."""

import gzip
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from logleap.client import ApiError, Client
from logleap.codecs.compression import unzstd
from logleap.entrypoints.cli import main as cli
from logleap.ports.task import TrainingContext

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
MODEL = os.urandom(3_000_000)
DOCUMENT = b'{"templates": [' + b'"a template that comes again and again", ' * 10_000 + b"1]}"
LARGE = 40_000_000  # more than waitress buffers for a client (16 MiB)


def save(context: TrainingContext) -> Any:
    context.artifacts.save("model.bin", "application/octet-stream", [MODEL[:1_000_000], MODEL[1_000_000:]])
    context.artifacts.save("log-model.json", "application/json", [DOCUMENT], compress=True)
    context.artifacts.save("page.html", "text/html", b"<script>alert(1)</script>")
    context.artifacts.save("large.bin", "application/octet-stream", (bytes(1_000_000) for _ in range(40)))
    return {}


@pytest.fixture(scope="module", params=["memory", "local"])
def saving(
    request: pytest.FixtureRequest, start_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, str]]:
    """A server, and a data set whose run has saved artifacts."""
    settings = {"backend": request.param, "data_dir": tmp_path_factory.mktemp("data")}
    with start_server(with_worker=True, task_isolation="thread", **settings) as server:
        server.container.tasks()["count-entries"] = save
        data_id = server.announce()
        server.append(data_id, ENTRY)
        with Client(server.url) as client:
            client.train(data_id)
            assert client.wait(data_id, timeout=30)["state"] == "succeeded"
        yield server, data_id


def get(saving: tuple[Any, str], name: str, **headers: str) -> Any:
    server, data_id = saving
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return server.http.get(
        f"/train/{data_id}/artifacts/{name}", headers={"Accept-Encoding": "identity", **named}
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_list_tells_size_media_type_and_digest_of_each(saving: tuple[Any, str]) -> None:
    server, data_id = saving
    listed = server.http.get(f"/train/{data_id}/artifacts").json()
    assert listed["runId"] == server.dataset(data_id)["runId"]
    assert [each["name"] for each in listed["artifacts"]] == sorted(
        ["large.bin", "log-model.json", "model.bin", "page.html"]
    )
    assert listed["artifacts"][2] == {
        "name": "model.bin",
        "mediaType": "application/octet-stream",
        "size": len(MODEL),
        "sha256": sha256(MODEL),
    }
    assert listed["artifacts"][1]["sha256"] == sha256(DOCUMENT)


def test_an_artifact_comes_as_it_was_saved_with_its_digest_as_etag(saving: tuple[Any, str]) -> None:
    answer = get(saving, "model.bin", Accept="application/json")  # whatever is accepted
    assert (answer.status_code, answer.content) == (200, MODEL)
    assert answer.headers["ETag"] == f'"{sha256(MODEL)}"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == str(len(MODEL))
    assert get(saving, "model.bin", If_None_Match=answer.headers["ETag"]).status_code == 304
    server, data_id = saving
    head = server.http.head(f"/train/{data_id}/artifacts/model.bin")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(MODEL))


def test_a_page_that_a_task_saved_is_never_shown_as_one_of_ours(saving: tuple[Any, str]) -> None:
    answer = get(saving, "page.html")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("name", "content"), [("model.bin", MODEL), ("log-model.json", DOCUMENT)])
@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("0-9", 0, 10), ("5-", 5, None), ("-7", -7, None), ("100000-99999999", 100_000, None)],
)
def test_a_part_is_one_of_the_plain_bytes(  # noqa: PLR0917 -- parameters
    saving: tuple[Any, str], name: str, content: bytes, wanted: str, start: int, stop: int | None
) -> None:
    answer = get(saving, name, Range=f"bytes={wanted}", Accept_Encoding="gzip")
    assert (answer.status_code, answer.content) == (206, content[start:stop])
    first = start % len(content)
    told = f"bytes {first}-{first + len(answer.content) - 1}/{len(content)}"
    assert answer.headers["Content-Range"] == told
    assert answer.headers["ETag"] == f'"{sha256(content)}"'


def test_a_part_of_what_the_client_no_longer_has_is_answered_with_the_whole(saving: tuple[Any, str]) -> None:
    for condition in ('"another"', "Mon, 02 Mar 2026 06:00:00 GMT"):
        assert get(saving, "model.bin", Range="bytes=0-9", If_Range=condition).content == MODEL
    same = get(saving, "model.bin", Range="bytes=0-9", If_Range=f'"{sha256(MODEL)}"')
    assert same.content == MODEL[:10]
    for unknown in ("bytes=0-1,4-5", "lines=0-1", "bytes=x"):
        assert get(saving, "model.bin", Range=unknown).content == MODEL


def test_a_part_behind_the_end_is_refused_with_the_size(saving: tuple[Any, str]) -> None:
    answer = get(saving, "model.bin", Range=f"bytes={len(MODEL)}-")
    assert (answer.status_code, answer.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert f"has {len(MODEL)} bytes" in answer.json()["detail"]


def test_what_is_kept_compressed_comes_in_the_coding_that_the_client_accepts(saving: tuple[Any, str]) -> None:
    def raw(accepted: str) -> tuple[bytes, Any]:
        server, data_id = saving
        path = f"/train/{data_id}/artifacts/log-model.json"
        with server.http.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
            return b"".join(answer.iter_raw()), answer.headers

    plain, headers = raw("identity")
    assert (plain, headers["ETag"]) == (DOCUMENT, f'"{sha256(DOCUMENT)}"')
    assert "Content-Encoding" not in headers
    gzipped, headers = raw("gzip;q=1.0, br")
    assert (gzip.decompress(gzipped), headers["ETag"]) == (DOCUMENT, f'"{sha256(DOCUMENT)}-gzip"')
    zstd, headers = raw("gzip, zstd;q=0.5")
    assert (b"".join(unzstd([zstd])), headers["ETag"]) == (DOCUMENT, f'"{sha256(DOCUMENT)}-zstd"')
    assert (headers["Content-Encoding"], headers["Vary"]) == ("zstd", "Accept-Encoding")
    assert len(zstd) < len(DOCUMENT) / 50
    uncompressed = get(saving, "model.bin", Accept_Encoding="gzip, zstd")
    assert "Content-Encoding" not in uncompressed.headers


def test_an_unknown_name_is_refused_with_those_that_there_are(saving: tuple[Any, str]) -> None:
    for name in ("other.bin", "..%5clogleap.db", "a%00b"):
        refused = get(saving, name)
        assert (refused.status_code, refused.json()["code"]) == (404, "ARTIFACT_NOT_FOUND")
    assert "large.bin, log-model.json, model.bin, page.html" in refused.json()["detail"]


def test_clients_that_never_read_hold_no_thread(saving: tuple[Any, str]) -> None:
    server, data_id = saving
    address = urlsplit(server.url)
    request = f"GET /train/{data_id}/artifacts/large.bin HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    idle = []
    try:
        for _ in range(6):  # the server has four threads
            connection = socket.create_connection((address.hostname, address.port), timeout=10)
            connection.sendall(request)
            assert connection.recv(12) == b"HTTP/1.1 200"
            idle.append(connection)
        assert server.http.get("/healthz", timeout=10).status_code == 200
        assert len(get(saving, "large.bin").content) == LARGE
    finally:
        for connection in idle:
            connection.close()


def test_the_client_stores_an_artifact_whole_and_checked(saving: tuple[Any, str], tmp_path: Path) -> None:
    server, data_id = saving
    with Client(server.url) as client:
        for name, content in (("model.bin", MODEL), ("log-model.json", DOCUMENT)):
            saved = client.save_artifact(data_id, name, tmp_path / "here")
            assert (tmp_path / "here").read_bytes() == content
            assert saved["sha256"] == sha256(content)
        with pytest.raises(ApiError, match=r"no artifact 'x'. There are: large.bin, log-model.json"):
            client.save_artifact(data_id, "x", tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_the_command_line_lists_artifacts_and_stores_one(
    saving: tuple[Any, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, data_id = saving
    url = ["--url", server.url]
    cli(["artifacts", data_id, *url], standalone_mode=False)
    listed = capsys.readouterr().out
    assert "3000000" in listed
    assert "log-model.json" in listed
    cli(["artifacts", data_id, "model.bin", "-o", str(tmp_path / "m"), *url], standalone_mode=False)
    assert f"Stored 3,000,000 bytes in {tmp_path / 'm'}" in capsys.readouterr().out
    assert (tmp_path / "m").read_bytes() == MODEL
    cli(["runs", data_id, *url], standalone_mode=False)
    assert "succeeded" in capsys.readouterr().out
