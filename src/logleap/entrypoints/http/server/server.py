"""The server: waitress over the WSGI app, in this process.

waitress takes a request's body in whole, into memory or a temporary file, before a thread is given to it:
slow clients hold no thread, and a body that is cut off on its way never reaches the app.
"""

import gc
import json
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from werkzeug.http import HTTP_STATUS_CODES

from logleap.entrypoints.http.contract.codes import PROBLEMS, Code
from logleap.entrypoints.http.server.descriptors import connections_that_fit
from logleap.entrypoints.http.server.epoll import Loop
from logleap.settings import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger()

_LOOK = 0.2  # seconds between two looks at whether to stop
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # takes no descriptor
_LINGER = 0.1  # seconds without a request, after which a stopping server closes connections that are open


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How many threads answer, the largest body taken (bytes), how long to finish what is under way (s)."""

    threads: int
    body_limit: int
    grace: float


class _ProblemTask(ErrorTask):
    """What waitress itself refuses, as problem+json."""

    def execute(self) -> None:
        error = self.request.error  # type: ignore[attr-defined]
        code, title = _CODES[error.code], HTTP_STATUS_CODES[error.code]
        why = str(error.body).rstrip(".")
        body = {
            "type": "about:blank",
            "title": title,
            "status": error.code,
            "code": code,
            "detail": f"The request was refused before it was read whole: {why}. {PROBLEMS[code].remedy}",
            "requestId": str(uuid.uuid4()),
        }
        content = json.dumps(body).encode()
        self.status = f"{error.code} {title}"
        self.response_headers = [
            ("Content-Type", "application/problem+json"),
            ("X-Request-Id", str(body["requestId"])),
        ]
        log.info("request", status=error.code, code=code, requestId=body["requestId"])
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)


# By the statuses of waitress.utilities.Error.
_CODES: Mapping[int, Code] = {
    400: "REQUEST_MALFORMED",
    413: "BODY_TOO_LARGE",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    501: "TRANSFER_CODING_UNSUPPORTED",
}


class _Task(WSGITask):
    """While the server stops, each answer says that it is the last on its connection."""

    def service(self) -> None:
        self.channel.answering = True  # type: ignore[attr-defined]
        try:
            super().service()
        finally:
            self.channel.answering = False  # type: ignore[attr-defined]

    def write(self, data: bytes) -> None:
        whole = self.complete and self.has_body and len(data) == self.content_length
        if self.wrote_header or not whole:
            super().write(data)
            return
        # Header and body in one packet: waitress would send two.
        self.channel.write_soon(self.build_response_header() + data)
        self.wrote_header = True
        self.content_bytes_written = len(data)

    def build_response_header(self) -> bytes:
        if self.channel.server.stopping:  # type: ignore[attr-defined]
            self.set_close_on_finish()
        return super().build_response_header()


class _Channel(HTTPChannel):
    task_class = _Task
    error_task_class = _ProblemTask

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self.answering = False
        self._loop: Loop = server.loop
        try:
            self._loop.add(self)
        except OSError as error:  # left to waitress, it would close the listener
            log.warning(f"A connection was closed at once, for it cannot be watched: {error}.")
            self.handle_close()

    def handle_expt(self) -> None:
        self.handle_close()  # urgent data, where it is told at all: it would be told again and again

    def service(self) -> None:
        self._loop.serving(self)
        super().service()

    def _flush_outbufs_below_high_watermark(self) -> None:
        # Between two requests that were sent at once, waitress would wait until the client takes its answers,
        # and hold a thread for as long. A client that leaves 16 MiB of them is not waited for.
        if self.answering:
            super()._flush_outbufs_below_high_watermark()  # type: ignore[misc]
        elif self.total_outbufs_len > self.adj.outbuf_high_watermark:
            self.will_close = True
            self.connected = False


def listen(host: str, port: int) -> socket.socket:
    """Take connections there (port 0: any free one). Raises SettingsError if that cannot be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"LOGLEAP_HOST is {host!r}, LOGLEAP_PORT is {port}: cannot listen there: {error}."
        ) from error


def url_of(listener: socket.socket) -> str:
    """The address that it listens on, as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: "WSGIApplication",
    listener: socket.socket,
    options: ServerOptions,
    *,
    stop: threading.Event,
    listening: Callable[[], None],
) -> None:
    """Answer requests until `stop` is set, then those that have reached us by then, at most `grace` seconds.

    Calls `listening` once it answers. Several processes may serve on one listener.
    """
    connections: dict[int, Any] = {}
    # Any: the stubs take active_channels for a channel, and know no server made of a ready socket.
    server: Any = create_server(
        app,
        map=connections,
        sockets=[listener],
        threads=options.threads,
        ident="",
        clear_untrusted_proxy_headers=True,
        max_request_body_size=options.body_limit,
        connection_limit=connections_that_fit(),
        recv_bytes=1 << 18,
    )
    server.channel_class = _Channel
    server.stopping = False
    loop = server.loop = Loop(server, connections)
    server.accept = _pausing(server, server.accept)
    try:
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look through it again and again
        listening()
        while not stop.is_set():
            loop.run(_LOOK)
        server.stopping = True
        server.accepting = True  # it may have paused, and there be room again
        _accept_what_waits(server)
        server.del_channel()
        server.socket.close()
        now = quiet_since = time.monotonic()
        deadline = now + options.grace
        while server.active_channels and now < deadline and now - quiet_since < _LINGER:
            loop.run(0.02)
            now = time.monotonic()
            if _busy(server.active_channels):
                quiet_since = now
    finally:
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        server.asyncore.close_all(connections)
        loop.close()


def _pausing(server: Any, accept: Callable[[], Any]) -> Callable[[], Any]:
    """`accept` that takes none until the loop's next look at all, if the system has no room for one.

    Such a connection goes on waiting: without a pause the loop would try, and say so, without end.
    """

    def accept_or_pause() -> Any:
        try:
            return accept()
        except OSError as error:
            server.accepting = False
            log.warning(f"Cannot take a connection now: {error}.")
            return None

    return accept_or_pause


def _accept_what_waits(server: Any) -> None:
    """Take the connections that the system has taken for us: closing the listener would reset them."""
    with _Selector() as selector:
        selector.register(server.socket, selectors.EVENT_READ)
        while selector.select(0) and server.accepting:
            server.handle_accept()


def _busy(channels: Mapping[int, HTTPChannel]) -> bool:
    """Whether a request is being read, waits, is worked on, or its answer is being sent."""
    return any(
        channel.request is not None or channel.requests or channel.total_outbufs_len
        for channel in channels.values()
    )
