"""The functions, called as Google calls them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from logleap.domain.runs import Origin, TrainingMessage

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOWHERE = "127.0.0.1:1"  # nothing listens there


def start(api: Any, entries: int = 3) -> TrainingMessage:
    """The message of a run on a new data set."""
    data_id = api.http.post("/data").json()["dataId"]
    content = [{"timestamp": "2026-03-02T06:00:00Z", "message": f"entry {n}"} for n in range(entries)]
    answer = api.http.post(f"/data/{data_id}", json=content)
    assert (answer.status_code, answer.json()["accepted"]) == (200, entries), answer.text
    started = api.http.post(f"/train/{data_id}")
    assert started.status_code == 202, started.text
    origin = Origin(started.headers["X-Request-Id"])
    return TrainingMessage("anonymous", data_id, started.json()["runId"], origin)


def run_of(api: Any, message: TrainingMessage) -> Any:
    return api.http.get(f"/train/{message.dataset_id}").json()


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_main_job_with_functions_alone(api: Any, train: Any, project: Any) -> None:
    with project.pushing_to(train.url):  # as Pub/Sub itself does it
        message = start(api, entries=1200)
        until(lambda: run_of(api, message)["state"] == "succeeded")

    assert run_of(api, message)["result"] == {"entries": 1200}


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
@pytest.mark.parametrize("attributes", [False, True], ids=["bare", "attributes"])
def test_a_cloud_event_carries_out_its_run(api: Any, train: Any, structured: bool, attributes: bool) -> None:
    message = start(api)

    answer = train.deliver(message.to_bytes(), structured=structured, attributes=attributes)

    assert answer.status_code == 200, answer.text
    assert run_of(api, message)["result"] == {"entries": 3}


def test_an_event_delivered_twice_runs_once(api: Any, train: Any) -> None:
    message = start(api)
    assert train.deliver(message.to_bytes()).status_code == 200
    finished = run_of(api, message)

    assert train.deliver(message.to_bytes()).status_code == 200
    assert run_of(api, message) == finished
    assert finished["attempts"] == 1


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
def test_a_message_that_cannot_be_read_becomes_a_dead_letter_and_is_not_delivered_again(
    train: Any, project: Any, structured: bool
) -> None:
    body = b"\xff no training message " + str(structured).encode()

    assert train.deliver(body, structured=structured).status_code == 200
    assert project.received(body, suffix="-dead").attributes["reason"].startswith("unreadable message")


def test_an_event_that_is_no_message_becomes_a_dead_letter(train: Any, project: Any) -> None:
    assert train.deliver_event({"no": "message"}).status_code == 200
    assert "payload unwrapping" in project.received(b'{"no": "message"}', suffix="-dead").attributes["reason"]


def test_while_the_backend_is_down_the_event_is_to_be_delivered_again(
    api: Any, train: Any, run_function: Any
) -> None:
    message = start(api)
    with run_function("train", FIRESTORE_EMULATOR_HOST=NOWHERE) as cut_off:
        answer = cut_off.deliver(message.to_bytes())
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        [line] = [line for line in cut_off.log() if line["message"].startswith("retry later")]
        assert line["severity"] == "WARNING"
        assert "Firestore" in line["message"]
    assert run_of(api, message)["state"] == "queued"

    assert train.deliver(message.to_bytes()).status_code == 200
    assert run_of(api, message)["state"] == "succeeded"


def test_a_dead_letter_that_cannot_be_stored_is_to_be_delivered_again(run_function: Any) -> None:
    with run_function("train", PUBSUB_EMULATOR_HOST=NOWHERE) as cut_off:
        assert cut_off.deliver(b"unreadable").status_code == 503


def test_a_function_without_settings_answers_500_and_its_log_names_the_setting(run_function: Any) -> None:
    with run_function("train", LOGLEAP_RUN_LEASE="soon") as function:
        assert function.deliver(b"{}").status_code == 500
        assert "LOGLEAP_RUN_LEASE is 'soon'" in function.log_file.read_text()


def test_the_sweep_publishes_what_was_lost(project: Any, run_function: Any) -> None:
    with run_function("api", LOGLEAP_RUN_PATIENCE="0.1") as hasty, run_function("sweep") as sweep:
        message = start(hasty)
        project.received(message.to_bytes())  # and lost

        assert sweep.http.post("/").status_code == 204
        project.received(message.to_bytes())
        assert sweep.http.get("/").status_code == 405


def test_a_sweep_of_a_backend_that_is_down_says_so(run_function: Any) -> None:
    with run_function("sweep", FIRESTORE_EMULATOR_HOST=NOWHERE) as sweep:
        assert sweep.http.post("/").status_code == 503


def test_the_api_refuses_as_it_does_elsewhere(api: Any) -> None:
    answer = api.http.get("/data/unknown", headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 404
    assert answer.headers["X-Request-Id"] == "r-1"
    assert answer.json()["code"] == "DATASET_NOT_FOUND"


def test_the_api_takes_a_chunked_body(api: Any) -> None:
    data_id = api.http.post("/data").json()["dataId"]
    lines = (b'{"timestamp":"2026-03-02T06:00:00Z","message":"%d"}\n' % number for number in range(2000))
    answer = api.http.post(
        f"/data/{data_id}", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.json()["accepted"] == 2000


def test_logs_are_json_with_severity_trace_and_request_id(api: Any, project: Any) -> None:
    headers = {"X-Request-Id": "to-be-found", "X-Cloud-Trace-Context": f"{TRACE}/74;o=1"}
    api.http.get("/data", headers=headers)

    [line] = [line for line in api.log() if line.get("requestId") == "to-be-found"]
    assert line["severity"] == "INFO"
    assert line["logging.googleapis.com/trace"] == f"projects/{project.name}/traces/{TRACE}"
    assert line["logging.googleapis.com/spanId"] == "000000000000004a"
    assert line["logging.googleapis.com/trace_sampled"] is True


def test_a_push_worker_asks_for_a_token_and_stops_when_told(project: Any, tmp_path: Any) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    variables = {
        **kept,
        **project.variables,
        "LOGLEAP_BACKEND": "gcp",
        "LOGLEAP_PORT": "0",
        "LOGLEAP_PUSH_AUDIENCE": "https://worker.example/pubsub/push",
    }
    command = [sys.executable, "-m", "logleap.entrypoints.cli", "worker", "--push"]
    refused = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "LOGLEAP_PUSH_SERVICE_ACCOUNT is None" in refused.stderr

    variables["LOGLEAP_PUSH_SERVICE_ACCOUNT"] = "pusher@p.iam.gserviceaccount.com"
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as worker:
        assert worker.stdout is not None
        url = worker.stdout.readline().rstrip(".\n").rpartition(" ")[2]
        with httpx2.Client(base_url=url, trust_env=False, timeout=30) as http:
            assert http.get("/readyz").status_code == 200
            answer = http.post("/pubsub/push", content=json.dumps({"message": {}}))
            assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_MISSING")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
