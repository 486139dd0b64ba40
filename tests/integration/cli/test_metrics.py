"""The metrics of a worker that is a process of its own."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from .conftest import COMMAND, environment

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@contextlib.contextmanager
def working(**variables: str) -> Iterator[str]:
    """A worker process; the URL of its metrics."""
    process = subprocess.Popen(
        [*COMMAND, "worker", "--backend", "local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(LOGLEAP_METRICS_PORT="0", **variables),
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1].rstrip(".")
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        process.stdout.close()


def test_a_worker_tells_its_runs_on_a_port_of_its_own(serving: Any, tmp_path: Path) -> None:
    local = {"LOGLEAP_DATA_DIR": str(tmp_path)}
    with serving(["--no-worker"], backend="local", **local) as server, working(**local) as metrics:
        with httpx2.Client(base_url=server.url, trust_env=False) as http:
            data_id = http.post("/data").json()["dataId"]
            http.post(f"/data/{data_id}", json=ENTRY)
            http.post(f"/train/{data_id}")
            deadline = time.monotonic() + 20
            while http.get(f"/train/{data_id}").json()["state"] != "succeeded":
                assert time.monotonic() < deadline
                time.sleep(0.05)
        told = httpx2.get(metrics, trust_env=False).text.splitlines()
    assert 'logleap_runs_total{code="",outcome="succeeded"} 1.0' in told
    assert "logleap_queue_lag_seconds_count 1.0" in told


def test_a_port_for_metrics_that_is_taken_stops_the_start(logleap: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = logleap(
            "worker", "--backend", "local", LOGLEAP_DATA_DIR=str(tmp_path), LOGLEAP_METRICS_PORT=port
        )
    assert done.returncode != 0
    assert f"LOGLEAP_METRICS_PORT is {port}, LOGLEAP_HOST is '127.0.0.1': cannot listen there" in done.stderr
