"""Who calls: the owner behind the key."""

import hashlib
import hmac

from flask import Request

from logleap.entrypoints.http.problems import RequestRefused
from logleap.settings import Settings

ANONYMOUS = "anonymous"

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="logleap"'}


class Authenticator:
    """Tells the owner of a request by its key, or `anonymous` where keys are off.

    A key is `<keyId>.<secret>`, in `X-API-Key` or as `Authorization: Bearer`.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = {key.key_id: key for key in settings.api_keys} if settings.keys_required else None

    def owner_of(self, request: Request) -> str:
        """The owner. Raises RequestRefused (401) in the same words for an unknown key and a wrong secret."""
        if self._keys is None:
            return ANONYMOUS
        shown = request.headers.get("X-API-Key") or _bearer(request)
        if shown is None:
            raise RequestRefused(
                401,
                "API_KEY_MISSING",
                "Send your key as X-API-Key: <keyId>.<secret> (or as Authorization: Bearer).",
                headers=_CHALLENGE,
            )
        key_id, _, secret = shown.strip().partition(".")
        key = self._keys.get(key_id)
        digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
        # Compared also where there is no such key, so that both take the same time.
        right = hmac.compare_digest(digest, key.sha256 if key else "0" * 64)
        if key is None or not right:
            raise RequestRefused(401, "API_KEY_INVALID", "This key is not known.", headers=_CHALLENGE)
        return key.owner


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" and value.strip() else None
