"""The Firestore database and its indexes."""

import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

import grpc
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport
from google.cloud.firestore_admin_v1.types import Database
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.rpc import VERIFY_UNSUPPORTED, FirestoreRpc, Writes
from logleap.adapters.gcp.google.clients import connect_firestore
from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.provisioning.steps import CALL, Check, Resources, Step, grant, run_check

_USER = "roles/datastore.user"
_VIEWER = "roles/datastore.viewer"
_MODES: Mapping[int, str] = {
    Database.ConcurrencyMode.PESSIMISTIC: "pessimistic, the default of the standard edition",
    Database.ConcurrencyMode.OPTIMISTIC: (
        "optimistic, the default of the enterprise edition: LogLeap keeps its promise with it; of changes "
        "that meet, more are tried again"
    ),
    Database.ConcurrencyMode.OPTIMISTIC_WITH_ENTITY_GROUPS: (
        "optimistic with entity groups, which is Datastore's: choose another database, or native mode"
    ),
}
_MULTI_REGIONS = {"US": "nam5", "EU": "eur3"}
_EDITIONS: Mapping[int, str] = {
    Database.DatabaseEdition.STANDARD: "standard",
    Database.DatabaseEdition.ENTERPRISE: "enterprise",
}

Index = Mapping[str, Any]


class FirestoreProvisioning:
    """Looks at the database, which is made once for a project, and at the indexes that queries need."""

    def __init__(self, access: Access, resources: Resources) -> None:
        self._access = access
        self._location = location_of(resources)
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
        if not database.ok:
            return
        yield run_check(self._access, "Firestore verify", _USER, self._check_verify)
        if "firestore" not in self._access.emulated:
            yield run_check(self._access, "Firestore mode", _VIEWER, self._check_mode)
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

    def _check_verify(self) -> Check:
        """Try a condition that does not hold on a document that does not exist: nothing is written."""
        name = "Firestore verify"
        database = f"projects/{self._access.project}/databases/(default)"
        rpc = FirestoreRpc(connect_firestore(self._access.credentials["firestore"]), database)
        probe = Writes()
        probe.verify(f"{database}/documents/logleap-check/verify", Timestamp(seconds=1))
        try:
            rpc.commit({"writes": probe.messages}, **CALL)
        except (exceptions.FailedPrecondition, exceptions.NotFound):
            return Check(name, True, "It is supported: an upload takes one request.")
        except VERIFY_UNSUPPORTED as error:
            return Check(name, True, f"It is not supported, so uploads take transactions: {error.message}")
        finally:
            rpc.close()
        return Check(name, True, "It ignores a condition that does not hold: uploads take transactions.")

    def _check_mode(self) -> Check:
        """Read the concurrency mode and the edition, on which nothing depends."""
        name = "Firestore mode"
        try:
            with FirestoreAdminClient(transport=self._admin_transport()) as client:
                database = f"projects/{self._access.project}/databases/(default)"
                found = client.get_database(name=database, **CALL)
        except exceptions.Forbidden:
            detail = f"It is not known: reading it takes {_VIEWER}."
            return Check(name, True, detail, grant(self._access, _VIEWER))
        except exceptions.MethodNotImplemented:
            return Check(name, True, "It is not known: this service does not tell it.")
        mode = _MODES.get(found.concurrency_mode, found.concurrency_mode.name.lower())
        edition = _EDITIONS.get(found.database_edition, found.database_edition.name.lower())
        return Check(name, True, f"Concurrency is {mode}. The edition is {edition}.")

    def _admin_transport(self) -> FirestoreAdminGrpcTransport:
        emulator = os.environ.get("FIRESTORE_EMULATOR_HOST")
        if emulator:
            return FirestoreAdminGrpcTransport(channel=grpc.insecure_channel(emulator))
        return FirestoreAdminGrpcTransport(credentials=self._access.credentials["firestore"])

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


def location_of(resources: Resources) -> str:
    """Where the database belongs: near BigQuery's dataset."""
    return _MULTI_REGIONS.get(resources.location.upper(), resources.location.lower())


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
