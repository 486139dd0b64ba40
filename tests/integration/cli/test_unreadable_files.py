"""Log files that cannot be read: a line that says so, never a traceback."""

import gzip
from pathlib import Path
from typing import Any

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


def test_a_file_whose_bytes_the_disk_does_not_give_ends_push_and_score_with_its_name() -> None:
    file = Path("/proc/self/mem")  # its first page cannot be read
    if not file.is_file():
        pytest.skip("There is no file here whose reading fails.")
    for done in (_run("push", str(file)), _run("score", str(file), "--model", "d")):
        assert isinstance(done.exception, SystemExit), done.exception
        assert (done.exit_code, done.output) == (
            1,
            "logleap: /proc/self/mem: it cannot be read: Input/output error.\n",
        )


def test_a_file_that_is_rotated_away_ends_push_and_score_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = Path.open

    def rotated(path: Path, *more: Any) -> Any:
        path.rename(path.with_suffix(".1"))
        return opened(path, *more)

    file = tmp_path / "app.log"
    for command in (["push", str(file)], ["score", str(file), "--model", "d"]):
        file.write_text("2026-03-02 06:00:00 x\n")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", rotated)
            done = _run(*command)
        assert isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == 1
        assert done.output == f"logleap: {file}: it cannot be read: No such file or directory.\n"
