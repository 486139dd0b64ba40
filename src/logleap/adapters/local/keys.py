"""Keys in the file."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from logleap.adapters.local.sqlite.database import Database, lookup
from logleap.adapters.local.sqlite.secret_file import shared_secret
from logleap.domain.keys import ApiKey
from logleap.domain.times import from_micros, to_micros
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.keys import KeyRepository

_COLUMNS = "key_id, owner, sha256, created_at, note, revoked_at"
_ADD = f"INSERT INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING"  # noqa: S608
_LIST = f"SELECT {_COLUMNS} FROM keys ORDER BY created_at, key_id"  # noqa: S608
_REVOKE = "UPDATE keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL"


class SqliteKeyRepository(KeyRepository):
    """Keys as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey) -> None:
        row = (key.key_id, key.owner, bytes.fromhex(key.sha256), to_micros(key.created_at), key.note)
        with self._database.writing() as connection:
            if connection.execute(_ADD, row).rowcount == 0:
                raise Conflict(f"key {key.key_id} exists")

    def get(self, key_id: str) -> ApiKey | None:
        with self._database.reading() as connection:
            return _get(connection, key_id)

    def list(self) -> Sequence[ApiKey]:
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.execute(_LIST)]

    def exist(self) -> bool:
        (found,) = self._database.first_row("SELECT EXISTS (SELECT 1 FROM keys)")
        return bool(found)

    def signing_secret(self) -> bytes:
        try:
            return shared_secret(self._database.folder)
        except OSError as error:
            raise Unavailable(f"the secret that sessions are signed with: {error}") from error

    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        with self._database.writing() as connection:
            connection.execute(_REVOKE, (to_micros(at), lookup(key_id)))
            return _get(connection, key_id)


def _get(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    query = f"SELECT {_COLUMNS} FROM keys WHERE key_id = ?"  # noqa: S608
    row = connection.execute(query, (lookup(key_id),)).fetchone()
    return None if row is None else _from_row(row)


def _from_row(row: tuple[Any, ...]) -> ApiKey:
    key_id, owner, sha256, created_at, note, revoked_at = row
    return ApiKey(
        key_id,
        owner,
        sha256.hex(),
        from_micros(created_at),
        note,
        None if revoked_at is None else from_micros(revoked_at),
    )
