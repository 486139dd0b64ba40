"""Who calls: the owner behind the key."""

import logging

from flask import Request

from logleap.backends import Capabilities
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.errors.security import CHALLENGE
from logleap.ports.errors import Unavailable
from logleap.settings import Settings, SettingsError
from logleap.usecases.keys import Authenticate

log = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
"""The owner of what is announced without a key. A key for this owner opens it later."""


class Authenticator:
    """Tells the owner of a request by its key.

    A key is `<keyId>.<secret>`, in `X-API-Key` or as `Authorization: Bearer`. `required` is whether one must
    be shown; None: as soon as there is one. BrowserGuard looks, for each request, whether there is.
    """

    def __init__(self, settings: Settings, capabilities: Capabilities, authenticate: Authenticate) -> None:
        """Raises SettingsError if keys are required and there are none."""
        self._authenticate = authenticate
        self.required = settings.keys_required(by_backend=capabilities.requires_keys)
        if self.required and not _any_keys(authenticate):
            raise SettingsError(_without_keys(settings, capabilities))

    def owner_of(self, request: Request) -> str:
        """The owner. Raises HttpError (401) without a key, InvalidApiKey whatever is wrong with it."""
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
        log.warning("cannot tell whether any keys exist: %s", error)
        return True


def _without_keys(settings: Settings, capabilities: Capabilities) -> str:
    made = "set LOGLEAP_API_KEYS to keyId:owner:sha256,…"
    if capabilities.keeps_keys:
        made = f"create one with logleap keys create --owner NAME (same settings), or {made}"
    if settings.auth == "keys":
        return f"LOGLEAP_AUTH is 'keys', but no key exists: {made}."
    return (
        f"Without keys, backend {settings.backend!r} on {settings.host!r} is open to anyone: {made}, or "
        "LOGLEAP_AUTH=none if something else protects it."
    )
