"""What the Firestore repositories share: the names of documents, and how a change comes to a known end.

Below a prefix that keeps several installations apart in one database:

    {prefix}-datasets/{data set}                        owner, state, version …
    {prefix}-datasets/{data set}/{prefix}-receipts/{SHA-256 of the key}
    {prefix}-datasets/{data set}/{prefix}-events/{…}
    {prefix}-datasets/{data set}/{prefix}-runs/{run}
    {prefix}-outbox/{data set}.{run}
    {prefix}-keys/{key}                                 API keys
    {prefix}-outgoing-events/{event}                    what others are still to be told of
    {prefix}-event-streams/{data set}                   when its events are due, and who delivers them

A document takes about one write a second (https://firebase.google.com/docs/firestore/best-practices), so
uploading writes receipts alone, and a data set's document only when its state changes. Listing and sweeping
need the indexes of firestore.indexes.json, which are written for the prefix `logleap`.
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud.firestore import Client, CollectionGroup, CollectionReference, DocumentSnapshot, Query
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.documents import Document, event_document, outgoing_event_document
from logleap.adapters.gcp.firestore.gate import GateClosed
from logleap.adapters.gcp.firestore.rpc import FirestoreRpc, StoredDocument, Writes, update_times
from logleap.adapters.gcp.google.clients import FirestoreConnection, Lazy
from logleap.adapters.gcp.google.deadlines import TRANSIENT, Deadline, retrying
from logleap.adapters.snapshots import SnapshotCache
from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.events import OutgoingEvent, outgoing
from logleap.domain.runs import Run, TrainingMessage
from logleap.domain.times import to_micros
from logleap.ports.errors import Conflict, Unavailable

SERVICE = "Firestore"

DELETE_LIMIT = 400
"""Documents in one request, which may have 10 MiB."""

ROLLBACK_SECONDS = 0.5
"""For it and for its repetitions; without a rollback the locks last for a minute."""

AGGREGATION_SECONDS = 8.0
"""An aggregation takes longer the more receipts there are."""

_PLAIN_ID = re.compile(r"(?!__)[A-Za-z0-9_-]{1,64}")

_RETRYABLE: tuple[type[Exception], ...] = (
    exceptions.Aborted,  # contention
    exceptions.FailedPrecondition,  # changed between reading and writing, or
    exceptions.NotFound,  # deleted: the next read shows it
    GateClosed,
    *TRANSIENT,
)

Result = TypeVar("Result")


def document_id(text: str) -> str:
    """A document id for any text: the text itself where Firestore takes it, else its digest.

    What Firestore takes: https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields
    """
    return text if _PLAIN_ID.fullmatch(text) else f"~{digest(text)}"


def digest(text: str) -> str:
    """SHA-256 in hex of any text, also of one that is not valid Unicode."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fields_of(snapshot: DocumentSnapshot[Any]) -> Document:
    """The fields of a document; none if there is no document."""
    return snapshot.to_dict() or {}


def retry_until_known(attempt: Callable[[Deadline], Result]) -> Result:
    """Attempt a change until it is known to be made or refused, or the time is up: then Google's error.

    `attempt` begins by reading, so it finds out about an earlier one whose answer was lost, and commits
    with `Deadline.single_attempt`. Its Conflict becomes Unavailable if it may have met such an earlier one.
    """
    deadline = Deadline()
    pause = 0.05
    doubtful = False
    while True:
        try:
            return attempt(deadline)
        except _RETRYABLE as error:
            doubtful = doubtful or isinstance(error, TRANSIENT)
            if deadline.left <= pause:
                if isinstance(error, exceptions.FailedPrecondition | exceptions.NotFound):
                    raise Unavailable(f"{SERVICE} has too much contention on one document") from error
                raise
        except Conflict as conflict:
            if doubtful:
                raise Unavailable(f"{SERVICE} lost an answer: a change may have been made") from conflict
            raise
        time.sleep(random.uniform(0, pause))  # noqa: S311
        pause = min(2 * pause, 1.0)


class Snapshot(NamedTuple):
    """A data set in the state `uploading`, with an open gate, and its document."""

    dataset: Dataset
    document: StoredDocument


class FirestoreDatabase:
    """The names of all documents, and the ways to read and change them, each within a Deadline.

    Documents are read and written by name, over a connection of their own (rpc.py). Queries, by collection,
    go through Google's client.
    """

    def __init__(
        self,
        client: Client,
        connect: Callable[[], FirestoreConnection],
        prefix: str = "logleap",
        *,
        announces: bool = False,
    ) -> None:
        """`prefix`: letters, digits and `-`; the same in each process of an installation.

        `connect` is called at the first use: after a server's fork. `announces`: changes of data sets are
        also put where others are told of them.
        """
        self.client = client
        self.announces = announces
        self.snapshots = SnapshotCache[Snapshot]()
        self._prefix = prefix
        database = f"projects/{client.project}/databases/(default)"
        self._documents = f"{database}/documents"
        self._rpc = Lazy(lambda: FirestoreRpc(connect(), database), lambda rpc: rpc.close())

    def close(self) -> None:
        """Close our connection. Google's client has no way to close its own but to be forgotten."""
        self._rpc.close()
        self.client.close()

    # ---- names of documents ----

    def dataset(self, dataset_id: str) -> str:
        """A data set."""
        return f"{self._documents}/{self._prefix}-datasets/{document_id(dataset_id)}"

    def receipt(self, dataset_id: str, key: str) -> str:
        """The receipt of a batch's key."""
        return f"{self.dataset(dataset_id)}/{self._prefix}-receipts/{digest(key)}"

    def run(self, dataset_id: str, run_id: str) -> str:
        """A training run."""
        return f"{self.dataset(dataset_id)}/{self._prefix}-runs/{document_id(run_id)}"

    def message(self, message: TrainingMessage) -> str:
        """A message in the outbox."""
        ids = f"{document_id(message.dataset_id)}.{document_id(message.run_id)}"
        return f"{self._documents}/{self._prefix}-outbox/{ids}"

    def key(self, key_id: str) -> str:
        """An API key."""
        return f"{self._documents}/{self._prefix}-keys/{document_id(key_id)}"

    def outgoing_event(self, event_id: str) -> str:
        """An event in the outbox."""
        return f"{self._documents}/{self._prefix}-outgoing-events/{document_id(event_id)}"

    def event_stream(self, dataset_id: str) -> str:
        """What is known of a data set's events in the outbox."""
        return f"{self._documents}/{self._prefix}-event-streams/{document_id(dataset_id)}"

    def signing_secret(self) -> str:
        """What sessions are signed with."""
        return f"{self._documents}/{self._prefix}-secrets/sessions"

    # ---- collections, for queries ----

    def datasets(self) -> CollectionReference:
        """All data sets."""
        return self._collection("datasets")

    def events(self, dataset_id: str) -> CollectionReference:
        """A data set's log."""
        return self._collection("datasets", document_id(dataset_id), f"{self._prefix}-events")

    def receipts(self, dataset_id: str) -> CollectionReference:
        """A data set's receipts."""
        return self._collection("datasets", document_id(dataset_id), f"{self._prefix}-receipts")

    def runs(self, dataset_id: str) -> CollectionReference:
        """A data set's training runs."""
        return self._collection("datasets", document_id(dataset_id), f"{self._prefix}-runs")

    def all_runs(self) -> CollectionGroup:
        """The training runs of all data sets."""
        return self.client.collection_group(f"{self._prefix}-runs")

    def outbox(self) -> CollectionReference:
        """The messages that are still to be published."""
        return self._collection("outbox")

    def outgoing_events(self) -> CollectionReference:
        """The events that others are still to be told of, and dead ones."""
        return self._collection("outgoing-events")

    def event_streams(self) -> CollectionReference:
        """The data sets that have events in the outbox."""
        return self._collection("event-streams")

    def keys(self) -> CollectionReference:
        """All API keys."""
        return self._collection("keys")

    def _collection(self, name: str, *below: str) -> CollectionReference:
        return self.client.collection(f"{self._prefix}-{name}", *below)

    # ---- reading ----

    def read(self, name: str, deadline: Deadline, fields: Sequence[str] | None = None) -> StoredDocument:
        """A document, or these fields of it."""
        (answer,) = self._rpc().batch_get(_reading([name], fields), **deadline.retryable())
        return StoredDocument(answer)

    def totals(self, dataset_id: str, deadline: Deadline) -> Totals:
        """What a data set's receipts add up to."""
        query = self.receipts(dataset_id).count(alias="batches").sum("entries", alias="entries")
        (results,) = query.get(**deadline.retryable(AGGREGATION_SECONDS))
        values = {result.alias: int(result.value) for result in results}
        return Totals(entries=values["entries"], batches=values["batches"])

    # ---- changing ----

    def commit(self, writes: Writes, *, retry: Retry | None, timeout: float) -> Sequence[Timestamp]:
        """Make changes that carry their conditions with them: all or none. When each was made."""
        answer = self._rpc().commit({"writes": writes.messages}, retry=retry, timeout=timeout)
        return update_times(answer)

    def log(
        self,
        writes: Writes,
        dataset_id: str,
        event: Event,
        *,
        dataset: Dataset | None = None,
        run: Run | None = None,
    ) -> None:
        """Add a line to a data set's log, about data set or run as they become, with what else is written."""
        name = f"{time.time_ns():020}-{uuid4().hex[:8]}"
        writes.create(f"{self.dataset(dataset_id)}/{self._prefix}-events/{name}", event_document(event))
        if self.announces:
            self.announce(writes, outgoing(str(uuid4()), event, dataset=dataset, run=run))

    def announce(self, writes: Writes, event: OutgoingEvent) -> None:
        """Put an event into the outbox, together with what else is written."""
        writes.create(self.outgoing_event(event.event_id), outgoing_event_document(event))
        self.wake(writes, event.dataset_id, event.at)

    def wake(self, writes: Writes, dataset_id: str, now: datetime) -> None:
        """Have a data set's events delivered from `now` on, unless they are claimed or postponed."""
        # `woken` always differs: Firestore keeps the update time where a write changes nothing, and who
        # releases the stream at that moment would then not notice the event.
        fields = {"datasetId": dataset_id, "woken": uuid4().hex}
        writes.raise_to(self.event_stream(dataset_id), fields, "due", to_micros(now))

    def replace(
        self,
        changes: Mapping[str, Document],
        dataset_id: str,
        event: Event | None,
        *,
        dataset: Dataset | None = None,
        run: Run | None = None,
    ) -> None:
        """Replace documents, by name, that are stored one version behind, and log the event: all or nothing.

        `dataset` and `run` are what they are of, as far as they are.

        Raises Conflict if one is stored in another version, or not at all.
        """
        mark = uuid4().hex  # tells this change from the same one made by somebody else

        def attempt(deadline: Deadline) -> None:
            answers = self._rpc().batch_get(
                _reading(list(changes), ["version", "mark"]), **deadline.retryable()
            )
            stored = {document.name: document for document in map(StoredDocument, answers)}
            if all(stored[name].fields.get("mark") == mark for name in changes):
                return
            writes = Writes()
            for name, document in changes.items():
                if stored[name].fields.get("version") != document["version"] - 1:
                    raise Conflict(f"{name.rpartition('/')[2]} is not at version {document['version'] - 1}")
                unchanged = stored[name].update_timestamp
                writes.update(name, {**document, "mark": mark}, if_unchanged_since=unchanged)
            if event is not None:
                self.log(writes, dataset_id, event, dataset=dataset, run=run)
            self.commit(writes, **deadline.single_attempt())

        self.snapshots.invalidate(dataset_id)
        retry_until_known(attempt)

    def delete(self, name: str) -> None:
        """Delete a document, if there is one."""
        writes = Writes()
        writes.delete(name)
        self.commit(writes, **Deadline().retryable())

    def delete_all(self, group: Query | CollectionReference) -> None:
        """Delete all documents that a query finds, a part at a time."""
        while found := group.select([]).limit(DELETE_LIMIT).get(**Deadline().retryable()):
            writes = Writes()
            for snapshot in found:
                writes.delete(f"{self._documents}/{snapshot.reference.path}")
            self.commit(writes, **Deadline().retryable())

    @contextmanager
    def transaction(
        self, name: str, fields: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[Writes, StoredDocument]]:
        """A transaction around the block: committed, once, at its end, rolled back if anything is raised.

        It begins with reading these fields of a document, in one request: the library makes two of it. Its
        own runner knows no deadlines either (60 s for each request and its repetitions) and ends contention,
        after tries without a pause, with a bare ValueError; so its requests are made here.
        """
        rpc = self._rpc()
        reading = {**_reading([name], fields), "new_transaction": {"read_write": {}}}
        writes = Writes()
        transaction = b""
        try:
            # The first answer names the transaction, and one of them, the same or the next, the document.
            for answer in rpc.batch_get(reading, **deadline.retryable()):
                transaction = transaction or answer.transaction
                if answer.WhichOneof("result"):
                    found = StoredDocument(answer)
            yield writes, found
            request = {"transaction": transaction, "writes": writes.messages}
            rpc.commit(request, **deadline.single_attempt())
        except BaseException:
            if transaction:
                with suppress(exceptions.GoogleAPIError):
                    rpc.rollback(
                        {"transaction": transaction},
                        retry=retrying(ROLLBACK_SECONDS),
                        timeout=ROLLBACK_SECONDS,
                    )
            raise


def _reading(names: Sequence[str], fields: Sequence[str] | None) -> dict[str, Any]:
    mask = {} if fields is None else {"mask": {"field_paths": fields}}
    return {"documents": names, **mask}
