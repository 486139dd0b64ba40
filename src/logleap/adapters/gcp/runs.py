"""Training runs and their outbox in Firestore."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from google.cloud.firestore import FieldFilter, Query

from logleap.adapters.gcp.firestore import gate
from logleap.adapters.gcp.firestore.database import SERVICE, FirestoreDatabase, fields_of, retry_until_known
from logleap.adapters.gcp.firestore.documents import (
    dataset_document,
    message_document,
    message_of,
    run_document,
    run_of,
)
from logleap.adapters.gcp.firestore.rpc import Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.runs import Run, Start, TrainingMessage
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunPosition, RunRepository


class FirestoreRunRepository(RunRepository):
    """A document for each run, and one for each message that is still to be published."""

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database

    @translated(SERVICE)
    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        database = self._database
        dataset_name = database.dataset(dataset.dataset_id)
        mark = uuid4().hex

        def decided(deadline: Deadline) -> Start:
            return decide(database.totals(dataset.dataset_id, deadline))

        def attempt(deadline: Deadline) -> Run:
            stored = database.read(dataset_name, deadline, ["version", gate.FIELD])
            run = decided(deadline).run  # refused as a rule here, with nothing touched
            run_name = database.run(run.dataset_id, run.run_id)
            existing = database.read(run_name, deadline).fields
            if existing:
                return run_of(existing)
            if stored.fields.get("version") != dataset.version:
                raise Conflict(f"data set {dataset.dataset_id} is not at version {dataset.version}")
            database.snapshots.invalidate(dataset.dataset_id)
            with gate.closed(database.commit, stored, mark, deadline) as closed_at:
                start = decided(deadline)
                message = TrainingMessage.of(start.run)
                writes = Writes()
                writes.update(dataset_name, dataset_document(start.dataset), if_unchanged_since=closed_at)
                writes.create(run_name, run_document(start.run))
                writes.set(database.message(message), message_document(message))
                database.log(writes, dataset.dataset_id, start.event, dataset=start.dataset, run=start.run)
                database.commit(writes, **deadline.single_attempt())
            return start.run

        return retry_until_known(attempt)

    @translated(SERVICE)
    def get(self, dataset_id: str, run_id: str) -> Run | None:
        found = self._database.read(self._database.run(dataset_id, run_id), Deadline())
        return run_of(found.fields) if found.fields else None

    @translated(SERVICE)
    def list(self, dataset_id: str, *, limit: int, after: RunPosition | None = None) -> Sequence[Run]:
        newest_first = (
            self._database.runs(dataset_id)
            .order_by("createdAt", direction=Query.DESCENDING)
            .order_by("runId", direction=Query.DESCENDING)
        )
        if after is not None:
            newest_first = newest_first.start_after({"createdAt": after.created_at, "runId": after.run_id})
        return [run_of(fields_of(found)) for found in newest_first.limit(limit).get(**Deadline().retryable())]

    @translated(SERVICE)
    def save(self, run: Run, event: Event | None = None) -> None:
        name = self._database.run(run.dataset_id, run.run_id)
        self._database.replace({name: run_document(run)}, run.dataset_id, event, run=run)

    @translated(SERVICE)
    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        changes = {
            self._database.dataset(dataset.dataset_id): dataset_document(dataset),
            self._database.run(run.dataset_id, run.run_id): run_document(run),
        }
        self._database.replace(changes, dataset.dataset_id, event, dataset=dataset, run=run)

    @translated(SERVICE)
    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        found = self._database.outbox().limit(limit).get(**Deadline().retryable())
        return [message_of(fields_of(message)) for message in found]

    @translated(SERVICE)
    def published(self, message: TrainingMessage) -> None:
        self._database.delete(self._database.message(message))

    @translated(SERVICE)
    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        unfinished = self._database.all_runs().where(filter=FieldFilter("finished", "==", False))
        overdue = unfinished.where(filter=FieldFilter("dueAt", "<=", now)).order_by("dueAt")
        found = list(overdue.limit(limit).get(**Deadline().retryable()))
        if latest is not None and len(found) < limit:
            ahead = unfinished.where(filter=FieldFilter("dueAt", ">", latest)).order_by("dueAt")
            found += ahead.limit(limit - len(found)).get(**Deadline().retryable())
        return [run_of(fields_of(run)) for run in found]
