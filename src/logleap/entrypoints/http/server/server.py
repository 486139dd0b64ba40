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
from logleap.entrypoints.http.contract.refusals import RETRY_AFTER_FULL
from logleap.entrypoints.http.server.body_buffer import Parser
from logleap.entrypoints.http.server.descriptors import connections_that_fit
from logleap.entrypoints.http.server.epoll import Loop
from logleap.settings import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger()

POLL_SECONDS = 0.2
"""Between two checks of whether to stop."""

LINGER_SECONDS = 0.1
"""Without a request; after that a stopping server closes the connections that are still open."""

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # needs no descriptor


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How many threads answer, the largest body accepted (bytes), how long a stop may take (seconds)."""

    threads: int
    body_limit: int
    grace: float


class _ProblemTask(ErrorTask):
    """What waitress itself refuses, answered as problem+json."""

    def execute(self) -> None:
        error = self.request.error  # type: ignore[attr-defined]
        code, title = _CODES[error.code], HTTP_STATUS_CODES[error.code]
        reason = str(error.body).rstrip(".")
        body = {
            "type": "about:blank",
            "title": title,
            "status": error.code,
            "code": code,
            "detail": f"The request was refused before it was read whole: {reason}. {PROBLEMS[code].remedy}",
            "requestId": str(uuid.uuid4()),
        }
        content = json.dumps(body).encode()
        self.status = f"{error.code} {title}"
        self.response_headers = [
            ("Content-Type", "application/problem+json"),
            ("X-Request-Id", str(body["requestId"])),
        ]
        if error.code == 503:
            self.response_headers.append(("Retry-After", str(RETRY_AFTER_FULL)))
        log.info("request", status=error.code, code=code, requestId=body["requestId"])
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)


# By the statuses of waitress.utilities.Error, and of NoRoomForBody.
_CODES: Mapping[int, Code] = {
    400: "REQUEST_MALFORMED",
    413: "BODY_TOO_LARGE",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    501: "TRANSFER_CODING_UNSUPPORTED",
    503: "STORAGE_FULL",
}


class _Task(WSGITask):
    """While the server stops, each answer says that it is the last on its connection."""

    def service(self) -> None:
        super().service()
        channel: Any = self.channel
        if len(channel.requests) > 1 and channel.total_outbufs_len > channel.adj.outbuf_high_watermark:
            # Before the next of several requests that were sent at once, waitress would wait until the client
            # reads its answers, and hold this thread for as long. The connection is dropped instead: the
            # client has left 16 MiB of answers unread.
            self.set_close_on_finish()
            channel.will_close = True
            channel.connected = False

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
    parser_class = Parser

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self._loop: Loop = server.loop
        try:
            self._loop.add(self)
        except OSError as error:  # left to waitress, it would close the listener
            log.warning(f"closing connection: cannot register it with epoll: {error}")
            self.handle_close()

    def handle_expt(self) -> None:
        self.handle_close()  # urgent data, where it is reported at all: it would be reported again and again

    def service(self) -> None:
        self._loop.serving(self)
        super().service()


def listen(host: str, port: int) -> socket.socket:
    """Listen there (port 0: any free one). Raises SettingsError if that is impossible."""
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
    """Answer requests until `stop` is set, then those that have arrived by then, for `grace` seconds at most.

    Calls `listening` once it answers. Several processes may serve on one listener.
    """
    connections: dict[int, Any] = {}
    # Any: the stubs have the wrong type for active_channels, and no server made of a ready socket.
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
        gc.freeze()  # what exists now stays: the collector need not traverse it again and again
        listening()
        while not stop.is_set():
            loop.run(POLL_SECONDS)
        server.stopping = True
        server.accepting = True  # it may have paused, and there be room again
        _accept_pending(server)
        server.del_channel()
        server.socket.close()
        now = quiet_since = time.monotonic()
        deadline = now + options.grace
        while server.active_channels and now < deadline and now - quiet_since < LINGER_SECONDS:
            loop.run(0.02)
            now = time.monotonic()
            if _busy(server.active_channels):
                quiet_since = now
    finally:
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        server.asyncore.close_all(connections)
        loop.close()


def _pausing(server: Any, accept: Callable[[], Any]) -> Callable[[], Any]:
    """`accept` that pauses until the loop's next sweep if the system is out of descriptors.

    The connection stays in the backlog: without a pause the loop would try, and log that, without end.
    """

    def accept_or_pause() -> Any:
        try:
            return accept()
        except OSError as error:
            server.accepting = False
            log.warning(f"cannot accept a connection now: {error}")
            return None

    return accept_or_pause


def _accept_pending(server: Any) -> None:
    """Accept the connections of the backlog: closing the listener would reset them."""
    with _Selector() as selector:
        selector.register(server.socket, selectors.EVENT_READ)
        while selector.select(0) and server.accepting:
            server.handle_accept()


def _busy(channels: Mapping[int, HTTPChannel]) -> bool:
    """Whether a request is being read, waits or is being answered, or its answer is being sent."""
    return any(
        channel.request is not None or channel.requests or channel.total_outbufs_len
        for channel in channels.values()
    )
