"""A server process that is told to stop answers what has reached it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from logleap.container import build_container
from logleap.settings import Settings

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
BODY = json.dumps([ENTRY]).encode()
HEADERS = {"Content-Type": "application/json", "Content-Length": str(len(BODY))}


@dataclass
class Calls:
    """Uploads to a data set: when each began, and what was answered, None for nothing."""

    url: str
    data_id: str
    answered: list[tuple[float, int | None]] = field(default_factory=list)

    def connect(self) -> http.client.HTTPConnection:
        """An open connection."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        connection.connect()
        return connection

    def upload(self, connection: http.client.HTTPConnection, pause: float = 0.0) -> bool:
        """Send one entry, its body in two pieces if there is a pause (seconds). Whether more may be sent."""
        began = time.monotonic()
        closes = True
        try:
            connection.putrequest("POST", f"/data/{self.data_id}")
            for name, value in HEADERS.items():
                connection.putheader(name, value)
            connection.endheaders(BODY[:10])
            if pause:
                time.sleep(pause)
            connection.send(BODY[10:])
            answer = connection.getresponse()
            answer.read()
            self.answered.append((began, answer.status))
            closes = answer.getheader("Connection") == "close"
        except (OSError, http.client.HTTPException):
            self.answered.append((began, None))
        return not closes

    def on_one_connection(self) -> None:
        """Upload until the server says that it is over, or is gone."""
        connection = self.connect()
        while self.upload(connection):
            pass
        connection.close()

    def on_many_connections(self) -> None:
        """Upload until nobody listens any more."""
        while True:
            try:
                connection = self.connect()
            except OSError:
                return
            self.upload(connection)
            connection.close()

    def slowly(self) -> None:
        """One upload that takes half a second to send."""
        connection = self.connect()
        self.upload(connection, pause=0.5)
        connection.close()


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def server(serving: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    arguments = ["--processes", str(request.param), "--no-worker"]
    with serving(arguments, backend="local", LOGLEAP_DATA_DIR=str(tmp_path)) as running:
        yield running


def test_every_call_that_began_before_the_signal_is_answered_and_what_was_is_kept(
    server: Any, tmp_path: Path
) -> None:
    calls = Calls(server.url, httpx2.post(f"{server.url}/data", trust_env=False).json()["dataId"])
    idle = calls.connect()
    ways = [calls.on_one_connection] * 4 + [calls.on_many_connections] * 2
    clients = [threading.Thread(target=way) for way in ways]
    for client in clients:
        client.start()
    time.sleep(0.3)
    slow = [threading.Thread(target=calls.slowly) for _ in range(4)]
    for client in slow:
        client.start()
    time.sleep(0.2)
    told = time.monotonic()
    assert server.stop() == 0
    stopped = time.monotonic()
    for client in (*clients, *slow):
        client.join(30)
    idle.close()

    before = [status for began, status in calls.answered if began < told]
    assert len(before) > 20
    assert set(before) == {200}
    assert stopped - told < 10  # and idle connections keep nobody waiting
    stored = sum(status == 200 for _, status in calls.answered)
    lost = sum(status is None for _, status in calls.answered)
    container = build_container(Settings(backend="local", data_dir=tmp_path))
    kept = container.show_datasets().one("anonymous", calls.data_id).totals.entries
    container.backend().close()
    assert stored <= kept <= stored + lost


def test_a_call_that_never_ends_does_not_keep_the_server_from_stopping(serving: Any) -> None:
    with serving(LOGLEAP_STOP_GRACE="0.5") as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(b"POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.3)
            began = time.monotonic()
            assert server.stop() == 0
            assert 0.5 <= time.monotonic() - began < 10
