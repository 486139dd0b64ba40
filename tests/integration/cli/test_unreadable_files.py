"""Log files that cannot be read: a line that says so, never a traceback."""

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logleap.entrypoints.cli import main

_NOWHERE = ["--url", "http://127.0.0.1:1", "--patience", "0"]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *_NOWHERE])


def _journal(folder: Path) -> Path:
    file = folder / "journal.export"
    file.write_bytes(b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1772431200000000\nMESSAGE=x\n\n")
    return file


def _damaged(folder: Path) -> Path:
    file = folder / "app.log.gz"
    file.write_bytes(gzip.compress(b"2026-03-02 06:00:00 x\n" * 9)[:12] + b"\xff" * 40)
    return file


@pytest.mark.parametrize("made", [_journal, _damaged])
def test_a_file_that_is_no_log_ends_score_with_a_line_that_names_it(made: object, tmp_path: Path) -> None:
    assert callable(made)
    file = made(tmp_path)
    done = _run("score", str(file), "--model", "d")
    assert isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, done.output.startswith(f"logleap: {file}")) == (1, True)
