"""A server whose disk uploads have filled: it deletes, archives, trains, and starts again."""

import random
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tools.faults.small_disk import fill

MIB = 1 << 20
ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


def upload(http: httpx2.Client, data_id: str, size: int = MIB) -> httpx2.Response:
    """Send entries of so many bytes that do not compress."""
    lines = [{**ENTRY, "message": random.randbytes(50_000).hex()} for _ in range(size // 100_000)]
    return http.post(f"/data/{data_id}", json=lines)


def fill_by_uploads(http: httpx2.Client, data_id: str) -> httpx2.Response:
    """Upload until that is refused, twice in a row: the first refusal may make room."""
    refusals = 0
    while refusals < 2:
        answer = upload(http, data_id)
        assert answer.status_code in {200, 503}
        refusals = refusals + 1 if answer.status_code == 503 else 0
    return answer


def train(http: httpx2.Client, data_id: str) -> int:
    """Train to the end; how many entries."""
    assert http.post(f"/train/{data_id}").status_code == 202
    deadline = time.monotonic() + 30
    while (run := http.get(f"/train/{data_id}").json())["state"] not in {"succeeded", "failed"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(run["result"]["entries"])


def test_it_deletes_archives_trains_and_starts_on_a_disk_that_uploads_have_filled(
    serving: Any, small_disk: Path
) -> None:
    options: dict[str, Any] = {"backend": "local", "LOGLEAP_DATA_DIR": str(small_disk / "data")}
    with (
        serving(**options) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        small, large, other = (http.post("/data").json()["dataId"] for _ in range(3))
        assert http.post(f"/data/{small}", json=[ENTRY] * 10).status_code == 200
        assert upload(http, other).status_code == 200
        fill_by_uploads(http, large)
        assert server.stop() == 0
    with (
        serving(**options) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        refused = fill_by_uploads(http, large)
        assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_FULL")
        assert "Delete data sets that are no longer needed" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 503
        assert train(http, small) == 10
        assert http.post(f"/data/{small}/archive").status_code == 200
        assert train(http, small) == 10
        assert http.delete(f"/data/{large}").status_code == 204
        assert upload(http, other).status_code == 200
        assert http.get("/readyz").status_code == 200
        metrics = http.get("/metrics").text
        assert 'logleap_disk_free_bytes{folder="data"}' in metrics
        assert 'logleap_disk_free_bytes{folder="archive"}' in metrics
        assert "logleap_disk_reserve_bytes" in metrics
        assert server.stop() == 0


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_a_body_for_which_the_temporary_folder_has_no_room_is_answered(
    serving: Any, small_disk: Path, tmp_path: Path, chunked: bool
) -> None:
    options: dict[str, Any] = {"backend": "local", "LOGLEAP_DATA_DIR": str(tmp_path / "data")}
    with (
        serving(TMPDIR=str(small_disk), **options) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        data_id = http.post("/data").json()["dataId"]
        ballast = fill(small_disk, leave=MIB)
        body = b"[" + b" " * (5 * MIB) + b"]"
        sent: Any = (body[at : at + 60_000] for at in range(0, len(body), 60_000)) if chunked else body
        refused = http.post(
            f"/data/{data_id}",
            content=sent,
            headers={"Content-Type": "application/json", "X-Request-Id": "r"},
        )
        assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_FULL")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert "temporary folder" in refused.json()["detail"]
        assert http.post(f"/data/{data_id}", json=[ENTRY]).status_code == 200
        ballast.unlink()
        assert upload(http, data_id, 3 * MIB).status_code == 200
        assert server.stop() == 0


def test_several_processes_start_although_the_temporary_folder_is_full(
    serving: Any, small_disk: Path, tmp_path: Path
) -> None:
    fill(small_disk, leave=64 * 1024)
    with (
        serving(
            arguments=["--processes", "2"],
            backend="local",
            TMPDIR=str(small_disk),
            LOGLEAP_DATA_DIR=str(tmp_path / "data"),
        ) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        for _ in range(20):
            assert http.post("/data").status_code == 201
        assert "logleap_http_requests_total" in http.get("/metrics").text
        assert server.stop() == 0


def test_metrics_of_several_processes_survive_a_temporary_folder_that_becomes_full(
    serving: Any, small_disk: Path, tmp_path: Path
) -> None:
    with (
        serving(
            arguments=["--processes", "2"],
            backend="local",
            TMPDIR=str(small_disk),
            LOGLEAP_DATA_DIR=str(tmp_path / "data"),
        ) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        fill(small_disk)
        for number in range(100):
            assert http.get(f"/{number}" if number % 2 else "/data").status_code in {200, 404}
            assert http.get("/metrics").status_code == 200
        assert server.stop() == 0
