"""The console in this process, over the memory backend, as a browser without JavaScript sees it."""

import hashlib
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from logleap.container import Container, build_container
from logleap.domain.keys import ApiKey
from logleap.entrypoints.web import create_web_app
from logleap.settings import Settings

LOG = """\
2026-03-02 06:00:00 INFO conveyor started
2026-03-02 06:00:04 ERROR jam at gate 4
  at gate.py line 12
2026-03-02 06:00:09 INFO conveyor stopped
"""


def key(key_id: str, owner: str) -> ApiKey:
    sha256 = hashlib.sha256(f"secret-of-{key_id}".encode()).hexdigest()
    return ApiKey(key_id, owner, sha256, datetime.now(UTC))


KEYS = (key("a1", "anna"), key("a2", "anna"), key("b1", "bert"))


class Browser:
    """Follows the console's forms and links, and keeps its cookies. `headers` are sent with each request."""

    def __init__(self, app: Flask, **headers: str) -> None:
        self.client = app.test_client()
        self.headers = {"Sec-Fetch-Site": "same-origin", **headers}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={**self.headers, **headers})

    def post(self, path: str, form: Mapping[str, Any], **headers: str) -> TestResponse:
        return self.client.post(path, data=dict(form), headers={**self.headers, **headers})

    def fields(self, page: str, action: str) -> dict[str, str]:
        """The hidden fields of the form on `page` that posts to `action`."""
        form = re.search(
            rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.get(page).text, re.DOTALL
        )
        assert form, f"{page} has no form for {action}"
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[1])
        return dict(hidden)

    def send(self, page: str, action: str | None = None, **fields: str) -> TestResponse:
        """Fill in the form of `page` that posts to `action` (by default the page's own address)."""
        action = action or urlsplit(page).path
        return self.post(action, {**self.fields(page, action), **fields})

    def sign_in(self, key_id: str) -> TestResponse:
        self.headers["X-API-Key"] = f"{key_id}.secret-of-{key_id}"  # for calls of the API alone
        return self.send("/console/sign-in", key=f"{key_id}.secret-of-{key_id}")

    def announce(self, name: str = "") -> str:
        """The id of a new data set, made by the API."""
        answer = self.client.post("/data", json={"name": name or None}, headers=self.headers)
        assert answer.status_code == 201, answer.text
        data_id: str = answer.get_json()["dataId"]
        return data_id

    def upload(
        self, data_id: str, log: str | bytes = LOG, file_name: str = "app.log", **fields: str
    ) -> TestResponse:
        page = f"/console/data/{data_id}/upload"
        return self.send_file(page, self.fields(page, page), log, file_name, **fields)

    def send_file(
        self,
        page: str,
        hidden: Mapping[str, str],
        log: str | bytes,
        file_name: str = "app.log",
        **fields: str,
    ) -> TestResponse:
        content = log.encode() if isinstance(log, str) else log
        return self.post(page, {**hidden, **fields, "file": (io.BytesIO(content), file_name)})


@pytest.fixture(scope="session")
def make() -> type[Browser]:
    """Browsers of other apps."""
    return Browser


@pytest.fixture(scope="session")
def log() -> str:
    """Three entries."""
    return LOG


@pytest.fixture(scope="session")
def keys() -> tuple[ApiKey, ...]:
    return KEYS


@pytest.fixture(scope="session")
def keyed() -> Container:
    return build_container(Settings(backend="memory", api_keys=KEYS))


@pytest.fixture(scope="session")
def keyed_app(keyed: Container) -> Flask:
    return create_web_app(keyed)


@pytest.fixture(scope="session")
def app() -> Flask:
    """Without keys."""
    return create_web_app(build_container(Settings(backend="memory")))


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def anna(keyed_app: Flask) -> Browser:
    browser = Browser(keyed_app)
    assert browser.sign_in("a1").status_code == 303
    return browser


@pytest.fixture
def bert(keyed_app: Flask) -> Browser:
    browser = Browser(keyed_app)
    assert browser.sign_in("b1").status_code == 303
    return browser


@pytest.fixture
def fresh() -> Browser:
    """A browser of a console of its own, without keys."""
    return Browser(create_web_app(build_container(Settings(backend="memory"))))
