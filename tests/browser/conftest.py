"""A server that asks for a key, and Debian's chromium, driven by Playwright; one of each for all tests."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright

from logleap.client import Client
from logleap.client.logfiles import LogFile
from logleap.client.sample import sample_log
from logleap.client.sample.planted import plant
from tools.clients.programs import axe, browser

KEY_ID, SECRET, OWNER = "test", "a-secret-of-this-test", "anna"
PLANTED = ("new-error", "disappeared", "tripled", "temperature", "warnings")
_BATCH = 5000
_USUAL: dict[str, Any] = {
    "locale": "en-GB",
    "timezone_id": "Europe/Berlin",
    "viewport": {"width": 1200, "height": 900},
}


@dataclass(frozen=True)
class Server:
    url: str
    key: str = f"{KEY_ID}.{SECRET}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser. Where it is missing the tests skip and say so; in CI that is a failure."""
    program = browser()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs chromium, which make clients could not get.")
        pytest.skip("chromium is not here: try make clients")
    environment: dict[str, str | float | bool] = {**os.environ, **program.environment}
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program.command[0], env=environment)
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe_script() -> str:
    """axe-core. Where it is missing the tests skip and say so; in CI that is a failure."""
    script = axe()
    if script is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs axe-core, which make clients could not get.")
        pytest.skip("axe-core is not here: try make clients")
    return script.read_text("utf-8")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """`logleap serve`, in memory, with one key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    given = f"{KEY_ID}:{OWNER}:{sha256(SECRET.encode()).hexdigest()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "logleap.entrypoints.cli", "serve", "--backend", "memory", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, "LOGLEAP_API_KEYS": given, "LOGLEAP_LOG_LEVEL": "error"},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield Server(found[0])
                break
        else:
            pytest.fail(f"the server ended with {process.wait()}")
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Client]:
    """The API, for what a test needs and does not test."""
    with Client(server.url, api_key=server.key) as made:
        yield made


@pytest.fixture(scope="session")
def later_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of the week after the sample's, with changes planted in it."""
    line, _ = plant(PLANTED, 7)
    file = tmp_path_factory.mktemp("log") / "week-after.log"
    file.write_text(line.text(), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Compared:
    """Two weeks of a line, of which the second was compared with the first."""

    before: str
    after: str
    run: str


@pytest.fixture(scope="session")
def compared(client: Client, later_log: Path) -> Compared:
    before, after = (upload(client, "compared line", file.read_bytes()) for file in (sample_log(), later_log))
    client.train(before, task="log-model")
    client.wait(before, timeout=60)
    run = client.compare(before, after, timeout=60)
    return Compared(before, after, run["runId"])


def upload(client: Client, name: str, log: bytes) -> str:
    data_id = str(client.announce(name)["dataId"])
    entries = LogFile(BytesIO(log), name=name).entries()
    while batch := list(islice(entries, _BATCH)):
        client.append(data_id, batch)
    return data_id


@dataclass
class Visit:
    """A visitor's browser, and what its pages complained about or wanted from elsewhere."""

    context: BrowserContext
    server: Server
    complaints: list[str] = field(default_factory=list)

    def page(self, path: str = "/console") -> Page:
        page = self.context.new_page()
        page.goto(self.server.url + path)
        return page

    def sign_in(self) -> Page:
        page = self.page()
        page.get_by_label("API key").fill(self.server.key)
        page.get_by_role("button", name="Sign in").click()
        return page


Visiting = Callable[..., Any]


@pytest.fixture(scope="session")
def visiting(chromium: Browser, server: Server) -> Visiting:
    """Makes visitors; a context manager, which fails if a page of theirs was not as it ought to be.

    None may want anything from another host, break its own policy, or have a script that fails.
    """

    @contextmanager
    def visit(**options: Any) -> Iterator[Visit]:
        context = chromium.new_context(
            **{
                "locale": "en-GB",
                "timezone_id": "Europe/Berlin",
                "viewport": {"width": 1200, "height": 900},
                **options,
            }
        )
        context.set_default_timeout(15_000)
        visitor = Visit(context, server)

        def route(asked: Route) -> None:
            if asked.request.url.startswith(f"{server.url}/"):
                asked.continue_()
            else:
                visitor.complaints.append(f"wants {asked.request.url}")
                asked.abort()

        def note(said: ConsoleMessage) -> None:
            # A page that answers an error in words is one that the browser notes as an error.
            if (
                said.type in ("error", "warning")
                and "the server responded with a status of 4" not in said.text
            ):
                visitor.complaints.append(said.text)

        context.route("**/*", route)
        context.on("console", note)
        context.on("weberror", lambda error: visitor.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: visitor.complaints.append(f"dialog {dialog.message}"))
        try:
            yield visitor
        finally:
            context.close()
        assert not visitor.complaints, visitor.complaints

    return visit
