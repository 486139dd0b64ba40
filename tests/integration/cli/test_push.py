"""`logleap push`, against a real server process: what is stored, what is said, and how a push goes on."""

import bz2
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client

LINE = "2026-03-02 06:00:00,001 INFO started\n"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(
        f"{LINE}2026-03-02 06:00:01,002 ERROR failed\nTraceback: something\n  at line 3\n"
        "2026-03-02 06:00:02,003 INFO grüße\n",
        encoding="utf-8",
    )
    return path


def entries_of(logleap: Any, url: str, data_id: str) -> int:
    shown = json.loads(logleap("status", data_id, "--json", LOGLEAP_URL=url).stdout)
    entries: int = shown["entries"]
    return entries


def command_in(text: str) -> list[str]:
    """The arguments of the command that the text names."""
    [line] = [line for line in text.splitlines() if line.startswith("  logleap push ")]
    return shlex.split(line)[1:]


def test_what_was_assumed_is_told(logleap: Any, url: str, log_file: Path) -> None:
    pushed = logleap("push", str(log_file), LOGLEAP_URL=url)
    assert pushed.returncode == 0, pushed.stderr
    for said in (
        "3 entries of app.log are in data set",
        "5 lines → 3 entries (2 continuation lines)",
        "from 2026-03-02T06:00:00.001000Z to 2026-03-02T06:00:02.003000Z",
        "zone: UTC (assumed, since the times name none: see --timezone)",
        "times: ISO 8601",
        "read as plain, utf-8 (default)",
    ):
        assert said in pushed.stdout
    [report] = json.loads(logleap("push", str(log_file), "--json", LOGLEAP_URL=url).stdout)["files"]
    assert (report["lines"], report["entries"], report["continuationLines"]) == (5, 3, 2)
    assert report["zone"] == "UTC (assumed, since the times name none: see --timezone)"


def test_standard_input_is_pushed_and_trained_in_two_steps(logleap: Any, url: str) -> None:
    entries = b'{"timestamp":"2026-03-02T06:00:00Z","message":"a"}\n' * 5
    pushed = logleap(
        "push", "-", "--format", "ndjson", "--batch-size", "2", "--json", stdin=entries, LOGLEAP_URL=url
    )
    report = json.loads(pushed.stdout)
    assert (report["accepted"], report["batches"]) == (5, 3)
    trained = logleap("train", report["dataId"], "--expect", "5", "--wait", LOGLEAP_URL=url)
    assert trained.returncode == 0, trained.stderr
    assert 'result {"entries": 5}' in trained.stdout


def test_rotated_files_are_one_push_the_oldest_first(logleap: Any, url: str, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("2026-03-02 06:00:02 c\n")
    (tmp_path / "app.log.1").write_text("2026-03-02 06:00:01 b\n")
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(b"2026-03-02 06:00:00 a\n"))
    names = [str(tmp_path / name) for name in ("app.log", "app.log.1", "app.log.2.gz")]
    pushed = logleap("push", *names, "--json", LOGLEAP_URL=url)
    report = json.loads(pushed.stdout)
    assert report["accepted"] == 3
    assert [Path(file["file"]).name for file in report["files"]] == ["app.log.2.gz", "app.log.1", "app.log"]


def test_an_entry_goes_on_in_the_next_of_rotated_files(logleap: Any, url: str, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("\tat b.c\n2026-03-02 06:00:02 c\n")
    (tmp_path / "app.log.1").write_text("2026-03-02 06:00:01 b\n")
    (tmp_path / "app.log.3").write_text("2026-03-02 06:00:00 a\n")
    names = [str(tmp_path / name) for name in ("app.log", "app.log.1")]
    pushed = logleap("push", *names, "--key", "k", LOGLEAP_URL=url)
    assert "2 entries of app.log and 1 more" in pushed.stdout
    assert f"its last entry goes on up to line 1 of {names[0]}" in pushed.stdout
    data_id = pushed.stdout.split("data set ")[1].split()[0]
    again = logleap("push", *names, "--key", "k", "--dataset", data_id, LOGLEAP_URL=url)
    assert "2 of them since an earlier push" in again.stdout
    gap = logleap("push", names[0], str(tmp_path / "app.log.3"), LOGLEAP_URL=url)
    assert "line 1: '\\tat b.c': it stands before the first time" in gap.stderr


def test_years_go_on_from_one_rotated_file_to_the_next(logleap: Any, url: str, tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("Jan  2 06:00:02 c\n")
    (tmp_path / "messages.1").write_text("Dec 30 06:00:01 b\n")
    names = [str(tmp_path / name) for name in ("messages", "messages.1")]
    pushed = logleap("push", *names, "--year", "2004", "--json", LOGLEAP_URL=url)
    files = json.loads(pushed.stdout)["files"]
    assert [file["firstTime"][:4] for file in files] == ["2004", "2005"]


def test_a_contradiction_in_any_of_several_files_is_refused_before_anything_is_stored(
    logleap: Any, url: str, tmp_path: Path
) -> None:
    (tmp_path / "a.log").write_text(LINE)
    (tmp_path / "b.log").write_text("3/2/2026 06:00:00 x\n")
    with Client(url) as client:
        before = len(list(client.datasets()))
        done = logleap("push", str(tmp_path / "a.log"), str(tmp_path / "b.log"), LOGLEAP_URL=url)
        assert done.returncode == 1
        assert "b.log, line 1" in done.stderr
        assert len(list(client.datasets())) == before


@pytest.mark.parametrize("lines", [2, 40_000])
def test_a_contradiction_at_the_files_beginning_is_refused_before_anything_is_stored(
    logleap: Any, url: str, tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "app.log"
    path.write_text(LINE * (lines - 1) + "2026-13-40 06:00:00 x\n" + LINE * 10)
    with Client(url) as client:
        before = len(list(client.datasets()))
        done = logleap("push", str(path), "--batch-size", "100", LOGLEAP_URL=url)
        assert done.returncode == 1
        assert f"line {lines}: " in done.stderr
        assert len(list(client.datasets())) == before + (lines * len(LINE) > 1 << 20)


def test_a_push_repeated_with_its_key_adds_nothing(logleap: Any, url: str, log_file: Path) -> None:
    first = json.loads(logleap("push", str(log_file), "--key", "k", "--json", LOGLEAP_URL=url).stdout)
    again = logleap("push", str(log_file), "--key", "k", "--dataset", first["dataId"], LOGLEAP_URL=url)
    assert again.returncode == 0, again.stderr
    assert "3 of them since an earlier push" in again.stdout
    assert entries_of(logleap, url, first["dataId"]) == 3


BAD = [
    ("app.log", LINE, "2026-13-40 06:00:00 x\n"),
    ("app.ndjson", '{"timestamp":"2026-03-02T06:00:00Z","message":"%s"}\n' % ("a" * 30), "{broken\n"),
    ("app.csv", "2026-03-02 06:00:00,mmmmmmmmmmmmmmmm\n", "yesterday,b\n"),
]


@pytest.mark.parametrize("case", BAD, ids=[bad[0] for bad in BAD])
def test_a_file_that_breaks_later_tells_what_is_in_and_the_command_that_goes_on(
    logleap: Any, url: str, tmp_path: Path, case: tuple[str, str, str]
) -> None:
    name, line, bad = case
    path = tmp_path / name
    header = "timestamp,message\n" if name.endswith("csv") else ""
    path.write_text(header + line * 40_000 + bad + line * 10_000)
    number = 40_001 + bool(header)
    done = logleap("push", str(path), "--batch-size", "7000", LOGLEAP_URL=url)
    assert done.returncode == 1
    assert f"line {number}: " in done.stderr
    stored = re.search(r"([\d,]+) entries were added to data set (\S+): up to line (\d+) of", done.stderr)
    assert stored is not None
    assert int(stored[1].replace(",", "")) == entries_of(logleap, url, stored[2]) == 35_000
    assert int(stored[3]) == 35_000 + bool(header)
    again = logleap(*command_in(done.stderr), LOGLEAP_URL=url)
    assert again.returncode == 0, again.stderr
    assert f"left out: line {number}" in again.stdout
    assert entries_of(logleap, url, stored[2]) == 50_000


def test_of_standard_input_the_lines_to_leave_out_are_told(logleap: Any, url: str) -> None:
    data = (LINE * 40_000 + "2026-13-40 06:00:00 x\n" + LINE * 10_000).encode()
    done = logleap("push", "-", "--batch-size", "7000", stdin=data, LOGLEAP_URL=url)
    assert done.returncode == 1
    assert "Leave out the first 35,000 lines of standard input" in done.stderr
    arguments = command_in(done.stderr)
    assert "--skip-lines" in arguments
    again = logleap(*arguments, stdin=data, LOGLEAP_URL=url)
    assert again.returncode == 0, again.stderr
    data_id = arguments[arguments.index("--dataset") + 1]
    assert entries_of(logleap, url, data_id) == 50_000


def test_the_command_that_goes_on_keeps_the_options_and_shows_no_secret(
    logleap: Any, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "an app.log"
    path.write_text("Mar  2 06:00:00 x\n" * 300_000 + "Mar 40 06:00:00 x\n")
    done = logleap("push", str(path), "--timezone", "Europe/Berlin", "--api-key", "k.secret", LOGLEAP_URL=url)
    assert done.returncode == 1
    arguments = command_in(done.stderr)
    assert arguments[1] == str(path)
    assert arguments[arguments.index("--timezone") + 1] == "Europe/Berlin"
    assert arguments[arguments.index("--year") + 1].isdecimal()
    assert "secret" not in done.stderr


def test_what_the_server_refuses_is_named_by_the_line_of_the_file(
    logleap: Any, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text(f"{LINE}below\n{LINE.strip()}{'x' * 1_100_000}\n{LINE}")
    done = logleap("push", str(path), LOGLEAP_URL=url)
    assert done.returncode == 1
    assert "app.log, line 3: the server refuses this entry" in done.stderr
    skipped = logleap("push", str(path), "--on-bad-line", "skip", LOGLEAP_URL=url)
    assert skipped.returncode == 0, skipped.stderr
    assert "2 entries of app.log" in skipped.stdout
    assert "left out: line 3" in skipped.stdout


def test_a_mapping_is_used(logleap: Any, url: str) -> None:
    record = b'{"level":30,"time":1772427600123,"pid":7,"msg":"ram lowered"}\n'
    done = logleap("push", "-", "--mapping", "pino", "--json", stdin=record, LOGLEAP_URL=url)
    assert json.loads(done.stdout)["files"][0]["firstTime"] == "2026-03-02T05:00:00.123000Z"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timezone", "Mars/Olympus"], "is no time zone"),
        (["--columns", "timestamp=a"], "timestamp=COLUMN"),
        (["-"], "standard input (-) is pushed alone"),
        (["--year", "0"], "--year"),
        (["--format", "xml"], "is none of auto, syslog-frames, journald"),
    ],
)
def test_wrong_options_are_usage_errors(
    logleap: Any, log_file: Path, arguments: list[str], said: str
) -> None:
    done = logleap("push", str(log_file), *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_file_without_entries_is_refused(logleap: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.write_text("\n \n")
    done = logleap("push", str(path))
    assert done.returncode == 1
    assert "contains no entries" in done.stderr


@pytest.fixture
def big_log(tmp_path: Path) -> Path:
    path = tmp_path / "big.log.bz2"
    path.write_bytes(
        bz2.compress(b"".join(b"2026-03-02 06:00:00 INFO %07d\n" % at for at in range(120_000)), 1)
    )
    return path


@pytest.mark.parametrize("rounds", [4])
def test_a_push_that_is_killed_and_repeated_stores_each_entry_once(
    logleap: Any, url: str, big_log: Path, rounds: int
) -> None:
    with Client(url) as client:
        data_id = client.announce("killed")["dataId"]
        arguments = ["push", str(big_log), "--dataset", data_id, "--key", "k", "--batch-size", "5000"]
        for _ in range(rounds):
            before = client.dataset(data_id)["entries"]
            process = subprocess.Popen(
                [sys.executable, "-m", "logleap.entrypoints.cli", *arguments],
                env={**os.environ, "LOGLEAP_URL": url},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            deadline = time.monotonic() + 30
            while process.poll() is None and client.dataset(data_id)["entries"] < before + 10_000:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it had ended before"
    assert logleap(*arguments, LOGLEAP_URL=url).returncode == 0
    assert entries_of(logleap, url, data_id) == 120_000
