"""The example of another package's backend: it passes the contract suites, and serves."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from logleap.client import Client

EXAMPLE = Path(__file__).parents[3] / "examples" / "backend_files"
NAME = "logleap_files:open_files"
LOGLEAP = (sys.executable, "-m", "logleap.entrypoints.cli")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    data = {"LOGLEAP_BACKEND": NAME, "LOGLEAP_DATA_DIR": str(tmp_path / "data")}
    return {**kept, **data, "PYTHONPATH": str(EXAMPLE), "LOGLEAP_SWEEP_INTERVAL": "0.2"}


def logleap(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*LOGLEAP, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def serving(environment: dict[str, str], arguments: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The server's URL and what it said at the start; in the end the server is killed, not stopped."""
    command = [*LOGLEAP, "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield line.split(" listens on ")[1].split()[0], line
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(600)
def test_it_passes_every_contract_suite() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=EXAMPLE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout


def test_what_was_acknowledged_outlives_a_killed_server_and_is_trained_on(
    environment: dict[str, str],
) -> None:
    entries = [{"timestamp": "2026-03-02T06:00:00Z", "message": f"line {number}"} for number in range(50)]
    with serving(environment, ["--no-worker"]) as (url, line), Client(url) as client:
        assert f"backend {NAME}" in line
        assert "lost on exit" not in line
        data_id = client.announce("shift 1")["dataId"]
        client.append(data_id, entries, key="one")
    with serving(environment) as (url, _), Client(url) as client:
        assert client.append(data_id, entries, key="one")["replayed"]
        client.train(data_id, expected_entries=50)
        assert client.wait(data_id, timeout=60)["result"] == {"entries": 50}
        assert client.archive(data_id)["archive"]["entries"] == 50


def test_processes_share_it_and_its_keys(environment: dict[str, str]) -> None:
    made = logleap("keys", "create", "--owner", "anna", environment=environment)
    assert f"servers on {environment['LOGLEAP_DATA_DIR']} ask for one" in made.stderr
    key = made.stdout.strip()
    with serving(environment, ["--processes", "2"]) as (url, _), Client(url, api_key=key) as client:
        data_id = client.announce()["dataId"]
        client.append(data_id, [{"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}])
        client.train(data_id)
        assert client.wait(data_id, timeout=60)["state"] == "succeeded"


def test_a_wrong_name_of_its_function_says_what_is_near(environment: dict[str, str]) -> None:
    done = logleap("serve", "--backend", "logleap_files:open_file", environment=environment)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "logleap: LOGLEAP_BACKEND is 'logleap_files:open_file': logleap_files has no 'open_file'. "
        "Did you mean 'open_files'?"
    )
