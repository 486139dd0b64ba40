"""Archiving and deletion by themselves, over HTTP: announced, and carried out by the sweep."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from logleap.client import Client

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.fixture(scope="module")
def keeping(start_server: Any) -> Iterator[Any]:
    """A server that archives after 7 days and deletes after 30."""
    with start_server(with_worker=True, archive_after="7d", delete_after="30d") as server:
        yield server


def test_a_data_set_tells_when_it_is_archived_and_deleted(keeping: Any) -> None:
    with Client(keeping.url) as client:
        data_id = client.announce("line 3")["dataId"]
        created = client.dataset(data_id)
        assert "archiveAt" not in created
        at = datetime.fromisoformat(created["deleteAt"])
        assert at == datetime.fromisoformat(created["createdAt"]) + timedelta(days=30)
        client.append(data_id, [ENTRY])
        client.train(data_id)
        ended = datetime.fromisoformat(client.wait(data_id, timeout=30)["finishedAt"])
        trained = client.dataset(data_id)
    assert datetime.fromisoformat(trained["archiveAt"]) == ended + timedelta(days=7)
    assert datetime.fromisoformat(trained["deleteAt"]) == ended + timedelta(days=30)


def test_a_data_set_may_be_kept_for_less_but_not_for_longer(keeping: Any) -> None:
    answer = keeping.http.post("/data", json={"archiveAfter": 60, "deleteAfter": 3600})
    created = answer.json()
    assert datetime.fromisoformat(created["deleteAt"]) - datetime.fromisoformat(
        created["createdAt"]
    ) == timedelta(hours=1)
    for field, seconds in (("archiveAfter", 7 * 86_400 + 1), ("deleteAfter", 10**9)):
        refused = keeping.http.post("/data", json={field: seconds})
        assert (refused.status_code, refused.json()["code"]) == (422, "RETENTION_TOO_LONG")
        assert refused.json()["detail"].startswith(f"{field} is {seconds}, ")
    for wrong in (0, -1, "7d", 10**12):
        refused = keeping.http.post("/data", json={"deleteAfter": wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "BODY_INVALID")


def test_without_settings_and_wishes_nothing_is_announced(server: Any) -> None:
    created = server.http.post("/data").json()
    assert {"archiveAt", "deleteAt"}.isdisjoint(created)
    asking = server.http.post("/data", json={"deleteAfter": 60}).json()
    assert "deleteAt" in asking
