"""`logleap` as a process of its own, as a user runs it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "logleap.entrypoints.cli"]


def environment(**variables: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    return {**kept, "LOGLEAP_BACKEND": "memory", **variables}


@pytest.fixture(scope="session")
def logleap() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `logleap` with arguments, to its end."""

    def run(
        *arguments: str, stdin: bytes | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            timeout=60,
            env=environment(**variables),
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture(scope="session")
def command() -> list[str]:
    """`logleap`, for tests that run it in a way of their own."""
    return COMMAND


@dataclass
class ServerProcess:
    url: str
    process: subprocess.Popen[str]

    log: Path | None = None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def output(self) -> str:
        """All that it wrote after its first line; it was started with `log`, and has been stopped."""
        assert self.log is not None
        assert self.process.stdout is not None
        return self.process.stdout.read() + self.log.read_text()


@contextlib.contextmanager
def _serving(
    arguments: Sequence[str] = (), backend: str = "memory", log: Path | None = None, **variables: str
) -> Iterator[ServerProcess]:
    with (log or Path(os.devnull)).open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--backend", backend, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(**variables),
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert " listens on " in line
        yield ServerProcess(line.split(" listens on ")[1].split()[0], process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="session")
def serving() -> Callable[..., contextlib.AbstractContextManager[ServerProcess]]:
    """Starts server processes; a context manager."""
    return _serving


@pytest.fixture(scope="module")
def url(serving: Any) -> Iterator[str]:
    with serving() as server:
        yield server.url
