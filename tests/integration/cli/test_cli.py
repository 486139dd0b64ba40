"""The command line, against a real server process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client

LOG = """\
2026-03-02 06:00:00,001 INFO started
2026-03-02 06:00:01,002 ERROR failed
Traceback: something
  at line 3
2026-03-02 06:00:02,003 INFO grüße
"""


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG, encoding="utf-8")
    return path


def test_the_demo_counts_all_lines_and_finds_what_was_planted_in_the_next_log(logleap: Any) -> None:
    done = logleap("demo")
    assert done.returncode == 0, done.stderr
    assert "Counted lines: 5632" in done.stdout.splitlines()
    assert "replayed is True" in done.stdout
    _, changes = done.stdout.split("4 changes, the most surprising first:")
    assert re.findall(r"^ +\d  (\w+) ", changes, re.MULTILINE) == ["new", "gone", "shifted", "value"]


def test_a_log_file_is_pushed_trained_and_shown(logleap: Any, url: str, log_file: Path) -> None:
    pushed = logleap("push", str(log_file), "--train", "--wait", "--json", LOGLEAP_URL=url)
    assert pushed.returncode == 0, pushed.stderr
    report = json.loads(pushed.stdout)
    assert (report["accepted"], report["batches"], report["run"]["state"]) == (3, 1, "succeeded")
    assert report["run"]["result"] == {"entries": 3}

    shown = logleap("status", report["dataId"], "--json", LOGLEAP_URL=url)
    assert json.loads(shown.stdout)["state"] == "trained"
    plain = logleap("status", report["dataId"], LOGLEAP_URL=url).stdout
    assert "app.log" in plain
    assert "Created." in plain
    assert report["dataId"] in logleap("status", LOGLEAP_URL=url).stdout


def test_an_unknown_data_set_is_refused(logleap: Any, url: str) -> None:
    done = logleap("train", "nonsense", LOGLEAP_URL=url)
    assert done.returncode == 1
    assert "no data set 'nonsense'" in done.stderr


@pytest.mark.parametrize("data_id", ["", "\udcff"])
def test_what_is_no_id_is_refused_and_not_taken_for_another_call(
    logleap: Any, url: str, data_id: str
) -> None:
    done = logleap("status", data_id, LOGLEAP_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("logleap: ")


@pytest.mark.parametrize(("option", "value"), [("--url", "http://[::"), ("--api-key", "ü.secret")])
def test_what_is_no_address_or_key_is_said_in_a_line_without_the_key(
    logleap: Any, option: str, value: str
) -> None:
    done = logleap("status", option, value)
    assert done.returncode == 2
    assert done.stderr.startswith("logleap: ")
    assert "secret" not in done.stderr


def test_a_name_cannot_break_its_line_or_command_the_terminal(logleap: Any, url: str) -> None:
    with Client(url) as client:
        data_id = client.announce("two\nlines \x1b[2J")["dataId"]
    done = logleap("status", data_id, LOGLEAP_URL=url)
    assert done.stdout.splitlines()[0].endswith(r"two\nlines \x1b[2J")


def test_no_answer_has_an_exit_code_of_its_own(logleap: Any) -> None:
    done = logleap("status", "--url", "http://127.0.0.1:9", "--patience", "0.1")
    assert done.returncode == 3
    assert "http://127.0.0.1:9" in done.stderr


def test_a_wait_that_takes_too_long_has_an_exit_code_of_its_own(
    logleap: Any, serving: Any, log_file: Path
) -> None:
    with serving(["--no-worker"]) as server:
        done = logleap("push", str(log_file), "--train", "--wait", "--timeout", "0.2", "--url", server.url)
    assert done.returncode == 4
    assert "queued" in done.stderr


def test_a_failed_training_ends_with_1_and_its_reason(
    logleap: Any, serving: Any, log_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "my_tasks.py").write_text("def task(context):\n    raise RuntimeError('no such luck')\n")
    with serving(["--training-task", "my_tasks:task"], PYTHONPATH=str(tmp_path)) as server:
        done = logleap("push", str(log_file), "--train", "--wait", "--url", server.url)
    assert done.returncode == 1
    assert "TASK_RAISED: RuntimeError: no such luck" in done.stdout


def test_a_task_of_ones_own_reads_the_entries(
    logleap: Any, serving: Any, log_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "my_tasks.py").write_text(
        "def count_errors(context):\n"
        "    return {'errors': sum('ERROR' in row.entry.message for row in context.training_set.rows())}\n"
    )
    with serving(["--training-task", "my_tasks:count_errors"], PYTHONPATH=str(tmp_path)) as server:
        done = logleap("push", str(log_file), "--train", "--wait", "--json", "--url", server.url)
    assert json.loads(done.stdout)["run"]["result"] == {"errors": 1}


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["--backend", "mongo"], {}, ["LOGLEAP_BACKEND", "'mongo'", "'memory', 'local' or 'gcp'"]),
        ([], {"LOGLEAP_PORT": "http"}, ["LOGLEAP_PORT", "'http'"]),
        (["--host", "0.0.0.0"], {}, ["0.0.0.0", "LOGLEAP_API_KEYS", "LOGLEAP_AUTH=none"]),
        ([], {"LOGLEAP_AUTH": "keys"}, ["LOGLEAP_AUTH", "LOGLEAP_API_KEYS"]),
        ([], {"LOGLEAP_API_KEYS": "a:b:secret!"}, ["LOGLEAP_API_KEYS", "keyId:owner:sha256"]),
        ([], {"LOGLEAP_BAKEND": "memory"}, ["LOGLEAP_BAKEND", "Did you mean LOGLEAP_BACKEND"]),
        (["--training-task", "nowhere:task"], {}, ["LOGLEAP_TRAINING_TASK", "nowhere"]),
        (["--training-task", "count"], {}, ["LOGLEAP_TRAINING_TASK", "package.module:callable"]),
        ([], {"LOGLEAP_MASKS": "/nowhere.toml"}, ["LOGLEAP_MASKS", "'/nowhere.toml' cannot be read"]),
        (["--host", "192.0.2.1"], {"LOGLEAP_AUTH": "none"}, ["LOGLEAP_HOST", "192.0.2.1"]),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    logleap: Any, arguments: list[str], variables: dict[str, str], says: list[str]
) -> None:
    done = logleap("serve", *arguments, **variables)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for words in says:
        assert words in done.stderr
    assert "secret!" not in done.stderr


def test_a_worker_of_its_own_over_memory_is_refused(logleap: Any) -> None:
    done = logleap("worker", "--backend", "memory")
    assert done.returncode == 2
    assert "memory" in done.stderr


def test_sigterm_ends_the_server_cleanly(serving: Any) -> None:
    with serving() as server:
        assert server.stop() == 0


def test_importing_the_package_and_asking_for_help_load_nothing_heavy() -> None:
    code = (
        "import sys, logleap, logleap.entrypoints.cli as cli; cli.main(['--help'], standalone_mode=False);"
        "heavy = {'google.api_core', 'google.auth', 'grpc', 'pyarrow', 'flask', 'pydantic', 'httpx2',"
        " 'msgspec', 'rich', 'waitress'};"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_the_local_backend_keeps_its_data_over_restarts_and_a_worker_can_be_a_process_of_its_own(
    logleap: Any, serving: Any, log_file: Path, tmp_path: Path
) -> None:
    folder = str(tmp_path / "data")
    local = {"LOGLEAP_BACKEND": "local", "LOGLEAP_DATA_DIR": folder}
    with serving(["--no-worker"], backend="local", **local) as server:
        pushed = json.loads(logleap("push", str(log_file), "--json", "--url", server.url).stdout)
        assert server.stop() == 0
    with serving(["--no-worker"], backend="local", **local) as server:
        assert logleap("train", pushed["dataId"], "--url", server.url).returncode == 0
        worker = subprocess.Popen(
            [sys.executable, "-m", "logleap.entrypoints.cli", "worker"],
            env={**os.environ, **local},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            trained = logleap("train", pushed["dataId"], "--wait", "--json", "--url", server.url)
        finally:
            worker.terminate()
            assert worker.wait(timeout=30) == 0
    assert json.loads(trained.stdout)["run"]["result"] == {"entries": 3}


def test_a_data_folder_that_cannot_be_used_stops_the_start_with_one_line(
    logleap: Any, tmp_path: Path
) -> None:
    (tmp_path / "logleap.db").write_text("this is no database, but a note of somebody's\n" * 100)
    done = logleap("serve", "--backend", "local", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "LOGLEAP_DATA_DIR" in done.stderr
