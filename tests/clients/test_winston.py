"""winston's HTTP transport in batch mode: the program of docs/clients/winston.md."""

import subprocess
from collections.abc import Mapping
from typing import Any

DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"


def run(program: str, npm: Mapping[str, str]) -> str:
    """What it says on stderr."""
    done = subprocess.run(
        ["node", "-e", program], env=npm, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def shown(example: Any, data_id: str, port: int) -> str:
    program: str = example("winston.md", "js", {DATA_ID: data_id, "port: 8080": f"port: {port}"})
    return program.replace("host: 'localhost'", "host: '127.0.0.1'")


def test_what_is_logged_is_trained_on_in_batches(server: Any, npm: Mapping[str, str], example: Any) -> None:
    data_id = server.announce()
    program = shown(example, data_id, server.port)
    assert run(program.replace("gate < 3", "gate < 1203"), npm) == ""
    rows = server.trained(data_id)
    assert {row.message for row in rows} == {"jam"}
    assert sorted(row.context["gate"] for row in rows) == list(range(1203))
    assert rows[0].context["level"] == "warn"


def test_the_program_is_told_what_was_refused_and_loses_it(
    server: Any, npm: Mapping[str, str], example: Any
) -> None:
    data_id = server.announce()
    program = shown(example, data_id, server.port)
    assert "422" in run(program.replace("winston.format.timestamp(), ", ""), npm)
    assert server.entries(data_id) == 0


def test_a_lost_answer_counts_once_and_is_told(
    server: Any, proxy: Any, npm: Mapping[str, str], example: Any
) -> None:
    data_id = server.announce()
    proxy.losing = 1
    assert "not sent" in run(shown(example, data_id, int(proxy.url.rpartition(":")[2])), npm)
    assert (len(proxy.seen), server.entries(data_id)) == (1, 3)


def test_a_server_that_is_away_costs_the_batch(npm: Mapping[str, str], example: Any) -> None:
    assert "not sent" in run(shown(example, "x", 9), npm)
