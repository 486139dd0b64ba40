"""The examples that read entries with pandas, Polars and DuckDB run, and show what was uploaded."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logleap.client import Client

EXAMPLES = Path(__file__).parents[3] / "examples" / "read_entries"
LOGLEAP = (sys.executable, "-m", "logleap.entrypoints.cli")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    command = [*LOGLEAP, "serve", "--port", "0", "--backend", "memory"]
    process = subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield {**kept, "LOGLEAP_URL": process.stdout.readline().split(" listens on ")[1].split()[0]}
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def data_id(environment: dict[str, str]) -> str:
    with Client(environment["LOGLEAP_URL"]) as client:
        data_id: str = client.announce()["dataId"]
        entries = [
            {"timestamp": f"2026-03-02T{hour:02}:00:01Z", "message": text, "context": {"id": 2**70}}
            for hour in range(5, 8)
            for text in ["conveyor started"] * 4 + ["jam at gate 4"] * 3
        ]
        client.append(data_id, entries)
    return data_id


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_an_example_shows_frequent_messages_and_entries_per_hour(
    environment: dict[str, str], data_id: str, library: str, tmp_path: Path
) -> None:
    asked = data_id
    if library == "duckdb":
        asked = str(tmp_path / "entries.parquet")
        run(environment, *LOGLEAP[1:], "export", data_id, "--format", "parquet", "-o", asked)
    shown = run(environment, str(EXAMPLES / f"with_{library}.py"), asked)
    messages, _, hours = shown.partition("gate 4")
    assert "conveyor started" in messages
    assert "12" in messages
    assert hours.count("7\n") + hours.count("7 ") >= 3, shown
