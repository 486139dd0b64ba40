"""Where API keys are stored."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from logleap.domain.keys import ApiKey


class KeyRepository(ABC):
    """Stores keys, with the digests of their secrets. None is ever removed: who revokes one can prove it.

    Each call is atomic, durable when it returns (as durable as the backend is), seen by every later call
    from any process, and may raise `Unavailable`.
    """

    @abstractmethod
    def add(self, key: ApiKey) -> None:
        """Store a new key. Raises Conflict, and changes nothing, if its id exists."""

    @abstractmethod
    def get(self, key_id: str) -> ApiKey | None:
        """The key as stored last, also a revoked one; None if there is none. Costs one read.

        `key_id` may be any text that a client sent.
        """

    @abstractmethod
    def list(self) -> Sequence[ApiKey]:
        """All keys, also the revoked ones, oldest first (`created_at`, then `key_id`)."""

    @abstractmethod
    def exist(self) -> bool:
        """Whether any key was ever added. Costs one read, however many there are."""

    @abstractmethod
    def signing_secret(self) -> bytes:
        """32 random bytes to sign sessions with: made when first asked for, and the same ever after.

        Of concurrent first calls, in whichever processes, all return the same. As durable as the backend is;
        losing it ends sessions, and nothing else.
        """

    @abstractmethod
    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """Revoke a key; one that is revoked stays as it is. The key as stored now, None if there is none."""
