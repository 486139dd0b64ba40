"""Who calls: the owner behind the key."""

import logging

from flask import Request

from logleap.entrypoints.http.contract.refusals import HttpError
from logleap.entrypoints.http.contract.security import CHALLENGE
from logleap.ports.errors import Unavailable
from logleap.settings import Settings, SettingsError
from logleap.usecases.keys import Authenticate

log = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
"""The owner of what is announced without a key. A key for this owner opens it later."""


class Authenticator:
    """Tells the owner of a request by its key, or `anonymous` where none is needed.

    A key is `<keyId>.<secret>`, in `X-API-Key` or as `Authorization: Bearer`.
    """

    def __init__(self, settings: Settings, authenticate: Authenticate) -> None:
        """Raises SettingsError if keys are required and there are none."""
        self._authenticate = authenticate
        self._required = settings.keys_required
        if self._required and not _any_keys(authenticate):
            raise SettingsError(_without_keys(settings))

    def owner_of(self, request: Request) -> str:
        """The owner. Raises HttpError (401) without a key, InvalidApiKey whatever is wrong with it.

        Where keys are not required from the start, they are from the moment when the first one is made.
        """
        if not self._required and (self._required is False or not self._authenticate.any_keys()):
            return ANONYMOUS
        shown = request.headers.get("X-API-Key") or _bearer(request)
        if shown is None:
            raise HttpError(
                "API_KEY_MISSING",
                "Send your key as X-API-Key: <keyId>.<secret> (or as Authorization: Bearer).",
                CHALLENGE,
            )
        return self._authenticate(shown.strip())


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" and value.strip() else None


def _any_keys(authenticate: Authenticate) -> bool:
    try:
        return authenticate.any_keys()
    except Unavailable as error:
        # Nobody gets in without a key, so a backend that is down now is no reason not to start.
        log.warning("it is not known whether there are any keys: %s", error)
        return True


def _without_keys(settings: Settings) -> str:
    made = "set LOGLEAP_API_KEYS to keyId:owner:sha256,…"
    if settings.backend != "memory":
        made = f"make one with logleap keys create --owner NAME (same settings), or {made}"
    if settings.auth == "keys":
        return f"LOGLEAP_AUTH is 'keys', but there are none: {made}."
    return (
        f"Without keys, backend {settings.backend!r} on {settings.host!r} would let anyone in: {made}, or "
        "LOGLEAP_AUTH=none if something else guards it."
    )
