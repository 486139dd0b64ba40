"""Who looks at a page, and whether a change comes from a page of ours.

A session is a signed cookie. It holds no key: the key's id, an HMAC of what opens it, and a random id, to
which the tokens of forms are bound.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from flask import Request, Response, g
from itsdangerous import BadData, URLSafeTimedSerializer

from logleap.domain.errors import InvalidApiKey
from logleap.domain.keys import ApiKey
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.middleware.auth import ANONYMOUS
from logleap.usecases.keys import Authenticate

COOKIE = "logleap-session"
PATH = "/console"
"""Below the path that the server is under, if it is under any."""

TOKEN_SECONDS = 24 * 3600
"""How long a form may lie open before it is sent."""

_NO_SESSION = "-"


class SignInRequired(Exception):
    """The page belongs to an owner, and nobody has signed in, or not any more."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks. `session` is the id of the session, which is none where no keys are required."""

    owner: str
    key_id: str | None = None
    session: str = _NO_SESSION


class Sessions:
    """Signs people in with a key, recognises them, and makes and checks the tokens of forms.

    `lasting` is how long one stays signed in.
    """

    def __init__(self, authenticate: Authenticate, lasting: timedelta) -> None:
        self._authenticate = authenticate
        self._seconds = int(lasting.total_seconds())

    @cached_property
    def _secret(self) -> bytes:
        return self._authenticate.signing_secret()

    @cached_property
    def _cookies(self) -> URLSafeTimedSerializer:
        return _signer(self._secret, "logleap console session")

    @cached_property
    def _tokens(self) -> URLSafeTimedSerializer:
        return _signer(self._secret, "logleap console form")

    def visitor(self, request: Request) -> Visitor:
        """Who sent the request. Raises SignInRequired.

        Each request looks whether the session's key still stands: one that was revoked ends its sessions.
        """
        if not g.needs_key:  # as the check of the sender found
            return Visitor(ANONYMOUS)
        try:
            session, key_id, bound = self._cookies.loads(
                request.cookies.get(COOKIE, ""), max_age=self._seconds
            )
            key = self._authenticate.standing(key_id)
        except (BadData, ValueError, TypeError, InvalidApiKey):
            raise SignInRequired from None
        if not hmac.compare_digest(bound, self._bound(key)):
            raise SignInRequired
        return Visitor(key.owner, key_id, session)

    def sign_in(self, shown: str, request: Request, response: Response) -> None:
        """Begin a session with the key `shown`. Raises InvalidApiKey."""
        key = self._authenticate.key(shown)
        value = self._cookies.dumps([secrets.token_hex(16), key.key_id, self._bound(key)])
        assert isinstance(value, str)  # noqa: S101 -- for mypy
        response.set_cookie(
            COOKIE,
            value,
            max_age=self._seconds,
            path=request.script_root + PATH,
            secure=_encrypted(request),
            httponly=True,
            samesite="Strict",
        )

    def sign_out(self, request: Request, response: Response) -> None:
        """End the session."""
        response.delete_cookie(
            COOKIE,
            path=request.script_root + PATH,
            secure=_encrypted(request),
            httponly=True,
            samesite="Strict",
        )

    def token(self, visitor: Visitor | None) -> str:
        """What each form carries. None: nobody is signed in."""
        value = self._tokens.dumps(visitor.session if visitor is not None else _NO_SESSION)
        assert isinstance(value, str)  # noqa: S101 -- for mypy
        return value

    def check_token(self, visitor: Visitor | None, token: str) -> None:
        """Raises HttpError (403) unless the form is one that was made for this session."""
        try:
            session = self._tokens.loads(token, max_age=TOKEN_SECONDS)
        except BadData:
            session = None
        if session != (visitor.session if visitor is not None else _NO_SESSION):
            raise HttpError(
                "FORM_EXPIRED",
                "This form was made before you signed in, or more than a day ago, so nothing was changed. "
                "Go back, reload the page, and send it again.",
            )

    def _bound(self, key: ApiKey) -> str:
        """Ties a session to the key's secret: where another key gets the same id, it ends too."""
        return hmac.new(self._secret, key.sha256.encode(), "sha256").hexdigest()[:32]


def check_same_origin(request: Request) -> None:
    """Raises HttpError (403) where the browser says that a page other than ours sent the change.

    Another port of the same machine is `same-site`, so that alone is not enough.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin"):
        raise HttpError(
            "CROSS_SITE_REQUEST",
            f"A page of another origin sent this form (Sec-Fetch-Site {site[:40]!r}), so nothing was "
            "changed. Use the forms of the console.",
        )


def _signer(secret: bytes, salt: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        secret, salt=salt, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


def _encrypted(request: Request) -> bool:
    """Whether the browser uses HTTPS, to this server or to a proxy before it: decides a flag alone."""
    return (
        request.is_secure
        or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        or request.headers.get("Origin", "").lower().startswith("https://")
    )
