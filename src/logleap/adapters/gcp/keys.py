"""Keys in Firestore."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from google.api_core import exceptions

from logleap.adapters.gcp.firestore.database import SERVICE, FirestoreDatabase, fields_of, retry_until_known
from logleap.adapters.gcp.firestore.documents import key_document, key_of
from logleap.adapters.gcp.firestore.rpc import Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.keys import ApiKey
from logleap.ports.errors import Conflict
from logleap.ports.keys import KeyRepository


class FirestoreKeyRepository(KeyRepository):
    """A document for each key. Its own fields are all that is ever asked for: it needs no composite index."""

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database

    @translated(SERVICE)
    def add(self, key: ApiKey) -> None:
        name = self._database.key(key.key_id)

        def attempt(deadline: Deadline) -> None:
            writes = Writes()
            writes.create(name, key_document(key))
            try:
                self._database.commit(writes, **deadline.single_attempt())
            except exceptions.AlreadyExists as error:
                # No two keys share a secret: the same digest means that this call itself wrote it.
                stored = self._database.read(name, deadline, ["sha256"])
                if stored.fields.get("sha256") != key.sha256:
                    raise Conflict(f"key {key.key_id} exists") from error

        retry_until_known(attempt)

    @translated(SERVICE)
    def get(self, key_id: str) -> ApiKey | None:
        found = self._database.read(self._database.key(key_id), Deadline())
        return key_of(found.fields) if found.fields else None

    @translated(SERVICE)
    def list(self) -> Sequence[ApiKey]:
        found = [key_of(fields_of(key)) for key in self._database.keys().get(**Deadline().retryable())]
        return sorted(found, key=lambda key: (key.created_at, key.key_id))

    @translated(SERVICE)
    def exist(self) -> bool:
        return bool(self._database.keys().select([]).limit(1).get(**Deadline().retryable()))

    @translated(SERVICE)
    def signing_secret(self) -> bytes:
        name, made = self._database.signing_secret(), secrets.token_hex(32)

        def attempt(deadline: Deadline) -> bytes:
            stored = self._database.read(name, deadline)
            if not stored.fields:
                writes = Writes()
                writes.create(name, {"secret": made})
                try:
                    self._database.commit(writes, **deadline.single_attempt())
                except exceptions.AlreadyExists:
                    stored = self._database.read(name, deadline)
            return bytes.fromhex(stored.fields["secret"] if stored.fields else made)

        return retry_until_known(attempt)

    @translated(SERVICE)
    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        name = self._database.key(key_id)

        def attempt(deadline: Deadline) -> ApiKey | None:
            stored = self._database.read(name, deadline)
            if not stored.fields:
                return None
            key = key_of(stored.fields)
            revoked = key.revoked(at)
            if revoked is not key:
                writes = Writes()
                writes.update(
                    name, {"revokedAt": revoked.revoked_at}, if_unchanged_since=stored.update_timestamp
                )
                self._database.commit(writes, **deadline.single_attempt())
            return revoked

        return retry_until_known(attempt)
