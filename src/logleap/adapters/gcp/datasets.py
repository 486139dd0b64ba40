"""Data sets in Firestore."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

from google.api_core import exceptions
from google.cloud.firestore import FieldFilter, Query

from logleap.adapters.gcp.firestore import gate
from logleap.adapters.gcp.firestore.database import (
    SERVICE,
    FirestoreDatabase,
    Snapshot,
    fields_of,
    retry_until_known,
)
from logleap.adapters.gcp.firestore.documents import dataset_document, dataset_of, event_of
from logleap.adapters.gcp.firestore.rpc import Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.datasets import Dataset, Event, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound
from logleap.domain.events import deleted
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.errors import Conflict


class FirestoreDatasetRepository(DatasetRepository):
    """A document for each data set, and one for each line of its log."""

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database

    @translated(SERVICE)
    def add(self, dataset: Dataset, event: Event) -> None:
        name = self._database.dataset(dataset.dataset_id)
        mark = uuid4().hex

        def attempt(deadline: Deadline) -> None:
            writes = Writes()
            writes.create(name, {**dataset_document(dataset), "mark": mark})
            self._database.log(writes, dataset.dataset_id, event, dataset=dataset)
            try:
                self._database.commit(writes, **deadline.single_attempt())
            except exceptions.AlreadyExists as error:
                stored = self._database.read(name, deadline, ["mark"])
                if stored.fields.get("mark") != mark:
                    raise Conflict(f"data set {dataset.dataset_id} exists") from error

        retry_until_known(attempt)

    @translated(SERVICE)
    def get(self, owner: str, dataset_id: str) -> Dataset:
        found = self._database.read(self._database.dataset(dataset_id), Deadline())
        if found.fields.get("owner") != owner:
            raise DatasetNotFound(dataset_id)
        dataset = dataset_of(found.fields)
        if dataset.state is State.UPLOADING and not gate.is_closed(found):
            self._database.snapshots.put(dataset_id, Snapshot(dataset, found))
        else:
            self._database.snapshots.invalidate(dataset_id)
        return dataset

    def recent(self, owner: str, dataset_id: str) -> Dataset:
        snapshot = self._database.snapshots.get(dataset_id)
        if snapshot is None or snapshot.dataset.owner != owner:
            return self.get(owner, dataset_id)
        return snapshot.dataset

    @translated(SERVICE)
    def list(
        self,
        owner: str,
        *,
        state: State | None = None,
        name: str | None = None,
        limit: int,
        after: Position | None = None,
    ) -> Sequence[Dataset]:
        query = self._database.datasets().where(filter=FieldFilter("owner", "==", owner))
        if state is not None:
            query = query.where(filter=FieldFilter("state", "==", state.value))
        if name is not None:
            query = query.where(filter=FieldFilter("name", "==", name))
        query = query.order_by("createdAt", Query.DESCENDING).order_by("datasetId", Query.DESCENDING)
        if after is not None:
            query = query.start_after({"createdAt": after.created_at, "datasetId": after.dataset_id})
        return [dataset_of(fields_of(found)) for found in query.limit(limit).get(**Deadline().retryable())]

    @translated(SERVICE)
    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        name = self._database.dataset(dataset.dataset_id)
        changes = {name: dataset_document(dataset)}
        self._database.replace(changes, dataset.dataset_id, event, dataset=dataset)

    @translated(SERVICE)
    def save_if_totals(self, dataset: Dataset, totals: Totals, event: Event) -> None:
        database = self._database
        name = database.dataset(dataset.dataset_id)
        mark = uuid4().hex

        def attempt(deadline: Deadline) -> None:
            stored = database.read(name, deadline, ["version", "mark", gate.FIELD])
            if stored.fields.get("mark") == mark:
                return
            if stored.fields.get("version") != dataset.version - 1:
                raise Conflict(f"data set {dataset.dataset_id} is not at version {dataset.version - 1}")
            with gate.closed(database.commit, stored, mark, deadline) as closed_at:
                if database.totals(dataset.dataset_id, deadline) != totals:
                    raise Conflict(f"data set {dataset.dataset_id} has other receipts")
                writes = Writes()
                document = {**dataset_document(dataset), "mark": mark}
                writes.update(name, document, if_unchanged_since=closed_at)
                database.log(writes, dataset.dataset_id, event, dataset=dataset)
                database.commit(writes, **deadline.single_attempt())

        database.snapshots.invalidate(dataset.dataset_id)
        retry_until_known(attempt)

    @translated(SERVICE)
    def due_for_archiving(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        return self._due("archivable", "trainedAt", "archiveBy", now, after, limit)

    @translated(SERVICE)
    def due_for_deletion(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        return self._due("deletable", "activeAt", "deleteBy", now, after, limit)

    def _due(  # noqa: PLR0917 -- two queries that differ in little
        self, which: str, since: str, own: str, now: datetime, after: timedelta | None, limit: int
    ) -> Sequence[Dataset]:
        every = self._database.datasets()
        queries = [every.where(filter=FieldFilter(own, "<=", now)).order_by(own)]
        if after is not None:
            query = every.where(filter=FieldFilter(which, "==", True))
            queries.append(query.where(filter=FieldFilter(since, "<=", now - after)).order_by(since))
        found = {
            snapshot.id: dataset_of(fields_of(snapshot))
            for query in queries
            for snapshot in query.limit(limit).get(**Deadline().retryable())
        }
        return list(found.values())[:limit]

    @translated(SERVICE)
    def unfinished(self, before: datetime, limit: int, latest: datetime | None = None) -> Sequence[Dataset]:
        unfinished = self._database.datasets().where(filter=FieldFilter("unfinished", "==", True))
        changed_before = unfinished.where(filter=FieldFilter("updatedAt", "<=", before))
        found = list(changed_before.limit(limit).get(**Deadline().retryable()))
        if latest is not None and len(found) < limit:
            ahead = unfinished.where(filter=FieldFilter("updatedAt", ">", latest))
            found += ahead.limit(limit - len(found)).get(**Deadline().retryable())
        return [dataset_of(fields_of(dataset)) for dataset in found]

    @translated(SERVICE)
    def remove(self, dataset_id: str) -> None:
        database = self._database
        name = database.dataset(dataset_id)
        document = database.read(name, Deadline()).fields
        if not document:
            return
        if document["state"] != State.DELETING:
            raise Conflict(f"data set {dataset_id} is {document['state']}")
        messages = database.outbox().where(filter=FieldFilter("datasetId", "==", dataset_id))
        for group in (messages, database.receipts(dataset_id), database.runs(dataset_id)):
            database.delete_all(group)
        database.delete_all(database.events(dataset_id))
        self._forget_details(dataset_id)
        writes = Writes()
        writes.remove(name)
        if database.announces:
            database.announce(writes, deleted(str(uuid4()), dataset_of(document)))
        with suppress(exceptions.NotFound):  # by an earlier attempt whose answer was lost, or somebody else
            database.commit(writes, **Deadline().retryable())

    def _forget_details(self, dataset_id: str) -> None:
        """Leave the times alone of what is still to be told of a data set."""
        database = self._database
        kept = database.outgoing_events().where(filter=FieldFilter("datasetId", "==", dataset_id))

        def attempt(deadline: Deadline) -> None:
            writes = Writes()
            for found in kept.get(**deadline.retryable()):
                event = fields_of(found)
                if event["details"] is not None:
                    writes.update(database.outgoing_event(event["eventId"]), {"details": None})
            if writes.messages:
                database.commit(writes, **deadline.single_attempt())

        retry_until_known(attempt)

    @translated(SERVICE)
    def events(self, dataset_id: str) -> Sequence[Event]:
        lines = self._database.events(dataset_id).get(**Deadline().retryable())
        # By the server's clock, which saw them in their order; processes' clocks may differ.
        lines.sort(key=lambda line: (line.create_time, line.id))
        return [event_of(fields_of(line)) for line in lines]
