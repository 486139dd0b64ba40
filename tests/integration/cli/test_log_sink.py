"""Where the log goes may be full, closed or unread: no call fails or waits for it, and the server stops."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tools.faults.cluster import free_port

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
COMMAND = [sys.executable, "-m", "logleap.entrypoints.cli"]
Sink = contextlib.AbstractContextManager[int]


def environment(**variables: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    return {**kept, "LOGLEAP_BACKEND": "memory", **variables}


@contextlib.contextmanager
def full_disk() -> Iterator[int]:
    with Path("/dev/full").open("wb") as file:
        yield file.fileno()


@contextlib.contextmanager
def closed_pipe() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextlib.contextmanager
def unread_pipe() -> Iterator[int]:
    """A pipe that takes not one byte more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


@contextlib.contextmanager
def serving_into(
    sink: int, *arguments: str, stdout: int = subprocess.PIPE, **variables: str
) -> Iterator[Any]:
    process = subprocess.Popen(
        [*COMMAND, "serve", *arguments], stdout=stdout, stderr=sink, env=environment(**variables)
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def url_of(process: Any) -> str:
    return str(process.stdout.readline().decode().split(" listens on ")[1].split()[0])


def dropped(http: httpx2.Client) -> float:
    samples = re.findall(
        r"^logleap_log_lines_dropped_total\{.*\} (.*)$", http.get("/metrics").text, re.MULTILINE
    )
    return sum(map(float, samples))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("sink", [full_disk, closed_pipe, unread_pipe])
def test_calls_are_answered_and_the_server_stops_although_the_log_goes_to(sink: Callable[[], Sink]) -> None:
    with (
        sink() as descriptor,
        serving_into(descriptor, "--port", "0") as process,
        httpx2.Client(base_url=url_of(process), trust_env=False, timeout=20) as http,
    ):
        announced = http.post("/data")
        assert announced.status_code == 201
        data_id = announced.json()["dataId"]
        for _ in range(20):
            assert http.post(f"/data/{data_id}", json=[ENTRY]).json()["accepted"] == 1
        assert http.post(f"/train/{data_id}").status_code == 202
        deadline = time.monotonic() + 20
        while http.get(f"/train/{data_id}").json()["state"] != "succeeded":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if sink is not unread_pipe:
            while dropped(http) < 20:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


LOG_MUCH = """
import logging

def run(context):
    for _ in range(100):
        logging.getLogger("a.task").warning("x" * 100_000)
    return {}
"""


def test_lines_are_counted_when_their_queue_is_full(tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text(LOG_MUCH)
    variables: dict[str, Any] = {"PYTHONPATH": str(tmp_path), "LOGLEAP_TRAINING_TASK": "chatty:run"}
    with (
        unread_pipe() as descriptor,
        serving_into(descriptor, "--port", "0", **variables) as process,
        httpx2.Client(base_url=url_of(process), trust_env=False, timeout=20) as http,
    ):
        data_id = http.post("/data").json()["dataId"]
        http.post(f"/data/{data_id}", json=[ENTRY])
        http.post(f"/train/{data_id}")
        deadline = time.monotonic() + 30
        while dropped(http) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert 'logleap_log_lines_dropped_total{reason="queue_full"}' in http.get("/metrics").text


@pytest.mark.parametrize("processes", ["1", "2"])
def test_it_starts_and_stops_although_nobody_reads_its_output_either(processes: str, tmp_path: Path) -> None:
    port = free_port()
    with (
        unread_pipe() as descriptor,
        serving_into(
            descriptor,
            *("--port", str(port), "--processes", processes, "--backend", "local"),
            stdout=descriptor,
            LOGLEAP_DATA_DIR=str(tmp_path),
        ) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as http,
    ):
        deadline = time.monotonic() + 30
        while True:
            try:
                assert http.post("/data").status_code == 201
                break
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_a_start_that_fails_ends_although_nobody_reads_why() -> None:
    with unread_pipe() as descriptor, serving_into(descriptor, LOGLEAP_PORT="none") as process:
        assert process.wait(timeout=20) == 2


def test_it_serves_without_any_stderr() -> None:
    closed = "import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", closed, *COMMAND[1:], "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        with httpx2.Client(base_url=url_of(process), trust_env=False) as http:
            assert http.post("/data").status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def test_all_lines_are_there_in_their_order_when_it_has_stopped(serving: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        serving(log=log) as server,
        httpx2.Client(base_url=server.url, trust_env=False) as http,
    ):
        for number in range(300):
            http.get("/data", headers={"X-Request-Id": f"r{number}"})
        assert server.stop() == 0
    assert re.findall(r"requestId=(r\d+)", log.read_text()) == [f"r{number}" for number in range(300)]
