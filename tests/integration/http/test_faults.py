"""When the backend fails, the answer says so and nothing is half done."""

import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from logleap.ports.errors import Unavailable

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


def test_an_unavailable_backend_answers_503_with_retry_after(
    start_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_server() as server:
        data_id = server.announce()

        def down(*args: object, **kwargs: object) -> None:
            raise Unavailable("the store is down")

        monkeypatch.setattr(server.container.backend().store, "append", down)
        answer = server.append(data_id, ENTRY)
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        monkeypatch.undo()
        assert server.append(data_id, ENTRY).is_success
        assert server.dataset(data_id)["entries"] == 1


def test_a_bug_answers_500_without_telling_its_details(
    start_server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with start_server() as server:

        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("the inner secret")

        monkeypatch.setattr(server.container.backend().datasets, "list", broken)
        answer = server.http.get("/data")
        assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
        assert "inner secret" not in answer.text
        assert "inner secret" in caplog.text
        assert answer.json()["requestId"] in caplog.text


def test_slow_clients_hold_no_thread(start_server: Any) -> None:
    with start_server() as server:  # with 4 threads
        address = urlsplit(server.url)
        head = b"POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: 50\r\n\r\n{"
        slow = [socket.create_connection((address.hostname, address.port)) for _ in range(40)]
        for connection in slow:
            connection.sendall(head)
        assert server.http.get("/healthz", timeout=5).is_success
        for connection in slow:
            connection.close()


def test_stopping_finishes_the_requests_under_way(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_server() as server:
        data_id = server.announce()
        store = server.container.backend().store
        append, begun, go_on = store.append, threading.Event(), threading.Event()

        def slowly(*args: Any, **kwargs: Any) -> None:
            begun.set()
            assert go_on.wait(10)
            append(*args, **kwargs)

        monkeypatch.setattr(store, "append", slowly)
        answers: list[Any] = []
        client = threading.Thread(target=lambda: answers.append(server.append(data_id, ENTRY)))
        client.start()
        assert begun.wait(10)
        server.stop.set()
        go_on.set()
        client.join(10)
        assert answers[0].status_code == 200, json.dumps(answers[0].json())
