"""Delivers events to a URL."""

import asyncio
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from logleap.adapters.webhook.signature import signed_headers
from logleap.codecs.cloud_events import MEDIA_TYPE, to_json
from logleap.domain.events import OutgoingEvent
from logleap.ports.events import EventDeliverer, NotDelivered

CONNECT_SECONDS = 5.0
"""For a connection, with its TLS; the whole attempt has the operator's time."""

SPARE_SECONDS = 5.0
"""Beyond the time of an attempt: then the loop was closed just as the attempt began."""

GONE = 410
"""By which a receiver says that it wants no more: Standard Webhooks, “410 Gone”."""


class WebhookDeliverer(EventDeliverer):
    """One POST for each event, on a connection of its own.

    It is delivered if the answer's status is 2xx. Redirects are not followed, and bodies of answers are not
    read: whoever can make the receiver answer cannot make this server call others, or hold much in memory.

    The requests run on a loop of their own: there an attempt ends in time whatever the receiver does, even if
    it sends its answer a byte at a time.
    """

    def __init__(
        self, url: str, secrets: Sequence[bytes], *, source: str, timeout: float, proxied: bool = True
    ) -> None:
        """`timeout`: seconds for one attempt, all in all. `proxied`: by a proxy, if there is one.

        Raises ValueError for a URL that cannot be used.
        """
        try:
            self._url = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise ValueError(str(error)) from error
        self._secrets = tuple(secrets)
        self._source = source
        self._timeout = timeout
        self._proxied = proxied
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def longest(self) -> float:
        return self._timeout

    def deliver(self, event: OutgoingEvent) -> None:
        body = to_json(event, self._source)
        loop = self._running()
        attempt = self._attempt(event.event_id, body)
        try:
            future = asyncio.run_coroutine_threadsafe(attempt, loop)
        except RuntimeError as error:  # closed meanwhile
            attempt.close()
            raise NotDelivered("the server stops") from error
        try:
            status, retry_after = future.result(self._timeout + SPARE_SECONDS)
        except CancelledError as error:
            raise NotDelivered("the server stops") from error
        except TimeoutError as error:
            raise NotDelivered(f"no answer within {self._timeout:g} s") from error
        except httpx2.TransportError as error:
            raise NotDelivered(f"no answer ({_kind(error)})") from error
        if 200 <= status < 300:
            return
        if status == GONE:
            raise NotDelivered("the receiver answered 410: it takes no more events", final=True)
        note = ": redirects are not followed" if 300 <= status < 400 else ""
        raise NotDelivered(f"the receiver answered {status}{note}", retry_after=_pause(retry_after))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    async def _attempt(self, event_id: str, body: bytes) -> tuple[int, str | None]:
        headers = {
            "content-type": f"{MEDIA_TYPE}; charset=utf-8",
            "user-agent": "logleap",
            **signed_headers(event_id, int(time.time()), body, self._secrets),
        }
        async with (
            asyncio.timeout(self._timeout),
            self._client.stream("POST", self._url, content=body, headers=headers) as answer,
        ):
            return answer.status_code, answer.headers.get("retry-after")

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, started at the first use: after a server's fork. Raises NotDelivered."""
        with self._lock:
            if self._closed:
                raise NotDelivered("the server stops")
            if self._loop is None:
                self._client = self._new_client()
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(self._loop,), name="webhooks", daemon=True)
                thread.start()
            return self._loop

    def _new_client(self) -> httpx2.AsyncClient:
        tls = httpx2.create_ssl_context(trust_env=False)
        try:
            return httpx2.AsyncClient(
                verify=tls,
                timeout=httpx2.Timeout(self._timeout, connect=min(CONNECT_SECONDS, self._timeout)),
                follow_redirects=False,
                # A connection that is kept may be closed by the receiver just as it is used again.
                limits=httpx2.Limits(max_keepalive_connections=0),
                trust_env=self._proxied,
            )
        except (ValueError, httpx2.InvalidURL, ImportError) as error:  # ImportError: for SOCKS
            raise NotDelivered(_PROXY_UNUSABLE) from error


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run until stopped, then end what is under way."""
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel(asyncio.all_tasks(loop)))
    finally:
        loop.close()


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# The error's own text may hold the proxy's URL, and that a password.
_PROXY_UNUSABLE = (
    "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used: set the variable to a "
    "URL such as http://proxy.example.org:3128, or unset it, and restart the server"
)

_WORDS: dict[type[httpx2.TransportError], str] = {
    httpx2.ConnectTimeout: "no connection in time",
    httpx2.ConnectError: "no connection",
    httpx2.RemoteProtocolError: "it closed the connection, or its answer is not HTTP",
}


def _kind(error: httpx2.TransportError) -> str:
    """What went wrong. The error's own text may hold the URL, and that a secret."""
    return _WORDS.get(type(error), type(error).__name__)


def _pause(text: str | None) -> timedelta | None:
    """What a Retry-After asks for, in either of its forms; None for any other text."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(timedelta(0), until - datetime.now(UTC))
