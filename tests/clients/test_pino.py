"""pino with pino-http-send: the command of docs/clients/pino.md."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"

PROGRAM = """
const pino = require('pino')();
for (let gate = 0; gate < 1203; gate++) pino.warn({ gate }, 'jam at gate %d', gate);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.js").write_text(PROGRAM)
    return tmp_path


def run(example: Any, url: str, data_id: str, folder: Path, npm: Mapping[str, str]) -> str:
    """What it says on stderr."""
    command = example("pino.md", "bash", {"http://localhost:8080": url, DATA_ID: data_id})
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=npm, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_what_is_logged_is_trained_on_in_batches(
    server: Any, example: Any, folder: Path, npm: Mapping[str, str]
) -> None:
    data_id = server.announce()
    assert run(example, server.url, data_id, folder, npm) == ""
    rows = server.trained(data_id)
    assert {row.message for row in rows} == {f"jam at gate {gate}" for gate in range(1203)}
    assert len(rows) == 1203
    assert {row.context["level"] for row in rows} == {40}


def test_a_lost_answer_counts_once(
    server: Any, proxy: Any, example: Any, folder: Path, npm: Mapping[str, str]
) -> None:
    data_id = server.announce()
    proxy.losing = 2
    assert "retrying" in run(example, proxy.url, data_id, folder, npm)
    rows = server.trained(data_id)
    assert sorted(row.context["gate"] for row in rows) == list(range(1203))
