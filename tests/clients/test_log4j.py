"""Log4j 2's HTTP appender: the configuration of docs/clients/log4j.md."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.clients.programs import Program

DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"

PROGRAM = r"""
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

public class App {
    public static void main(String[] arguments) {
        Logger log = LogManager.getLogger("gates");
        for (int times = 0; times < 20; times++) log.warn("jam at \"gate\" {}", 4);
        log.error("failed", new IllegalStateException("\u00e9\n\t\\"));
        LogManager.shutdown();
    }
}
"""


@pytest.fixture
def log(java: Program, example: Any, tmp_path: Path) -> Any:
    def run(url: str, data_id: str) -> str:
        """What it says."""
        configuration, program = tmp_path / "log4j2.xml", tmp_path / "App.java"
        configuration.write_text(
            example("log4j.md", "xml", {"http://localhost:8080": url, DATA_ID: data_id}), encoding="utf-8"
        )
        program.write_text(PROGRAM, encoding="utf-8")
        done = subprocess.run(
            [*java.command, f"-Dlog4j2.configurationFile={configuration}", str(program)],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        return done.stdout + done.stderr

    return run


def test_equal_lines_and_one_whose_answer_is_lost_are_trained_on_once_each(
    server: Any, proxy: Any, log: Any
) -> None:
    data_id = server.announce()
    proxy.losing = 1
    assert log(proxy.url, data_id).count("Unable to send HTTP in appender [LogLeap]") == 1
    rows = server.trained(data_id)
    *jams, failed = sorted(rows, key=lambda row: row.context["sequence"])
    assert {row.message for row in jams} == {'jam at "gate" 4'}
    assert len(jams) == 20
    assert jams[0].context == {"level": "WARN", "logger": "gates", "thread": "main", "sequence": 1}
    assert failed.message.startswith("failed\njava.lang.IllegalStateException: é\n\t\\\n\tat App.main(")
