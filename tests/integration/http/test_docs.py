"""The pages at /docs: whole, and from this server alone."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest


@pytest.fixture(scope="module")
def page(server: Any) -> Any:
    return server.http.get("/docs")


def test_all_that_the_page_loads_comes_from_this_server(server: Any, page: Any) -> None:
    loaded = re.findall(r'(?:href|src|apiDescriptionUrl)="([^"]+)"', page.text)
    types = {server.http.get(urljoin("/docs", url)).headers["Content-Type"].split(";")[0] for url in loaded}
    assert not [url for url in loaded if "//" in url]
    assert types == {"image/vnd.microsoft.icon", "text/css", "text/javascript", "application/json"}


def test_the_browser_is_told_to_load_nothing_from_elsewhere(page: Any) -> None:
    policy = page.headers["Content-Security-Policy"]
    sources = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert sources.pop("default-src") == "'none'"
    assert set(" ".join(sources.values()).split()) == {"'self'", "'none'", "'unsafe-inline'", "data:"}
    assert sources["script-src"] == "'self'"


def test_the_page_needs_no_key(start_server: Any) -> None:
    with start_server(auth="keys", api_keys="k:anna:" + "0" * 64) as server:
        assert server.http.get("/docs").status_code == 200
