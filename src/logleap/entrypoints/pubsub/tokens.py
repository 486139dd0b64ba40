"""Whether a request comes from Google, for us, in the name of the one service account we expect.

https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from google.auth import transport
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from logleap.entrypoints.http.errors.refusals import HttpError

_CLOCK_SKEW = 10  # seconds by which Google's clock and ours may differ
_FETCH = 5.0  # seconds for the certificates
_KEPT = 300.0  # seconds that certificates are kept if the answer does not say
_LENGTH = 16384  # characters of a token; Google's have about a thousand


class TokenVerifier:
    """Takes tokens that Google signed for `audience` in the name of `service_account`, and no others.

    `fetch` gets Google's certificates; they are kept for as long as their answer allows. Threads may
    share it.
    """

    def __init__(self, audience: str, service_account: str, fetch: transport.Request | None = None) -> None:
        # Google's library does not check an audience of None.
        if not audience or not service_account:
            raise ValueError("a token is checked against an audience and a service account, not without")
        self._audience = audience
        self._service_account = service_account
        self._fetch = _Kept(fetch or Request())

    def check(self, authorization: str) -> None:
        """Return if the value of the Authorization header is in order.

        Raises HttpError: 401, 403, or 503 if that could not be found out.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("TOKEN_MISSING", "Send an OIDC token of Google's as Authorization: Bearer.")
        claims = self._claims(token)
        if claims.get("email_verified") is not True or claims.get("email") != self._service_account:
            raise HttpError("TOKEN_OF_ANOTHER", "The token is not of the service account that may call this.")

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _LENGTH:
            raise _unauthorized("TOKEN_INVALID", "The token is too long to be one of Google's.")
        try:
            return id_token.verify_oauth2_token(  # type: ignore[no-any-return, no-untyped-call]
                token, self._fetch, audience=self._audience, clock_skew_in_seconds=_CLOCK_SKEW
            )
        except TransportError as error:
            raise HttpError(
                "CERTIFICATES_UNAVAILABLE",
                "Google's certificates cannot be had now, so the token cannot be checked.",
                {"Retry-After": "5"},
            ) from error
        except (GoogleAuthError, ValueError, KeyError, TypeError, RecursionError) as error:
            # What exactly is wrong is for the log: a caller who guesses learns nothing.
            raise _unauthorized(
                "TOKEN_INVALID", "The token is not a valid one of Google's for this audience."
            ) from error


def _unauthorized(code: str, detail: str) -> HttpError:
    return HttpError(code, detail, {"WWW-Authenticate": "Bearer"})


class _Kept(transport.Request):
    """Keeps the answer of the one address it is asked for, as long as its `Cache-Control` says."""

    def __init__(self, fetch: transport.Request) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._answer: Any = None
        self._until = 0.0

    def __call__(self, url: str, method: str = "GET", *_: Any, **__: Any) -> Any:
        with self._lock:
            if self._answer is None or time.monotonic() >= self._until:
                self._answer = None
                answer = self._fetch(url, method=method, timeout=_FETCH)
                if answer.status != 200:
                    return answer
                allowed = re.search(r"max-age=([0-9]{1,9})", answer.headers.get("Cache-Control", ""))
                self._until = time.monotonic() + (float(allowed[1]) if allowed else _KEPT)
                self._answer = answer
            return self._answer
