"""Training tasks beside a server that is told to stop, or killed; and `logleap cancel`."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in Linux' /proc")

TASK = """
import ctypes, logging, os, pathlib, time

def run(context):
    logging.getLogger("mine").warning("a line of the task")
    pathlib.Path(context.parameters["file"]).write_text(str(os.getpid()))
    if context.parameters.get("holds"):
        ctypes.PyDLL(None).sleep(600)  # no other thread of Python's runs meanwhile
    time.sleep(context.parameters["seconds"])
    return {"pid": os.getpid()}
"""


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the task writes the id of its process."""
    return tmp_path / "pid"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def server(serving: Any, tmp_path: Path, log: Path) -> Iterator[Any]:
    (tmp_path / "sleeping.py").write_text(TASK)
    variables = {
        "PYTHONPATH": str(tmp_path),
        "LOGLEAP_TRAINING_TASK": "sleeping:run",
        "LOGLEAP_STOP_GRACE": "0.3",
    }
    with serving(["--data-dir", str(tmp_path / "data")], backend="local", log=log, **variables) as running:
        yield running


@pytest.fixture
def start(server: Any, file: Path) -> Callable[..., str]:
    """Starts a training of so many seconds, and waits until it is at work. The data set's id."""

    def call(seconds: float, **parameters: Any) -> str:
        with httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as http:
            data_id: str = http.post("/data").json()["dataId"]
            http.post(f"/data/{data_id}", json={"timestamp": "2026-03-02T06:00:00Z", "message": "x"})
            started = http.post(
                f"/train/{data_id}",
                json={"parameters": {"seconds": seconds, "file": str(file), **parameters}},
            )
            assert started.status_code == 202
        wait_for(lambda: file.exists() and file.read_text() != "")
        return data_id

    return call


def test_a_run_is_cancelled_from_the_command_line(
    server: Any, start: Callable[..., str], logleap: Any, file: Path
) -> None:
    data_id = start(600)
    cancelled = logleap("cancel", data_id, "--wait", LOGLEAP_URL=server.url)
    assert cancelled.returncode == 0, cancelled.stderr
    assert "failed, CANCELLED: It was cancelled on request." in cancelled.stdout
    again = logleap("cancel", data_id, "--json", LOGLEAP_URL=server.url)
    run = json.loads(again.stdout)
    assert (run["state"], run["error"]["code"]) == ("failed", "CANCELLED")
    assert not runs(int(file.read_text()))
    shown = logleap("status", data_id, LOGLEAP_URL=server.url)
    assert "is to be cancelled" in shown.stdout


def test_to_cancel_what_has_ended_is_refused(server: Any, start: Callable[..., str], logleap: Any) -> None:
    data_id = start(0)
    run = httpx2.get(f"{server.url}/train/{data_id}", trust_env=False)
    wait_for(lambda: httpx2.get(run.url, trust_env=False).json()["state"] == "succeeded")
    refused = logleap("cancel", data_id, LOGLEAP_URL=server.url)
    assert refused.returncode == 1
    assert "succeeded" in refused.stderr


def test_a_limit_is_given_from_the_command_line(serving: Any, logleap: Any, tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import time\ndef run(context): time.sleep(600)\n")
    variables = {"PYTHONPATH": str(tmp_path), "LOGLEAP_TRAINING_TASK": "endless:run"}
    log = tmp_path / "app.log"
    log.write_text("2026-03-02T06:00:00Z conveyor started\n")
    with serving(["--data-dir", str(tmp_path / "data")], backend="local", **variables) as server:
        pushed = logleap("push", str(log), "--json", LOGLEAP_URL=server.url)
        data_id = json.loads(pushed.stdout)["dataId"]
        failed = logleap("train", data_id, "--time-limit", "1", "--wait", LOGLEAP_URL=server.url)
        assert failed.returncode == 1
        assert "within 1 seconds" in failed.stdout
        refused = logleap("train", data_id, "--time-limit", "86401", LOGLEAP_URL=server.url)
        assert "86400 seconds at most" in refused.stderr


@pytest.mark.parametrize("holds", [False, True])
def test_a_task_does_not_outlive_a_server_that_is_killed(
    server: Any, start: Callable[..., str], file: Path, holds: bool
) -> None:
    start(600, holds=holds)
    assert runs(int(file.read_text()))
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not runs(int(file.read_text())))


def test_a_signal_to_all_processes_of_the_service_ends_it_and_hands_the_run_back(
    server: Any, start: Callable[..., str], file: Path, log: Path
) -> None:
    start(600)
    os.kill(int(file.read_text()), signal.SIGTERM)  # as a service manager does, to each of them
    assert server.stop() == 0
    assert not runs(int(file.read_text()))
    assert "the worker is stopping" in log.read_text()


def test_what_the_task_logs_is_in_the_servers_log_with_the_ids_of_the_run(
    server: Any, start: Callable[..., str], log: Path
) -> None:
    data_id = start(0)
    wait_for(lambda: "a line of the task" in log.read_text())
    [line] = [line for line in log.read_text().splitlines() if "a line of the task" in line]
    assert f"dataId={data_id}" in line
    assert "runId=" in line
    assert "requestId=" in line
