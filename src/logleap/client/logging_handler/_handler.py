"""`LogLeapHandler`: formats records and puts them into the outbox."""

import functools
import logging
from collections.abc import Mapping

from logleap.client._api import Client, check_address, tls_context
from logleap.client.logging_handler._outbox import Limits, Outbox
from logleap.client.logging_handler._records import NotAnEntry, encode


class LogLeapHandler(logging.Handler):
    """Sends log records to the data set `data_id` of the API at `url`.

    It does not block the program: records are queued, and a thread of the handler sends them in batches (of
    `batch_size` entries, or every `interval` seconds). Each batch keeps one Idempotency-Key until it is
    acknowledged, so it counts once. The queue holds `capacity` bytes; when it is full, new records are
    dropped. `dropped` counts them by reason; a line on stderr reports them, at most once a minute and at the
    end. At exit the handler sends what is queued, for at most `exit_timeout` seconds. `timeout`: seconds for
    one request.
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
        check_address(url, api_key)
        super().__init__(level)
        # patience=0: the outbox retries by itself, and can be stopped.
        # The TLS context is made here, even for http: if a fork happened while the sending thread made one,
        # the child would find OpenSSL's lock held for ever.
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
        """Ignore what the sending thread itself logs (lines of its HTTP library): it would never end."""
        # Here, not in `emit`: that thread must not wait for the handler's lock, which `close` holds.
        return not self._outbox.is_sender() and super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        try:
            self._outbox.put(encode(record, self.format(record)))
        except NotAnEntry as reason:
            self._outbox.drop(str(reason))
        except Exception:  # noqa: BLE001 - logging must not make a program fail
            self._outbox.drop("cannot be encoded")
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything logged so far is acknowledged, for at most `exit_timeout` seconds."""
        self._outbox.flush(self._exit_timeout)

    def close(self) -> None:
        """Send what is queued, for at most `exit_timeout` seconds, then stop."""
        self._outbox.close()
        super().close()
