"""syslog-ng's http destination: the configuration of docs/clients/syslog-ng.md."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.clients.programs import Program

DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"

Running = Callable[[str, str], contextlib.AbstractContextManager[Path]]


@pytest.fixture
def running(syslog: Program, example: Any, tmp_path: Path) -> Running:
    """syslog-ng that sends what is written into a log file."""

    @contextlib.contextmanager
    def started(url: str, data_id: str) -> Iterator[Path]:
        log, configuration = tmp_path / "app.log", tmp_path / "syslog-ng.conf"
        log.touch()
        instead = {"http://localhost:8080": url, DATA_ID: data_id, "/var/log/app.log": str(log)}
        configuration.write_text(example("syslog-ng.md", "", instead))
        files = {
            "-f": configuration,
            "-R": tmp_path / "persist",
            "-p": tmp_path / "pid",
            "-c": tmp_path / "ctl",
        }
        process = subprocess.Popen(
            [
                *syslog.command,
                "--foreground",
                "--no-caps",
                *(str(part) for item in files.items() for part in item),
            ],
            env={**os.environ, **syslog.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(timeout=20)

    return started


def write(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_what_is_logged_is_trained_on(server: Any, running: Running) -> None:
    data_id = server.announce()
    with running(server.url, data_id) as log:
        write(
            log,
            *(
                f'2026-03-02T06:00:00.{number:06}+01:00 gate-4 conveyor[12]: jam {number} "é"'
                for number in range(1203)
            ),
        )
        server.wait_for(data_id, 1203)
    rows = server.trained(data_id)
    assert [row.message for row in rows] == [f'jam {number} "é"' for number in range(1203)]
    assert rows[7].timestamp == "2026-03-02T05:00:00.000007+00:00"
    assert (rows[7].context["PROGRAM"], rows[7].context["PID"]) == ("conveyor", "12")


def test_a_server_that_is_killed_gets_the_rest_when_it_is_back(mortal_server: Any, running: Running) -> None:
    server = mortal_server
    data_id = server.announce()
    with running(server.url, data_id) as log:
        write(log, "Mar  2 06:00:00 gate-4 conveyor: first")
        server.wait_for(data_id, 1)
        server.end(signal.SIGKILL)
        write(log, "Mar  2 06:00:01 gate-4 conveyor: second")
        server.start()
        server.wait_for(data_id, 2)
    assert [row.message for row in server.trained(data_id)] == ["first", "second"]


def test_lost_answers_count_once_whatever_is_logged_meanwhile(
    server: Any, proxy: Any, running: Running
) -> None:
    data_id = server.announce()
    proxy.losing = 3
    with running(proxy.url, data_id) as log:
        for _ in range(3):  # the same line, with the same time: they are three entries
            write(log, "Mar  2 06:00:00 gate-4 conveyor: jam")
        proxy.wait_for(1)
        write(log, *(f"Mar  2 06:00:01 gate-4 conveyor: later {number}" for number in range(20)))
        proxy.wait_for(26)
        server.wait_for(data_id, 23)
    rows = [row.message for row in server.trained(data_id)]
    assert sorted(rows) == sorted(["jam"] * 3 + [f"later {number}" for number in range(20)])


def test_what_can_never_be_taken_holds_up_nothing(server: Any, proxy: Any, running: Running) -> None:
    """Of a data set whose training has begun; then of another one, under the same name for the client."""
    data_id = server.announce()
    with running(proxy.url, data_id) as log:
        write(log, "Mar  2 06:00:00 gate-4 conveyor:", "Mar  2 06:00:00 gate-4 conveyor: jam")
        server.wait_for(data_id, 1)
        assert [row.message for row in server.trained(data_id)] == ["jam"]
        before = len(proxy.seen)
        for number in range(2):
            write(log, f"Mar  2 06:00:01 gate-4 conveyor: late {number}")
            proxy.wait_for(before + number + 1)
        assert len({body for _, _, body in proxy.seen[before:]}) == 2
