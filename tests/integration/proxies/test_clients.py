"""LogLeap's own clients behind an nginx with its default limit of 1 MiB, and with less."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.client import ApiError, Client
from logleap.client.logging_handler import LogLeapHandler

LIMIT = "client_max_body_size 1100m;"
RECORDS = 3_000


@pytest.fixture(scope="module")
def default_nginx(start_proxy: Any, origin: str) -> Iterator[str]:
    """nginx as it is without a limit of ours."""
    with start_proxy("nginx", origin, {LIMIT: ""}) as running:
        yield running.url


@pytest.fixture(scope="module")
def narrow_nginx(start_proxy: Any, origin: str) -> Iterator[str]:
    with start_proxy("nginx", origin, {LIMIT: "client_max_body_size 100k;"}) as running:
        yield running.url


@pytest.fixture(params=["default_nginx", "narrow_nginx"])
def proxy_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def stored(origin: str, api_key: str) -> Iterator[Any]:
    """A data set's id, and what is in it."""
    with Client(origin, api_key=api_key) as client:
        yield client


def messages(client: Client, data_id: str) -> list[str]:
    return sorted(entry["message"] for entry in client.entries(data_id))


def test_the_handler_loses_and_doubles_nothing(proxy_url: str, api_key: str, stored: Any) -> None:
    data_id = stored.announce()["dataId"]
    log = logging.getLogger("behind-a-proxy")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = LogLeapHandler(
        proxy_url, data_id, api_key=api_key, batch_size=RECORDS, interval=60, exit_timeout=30
    )
    log.addHandler(handler)
    texts = [f"{number:06}" + "x" * 800 for number in range(RECORDS)]
    for text in texts:
        log.info(text)
    handler.flush()
    log.removeHandler(handler)
    handler.close()
    assert (handler.sent, handler.dropped) == (RECORDS, {})
    assert messages(stored, data_id) == texts


def test_the_handler_drops_only_what_no_proxy_takes(
    narrow_nginx: str, api_key: str, stored: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data_id = stored.announce()["dataId"]
    handler = LogLeapHandler(narrow_nginx, data_id, api_key=api_key, interval=60, exit_timeout=30)
    for text in ("before", "x" * 200_000, "after"):
        handler.handle(logging.makeLogRecord({"msg": text, "levelno": logging.INFO, "levelname": "INFO"}))
    handler.close()
    assert (handler.sent, handler.dropped) == (2, {"refused with 413": 1})
    assert messages(stored, data_id) == ["after", "before"]
    assert "a proxy between here and LogLeap refuses requests" in capsys.readouterr().err


def test_push_of_the_client_loses_and_doubles_nothing(proxy_url: str, api_key: str, stored: Any) -> None:
    data_id = stored.announce()["dataId"]
    entries = [
        {"timestamp": "2026-03-02T06:00:00Z", "message": f"{number:06}" + "x" * 800}
        for number in range(RECORDS)
    ]
    texts = [entry["message"] for entry in entries]
    with Client(proxy_url, api_key=api_key) as client:
        *_, pushed = client.push(data_id, entries, batch_size=RECORDS, keys="k")
        assert pushed.entries == RECORDS
        assert messages(stored, data_id) == texts
    *_, again = stored.push(data_id, entries, batch_size=RECORDS, keys="k")  # without the proxy
    assert again.entries == RECORDS
    assert messages(stored, data_id) == texts


def test_a_batch_that_is_too_large_says_which_limit_to_raise(narrow_nginx: str, api_key: str) -> None:
    entry = {"timestamp": "2026-03-02T06:00:00Z", "message": "x" * 200_000}
    with (
        Client(narrow_nginx, api_key=api_key) as client,
        pytest.raises(ApiError, match=r"body of 2000\d\d bytes.*client_max_body_size of nginx"),
    ):
        client.append("any", [entry])


# ---- logleap push ------------------------------------------------------------------------------------------


def push(url: str, api_key: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "logleap.entrypoints.cli", "push", *arguments],
        env={**os.environ, "LOGLEAP_URL": url, "LOGLEAP_API_KEY": api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Three batches."""
    path = tmp_path / "app.log"
    path.write_text("".join(f"2026-03-02 06:00:00 {number:06}{'x' * 800}\n" for number in range(RECORDS)))
    return path


TEXTS = [f"{number:06}{'x' * 800}" for number in range(RECORDS)]


def test_logleap_push_stores_each_line_once_and_so_does_its_repeat_without_the_proxy(
    proxy_url: str, api_key: str, origin: str, stored: Any, log_file: Path
) -> None:
    data_id = stored.announce()["dataId"]
    arguments = [str(log_file), "--dataset", data_id, "--key", "k"]
    done = push(proxy_url, api_key, *arguments)
    assert done.returncode == 0, done.stderr
    assert f"{RECORDS:,} entries of app.log are in" in done.stdout
    assert messages(stored, data_id) == TEXTS
    again = push(origin, api_key, *arguments)
    assert again.returncode == 0, again.stderr
    assert "3,000 of them since an earlier push" in again.stdout
    assert messages(stored, data_id) == TEXTS


def test_a_push_of_larger_requests_that_is_repeated_through_a_narrow_proxy_stops_and_doubles_nothing(
    narrow_nginx: str, api_key: str, origin: str, stored: Any, log_file: Path
) -> None:
    data_id = stored.announce()["dataId"]
    arguments = [str(log_file), "--dataset", data_id, "--key", "k"]
    assert push(origin, api_key, *arguments).returncode == 0
    again = push(narrow_nginx, api_key, *arguments)
    assert again.returncode == 1
    assert "an earlier push with the key 'k' stored other entries from here on" in again.stderr
    assert messages(stored, data_id) == TEXTS


def test_a_line_that_no_proxy_takes_is_named_and_left_out_if_wanted(
    narrow_nginx: str, api_key: str, stored: Any, tmp_path: Path
) -> None:
    data_id = stored.announce()["dataId"]
    path = tmp_path / "app.log"
    lines = ["before", "x" * 200_000, "after", "end"]
    path.write_text("".join(f"2026-03-02 06:00:00 {text}\n" for text in lines))
    arguments = [str(path), "--dataset", data_id, "--key", "k"]
    done = push(narrow_nginx, api_key, *arguments)
    assert done.returncode == 1
    assert "app.log, line 2: HTTP 413: a proxy between here and LogLeap refuses" in done.stderr
    assert "1 entry was added" in done.stderr
    for _ in range(2):
        skipped = push(narrow_nginx, api_key, *arguments, "--on-bad-line", "skip", "--json")
        assert skipped.returncode == 0, skipped.stderr
        assert json.loads(skipped.stdout)["accepted"] == 3
        assert messages(stored, data_id) == ["after", "before", "end"]
