"""The server: waitress over the WSGI app, in this process.

waitress takes a request's body in whole, into memory or a temporary file, before a thread is given to it:
slow clients hold no thread, and a body that is cut off on its way never reaches the app.
"""

import gc
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from waitress.channel import HTTPChannel
from waitress.server import create_server

from logleap.entrypoints.http.server.channel import Channel
from logleap.entrypoints.http.server.descriptors import connections_that_fit
from logleap.entrypoints.http.server.epoll import Loop
from logleap.entrypoints.http.server.request import MAX_HEAD
from logleap.entrypoints.http.server.threads import Threads
from logleap.settings import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger()

POLL_SECONDS = 0.2
"""Between two checks of whether to stop."""

LINGER_SECONDS = 0.1
"""Without a request; after that a stopping server closes the connections that are still open."""

MIN_IDLE_SECONDS = 0.5
"""A connection that was just made, or just answered, is not closed to make room for another."""

SWITCH_SECONDS = 0.001
"""How long a thread that computes keeps Python's lock from the others: the loop waits for each of them."""

HEALTH_PATH = "/healthz"
MAX_HEALTH_HEAD = 1 << 12  # bytes

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # needs no descriptor


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How many threads answer, the largest body accepted (bytes), how long a stop may take (seconds).

    `request_time` is how long a client may take to send a request (seconds). `path_prefix` is taken off the
    paths that begin with it, and becomes the app's SCRIPT_NAME for all of them.
    """

    threads: int
    body_limit: int
    grace: float
    request_time: float = 1800.0
    path_prefix: str = ""


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
    most = connections_that_fit()
    # Any: the stubs have the wrong type for active_channels, and no server made of a ready socket.
    server: Any = create_server(
        app,
        map=connections,
        sockets=[listener],
        threads=options.threads,
        ident="",
        clear_untrusted_proxy_headers=False,  # the app never uses them: middleware/browsers.py refuses them
        max_request_body_size=options.body_limit,
        max_request_header_size=MAX_HEAD,
        connection_limit=most + 4,  # with waitress's own two: _make_room comes first
        recv_bytes=1 << 18,
        url_prefix=options.path_prefix,
    )
    server.channel_class = Channel
    server.stopping = False
    loop = server.loop = Loop(server, connections, options.request_time)
    threads = server.threads = Threads(server.task_dispatcher, options.threads)
    server.accept = _pausing(server, server.accept)
    server.add_task = lambda channel: _start(server, channel)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        gc.collect()
        gc.freeze()  # what exists now stays: the collector need not traverse it again and again
        listening()
        while not stop.is_set():
            loop.run(POLL_SECONDS)
            _make_room(server, most)  # not before: descriptors would be used again within one run
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
        threads.close()
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        server.asyncore.close_all(connections)
        loop.close()
        sys.setswitchinterval(interval)


def _start(server: Any, channel: Any) -> None:
    """Have the first request of a channel answered: by the loop's own thread if it is for HEALTH_PATH.

    It has no thread to wait for then, however many calls are being carried out.
    """
    if _asks_for_health(channel.requests[0]) and server.loop.is_here():
        server.loop.answer(channel)
    else:
        server.task_dispatcher.add_task(channel)


def _asks_for_health(request: Any) -> bool:
    """Whether it is a short request for HEALTH_PATH, which the app answers without waiting for anything."""
    return bool(
        request.error is None
        and request.path == HEALTH_PATH
        and request.command in ("GET", "HEAD")
        and request.body_rcv is None
        and request.header_bytes_received <= MAX_HEALTH_HEAD
        and not request.headers.keys() & {"ORIGIN", "SEC_FETCH_SITE"}  # the app may have to look for keys
    )


def _make_room(server: Any, most: int) -> None:
    """Close the connections that were idle for longest, until there are at most `most`."""
    surplus = len(server.active_channels) - most
    if surplus > 0:
        latest = time.time() - MIN_IDLE_SECONDS
        channels = server.active_channels.values()
        idle = [channel for channel in channels if channel.idle and channel.last_activity < latest]
        for channel in sorted(idle, key=lambda channel: channel.last_activity)[:surplus]:
            channel.handle_close()


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
