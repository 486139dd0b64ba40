"""Events of a real server, to a receiver beside it; and `logleap events`."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from logleap.client import Client

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SPYING_TASK = """
import os

def run(context):
    return {"secret": os.environ.get("LOGLEAP_EVENTS_SECRET")}
"""
ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: list[dict[str, Any]] = []
        self.refused: set[str] = set()  # types of events
        self.hangs = threading.Event()
        self.asked = threading.Event()
        self.changed = threading.Condition()

    def wait(self, done: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: done(self.events), timeout=30), self.events
            return list(self.events)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        event = Webhook(SECRET).verify(body, dict(self.headers.items()))
        self.server.asked.set()
        if self.server.hangs.is_set():
            self.connection.recv(1)
            return
        refused = event["type"] in self.server.refused
        if not refused:
            with self.server.changed:
                self.server.events.append(event)
                self.server.changed.notify_all()
        self.send_response(410 if refused else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def local(tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    return {
        "LOGLEAP_BACKEND": "local",
        "LOGLEAP_DATA_DIR": str(tmp_path),
        "LOGLEAP_EVENTS_URL": f"http://127.0.0.1:{receiver.server_port}/",
        "LOGLEAP_EVENTS_SECRET": SECRET,
        "LOGLEAP_EVENTS_INTERVAL": "0.05",
        "LOGLEAP_EVENTS_RETRY_AFTER": "0.1",
        "LOGLEAP_SWEEP_INTERVAL": "0.1",
    }


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("logleap.") for event in events]


def test_the_life_of_a_data_set_is_told_in_its_order(
    serving: Any, logleap: Any, local: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "spying_task.py").write_text(SPYING_TASK)
    spying = {"PYTHONPATH": str(tmp_path), "LOGLEAP_TRAINING_TASK": "spying_task:run"}
    with serving(backend="local", **local, **spying) as server, Client(server.url) as client:
        data_id = client.announce("line 4")["dataId"]
        client.append(data_id, [ENTRY])
        client.train(data_id)
        assert client.wait(data_id, timeout=30)["result"] == {"secret": None}
        client.archive(data_id)
        client.delete(data_id)
        events = receiver.wait(lambda events: kinds(events)[-1:] == ["deleted"])
        with Client(server.url) as metrics:
            text = metrics._http.get("/metrics").text
        assert server.stop() == 0
    assert kinds(events) == [
        "announced",
        "first-entries",
        "training-started",
        "training-claimed",
        "training-succeeded",
        "archived",
        "deleted",
    ]
    assert {event["subject"] for event in events} == {data_id}
    assert len({event["id"] for event in events}) == len(events)
    assert events[4]["data"]["run"]["state"] == "succeeded"
    for name in (
        "delivered_total",
        "failed_total",
        "given_up_total",
        "waiting",
        "dead",
        "oldest_age_seconds",
    ):
        assert f"\nlogleap_events_{name} " in text
    assert logleap("events", **local).stdout == "0 waiting, 0 dead.\n"


def test_dead_letters_are_listed_and_sent_again(
    serving: Any, logleap: Any, local: dict[str, str], receiver: Receiver
) -> None:
    receiver.refused.add("logleap.announced")
    with serving(backend="local", **local) as server, Client(server.url) as client:
        data_id = client.announce()["dataId"]
        client.append(data_id, [ENTRY])
        receiver.wait(lambda events: kinds(events) == ["first-entries"])
        listed = logleap("events", "--dead", **local)
        assert "1 dead." in listed.stdout
        assert f"logleap.announced  {data_id}" in listed.stdout
        assert "1 attempt, the last: the receiver answered 410" in listed.stdout
        shown = json.loads(logleap("events", "--json", **local).stdout)
        (letter,) = shown["events"]
        assert (shown["waiting"], shown["dead"]) == (0, 1)
        assert (letter["owner"], letter["dataId"], letter["attempts"]) == ("anonymous", data_id, 1)
        receiver.refused.clear()
        assert (
            logleap("events", "--resend", letter["id"], **local).stdout
            == "1 to be sent again, 0 discarded.\n"
        )
        events = receiver.wait(lambda events: len(events) == 2)
    assert events[1]["id"] == letter["id"]
    again = logleap("events", "--resend", letter["id"], **local)
    assert again.returncode == 1
    assert "There is no such event" in again.stderr
    assert json.loads(logleap("events", "--discard", "all", "--json", **local).stdout) == {
        "resent": 0,
        "discarded": 0,
    }


def test_what_happened_without_a_server_that_delivers_is_delivered_later(
    serving: Any, logleap: Any, local: dict[str, str], receiver: Receiver
) -> None:
    receiver.hangs.set()
    with serving(["--no-worker"], backend="local", **local) as server, Client(server.url) as client:
        client.announce()
        assert receiver.asked.wait(30)
        began = time.monotonic()
        assert server.stop() == 0  # although the receiver has not answered
        assert time.monotonic() - began < 14  # and not after the 15 s that it may take
    assert "1 waiting" in logleap("events", **local).stdout
    receiver.hangs.clear()
    with serving(["--no-worker"], backend="local", **local):
        assert kinds(receiver.wait(bool)) == ["announced"]


def test_without_a_receiver_nothing_is_stored(serving: Any, logleap: Any, tmp_path: Path) -> None:
    local = {"LOGLEAP_BACKEND": "local", "LOGLEAP_DATA_DIR": str(tmp_path)}
    with serving(["--no-worker"], backend="local", **local) as server, Client(server.url) as client:
        client.delete(client.announce()["dataId"])
        assert logleap("events", **local).stdout == "0 waiting, 0 dead.\n"
    refused = logleap("events", LOGLEAP_BACKEND="memory")
    assert refused.returncode == 2
    assert "processes cannot share" in refused.stderr
