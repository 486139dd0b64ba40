"""A real `logleap serve` that is killed and started again where it was, and a proxy that loses answers."""

import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from logleap.client import Client
from tools.clients.programs import (
    Journal,
    Program,
    journal,
    log4j,
    npm_environment,
    rsyslog,
    syslog_ng,
)

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "docs/clients"


class Row(NamedTuple):
    timestamp: str
    message: str
    context: Any  # decoded, if there is one


def own_mappings() -> str:
    """The file that docs/clients/mappings.md shows an operator."""
    page = (PAGES / "mappings.md").read_text(encoding="utf-8").partition("## Your own")[2]
    return page.partition("```toml\n")[2].partition("```")[0]


@dataclass
class Server:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
        self.folder.mkdir(exist_ok=True)
        mappings = self.folder / "mappings.toml"
        mappings.write_text(own_mappings(), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "logleap.entrypoints.cli", "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **kept,
                "PYTHONPATH": str(HERE),
                "LOGLEAP_DATA_DIR": str(self.folder),
                "LOGLEAP_PORT": str(self.port),
                "LOGLEAP_TRAINING_TASK": "collecting:rows",
                "LOGLEAP_MAPPINGS": str(mappings),
            },
        )
        assert self.process.stdout is not None
        assert b" listens on " in self.process.stdout.readline()

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            assert self.process.stdout is not None
            self.process.send_signal(by)
            self.process.wait(timeout=30)
            self.process.stdout.close()
            self.process = None

    def announce(self) -> str:
        with Client(self.url) as client:
            data_id: str = client.announce()["dataId"]
            return data_id

    def entries(self, data_id: str) -> int:
        with Client(self.url) as client:
            entries: int = client.dataset(data_id)["entries"]
            return entries

    def wait_for(self, data_id: str, entries: int) -> None:
        """Until so many are in; for clients that do not tell when they are done."""
        deadline = time.monotonic() + 30
        while self.entries(data_id) < entries:
            assert time.monotonic() < deadline, f"{self.entries(data_id)} of {entries} came"
            time.sleep(0.05)

    def trained(self, data_id: str) -> list[Row]:
        """Train, and tell what the training was given, in order of time."""
        with Client(self.url) as client:
            started = client.train(data_id, task="collecting:rows")
            run = client.wait(data_id, timeout=30)
        assert run["state"] == "succeeded", run
        rows = json.loads((self.folder / run["result"]["file"]).read_text(encoding="utf-8"))
        assert len(rows) == started["entries"]
        return [Row(time, text, context and json.loads(context)) for time, text, context in sorted(rows)]


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(folder, port)
    server.start()
    try:
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared: tests announce data sets of their own, and leave it running."""
    with _server(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture(scope="session")
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another one, which tests may kill, and start again."""
    with _server(tmp_path_factory.mktemp("clients")) as running:
        yield running


@dataclass
class Proxy:
    """Passes requests on. First it answers by the statuses `failing`, from the last one on. Then answers to
    the next `losing` ones get lost, after they took effect.
    """

    url: str
    losing: int = 0
    failing: list[int] = field(default_factory=list)
    of: str = ""  # only answers to paths that have this in them
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def wait_for(self, requests: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.seen) < requests:
            assert time.monotonic() < deadline, f"{len(self.seen)} of {requests} came"
            time.sleep(0.05)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """Between a client and the shared server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxied.seen.append((self.path, dict(self.headers), body))
            if proxied.failing:
                self.send_error(proxied.failing.pop())
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx2.post(server.url + self.path, content=body, headers=headers, trust_env=False)
            if proxied.losing and proxied.of in self.path:
                proxied.losing -= 1
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Retry-After"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        proxied = Proxy(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield proxied
        finally:
            listening.shutdown()
            thread.join()


# ---- the clients, and what their pages show ----------------------------------------------------------------

Example = Callable[[str, str, Mapping[str, str]], str]


@pytest.fixture(scope="session")
def example() -> Example:
    """The first block of a page in a language, with what its reader would put in instead."""

    def shown(page: str, language: str, instead: Mapping[str, str]) -> str:
        text = (PAGES / page).read_text(encoding="utf-8")
        block, *_ = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        program = str(block)
        for there, here in instead.items():
            assert there in program, f"{page} does not say {there!r}"
            program = program.replace(there, here)
        return program

    return shown


def _needed(found: Any, what: str) -> Any:
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs {what}, which make clients could not get.")
        pytest.skip(f"{what} is not here: try make clients")
    return found


@pytest.fixture(scope="session")
def npm() -> Mapping[str, str]:
    """The environment of programs that use the npm packages."""
    return {**os.environ, **_needed(npm_environment(), "Node.js with the npm packages")}


@pytest.fixture(scope="session")
def syslog() -> Program:
    """syslog-ng with its HTTP destination."""
    program: Program = _needed(syslog_ng(), "syslog-ng with its HTTP destination")
    return program


@pytest.fixture(scope="session")
def rsyslogd() -> Program:
    program: Program = _needed(rsyslog(), "rsyslog")
    return program


@pytest.fixture(scope="session")
def systemd_journal() -> Journal:
    programs: Journal = _needed(journal(), "journalctl with systemd-journal-remote")
    return programs


@pytest.fixture(scope="session")
def java() -> Program:
    """Java with Log4j 2."""
    program: Program = _needed(log4j(), "Java with its compiler and Log4j 2")
    return program


@pytest.fixture(scope="session")
def bash() -> str:
    """The shell, where curl is there too."""
    shell: str = _needed(shutil.which("bash") if shutil.which("curl") else None, "curl with a bash")
    return shell
