"""API keys: a file each."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from logleap.domain.keys import ApiKey
from logleap.ports.errors import Conflict
from logleap.ports.keys import KeyRepository
from logleap_files.folder import Folder, file_name

_SECRET = "signing-secret"
_JSON = TypeAdapter(ApiKey)


class FileKeyRepository(KeyRepository):
    """Of a secret only the digest comes in here."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def add(self, key: ApiKey) -> None:
        with self._folder.locked():
            if self.get(key.key_id) is not None:
                raise Conflict(f"key {key.key_id} exists")
            self._folder.write(_path(key.key_id), _JSON.dump_json(key))

    def get(self, key_id: str) -> ApiKey | None:
        content = self._folder.read(_path(key_id))
        return None if content is None else _JSON.validate_json(content)

    def list(self) -> Sequence[ApiKey]:
        contents = (self._folder.read(f"keys/{name}") for name in self._folder.names("keys"))
        keys = (_JSON.validate_json(content) for content in contents if content is not None)
        return sorted(keys, key=lambda key: (key.created_at, key.key_id))

    def exist(self) -> bool:
        return bool(self._folder.names("keys"))

    def signing_secret(self) -> bytes:
        with self._folder.locked():
            secret = self._folder.read(_SECRET)
            if secret is None:
                secret = secrets.token_bytes(32)
                self._folder.write(_SECRET, secret)
            return secret

    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        with self._folder.locked():
            key = self.get(key_id)
            if key is None:
                return None
            revoked = key.revoked(at)
            self._folder.write(_path(key_id), _JSON.dump_json(revoked))
            return revoked


def _path(key_id: str) -> str:
    return f"keys/{file_name(key_id)}"
