"""What `logleap push` shows while it runs: a bar to a person, a line now and then to a pipe."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client
from logleap.client.logfiles import Limits, ReadOptions, Report
from logleap.client.push import Push
from logleap.entrypoints.cli.printing import progress

LINE = b"2026-03-02 06:00:00 INFO started\n"


def test_a_person_sees_lines_entries_speed_and_time_left(url: str, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(LINE * 200_000)
    reader, writer = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "logleap.entrypoints.cli", "push", str(path), "--batch-size", "2000"],
        env={**os.environ, "LOGLEAP_URL": url, "TERM": "xterm", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=writer,
    )
    os.close(writer)
    shown = b""
    while True:
        try:
            piece = os.read(reader, 65536)
        except OSError:  # the process has ended: its terminal is gone
            break
        if not piece:
            break
        shown += piece
    os.close(reader)
    assert process.stdout is not None
    assert b"200,000 entries" in process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    for said in (b"lines read", b"entries stored", b"MB/s", b" left"):
        assert said in shown


def test_a_pipe_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("logleap.entrypoints.cli.printing.progress.time.monotonic", lambda: now)
    push = Push(Client("http://127.0.0.1:9"), "k", Limits(1, 1), ReadOptions())
    push.reports.append(Report("app.log", lines=1_500))
    push.stored.entries = 1_200
    counter = progress.Counter(40_000_000)
    with progress.progress(push, counter, "app.log", quiet=False) as show:
        show()
        counter.read = 10_000_000
        now += 10
        show()
        show()
    assert capsys.readouterr().err == "app.log: 1,500 lines read, 1,200 entries stored, 1.0 MB/s, 30 s left\n"


def test_json_is_alone(logleap: Any, url: str) -> None:
    done = logleap("push", "-", "--json", stdin=LINE, LOGLEAP_URL=url)
    assert done.stderr == ""
