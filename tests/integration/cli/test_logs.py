"""The log of a server process."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

FORGED = "/data%0a2026-03-02T06:00:00Z%20ERROR%20%1b[31mforged"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def logged(headers: Mapping[str, str], path: str = "/data", **variables: str) -> str:
    """What a server logs of one request with these headers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    with subprocess.Popen(
        [sys.executable, "-m", "logleap.entrypoints.cli", "serve", "--backend", "memory", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | variables,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" listens on ")[1].split()[0]
        httpx2.post(f"{url}{path}", headers=headers, trust_env=False)
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=30)[1]


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ({"GOOGLE_CLOUD_PROJECT": "p1"}, "projects/p1/traces/"),
        ({"LOGLEAP_GCP_PROJECT": "p2"}, "projects/p2/traces/"),
    ],
    ids=str,
)
def test_a_json_line_has_what_cloud_logging_looks_for(project: Mapping[str, str], name: str) -> None:
    headers = {"traceparent": TRACEPARENT, "X-Request-Id": "r-1"}
    line = json.loads(logged(headers, LOGLEAP_LOG_FORMAT="json", **project))

    assert line["logging.googleapis.com/trace"] == f"{name}4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"
    assert line["logging.googleapis.com/trace_sampled"] is True
    assert (line["severity"], line["message"], line["requestId"]) == ("INFO", "request", "r-1")
    assert line["time"].endswith("Z")


def test_a_request_without_a_trace_has_none_in_its_line() -> None:
    line: dict[str, Any] = json.loads(logged({}, LOGLEAP_LOG_FORMAT="json"))
    assert not [key for key in line if key.startswith("logging.googleapis.com/")]


def test_a_text_line_names_the_trace_too_and_no_client_can_write_a_line_of_its_own() -> None:
    text = logged({"traceparent": TRACEPARENT}, path=FORGED, LOGLEAP_LOG_FORMAT="text")
    assert " trace=4bf92f3577b34da6a3ce929d0e0e4736" in text
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_the_main_job_leaves_one_line_a_request_with_its_ids_and_no_body_and_no_key(
    serving: Any, tmp_path: Path
) -> None:
    secret, foreign = "the-secret-of-the-key", "a-secret-of-nobody"
    keys = f"k1:team:{hashlib.sha256(secret.encode()).hexdigest()}"
    good = {"timestamp": "2026-03-02T06:00:00Z", "message": "body-line-good", "context": "body-context"}
    bad = {"timestamp": "body-time-bad", "message": "body-line-bad", "body-field": 1}
    log = tmp_path / "log"
    with (
        serving(log=log, LOGLEAP_LOG_FORMAT="json", LOGLEAP_API_KEYS=keys) as server,
        httpx2.Client(base_url=server.url, headers={"X-API-Key": f"k1.{secret}"}, trust_env=False) as http,
    ):
        data_id = http.post("/data", json={"name": "body-name"}).json()["dataId"]
        answers = [
            http.post(f"/data/{data_id}", json=[good], headers={"Idempotency-Key": "key-of-the-client"}),
            http.post(f"/data/{data_id}", json=[good, bad]),
            http.post(
                f"/data/{data_id}", content=b'{"body-broken', headers={"Content-Type": "application/json"}
            ),
            http.get("/data", headers={"X-API-Key": f"k1.{foreign}"}),
            http.get("/data", headers={"X-API-Key": "", "Authorization": f"Bearer k1.{secret}"}),
            http.get(FORGED),
            http.get("/data", params={"X-API-Key": f"k1.{secret}", "name": "query-name"}),
            http.get("/healthz", headers={"X-Large": "header-secret" * 30_000}),
            http.get("/healthz"),
            http.post(f"/train/{data_id}", headers={"X-Request-Id": "start-1"}),
        ]
        assert [answer.status_code for answer in answers] == [
            200,
            422,
            400,
            401,
            200,
            404,
            400,
            431,
            200,
            202,
        ]
        run_id = answers[-1].json()["runId"]
        deadline = time.monotonic() + 10
        while http.get(f"/train/{data_id}").json()["state"] != "succeeded":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.stop() == 0
        written = server.output()
    for private in ("secret", "body-", "query-name", "key-of-the-client"):
        assert private not in written

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    requests = {line["requestId"]: line for line in lines if line["message"] == "request"}
    for answer in answers:
        quiet = answer.request.url.path == "/healthz" and answer.is_success
        mine = [line for line in lines if line.get("requestId") == answer.headers["X-Request-Id"]]
        assert sum(line["message"] == "request" for line in mine) == (not quiet)
    upload, refused = (requests[answer.headers["X-Request-Id"]] for answer in answers[:2])
    assert (upload["dataId"], upload["owner"], upload["status"]) == (data_id, "team", 200)
    assert upload["accepted"] == 1
    assert upload["bytesIn"] == len(answers[0].request.content)
    assert (refused["status"], refused["code"]) == (422, "ENTRIES_INVALID")
    assert requests["start-1"]["runId"] == run_id
    done = next(line for line in lines if line["message"].startswith("message done"))
    assert (done["requestId"], done["dataId"], done["runId"]) == ("start-1", data_id, run_id)


def test_a_level_leaves_lines_of_requests_out() -> None:
    assert logged({}, LOGLEAP_LOG_LEVEL="warning") == ""
