"""How long a call to Google may take, and when it is retried: never by the clients' own defaults.

Those retry for one to ten minutes (Firestore: 60 to 300 s, BigQuery and Pub/Sub: 600 s), while a client of
ours waits. Here one attempt takes `ATTEMPT_SECONDS` at most and none begins after `TOTAL_SECONDS`: a service
that is down is reported within nine seconds, a rollback included.
"""

import time
from typing import TypedDict

import requests.exceptions
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import TransportError

ATTEMPT_SECONDS = 3.0
TOTAL_SECONDS = 5.0

TRANSIENT: tuple[type[Exception], ...] = (
    exceptions.BadGateway,
    exceptions.GatewayTimeout,  # DeadlineExceeded is one
    exceptions.InternalServerError,
    exceptions.ServiceUnavailable,
    exceptions.TooManyRequests,  # ResourceExhausted is one
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
)
"""Transient errors. After one, a write may or may not have taken effect."""


def retrying(total: float = TOTAL_SECONDS) -> Retry:
    """Retries after a TRANSIENT error: soon, then each second, for `total` seconds.

    Only for calls that may be repeated: reads, and writes that change nothing the second time.
    """
    return Retry(if_exception_type(*TRANSIENT), initial=0.1, maximum=1.0, multiplier=2.0, timeout=total)


RETRY = retrying()


class CallOptions(TypedDict):
    """The keyword arguments of Google's clients; `timeout` (seconds) is for one attempt."""

    retry: Retry | None
    timeout: float


class Deadline:
    """The end of the time for one call of a port, which several requests share."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until no further attempt may begin; not positive when the time is up."""
        return self._end - time.monotonic()

    def retryable(self, attempt: float = ATTEMPT_SECONDS) -> CallOptions:
        """For a request that may be repeated. Raises TimeoutError when the time is up."""
        left = self._checked()
        return CallOptions(retry=retrying(left), timeout=min(attempt, left + ATTEMPT_SECONDS))

    def single_attempt(self, attempt: float = ATTEMPT_SECONDS) -> CallOptions:
        """For a request that is sent at most once. Raises TimeoutError when the time is up."""
        left = self._checked()
        return CallOptions(retry=None, timeout=min(attempt, left + ATTEMPT_SECONDS))

    def _checked(self) -> float:
        left = self.left
        if left <= 0:
            raise TimeoutError("the time for this call is up")
        return left
