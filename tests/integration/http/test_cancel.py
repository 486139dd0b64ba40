"""`POST /train/{dataId}/cancel`, and the time limit of a run, over HTTP."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.task import TrainingContext, TryAgain

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.fixture
def idle(start_server: Any) -> Iterator[Any]:
    """A server whose runs stay queued."""
    with start_server() as running:
        yield running


@pytest.fixture
def at_work(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server whose task works until it is told to stop."""

    def until_stopping(context: TrainingContext) -> Any:
        while not context.stopping():
            time.sleep(0.01)
        raise TryAgain("told to stop")

    with start_server(with_worker=True) as running:
        monkeypatch.setitem(running.container.tasks(), "count-entries", until_stopping)
        yield running


def started(server: Any, **body: Any) -> str:
    data_id: str = server.announce()
    server.append(data_id, ENTRY)
    assert server.http.post(f"/train/{data_id}", json=body).status_code == 202
    return data_id


def state(server: Any, data_id: str, *wanted: str) -> Any:
    """The latest run, once it is in one of these states."""
    deadline = time.monotonic() + 30
    while (run := server.http.get(f"/train/{data_id}").json())["state"] not in wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return run


def test_a_queued_run_is_cancelled_at_once_and_never_carried_out(idle: Any) -> None:
    data_id = started(idle)
    cancelled = idle.http.post(f"/train/{data_id}/cancel")
    assert cancelled.status_code == 200
    run = cancelled.json()
    assert run["state"] == "failed"
    assert run["error"] == {"code": "CANCELLED", "detail": "It was cancelled on request."}
    assert run["cancelRequestedAt"] == run["finishedAt"]
    assert run["startedAt"] is None
    assert idle.dataset(data_id)["state"] == "failed"

    stop = threading.Event()
    worker = threading.Thread(target=make_worker(idle.container).run, args=(stop,))
    worker.start()
    other = started(idle)
    state(idle, other, "succeeded")
    stop.set()
    worker.join(20)
    assert idle.http.get(f"/train/{data_id}").json() == run


def test_a_running_run_is_told_to_stop_and_the_log_tells_of_both(at_work: Any) -> None:
    data_id = started(at_work)
    state(at_work, data_id, "running")
    asked = at_work.http.post(f"/train/{data_id}/cancel", json={})
    assert (asked.status_code, asked.json()["state"]) == (200, "running")
    assert asked.json()["cancelRequestedAt"] >= asked.json()["startedAt"]
    run = state(at_work, data_id, "failed")
    assert run["error"]["code"] == "CANCELLED"
    assert "result" not in run
    kinds = [event["kind"] for event in at_work.http.get(f"/data/{data_id}/events").json()["events"]]
    assert kinds[-3:] == ["training-claimed", "training-cancel-requested", "training-failed"]


def test_cancelling_can_be_repeated_and_is_refused_of_a_run_that_ended_otherwise(
    idle: Any, server: Any
) -> None:
    data_id = started(idle)
    answers = [idle.http.post(f"/train/{data_id}/cancel") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.text for answer in answers}) == 1

    ended = started(server)
    state(server, ended, "succeeded")
    refused = server.http.post(f"/train/{ended}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "STATE_CONFLICT")
    assert "succeeded" in refused.json()["detail"]


def test_a_late_repetition_that_names_its_run_does_not_cancel_the_next(idle: Any) -> None:
    data_id = started(idle)
    first = idle.http.post(f"/train/{data_id}/cancel").json()["runId"]
    second = idle.http.post(f"/train/{data_id}").json()["runId"]
    assert idle.http.post(f"/train/{data_id}/cancel", json={"runId": first}).json()["runId"] == first
    assert idle.http.get(f"/train/{data_id}").json()["state"] == "queued"
    assert idle.http.post(f"/train/{data_id}/cancel", json={"runId": second}).json()["state"] == "failed"


def test_what_is_not_there_is_not_found(idle: Any) -> None:
    data_id = idle.announce()
    for path, body, code in [
        ("/train/nobody/cancel", {}, "DATASET_NOT_FOUND"),
        (f"/train/{data_id}/cancel", {}, "RUN_NOT_FOUND"),
        (f"/train/{started(idle)}/cancel", {"runId": "another"}, "RUN_NOT_FOUND"),
    ]:
        answer = idle.http.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert "'another'" in answer.json()["detail"]


def test_a_cancelled_data_set_can_be_deleted(at_work: Any) -> None:
    data_id = started(at_work)
    state(at_work, data_id, "running")
    refused = at_work.http.delete(f"/data/{data_id}")
    assert refused.status_code == 409
    assert "cancel it" in refused.json()["detail"]
    at_work.http.post(f"/train/{data_id}/cancel")
    state(at_work, data_id, "failed")
    assert at_work.http.delete(f"/data/{data_id}").status_code == 204


def test_a_run_that_exceeds_its_time_fails_though_its_task_goes_on(at_work: Any) -> None:
    data_id = started(at_work, timeLimit=1)
    run = state(at_work, data_id, "failed")
    assert (run["timeLimit"], run["attempts"]) == (1, 1)
    assert run["error"]["code"] == "TIME_LIMIT_EXCEEDED"
    assert "1 seconds" in run["error"]["detail"]


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        (86401, "TIME_LIMIT_TOO_LONG"),
        (10**30, "TIME_LIMIT_TOO_LONG"),
        (0, "BODY_INVALID"),
        ("1", "BODY_INVALID"),
    ],
)
def test_a_limit_that_is_none_or_above_the_operators_starts_nothing(idle: Any, limit: Any, code: str) -> None:
    data_id = idle.announce()
    idle.append(data_id, ENTRY)
    refused = idle.http.post(f"/train/{data_id}", json={"timeLimit": limit})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert idle.dataset(data_id)["state"] == "uploading"


def test_two_owners_have_their_runs_in_turn(start_server: Any) -> None:
    keys = {"anna": "a" * 43, "bert": "b" * 43}
    import hashlib

    given = ",".join(
        f"{name}:{name}:{hashlib.sha256(secret.encode()).hexdigest()}" for name, secret in keys.items()
    )
    with start_server(api_keys=given) as running:
        order = []
        for name in ("anna", "anna", "anna", "bert"):
            headers = {"X-API-Key": f"{name}.{keys[name]}"}
            data_id = running.http.post("/data", headers=headers).json()["dataId"]
            running.http.post(f"/data/{data_id}", json=ENTRY, headers=headers)
            assert running.http.post(f"/train/{data_id}", headers=headers).status_code == 202
        queue = running.container.backend().queue
        while (delivery := queue.receive(0)) is not None:
            order.append(delivery.body.decode().partition('"owner": "')[2][:4])
            delivery.ack()
    assert order == ["anna", "bert", "anna", "anna"]
