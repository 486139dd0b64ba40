"""Archiving over HTTP."""

import time
from typing import Any

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


def trained(server: Any, data_id: str) -> Any:
    deadline = time.monotonic() + 30
    while (run := server.http.get(f"/train/{data_id}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def test_a_data_set_is_archived_and_trained_on_again_from_the_archive(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, [ENTRY] * 3)
    archived = server.http.post(f"/data/{data_id}/archive")
    assert archived.status_code == 200, archived.text
    assert archived.json()["state"] == "archived"
    assert archived.json()["archive"]["entries"] == 3
    assert server.http.post(f"/data/{data_id}/archive").json()["archive"] == archived.json()["archive"]
    late = server.append(data_id, ENTRY)
    assert (late.status_code, late.json()["code"]) == (409, "STATE_CONFLICT")
    assert server.http.post(f"/train/{data_id}").status_code == 202
    assert trained(server, data_id)["result"] == {"entries": 3}
    assert server.dataset(data_id)["state"] == "trained"


def test_archiving_is_refused_while_training(start_server: Any) -> None:
    with start_server(with_worker=False) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        server.http.post(f"/train/{data_id}")
        refused = server.http.post(f"/data/{data_id}/archive")
        assert (refused.status_code, refused.json()["code"]) == (409, "STATE_CONFLICT")


def test_a_data_set_whose_rows_are_not_those_acknowledged_is_not_archived(server: Any) -> None:
    data_id = server.announce()
    batch_id = server.append(data_id, [ENTRY] * 3).json()["batchId"]
    chunks = server.container.backend().store._datasets[data_id][batch_id]
    chunks[0] = chunks[0][:2]
    failed = server.http.post(f"/data/{data_id}/archive")
    assert (failed.status_code, failed.json()["code"]) == (500, "COUNT_MISMATCH")
    assert "3 entries were acknowledged, but 2 are stored" in failed.json()["detail"]
    assert server.dataset(data_id)["archive"] is None


def test_an_unknown_data_set_cannot_be_archived(server: Any) -> None:
    assert server.http.post("/data/nonsense/archive").json()["code"] == "DATASET_NOT_FOUND"
