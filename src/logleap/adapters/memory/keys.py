"""Keys in memory."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from logleap.domain.keys import ApiKey
from logleap.ports.errors import Conflict
from logleap.ports.keys import KeyRepository


class MemoryKeyRepository(KeyRepository):
    """Keys in a dictionary. Nobody but this process can add to it: the memory backend's keys are settings."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[str, ApiKey] = {}  # in the order of adding
        self._signing_secret = secrets.token_bytes(32)

    def add(self, key: ApiKey) -> None:
        with self._lock:
            if key.key_id in self._keys:
                raise Conflict(f"key {key.key_id} exists")
            self._keys[key.key_id] = key

    def get(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    def list(self) -> Sequence[ApiKey]:
        with self._lock:
            return sorted(self._keys.values(), key=lambda key: (key.created_at, key.key_id))

    def exist(self) -> bool:
        return bool(self._keys)

    def signing_secret(self) -> bytes:
        return self._signing_secret

    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        with self._lock:
            if key_id not in self._keys:
                return None
            self._keys[key_id] = self._keys[key_id].revoked(at)
            return self._keys[key_id]
