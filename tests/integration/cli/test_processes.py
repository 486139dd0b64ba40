"""`logleap serve --processes N`: several processes that answer on one address."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in Linux' /proc")


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def upload(url: str, data_id: str, key: str) -> None:
    """Sends one entry until it is acknowledged."""
    body = [{"timestamp": "2026-03-02T06:00:00Z", "message": key}]
    wait_for(lambda: answered(url, data_id, key, body))


def answered(url: str, data_id: str, key: str, body: Any) -> bool:
    try:
        answer = httpx2.post(f"{url}/data/{data_id}", json=body, headers={"Idempotency-Key": key}, timeout=30)
    except httpx2.TransportError:
        return False  # its process was killed
    return answer.raise_for_status().status_code == 200


def test_entries_are_stored_once_while_processes_are_killed_and_replaced(
    serving: Any, logleap: Any, tmp_path: Path
) -> None:
    arguments = ["--processes", "3", "--data-dir", str(tmp_path)]
    with serving(arguments, backend="local") as server:
        before = children(server.process.pid)
        assert len(before) == 3
        data_id = httpx2.post(f"{server.url}/data").json()["dataId"]
        with ThreadPoolExecutor(6) as threads:
            uploads = [threads.submit(upload, server.url, data_id, str(uuid4())) for _ in range(60)]
            for pid in before:
                time.sleep(0.2)
                os.kill(pid, signal.SIGKILL)
            for each in uploads:
                each.result()
        wait_for(lambda: sum(map(runs, children(server.process.pid))) == 3)
        trained = logleap("train", data_id, "--expect", "60", "--wait", "--json", LOGLEAP_URL=server.url)
        assert '"entries": 60' in trained.stdout, trained.stderr
        after = children(server.process.pid)
        assert not set(before) & set(after)
        assert server.stop() == 0
    assert not any(map(runs, after))


def test_the_metrics_are_those_of_all_processes(serving: Any, tmp_path: Path) -> None:
    with serving(["--processes", "2", "--data-dir", str(tmp_path)], backend="local") as server:
        data_id = httpx2.post(f"{server.url}/data").json()["dataId"]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(partial(upload, server.url, data_id), map(str, range(40))))
        assert "logleap_accepted_entries_total 40.0" in httpx2.get(f"{server.url}/metrics").text


def test_no_process_outlives_its_parent(serving: Any, tmp_path: Path) -> None:
    arguments = ["--processes", "2", "--data-dir", str(tmp_path)]
    with serving(arguments, backend="local", TMPDIR=str(tmp_path)) as server:
        left = children(server.process.pid)
        assert all(map(runs, left))
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(map(runs, left)))


def test_a_process_that_exits_with_an_error_is_replaced_and_the_log_says_so(
    serving: Any, logleap: Any, tmp_path: Path
) -> None:
    (tmp_path / "exiting.py").write_text("import os\ndef run(context): os._exit(3)\n")
    log = tmp_path / "log"
    variables = {
        "PYTHONPATH": str(tmp_path),
        "LOGLEAP_TRAINING_TASK": "exiting:run",
        "LOGLEAP_TASK_ISOLATION": "thread",  # so that it is the server's process that exits
        "LOGLEAP_RUN_MAX_ATTEMPTS": "1",
        "LOGLEAP_RUN_LEASE": "0.5",
        "LOGLEAP_SWEEP_INTERVAL": "0.2",
    }
    arguments = ["--processes", "2", "--data-dir", str(tmp_path / "data")]
    with serving(arguments, backend="local", log=log, **variables) as server:
        before = children(server.process.pid)
        data_id = httpx2.post(f"{server.url}/data").json()["dataId"]
        upload(server.url, data_id, "one")
        httpx2.post(f"{server.url}/train/{data_id}", timeout=30)
        wait_for(lambda: "ended with exit code 3: starting another in its place" in log.read_text())
        wait_for(lambda: sum(map(runs, children(server.process.pid))) == 2)
        assert len(set(before) & set(children(server.process.pid))) == 1
        done = logleap("train", data_id, "--wait", "--json", LOGLEAP_URL=server.url)
        assert "ATTEMPTS_EXHAUSTED" in done.stdout
        assert server.stop() == 0


def test_what_keeps_processes_from_starting_is_said_once(logleap: Any, tmp_path: Path) -> None:
    (tmp_path / "logleap.db").write_text("not a database, and longer than the header of one: " + "x" * 100)
    done = logleap(
        "serve", "--backend", "local", "--processes", "3", "--port", "0", "--data-dir", str(tmp_path)
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("LOGLEAP_DATA_DIR") == 1


def test_processes_that_could_not_see_each_others_data_are_refused(logleap: Any) -> None:
    done = logleap("serve", "--backend", "memory", "--processes", "2", "--port", "0")
    assert done.returncode == 2
    assert "Choose local or gcp, or one process." in done.stderr
