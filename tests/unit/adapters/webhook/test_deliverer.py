"""Events over HTTP, to receivers on this machine that take them, or misbehave."""

import base64
import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cloudevents.http import from_http
from standardwebhooks import Webhook, WebhookVerificationError

from logleap.adapters.webhook.deliverer import WebhookDeliverer
from logleap.domain.events import OutgoingEvent
from logleap.ports.events import NotDelivered

SECRETS = [bytes(range(32)), bytes(range(32, 64))]
EVENT = OutgoingEvent(
    "3b1e9d8c-5f1c-4c2e-9f0a-3c8e3f1d2b4a",
    "d1",
    "anna",
    "training-failed",
    datetime(2026, 8, 1, 12, 0, 0, 250_000, tzinfo=UTC),
    {"detail": "No\ncolumn “ß”.", "state": "failed"},
)


class Handler(BaseHTTPRequestHandler):
    server: "Receiver"

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers.items()), self.body))
        self.server.answer(self)

    def do_GET(self) -> None:
        self.server.got.append((self.path, {}, b""))
        status(200)(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Receiver(ThreadingHTTPServer):
    """Writes down what it got, and answers as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[Handler], None] = status(200)
        self.url = f"http://127.0.0.1:{self.server_port}/hook?key=hidden"


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deliverer(url: str, timeout: float = 20) -> Any:
    made = WebhookDeliverer(url, SECRETS, source="/line-4", timeout=timeout)
    return closing(made)


def refusal(url: str, timeout: float = 20) -> NotDelivered:
    with deliverer(url, timeout) as sending, pytest.raises(NotDelivered) as refused:
        sending.deliver(EVENT)
    assert "hidden" not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_an_event_is_a_cloud_event_in_structured_mode(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    with deliverer(receiver.url) as sending:
        sending.deliver(EVENT)
    ((path, headers, body),) = receiver.got
    assert path == "/hook?key=hidden"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    event = from_http(headers, body)
    assert event.get_attributes() == {
        "specversion": "1.0",
        "id": EVENT.event_id,
        "source": "/line-4",
        "type": "logleap.training-failed",
        "subject": "d1",
        "time": "2026-08-01T12:00:00.250000Z",
        "datacontenttype": "application/json",
    }
    assert event.get_data() == {
        "dataId": "d1",
        "owner": "anna",
        "detail": "No\ncolumn “ß”.",
        "state": "failed",
    }


def test_of_a_deleted_data_set_id_owner_and_time_are_told_and_nothing_else(receiver: Receiver) -> None:
    with deliverer(receiver.url) as sending:
        sending.deliver(OutgoingEvent("e1", "d1", "anna", "deleted", EVENT.at))
    assert json.loads(receiver.got[0][2]) == {
        "specversion": "1.0",
        "id": "e1",
        "source": "/line-4",
        "type": "logleap.deleted",
        "subject": "d1",
        "time": "2026-08-01T12:00:00.250000Z",
        "datacontenttype": "application/json",
        "data": {"dataId": "d1", "owner": "anna"},
    }


@pytest.mark.parametrize("secret", SECRETS)
def test_a_receiver_with_either_secret_verifies_the_signature(receiver: Receiver, secret: bytes) -> None:
    with deliverer(receiver.url) as sending:
        sending.deliver(EVENT)
        sending.deliver(EVENT)
    webhook = Webhook(f"whsec_{base64.b64encode(secret).decode()}")
    for _, headers, body in receiver.got:
        assert headers["webhook-id"] == EVENT.event_id
        assert webhook.verify(body, headers)["id"] == EVENT.event_id
        with pytest.raises(WebhookVerificationError):
            webhook.verify(body.replace(b"anna", b"bert"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(f"whsec_{base64.b64encode(bytes(32)).decode()}").verify(body, headers)


@pytest.mark.parametrize("code", [400, 401, 404, 429, 500, 503])
def test_any_other_answer_is_a_failure_to_be_tried_again(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, b"secret of the receiver")
    refused = refusal(receiver.url)
    assert str(refused) == f"the receiver answered {code}"
    assert (refused.final, refused.retry_after) == (False, None)


def test_410_is_final(receiver: Receiver) -> None:
    receiver.answer = status(410)
    assert refusal(receiver.url).final


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, location="/elsewhere")
    assert str(refusal(receiver.url)) == f"the receiver answered {code}: redirects are not followed"
    assert [path for path, _, _ in receiver.got] == ["/hook?key=hidden"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("0", 0), ("soon", None), ("-1", None), ("9" * 400, None), ("²", None), ("1.5", None)],
)
def test_the_receiver_may_ask_for_a_pause(receiver: Receiver, text: str, seconds: int | None) -> None:
    receiver.answer = status(503, retry_after=text)
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert refusal(receiver.url).retry_after == expected


def test_the_pause_may_be_a_date(receiver: Receiver) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    receiver.answer = status(503, retry_after=format_datetime(until, usegmt=True))
    pause = refusal(receiver.url).retry_after
    assert pause is not None
    assert timedelta(minutes=59) < pause <= timedelta(hours=1)
    receiver.answer = status(503, retry_after="Sat, 01 Aug 2020 12:00:00 -0000")
    assert refusal(receiver.url).retry_after == timedelta(0)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert str(refusal(f"http://127.0.0.1:{port}/")) == "no answer (no connection)"


def silent(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_a_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    silent(handler)


def not_http(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n\r\n")
    silent(handler)


@pytest.mark.parametrize("answer", [silent, half_a_head, not_http])
def test_a_receiver_that_dies_half_way(receiver: Receiver, answer: Callable[[Handler], None]) -> None:
    receiver.answer = answer
    assert str(refusal(receiver.url)).startswith("no answer (it closed the connection")


def hanging(handler: Handler) -> None:
    handler.connection.recv(1)  # until the other side gives up


def dripping(handler: Handler) -> None:
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:  # each byte comes in time for any deadline of a single read
            handler.wfile.write(b"a")
            time.sleep(0.02)
    except OSError:
        pass


@pytest.mark.parametrize("answer", [hanging, dripping])
def test_a_receiver_that_takes_its_time_is_given_up_in_time(
    receiver: Receiver, answer: Callable[[Handler], None]
) -> None:
    receiver.answer = answer
    assert str(refusal(receiver.url, timeout=0.3)).startswith("no answer")


def test_the_body_of_an_answer_is_not_read(receiver: Receiver) -> None:
    def endless(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                handler.wfile.write(b"a" * 65536)
        except OSError:
            pass

    receiver.answer = endless
    with deliverer(receiver.url) as sending:
        sending.deliver(EVENT)


def test_several_are_delivered_at_once(receiver: Receiver) -> None:
    together = threading.Barrier(4)

    def answer(handler: Handler) -> None:
        together.wait(timeout=30)
        status(200)(handler)

    receiver.answer = answer
    with deliverer(receiver.url) as sending:
        threads = [threading.Thread(target=sending.deliver, args=(EVENT,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(receiver.got) == 4


def test_closing_breaks_off_what_is_under_way(receiver: Receiver) -> None:
    errors: list[str] = []
    arrived = threading.Event()

    def answer(handler: Handler) -> None:
        arrived.set()
        hanging(handler)

    def deliver() -> None:
        try:
            sending.deliver(EVENT)
        except NotDelivered as error:
            errors.append(str(error))

    receiver.answer = answer
    sending = WebhookDeliverer(receiver.url, SECRETS, source="/", timeout=300)
    thread = threading.Thread(target=deliver)
    thread.start()
    assert arrived.wait(30)
    sending.close()
    thread.join(30)
    assert errors == ["the server stops"]
    with pytest.raises(NotDelivered, match="the server stops"):
        sending.deliver(EVENT)
    gc.collect()  # nothing complains that it was not awaited


def test_a_url_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="port"):
        WebhookDeliverer("http://example.org:port/", SECRETS, source="/", timeout=1)


@pytest.mark.parametrize(
    "proxy", ["ftp://user:hidden@proxy:1", "http://user:hidden@proxy:port", "socks5://x:1"]
)
def test_a_proxy_that_cannot_be_used_is_an_event_not_delivered(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    error = refusal(receiver.url)
    assert "HTTP_PROXY" in str(error)
    assert "unset it" in str(error)
    assert not error.final
    assert receiver.got == []
