"""API keys: `<keyId>.<secret>`. Of the secret only its SHA-256 is ever kept."""

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from datetime import datetime

from logleap.domain.errors import InvalidKeyText

OWNER = r"[^:,]{1,128}"
"""What an owner's name may be: both for keys in the settings, where `:` and `,` separate, and stored ones."""

_MAX_NOTE = 256


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that opens an owner's data sets, until it is revoked.

    `sha256` (hex) is the digest of its secret. `created_at` (UTC) of a key from the settings is when they
    were read.
    """

    key_id: str
    owner: str
    sha256: str
    created_at: datetime
    note: str | None = None
    revoked_at: datetime | None = None

    def opens(self, secret: str) -> bool:
        """Whether this is the key's secret, and the key not revoked. Takes the same time either way."""
        right = hmac.compare_digest(digest(secret), self.sha256)
        return right and self.revoked_at is None

    def revoked(self, at: datetime) -> "ApiKey":
        """The key revoked: at `at`, or when that was done first."""
        return self if self.revoked_at is not None else replace(self, revoked_at=at)


def digest(secret: str) -> str:
    """SHA-256 in hex. A secret as made here has 256 random bits, so it needs neither salt nor stretching."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_texts(owner: str, note: str | None) -> None:
    """Raises InvalidKeyText unless a key can be made for this owner with this note."""
    if not re.fullmatch(OWNER, owner) or not owner.isprintable() or owner != owner.strip():
        raise InvalidKeyText("owner", owner, "1 to 128 printable characters, none of them ':' or ','")
    if note is not None and (len(note) > _MAX_NOTE or not note.isprintable()):
        raise InvalidKeyText("note", note, f"at most {_MAX_NOTE} printable characters")
