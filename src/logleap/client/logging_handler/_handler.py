"""The handler itself."""

import functools
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from logleap.client._api import Client, tls_context
from logleap.client.logging_handler._outbox import Limits, Outbox
from logleap.client.logging_handler._records import NotAnEntry, encode


class LogLeapHandler(logging.Handler):
    """Sends log records to the data set `data_id` of the API at `url`.

    It never makes the program wait: records are queued, and sent by a thread of its own in batches (see
    `batch_size`, entries, and `interval`, seconds), each under one Idempotency-Key until it is acknowledged,
    so that it counts once. The queue holds `capacity` bytes; when it is full, new records are dropped.
    `dropped` tells how many, and why; so does a line on stderr, at most once a minute and at the end.
    At exit what is queued is sent for at most `exit_timeout` seconds. `timeout`: seconds for one request.
    """

    def __init__(
        self,
        url: str,
        data_id: str,
        *,
        api_key: str | None = None,
        level: int | str = logging.NOTSET,
        batch_size: int = 1000,
        interval: float = 1.0,
        capacity: int = 32 << 20,
        timeout: float = 10.0,
        exit_timeout: float = 5.0,
    ) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"url is {url!r}, but must be such as http://127.0.0.1:8080")
        super().__init__(level)
        # No patience: the outbox itself tries again, and can be told to end.
        # The TLS context is made here, for http too: a fork while the sending thread made one would leave
        # OpenSSL's lock held in the child for ever.
        connect = functools.partial(
            Client, url, api_key=api_key, timeout=timeout, patience=0, tls=tls_context()
        )
        limits = Limits(batch_size=batch_size, interval=interval, capacity=capacity)
        self._exit_timeout = exit_timeout
        self._outbox = Outbox(connect, data_id, limits, exit_timeout=exit_timeout)

    @property
    def sent(self) -> int:
        """How many records were acknowledged."""
        return self._outbox.sent

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many records were dropped, by reason."""
        return self._outbox.dropped

    def handle(self, record: logging.LogRecord) -> bool:
        """Leaves out what the sending thread logs (its HTTP library's lines): that would never end."""
        # Here, and not in `emit`: that thread must not wait for the handler's lock, which the end holds.
        return not self._outbox.is_sender() and super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        try:
            self._outbox.put(encode(record, self.format(record)))
        except NotAnEntry as reason:
            self._outbox.drop(str(reason))
        except Exception:  # noqa: BLE001 - a program must not fail for its log: logging's own way
            self._outbox.drop("not to be encoded")
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all that was logged is acknowledged, for at most `exit_timeout` seconds."""
        self._outbox.flush(self._exit_timeout)

    def close(self) -> None:
        """Send what is queued, for at most `exit_timeout` seconds, and end."""
        self._outbox.close()
        super().close()
