"""Archiving over HTTP."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import pytest

from logleap.adapters.parquet import archive

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


def blocked(monkeypatch: pytest.MonkeyPatch, adapter: object, method: str) -> Iterator[tuple[Any, Any]]:
    """The method waits until the second is set; the first counts those that have begun."""
    begun, go = threading.Semaphore(0), threading.Event()
    carried_out = getattr(adapter, method)

    def wait(*args: Any) -> Any:
        begun.release()
        assert go.wait(30)
        return carried_out(*args)

    with monkeypatch.context() as patch:
        patch.setattr(adapter, method, wait)
        yield begun, go


def test_archiving_the_same_data_set_many_times_at_once_is_done_once(
    start_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_server(threads=8) as server, ThreadPoolExecutor(8) as callers:
        data_id = server.announce()
        server.append(data_id, ENTRY)

        def archive(_: int) -> int:
            return int(httpx2.post(f"{server.url}/data/{data_id}/archive", timeout=30).status_code)

        backend = server.container.backend()
        for begun, go in blocked(monkeypatch, backend.archives, "write"):
            first = callers.submit(archive, 0)
            assert begun.acquire(timeout=30)
            refused = server.http.post(f"/data/{data_id}/archive")
            assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
            assert refused.headers["Retry-After"]
            assert list(callers.map(archive, range(7))) == [503] * 7
            go.set()
            assert first.result(30) == 200
            assert not begun.acquire(blocking=False)
        assert server.http.post(f"/data/{data_id}/archive").status_code == 200


def test_long_calls_leave_threads_for_others(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_server(threads=4) as server, ThreadPoolExecutor(8) as callers:
        data_id = server.announce()
        server.append(data_id, ENTRY)

        def report(_: int) -> int:
            return int(httpx2.get(f"{server.url}/data/{data_id}/report", timeout=30).status_code)

        for begun, go in blocked(monkeypatch, server.container.backend().store, "report"):
            held = [callers.submit(report, number) for number in range(8)]
            assert all(begun.acquire(timeout=30) for _ in range(2))
            refused = [answer.result() for answer in islice(as_completed(held, timeout=30), 6)]
            assert server.dataset(data_id)["entries"] == 1
            assert server.append(data_id, ENTRY).status_code == 200
            go.set()
            answers = sorted(answer.result(30) for answer in held)
        assert refused == [503] * 6
        assert answers == [200] * 2 + [503] * 6


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="archives need pyarrow")
def test_an_owner_is_not_shown_the_folders_of_the_server(start_server: Any, tmp_path: Path) -> None:
    with start_server(backend="local", data_dir=tmp_path) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        archived = server.http.post(f"/data/{data_id}/archive")
        shown = archived.json()["archive"]["url"]
        assert str(tmp_path) not in archived.text
        (file,) = (tmp_path / "archive").rglob("*.parquet")
        assert shown == f"file:{file.name}"
        file.unlink()
        damaged = server.http.get(f"/data/{data_id}/report")
        assert (damaged.status_code, damaged.json()["code"]) == (500, "ARCHIVE_DAMAGED")
        assert str(tmp_path) not in damaged.text
        assert file.name in damaged.json()["detail"]
        server.container.backend().close()


def test_an_owner_is_not_shown_where_the_server_is_installed(
    start_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "find_spec", lambda _: None)
    with start_server(backend="local", data_dir=tmp_path) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        refused = server.http.post(f"/data/{data_id}/archive")
        assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE")
        assert "logleap[archive]" in refused.json()["detail"]
        assert str(Path(archive.__file__).parents[4]) not in refused.text
        server.container.backend().close()
