"""Keys in Firestore."""

from collections.abc import Sequence
from datetime import datetime

from google.api_core import exceptions

from logleap.adapters.gcp.firestore.database import SERVICE, FirestoreDatabase, fields_of, repeated
from logleap.adapters.gcp.firestore.documents import key_document, key_of
from logleap.adapters.gcp.google.deadlines import Budget
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
        place = self._database.key(key.key_id)

        def attempt(budget: Budget) -> None:
            try:
                place.create(key_document(key), **budget.once())
            except exceptions.AlreadyExists as error:
                # Two keys never have one secret: the same digest means that it was this call's own writing.
                stored = self._database.look(place, budget, ["sha256"])
                if stored.fields.get("sha256") != key.sha256:
                    raise Conflict(f"key {key.key_id} exists") from error

        repeated(attempt)

    @translated(SERVICE)
    def get(self, key_id: str) -> ApiKey | None:
        found = self._database.look(self._database.key(key_id), Budget())
        return key_of(found.fields) if found.fields else None

    @translated(SERVICE)
    def list(self) -> Sequence[ApiKey]:
        found = [key_of(fields_of(key)) for key in self._database.keys().get(**Budget().again())]
        return sorted(found, key=lambda key: (key.created_at, key.key_id))

    @translated(SERVICE)
    def exist(self) -> bool:
        return bool(self._database.keys().select([]).limit(1).get(**Budget().again()))

    @translated(SERVICE)
    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        place = self._database.key(key_id)

        def attempt(budget: Budget) -> ApiKey | None:
            stored = self._database.look(place, budget)
            if not stored.fields:
                return None
            key = key_of(stored.fields)
            revoked = key.revoked(at)
            if revoked is not key:
                unchanged = self._database.client.write_option(last_update_time=stored.update_time)
                place.update({"revokedAt": revoked.revoked_at}, option=unchanged, **budget.once())
            return revoked

        return repeated(attempt)
