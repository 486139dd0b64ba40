"""A connection: waitress's channel, with bounds on what a client can make of it."""

import select
import time
from contextlib import nullcontext, suppress
from typing import Any

import structlog
from waitress.channel import ClientDisconnected, HTTPChannel

from logleap.entrypoints.http.server.epoll import Loop
from logleap.entrypoints.http.server.request import Request
from logleap.entrypoints.http.server.tasks import ProblemTask, Task

log = structlog.get_logger()

STALL_SECONDS = 30.0
"""How long an answer in the making waits for a client that takes less than STALL_BYTES of it."""

STALL_BYTES = 1 << 16

STREAM_BYTES = 1 << 19
"""Of a stream that wait for the client, at most: as many as waitress keeps in memory."""

_HEAD_READ = 1 << 16  # bytes read at once outside of a body: they may hold thousands of requests
_DRAINED = 1 << 20  # bytes
_FILLER = 64  # bytes of empty lines in front of a request: RFC 9112, 2.2, wants at least one ignored


class Channel(HTTPChannel):
    """One connection."""

    # Any: the stubs lack much of it.
    server: Any
    socket: Any
    will_close: Any
    request: Any
    requests: Any
    requests_lock: Any
    outbuf_lock: Any
    _flush_exception: Any
    _flush_some: Any

    task_class = Task
    error_task_class = ProblemTask
    parser_class = Request

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self._filler = 0
        self._most_kept: int = self.adj.outbuf_high_watermark
        self._loop: Loop = server.loop
        try:
            self._loop.add(self)
        except OSError as error:  # left to waitress, it would close the listener
            log.warning(f"closing connection: cannot register it with epoll: {error}")
            self.handle_close()

    def begin_stream(self) -> None:
        """Its answer is a stream: the thread that makes it waits for the client, and another one works."""
        self._most_kept = STREAM_BYTES

    def send_stream(self, *parts: bytes | memoryview) -> None:
        """Send a part of a stream from where it lies: waitress would copy it three times.

        The calling thread waits until the client takes it. Raises ClientDisconnected.
        """
        left = [memoryview(part) for part in parts]
        taken, since = 0, time.monotonic()
        descriptor = self.socket.fileno()
        while left:
            with self.outbuf_lock:
                if not self.connected:
                    raise ClientDisconnected
                if self.total_outbufs_len:  # of an earlier answer
                    self._flush_exception(self._flush_some, do_close=False)
                sent = 0 if self.total_outbufs_len else self._send(left)
            now = time.monotonic()
            taken += sent
            if taken >= STALL_BYTES:
                taken, since = 0, now
            elif now - since > STALL_SECONDS:
                self._give_up()
            if sent:
                self.last_activity = time.time()
                left = _after(left, sent)
            else:
                # Without the lock, for which the loop would wait. If the descriptor is another's by now, this
                # connection is found closed.
                _await_writable(descriptor, since + STALL_SECONDS - now)

    def _send(self, parts: list[memoryview]) -> int:
        """How many bytes the system took: 0 while it takes none. Raises ClientDisconnected."""
        try:
            return int(self.socket.sendmsg(parts))
        except BlockingIOError:
            return 0
        except OSError as error:
            self.will_close = True
            self.connected = False
            raise ClientDisconnected from error

    def _give_up(self) -> None:
        """Close, as the client does not read. Raises ClientDisconnected."""
        log.info("closing connection: the client does not read its answer")
        self.will_close = True
        self.connected = False
        raise ClientDisconnected

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered, and no answer is being sent."""
        return not self.requests and not self.total_outbufs_len

    def handle_expt(self) -> None:
        """Urgent data, where it is reported at all: it would be reported again and again."""
        self.handle_close()

    def handle_close(self) -> None:
        """Close. What the client has sent meanwhile is taken, or the system would discard the answer too."""
        if self.socket is not None and (self.close_when_flushed or self.will_close):
            with suppress(OSError):
                for _ in range(_DRAINED >> 16):
                    if not self.socket.recv(1 << 16):
                        break
        super().handle_close()

    def recv(self, buffer_size: int) -> Any:
        """What has arrived; of what is not a body, little at a time."""
        in_body = self.request is not None and self.request.body_rcv is not None
        return super().recv(buffer_size if in_body else min(buffer_size, _HEAD_READ))

    def received(self, data: bytes) -> bool:
        """As waitress's, which copies all that is left of `data` for each request and empty line in it."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            if self.request is not None:
                self.request.count_read(len(data))
                if self.request.completed:  # refused
                    data = data[:1]
            at = 0
            while at < len(data):
                if self.request is None:
                    at = self._skip_filler(data, at)
                    if self.will_close or at == len(data):
                        break
                    self.request = Request(self.adj)
                if not self.request.completed:
                    at += self.request.received(data[at : at + self.request.wanted()])
                request = self.request
                if request.completed:
                    self.sent_continue = False
                    self.request = None
                    if not request.empty:
                        self._queue(request)
                    if request.error:
                        break  # it is not known where the next one begins
                elif (
                    request.expect_continue
                    and request.headers_finished
                    and not self.requests
                    and not self.sent_continue
                ):
                    self.send_continue()
        return True

    def expire(self, now: float, limit: float) -> None:
        """Refuse the request that is being received if it has taken more than `limit` seconds so far."""
        with self.requests_lock:
            request = self.request
            if request is None or self.will_close or self.close_when_flushed:
                return
            if self.requests:  # it arrived with the one that is being answered, and is not read on meanwhile
                request.began = now
            elif request.overdue(now, limit):
                request.expire()
                self.request = None
                self._queue(request)

    def service(self) -> None:
        """Answer one request."""
        self._loop.serving(self)
        super().service()

    def _queue(self, request: Request) -> None:
        self.requests.append(request)
        if len(self.requests) == 1:
            self.server.add_task(self)

    def _skip_filler(self, data: bytes, at: int) -> int:
        begin = at
        while at < len(data) and data[at] in b"\r\n":
            at += 1
            if self._filler + at - begin > _FILLER:
                self.will_close = True
                return at
        self._filler = self._filler + at - begin if at == len(data) else 0
        return at

    def _flush_outbufs_below_high_watermark(self) -> None:
        """As waitress's, which waits for the client without end.

        Meanwhile another thread takes this one's place, so that clients who do not read delay nobody.
        """
        most = self._most_kept
        if self.total_outbufs_len <= most:
            return
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            if self.total_outbufs_len <= most:
                return
            with self.server.threads.one_more() if most > STREAM_BYTES else nullcontext():
                left, since = self.total_outbufs_len, time.monotonic()
                while self.connected and self.total_outbufs_len > most:
                    self.server.pull_trigger()
                    self.outbuf_lock.wait(1.0)
                    now = time.monotonic()
                    if left - self.total_outbufs_len >= STALL_BYTES:
                        left, since = self.total_outbufs_len, now
                    elif now - since > STALL_SECONDS:
                        self._give_up()


def _after(parts: list[memoryview], sent: int) -> list[memoryview]:
    """What is left of the parts once so many of their bytes are sent."""
    for number, part in enumerate(parts):
        if sent < len(part):
            return [part[sent:], *parts[number + 1 :]]
        sent -= len(part)
    return []


def _await_writable(descriptor: int, seconds: float) -> None:
    """Wait until the system takes more for this socket, for so long, and for a second at most."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll(1_000 * min(1.0, max(0.001, seconds)))
