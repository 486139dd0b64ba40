"""The Firestore database and its indexes."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore

from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.provisioning.steps import CALL, Check, Resources, Step, run_check

_USER = "roles/datastore.user"
_MULTI_REGIONS = {"US": "nam5", "EU": "eur3"}

Index = Mapping[str, Any]


class FirestoreProvisioning:
    """Looks at the database, which is made once for a project, and at the indexes that queries need."""

    def __init__(self, access: Access, resources: Resources) -> None:
        self._access = access
        self._location = _MULTI_REGIONS.get(resources.location.upper(), resources.location.lower())
        self._indexes = indexes(resources.firestore_prefix)
        self._client = firestore.Client(access.project, access.credentials["firestore"])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def setup(self) -> Iterator[Step]:
        """Say what there is, and how to make the rest: where a database lies cannot be changed later."""
        for check in self.check():
            yield check.as_step()

    def check(self) -> Iterator[Check]:
        """Look at the database; if it is there, at each index. (An emulator needs none.)"""
        database = run_check(self._access, "Firestore database", _USER, self._check_database)
        yield database
        if database.ok and "firestore" not in self._access.emulated:
            for index in self._indexes:
                yield run_check(self._access, label(index), _USER, partial(self._check_index, index))

    def _check_database(self) -> Check:
        name = "Firestore database"
        try:
            self._client.collection("logleap-check").limit(1).get(**CALL)
        except exceptions.NotFound:
            where = f"--location={self._location} --project={self._access.project}"
            remedy = f"gcloud firestore databases create {where}"
            return Check(name, False, "The database (default) does not exist.", remedy)
        except exceptions.FailedPrecondition as error:
            return Check(name, False, f"It is in another mode than native: {error.message}")
        return Check(name, True, "It answers.")

    def _check_index(self, index: Index) -> Check:
        """Order by the index's fields: Firestore refuses that exactly if it lacks the index."""
        group = index["queryScope"] == "COLLECTION_GROUP"
        source = self._client.collection_group if group else self._client.collection
        query = source(index["collectionGroup"]).select([])
        for field in index["fields"]:
            query = query.order_by(field["fieldPath"], direction=field["order"])
        try:
            query.limit(1).get(**CALL)
        except exceptions.FailedPrecondition as error:
            if "currently building" in error.message:
                return Check(label(index), False, "It is being built: try again in some minutes.")
            return Check(label(index), False, "It does not exist.", command(index, self._access.project))
        return Check(label(index), True, "It exists.")


def indexes(prefix: str) -> list[Index]:
    """The indexes that the Firestore adapters need; the file has them for the prefix `logleap`."""
    text = files("logleap.adapters.gcp.firestore").joinpath("firestore.indexes.json").read_text()
    found: list[Index] = json.loads(text)["indexes"]
    return [
        {**index, "collectionGroup": index["collectionGroup"].replace("logleap-", f"{prefix}-", 1)}
        for index in found
    ]


def label(index: Index) -> str:
    """What an index is called here."""
    fields = ", ".join(field["fieldPath"] for field in index["fields"])
    return f"Firestore index {index['collectionGroup']} ({fields})"


def command(index: Index, project: str) -> str:
    """The command that makes an index."""
    scope = index["queryScope"].lower().replace("_", "-")
    fields = " ".join(
        f"--field-config=field-path={field['fieldPath']},order={field['order'].lower()}"
        for field in index["fields"]
    )
    return (
        f"gcloud firestore indexes composite create --project={project} "
        f"--collection-group={index['collectionGroup']} --query-scope={scope} {fields}"
    )
