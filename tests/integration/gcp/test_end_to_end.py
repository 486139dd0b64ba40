"""The whole story over the real Google clients: several API processes and workers, one of them killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from logleap.adapters.gcp.bigquery.tables import TablePerDataset
from logleap.adapters.gcp.google.clients import bigquery_client
from logleap.client import ApiError, Client
from logleap.client.logfiles import LogFile
from logleap.codecs.json.strict import STRICT
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train

LOGLEAP = [sys.executable, "-m", "logleap.entrypoints.cli"]
SLOW_TASK = """
import os, pathlib, time

def task(context):
    if context.attempt == 1:
        pathlib.Path(os.environ["MARK"]).write_text(str(os.getppid()))
        time.sleep(600)
    return {"entries": context.training_set.count(), "attempt": context.attempt}
"""

Site = dict[str, str]


@pytest.fixture
def site(emulators: Any, tmp_path: Path) -> Site:
    """The environment of an installation of its own, with its resources made."""
    name = f"t{uuid4().hex[:12]}"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LOGLEAP_")},
        **emulators.exports(),
        "LOGLEAP_BACKEND": "gcp",
        "LOGLEAP_AUTH": "none",
        "LOGLEAP_FIRESTORE_PREFIX": name,
        "LOGLEAP_BIGQUERY_DATASET": name,
        "LOGLEAP_PUBSUB_TOPIC": f"{name}-training",
        "LOGLEAP_PUBSUB_SUBSCRIPTION": f"{name}-worker",
        "LOGLEAP_ARCHIVE_URL": (tmp_path / "archive").as_uri(),
        "LOGLEAP_RUN_LEASE": "5",
        "LOGLEAP_SWEEP_INTERVAL": "0.5",
        "LOGLEAP_STOP_GRACE": "2",
    }
    for _ in range(2):  # safe to repeat
        subprocess.run(
            [*LOGLEAP, "gcp", "setup"], env=environment, check=True, timeout=60, capture_output=True
        )
    return environment


@contextmanager
def running(environment: Site, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*LOGLEAP, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def serving(environment: Site) -> Iterator[Client]:
    with running(environment, "serve", "--port", "0") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" listens on ")[1].split()[0]
        with Client(url) as client:
            yield client


def entries(batch: int, number: int = 50) -> Sequence[dict[str, str]]:
    return [{"timestamp": "2026-03-02T06:00:00Z", "message": f"{batch}/{index}"} for index in range(number)]


def parent(pid: int) -> int:
    """Of a task's fork server: the worker."""
    shown = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_apis_and_two_workers_train_on_every_entry_once_though_one_worker_is_killed(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "slow_task.py").write_text(SLOW_TASK)
    mark = tmp_path / "mark"
    site |= {"LOGLEAP_TRAINING_TASK": "slow_task:task", "PYTHONPATH": str(tmp_path), "MARK": str(mark)}
    with ExitStack() as stack:
        first, second = (stack.enter_context(serving(site)) for _ in range(2))
        workers = [stack.enter_context(running(site, "worker")) for _ in range(2)]
        data_id = first.announce("end to end")["dataId"]

        def upload(number: int) -> Any:
            # Each batch goes to both, as if the first answer had been lost.
            answers = [api.append(data_id, entries(number), key=f"k{number}") for api in (first, second)]
            assert answers[0]["batchId"] == answers[1]["batchId"]
            return answers[1]["replayed"]

        def start(api: Client) -> Any:
            try:
                return api.train(data_id)["runId"]
            except ApiError as refused:
                return refused.code

        with ThreadPoolExecutor(2) as pool:
            assert all(pool.map(upload, range(8)))
            runs = set(pool.map(start, (first, second))) - {"RUN_IN_PROGRESS"}
        assert len(runs) == 1

        wait_for(mark.exists)
        os.kill(parent(int(mark.read_text())), signal.SIGKILL)
        run = second.wait(data_id, timeout=90)
        assert (run["state"], run["result"]) == ("succeeded", {"entries": 400, "attempt": 2})
        assert run["runId"] in runs
        assert [worker.poll() for worker in workers].count(-signal.SIGKILL) == 1

        archived = first.archive(data_id)
        assert archived["archive"]["entries"] == 400
        again = second.train(data_id)
        assert again["runId"] not in runs


def model_of(log: Path) -> LogModel:
    """The log model of a log file, made without any backend."""
    with log.open("rb") as stream:
        lines = b"".join(batch.body for batch in LogFile(stream, name=log.name).batches())
    entries = STRICT.lines(lines)
    assert entries is not None
    return train([entries], masks=Masks(), open_file=TemporaryFile)


def test_a_data_set_is_pushed_counted_and_archived_from_the_command_line(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-03-02 06:00:{second:02},000 INFO line {second}\n" for second in range(60)))
    with ExitStack() as stack:
        stack.enter_context(running(site, "worker"))
        process = stack.enter_context(running(site, "serve", "--port", "0"))
        assert process.stdout is not None
        url = process.stdout.readline().split(" listens on ")[1].split()[0]
        client_environment = {**site, "LOGLEAP_URL": url}

        def logleap(*arguments: str) -> Any:
            done = subprocess.run(
                [*LOGLEAP, *arguments, "--json"],
                env=client_environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        pushed = logleap("push", str(log), "--batch-size", "25", "--train", "--wait")
        assert pushed["run"]["result"] == {"entries": 60}
        model = logleap("train", pushed["dataId"], "--task", "log-model", "--wait")["run"]["result"]
        assert model["digest"] == model_of(log).digest  # the bytes are those of any backend
        archive = logleap("archive", pushed["dataId"])["archive"]
        assert archive["entries"] == 60
        assert list((tmp_path / "archive").iterdir())
        trained = logleap("train", pushed["dataId"], "--wait")
        assert trained["run"]["result"] == {"entries": 60}
        again = logleap("train", pushed["dataId"], "--task", "log-model", "--wait")["run"]["result"]
        assert again == model
        scored = subprocess.run(
            [*LOGLEAP, "score", str(log), "--model", pushed["dataId"]],
            env=client_environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert scored.stdout.startswith("60 entries of app.log: 60 of known templates, 0 of none")


def test_a_lost_or_an_added_row_fails_the_training_and_is_told(site: Site) -> None:
    table_of = TablePerDataset().table_name
    with ExitStack() as stack:
        api = stack.enter_context(serving(site))
        stack.enter_context(running(site, "worker"))
        stack.enter_context(in_environment(site))
        bigquery = stack.enter_context(closing(bigquery_client(site["GOOGLE_CLOUD_PROJECT"])))

        def trained_after(damage: str) -> Any:
            data_id = api.announce()["dataId"]
            batch_id = api.append(data_id, entries(1, 10))["batchId"]
            table = f"`{site['LOGLEAP_BIGQUERY_DATASET']}.{table_of(data_id)}`"
            bigquery.query_and_wait(damage.format(table=table, data_id=data_id, batch_id=batch_id))
            api.train(data_id)
            return api.wait(data_id, timeout=60)

        lost = trained_after("DELETE FROM {table} WHERE sequence = 3")
        assert (lost["state"], lost["error"]["code"]) == ("failed", "COUNT_MISMATCH")
        assert "10 entries were acknowledged, but 9 are stored: 1 lost." in lost["error"]["detail"]

        row = "(timestamp, segmentId, content, batchId, sequence)"
        values = "(CURRENT_TIMESTAMP(), '{data_id}', 'x', '{batch_id}', {sequence})"
        added = trained_after(f"INSERT INTO {{table}} {row} VALUES {values.replace('{sequence}', '10')}")
        assert (added["state"], added["error"]["code"]) == ("failed", "COUNT_MISMATCH")
        assert "1 too many" in added["error"]["detail"]

        doubled = trained_after(f"INSERT INTO {{table}} {row} VALUES {values.replace('{sequence}', '3')}")
        assert doubled["result"] == {"entries": 10}  # the same row twice, as after a retried append


@pytest.mark.parametrize("service", ["firestore", "bigquery"])
def test_while_a_service_hangs_the_api_answers_503_within_ten_seconds_and_then_goes_on(
    emulators: Any, site: Site, service: str
) -> None:
    with serving(site) as api:
        data_id = api.announce()["dataId"]
        api.append(data_id, entries(1))
        with httpx2.Client(base_url=api._url, timeout=30, trust_env=False) as http:
            os.kill(emulators.pid(service), signal.SIGSTOP)
            try:
                began = time.monotonic()
                hung = http.post(f"/data/{data_id}", json=entries(2))
                took = time.monotonic() - began
            finally:
                os.kill(emulators.pid(service), signal.SIGCONT)
            assert (hung.status_code, hung.json()["code"]) == (503, "UNAVAILABLE")
            assert int(hung.headers["Retry-After"]) > 0
            assert took < 10
        assert api.append(data_id, entries(3))["accepted"] == 50


@contextmanager
def in_environment(variables: Site) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            if "EMULATOR" in name:
                patch.setenv(name, value)
        yield
