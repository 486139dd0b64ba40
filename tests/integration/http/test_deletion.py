"""Deleting over HTTP."""

from typing import Any

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


def test_a_deleted_data_set_is_as_good_as_one_that_never_was(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, [ENTRY] * 3)
    deleted = server.http.delete(f"/data/{data_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert server.http.get(f"/data/{data_id}").json()["code"] == "DATASET_NOT_FOUND"
    assert server.http.get(f"/data/{data_id}/events").status_code == 404
    assert server.append(data_id, ENTRY).status_code == 404
    assert server.http.delete(f"/data/{data_id}").status_code == 404


def test_deleting_is_refused_while_training(start_server: Any) -> None:
    with start_server(with_worker=False) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        server.http.post(f"/train/{data_id}")
        refused = server.http.delete(f"/data/{data_id}")
        assert (refused.status_code, refused.json()["code"]) == (409, "STATE_CONFLICT")
        assert server.dataset(data_id)["entries"] == 1
