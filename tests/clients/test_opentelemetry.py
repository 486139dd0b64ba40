"""The OpenTelemetry SDK for Python, by its OTLP exporter: the program of docs/clients/opentelemetry.md."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(example: Any) -> Start:
    def started(url: str, data_id: str, *, compression: str = "gzip") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", example("opentelemetry.md", "python", {})],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/data/{data_id}",
                "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "30",
            },
        )

    return started


def finished(running: "subprocess.Popen[str]") -> str:
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    return errors


def test_what_is_logged_is_trained_on_with_all_there_is_to_tell(server: Any, start: Start) -> None:
    data_id = server.announce()
    for compression in ("gzip", "none"):
        assert "Failed" not in finished(start(server.url, data_id, compression=compression))
    jam, again = server.trained(data_id)
    assert jam.timestamp < again.timestamp
    assert jam.message == again.message == "jam at gate 4"
    assert (jam.context["severityText"], jam.context["attributes"]["gate"]) == ("WARN", 4)
    assert jam.context["scope"] == {"name": "gates"}
    assert jam.context["resource"]["service.name"] == "line-3"
    assert "409" in finished(start(server.url, data_id)), "the training has begun: the program is told"


def test_a_lost_answer_counts_once(server: Any, proxy: Any, start: Start) -> None:
    data_id = server.announce()
    proxy.losing = 2
    finished(start(proxy.url, data_id))
    assert len(proxy.seen) == 3
    assert len({body for _, _, body in proxy.seen}) == 1
    assert [row.message for row in server.trained(data_id)] == ["jam at gate 4"]


def test_a_server_that_is_down_for_a_moment_gets_it_later(mortal_server: Any, start: Start) -> None:
    server = mortal_server
    data_id = server.announce()
    server.end(signal.SIGKILL)
    with start(server.url, data_id) as running:
        assert running.stderr is not None
        assert any("retrying" in line for line in iter(running.stderr.readline, ""))
        server.start()
        finished(running)
    assert [row.message for row in server.trained(data_id)] == ["jam at gate 4"]
