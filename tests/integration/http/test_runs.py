"""`GET /train/{dataId}/runs`: all runs of a data set, and one."""

from typing import Any

import pytest

from logleap.client import ApiError, Client

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.fixture(scope="module")
def trained(server: Any) -> tuple[str, list[str]]:
    """A data set that was trained on three times, and the ids of its runs, newest first."""
    data_id = server.announce()
    server.append(data_id, ENTRY)
    with Client(server.url) as client:
        ids: list[str] = []
        for _ in range(3):
            ids.insert(0, client.train(data_id)["runId"])
            assert client.wait(data_id, timeout=30)["state"] == "succeeded"
    return data_id, ids


def test_each_run_stays_visible_newest_first(server: Any, trained: tuple[str, list[str]]) -> None:
    data_id, ids = trained
    with Client(server.url) as client:
        assert [run["runId"] for run in client.runs(data_id)] == ids
        oldest = client.run(data_id, ids[-1])
    assert (oldest["state"], oldest["result"]) == ("succeeded", {"entries": 1})


def test_pages_of_runs_go_on_where_the_last_one_ended(server: Any, trained: tuple[str, list[str]]) -> None:
    data_id, ids = trained
    first = server.http.get(f"/train/{data_id}/runs", params={"pageSize": 2}).json()
    rest = server.http.get(f"/train/{data_id}/runs", params={"pageToken": first["nextPageToken"]}).json()
    assert [run["runId"] for run in (*first["runs"], *rest["runs"])] == ids
    assert rest["nextPageToken"] is None


def test_a_page_token_of_another_data_sets_runs_is_refused(
    server: Any, trained: tuple[str, list[str]]
) -> None:
    token = server.http.get(f"/train/{trained[0]}/runs", params={"pageSize": 1}).json()["nextPageToken"]
    for path in (f"/train/{server.announce()}/runs", "/data"):
        refused = server.http.get(path, params={"pageToken": token})
        assert (refused.status_code, refused.json()["code"]) == (400, "PAGE_TOKEN_INVALID")


def test_a_data_set_that_was_never_trained_on_has_no_runs(server: Any) -> None:
    answer = server.http.get(f"/train/{server.announce()}/runs")
    assert answer.json() == {"runs": [], "nextPageToken": None}


def test_a_run_of_another_data_set_is_refused_like_an_unknown_one(
    server: Any, trained: tuple[str, list[str]]
) -> None:
    other = server.announce()
    with Client(server.url) as client:
        for run_id in (trained[1][0], "no-such-run"):
            with pytest.raises(ApiError, match=f"has no training run '{run_id}'") as refused:
                client.run(other, run_id)
            assert (refused.value.status, refused.value.code) == (404, "RUN_NOT_FOUND")
