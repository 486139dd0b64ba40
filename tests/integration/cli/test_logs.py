"""The log of a server process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def logged(headers: Mapping[str, str], **variables: str) -> str:
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
        httpx2.post(f"{url}/data", headers=headers, trust_env=False)
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


def test_a_text_line_names_the_trace_too() -> None:
    assert " trace=4bf92f3577b34da6a3ce929d0e0e4736" in logged({"traceparent": TRACEPARENT})
