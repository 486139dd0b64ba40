"""`?once=body`: requests with the same bytes count once, without a key of the client's."""

import gzip
import hashlib
import io
import json
import threading
from typing import Any

import httpx2
import pytest
from flask.testing import FlaskClient

from logleap.container import build_container
from logleap.entrypoints.http.app import create_app
from logleap.settings import Settings

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "jam"}
BODY = json.dumps(ENTRY).encode()
TIME_AND_MSG = b'{"time": "2026-03-02T06:00:00Z", "msg": "jam"}\n'
NDJSON = "application/x-ndjson"


def post(
    server: Any, data_id: str, body: bytes = BODY, query: str = "once=body", *, key: str | None = None
) -> Any:
    headers = {"Content-Type": NDJSON} | ({} if key is None else {"Idempotency-Key": key})
    if body.startswith(b"\x1f\x8b"):
        headers["Content-Encoding"] = "gzip"
    answer: httpx2.Response = server.http.post(f"/data/{data_id}?{query}", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_same_bytes_are_added_once(server: Any) -> None:
    data_id = server.announce()
    first = post(server, data_id)
    assert first["replayed"] is False
    assert post(server, data_id) == {**first, "replayed": True}
    compressed = post(server, data_id, gzip.compress(BODY))
    assert compressed == {**first, "replayed": True}
    assert post(server, data_id, BODY + b"\n")["replayed"] is False  # other bytes
    assert server.dataset(data_id)["entries"] == 2


def test_a_repeated_body_of_many_mebibytes_is_added_once(server: Any) -> None:
    data_id = server.announce()
    body = (BODY + b"\n") * 40_000
    assert [post(server, data_id, body)["replayed"] for _ in range(2)] == [False, True]
    assert server.dataset(data_id)["entries"] == 40_000


def test_what_decides_what_is_stored_is_part_of_the_key(server: Any) -> None:
    data_id = server.announce()
    queries = ["mapping=pino", "mapping=pino&partial=true", "mapping=bunyan", "mapping=bunyan&timezone=UTC"]
    for replayed in (False, True):
        for query in queries:
            assert post(server, data_id, TIME_AND_MSG, f"once=body&{query}")["replayed"] is replayed
    assert server.dataset(data_id)["batches"] == len(queries)


def test_a_repeated_partial_upload_is_told_the_same(server: Any) -> None:
    data_id = server.announce()
    body = BODY + b'\n{"message": "when?"}\n'
    first = post(server, data_id, body, "once=body&partial=true")
    assert first["rejected"] == 1
    assert post(server, data_id, body, "once=body&partial=true") == {**first, "replayed": True}


def test_a_key_of_the_client_counts_instead(server: Any) -> None:
    data_id = server.announce()
    assert post(server, data_id, key="a")["replayed"] is False
    assert post(server, data_id, key="b")["replayed"] is False
    assert post(server, data_id)["replayed"] is False
    assert server.dataset(data_id)["entries"] == 3


def test_no_key_of_a_client_is_taken_for_one_of_a_body(server: Any) -> None:
    data_id = server.announce()
    post(server, data_id)
    parts = json.dumps([hashlib.sha256(BODY).hexdigest(), None, None, False]).encode()
    digest = hashlib.sha256(parts).hexdigest()
    for key in (digest, f"body{digest}", f"body_{digest}", f"body-{digest}"):
        assert post(server, data_id, key=key)["replayed"] is False
    spelt_out = {"Idempotency-Key": f"body {digest}", "Content-Type": NDJSON}
    assert server.http.post(f"/data/{data_id}", content=BODY, headers=spelt_out).status_code == 400


def test_without_it_and_in_another_data_set_the_same_bytes_are_another_batch(server: Any) -> None:
    data_id = server.announce()
    post(server, data_id)
    assert post(server, data_id, query="")["replayed"] is False
    assert post(server, server.announce())["replayed"] is False


def test_requests_at_the_same_time_add_one_batch(server: Any) -> None:
    data_id = server.announce()
    together = threading.Barrier(4)
    answers: list[Any] = []

    def send() -> None:
        together.wait()
        answers.append(post(server, data_id, (BODY + b"\n") * 2000))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["replayed"] for answer in answers) == [False, True, True, True]
    assert len({answer["batchId"] for answer in answers}) == 1
    assert server.dataset(data_id)["entries"] == 2000


def test_a_dry_run_leaves_no_key(server: Any) -> None:
    data_id = server.announce()
    post(server, data_id, query="once=body&dryRun=true")
    assert post(server, data_id)["replayed"] is False


def test_an_unknown_data_set_and_a_wrong_value_are_refused_as_ever(server: Any) -> None:
    headers = {"Content-Type": NDJSON}
    unknown = server.http.post("/data/unknown?once=body", content=BODY, headers=headers)
    assert unknown.json()["code"] == "DATASET_NOT_FOUND"
    wrong = server.http.post(f"/data/{server.announce()}?once=entry", content=BODY, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "QUERY_PARAMETER_INVALID")


class _Once(io.RawIOBase):
    """A body as other servers give it: it can be read once."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def read(self, size: int = -1, /) -> bytes:
        taken = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:taken], self._rest[taken:]
        return piece


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(build_container(Settings(backend="memory"))).test_client()


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
def test_another_server_whose_bodies_can_be_read_once_will_do(client: FlaskClient, sized: bool) -> None:
    announced = client.post("/data", json={}).get_json()
    body = gzip.compress((BODY + b"\n") * 30)
    framing = {"CONTENT_LENGTH": str(len(body))} if sized else {"wsgi.input_terminated": True}
    for replayed in (False, True):
        environ: dict[str, Any] = {**framing, "wsgi.input": _Once(body)}
        answer = client.post(
            f"/data/{announced['dataId']}?once=body",
            headers={"Content-Type": NDJSON, "Content-Encoding": "gzip"},
            environ_overrides=environ,
        ).get_json()
        assert (answer["accepted"], answer["replayed"]) == (30, replayed)
