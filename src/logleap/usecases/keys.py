"""Make keys, revoke them, and tell by a key who calls."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from logleap.domain.errors import InvalidApiKey, KeyNotFound
from logleap.domain.keys import ApiKey, check_texts, digest
from logleap.ports.keys import KeyRepository
from logleap.usecases.types import Clock

TRUST = 2.0
"""Seconds for which a key that was right is taken again without a look at the repository: on Firestore each
look costs a read and a round trip. A revocation takes effect within them."""

_NOBODY = ApiKey("", "", digest(secrets.token_urlsafe(32)), datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Makes a key."""

    keys: KeyRepository
    now: Clock

    def __call__(self, owner: str, note: str | None = None) -> tuple[ApiKey, str]:
        """The key as stored, and `<keyId>.<secret>` for its owner: nobody can tell it again.

        Raises InvalidKeyText.
        """
        check_texts(owner, note)
        secret = secrets.token_urlsafe(32)  # bytes: 256 bits
        key = ApiKey(secrets.token_hex(8), owner, digest(secret), self.now(), note)
        self.keys.add(key)
        return key, f"{key.key_id}.{secret}"


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Takes a key out of use. The data sets it opened stay, and open to the owner's other keys."""

    keys: KeyRepository
    now: Clock

    def __call__(self, key_id: str) -> ApiKey:
        """The revoked key. Running servers refuse it `TRUST` seconds later. Raises KeyNotFound."""
        key = self.keys.revoke(key_id, self.now())
        if key is None:
            raise KeyNotFound(key_id)
        return key


@dataclass(frozen=True, slots=True)
class ShowKeys:
    """Lists an owner's keys, without what opens them."""

    given: Sequence[ApiKey]
    keys: KeyRepository

    def __call__(self, owner: str) -> Sequence[ApiKey]:
        """Those of the settings first, then those of the repository, oldest first, also revoked ones."""
        return [key for key in (*self.given, *self.keys.list()) if key.owner == owner]


@dataclass(slots=True)
class Authenticate:
    """Tells the owner by a key: one of the settings (`given`) or one of the repository."""

    given: Sequence[ApiKey]
    keys: KeyRepository
    seconds: Callable[[], float] = time.monotonic
    _given: Mapping[str, ApiKey] = field(init=False)
    _trusted: dict[str, tuple[ApiKey, float]] = field(default_factory=dict, init=False)
    _exist: bool = field(default=False, init=False)
    _secret: bytes | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._given = {key.key_id: key for key in self.given}

    def __call__(self, shown: str) -> str:
        """The owner of the key `shown`. Raises InvalidApiKey, as `key`."""
        return self.key(shown).owner

    def key(self, shown: str) -> ApiKey:
        """The key `shown`. Raises InvalidApiKey, the same for an unknown id and a wrong secret.

        Each refusal follows one look at the repository, and its time tells nothing of the secret.
        """
        key_id, _, secret = shown.partition(".")
        known = self._given.get(key_id) or self._trusted_key(key_id)
        if known is not None and known.opens(secret):
            return known
        looked = self.seconds()
        key = self.keys.get(key_id) or _NOBODY
        if not key.opens(secret):
            raise InvalidApiKey
        self._trusted[key_id] = key, looked + TRUST
        return key

    def standing(self, key_id: str) -> ApiKey:
        """The key of this id, which was shown before. Raises InvalidApiKey if it was revoked, or is gone.

        A revocation takes effect within `TRUST` seconds.
        """
        key = self._given.get(key_id) or self._trusted_key(key_id)
        if key is None:
            looked = self.seconds()
            key = self.keys.get(key_id)
            if key is not None and key.revoked_at is None:
                self._trusted[key_id] = key, looked + TRUST
        if key is None or key.revoked_at is not None:
            raise InvalidApiKey
        return key

    def signing_secret(self) -> bytes:
        """What sessions are signed with: 32 bytes, the same in all processes that share the backend."""
        self._secret = self._secret or self.keys.signing_secret()
        return self._secret

    def any_keys(self) -> bool:
        """Whether there are keys at all, revoked ones included: revoking the last one opens nothing."""
        self._exist = self._exist or bool(self._given) or self.keys.exist()
        return self._exist

    def _trusted_key(self, key_id: str) -> ApiKey | None:
        key, until = self._trusted.get(key_id, (None, 0.0))
        return key if self.seconds() < until else None
