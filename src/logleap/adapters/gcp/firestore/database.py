"""What the Firestore repositories share: where documents lie, and how a change comes to a known end.

Below a prefix that keeps several installations apart in one database:

    {prefix}-datasets/{data set}                        owner, state, version …
    {prefix}-datasets/{data set}/{prefix}-receipts/{SHA-256 of the key}
    {prefix}-datasets/{data set}/{prefix}-events/{…}
    {prefix}-datasets/{data set}/{prefix}-runs/{run}
    {prefix}-outbox/{data set}.{run}
    {prefix}-keys/{key}                                 API keys

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
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from google.api_core import exceptions
from google.cloud.firestore import (
    Client,
    CollectionGroup,
    CollectionReference,
    DocumentReference,
    DocumentSnapshot,
    Query,
    WriteBatch,
)

from logleap.adapters.gcp.firestore.documents import Document, event_document
from logleap.adapters.gcp.firestore.gate import GateClosed
from logleap.adapters.gcp.firestore.rpc import FirestoreRpc, Found, Writes
from logleap.adapters.gcp.google.clients import Lazy
from logleap.adapters.gcp.google.deadlines import TRANSIENT, Budget, retrying
from logleap.adapters.snapshots import Looks
from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.runs import TrainingMessage
from logleap.ports.errors import Conflict, Unavailable

SERVICE = "Firestore"

_DELETED = 400  # documents in one request, which may have 10 MiB
_ROLLBACK = 0.5  # seconds for it and for its repetitions; without it the locks last for a minute
_AGGREGATION = 8.0  # seconds; takes longer the more receipts there are

_PLAIN_ID = re.compile(r"(?!__)[A-Za-z0-9_-]{1,64}")

_AGAIN: tuple[type[Exception], ...] = (
    exceptions.Aborted,  # contention
    exceptions.FailedPrecondition,  # changed between reading and writing, and
    exceptions.NotFound,  # gone: reading again tells
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


def repeated(attempt: Callable[[Budget], Result]) -> Result:
    """Attempt a change until it is known to be made or refused, or the time is up: then Google's error.

    `attempt` begins by reading, so it finds out about an earlier one whose answer was lost, and commits
    with `Budget.once`. Its Conflict becomes Unavailable if such an earlier one may be what it met.
    """
    budget = Budget()
    pause = 0.05
    doubtful = False
    while True:
        try:
            return attempt(budget)
        except _AGAIN as error:
            doubtful = doubtful or isinstance(error, TRANSIENT)
            if budget.left <= pause:
                raise
        except Conflict as conflict:
            if doubtful:
                raise Unavailable(f"{SERVICE} lost an answer: a change may have been made") from conflict
            raise
        time.sleep(random.uniform(0, pause))  # noqa: S311
        pause = min(2 * pause, 1.0)


class Look(NamedTuple):
    """A data set in the state `uploading`, with an open gate, and its document."""

    dataset: Dataset
    found: Found


class FirestoreDatabase:
    """The places of all documents, and the ways to read and change them, each within a Budget."""

    def __init__(self, client: Client, prefix: str = "logleap") -> None:
        """`prefix`: letters, digits and `-`; the same in each process of an installation."""
        self.client = client
        self.looks = Looks[Look]()
        self._prefix = prefix
        self._rpc = Lazy(lambda: FirestoreRpc(client), lambda rpc: None)

    # ---- places ----

    def datasets(self) -> CollectionReference:
        """All data sets."""
        place: CollectionReference = self.client.collection(f"{self._prefix}-datasets")
        return place

    def dataset(self, dataset_id: str) -> DocumentReference:
        """A data set."""
        return self.datasets().document(document_id(dataset_id))

    def events(self, dataset_id: str) -> CollectionReference:
        """A data set's log."""
        place: CollectionReference = self.dataset(dataset_id).collection(f"{self._prefix}-events")
        return place

    def receipts(self, dataset_id: str) -> CollectionReference:
        """A data set's receipts."""
        place: CollectionReference = self.dataset(dataset_id).collection(f"{self._prefix}-receipts")
        return place

    def receipt(self, dataset_id: str, key: str) -> DocumentReference:
        """The receipt of a batch's key."""
        return self.receipts(dataset_id).document(digest(key))

    def run(self, dataset_id: str, run_id: str) -> DocumentReference:
        """A training run."""
        return self.runs(dataset_id).document(document_id(run_id))

    def runs(self, dataset_id: str) -> CollectionReference:
        """A data set's training runs."""
        place: CollectionReference = self.dataset(dataset_id).collection(f"{self._prefix}-runs")
        return place

    def all_runs(self) -> CollectionGroup:
        """The training runs of all data sets."""
        return self.client.collection_group(f"{self._prefix}-runs")

    def outbox(self) -> CollectionReference:
        """The messages that are still to be published."""
        return self.client.collection(f"{self._prefix}-outbox")

    def message(self, message: TrainingMessage) -> DocumentReference:
        """A message in the outbox."""
        name = f"{document_id(message.dataset_id)}.{document_id(message.run_id)}"
        return self.outbox().document(name)

    def keys(self) -> CollectionReference:
        """All API keys."""
        place: CollectionReference = self.client.collection(f"{self._prefix}-keys")
        return place

    def key(self, key_id: str) -> DocumentReference:
        """An API key."""
        return self.keys().document(document_id(key_id))

    # ---- reading ----

    def look(self, place: DocumentReference, budget: Budget, fields: Sequence[str] | None = None) -> Found:
        """A document, or these fields of it."""
        (answer,) = self._rpc().batch_get(_reading(place, fields), **budget.again())
        return Found(answer, place)

    def totals(self, dataset_id: str, budget: Budget) -> Totals:
        """What a data set's receipts add up to."""
        query = self.receipts(dataset_id).count(alias="batches").sum("entries", alias="entries")
        (results,) = query.get(**budget.again(_AGGREGATION))
        values = {result.alias: int(result.value) for result in results}
        return Totals(entries=values["entries"], batches=values["batches"])

    # ---- changing ----

    def log(self, writes: WriteBatch, dataset_id: str, event: Event) -> None:
        """Add a line to a data set's log, together with what else is written."""
        name = f"{time.time_ns():020}-{uuid4().hex[:8]}"
        writes.create(self.events(dataset_id).document(name), event_document(event))

    def replace(
        self, changes: Mapping[DocumentReference, Document], dataset_id: str, event: Event | None
    ) -> None:
        """Replace documents that are stored one version behind, and log the event: all or nothing.

        Raises Conflict if one is stored in another version, or not at all.
        """
        mark = uuid4().hex  # tells this change from the same one made by somebody else

        def attempt(budget: Budget) -> None:
            found = self.client.get_all(list(changes), field_paths=["version", "mark"], **budget.again())
            stored = {snapshot.reference: snapshot for snapshot in found}
            fields = {place: fields_of(snapshot) for place, snapshot in stored.items()}
            if all(fields[place].get("mark") == mark for place in changes):
                return
            writes = self.client.batch()
            for place, document in changes.items():
                if fields[place].get("version") != document["version"] - 1:
                    raise Conflict(f"{place.id} is not at version {document['version'] - 1}")
                unchanged = self.client.write_option(last_update_time=stored[place].update_time)
                writes.update(place, {**document, "mark": mark}, option=unchanged)
            if event is not None:
                self.log(writes, dataset_id, event)
            writes.commit(**budget.once())

        self.looks.forget(dataset_id)
        repeated(attempt)

    def delete_all(self, group: Query | CollectionReference) -> None:
        """Delete all documents that a query finds, a part at a time."""
        while found := group.select([]).limit(_DELETED).get(**Budget().again()):
            writes = self.client.batch()
            for snapshot in found:
                writes.delete(snapshot.reference)
            writes.commit(**Budget().again())

    def commit(self, writes: Writes, budget: Budget) -> None:
        """Make changes that carry their conditions with them: all or none."""
        self._rpc().commit({"writes": writes.messages}, **budget.once())

    @contextmanager
    def transaction(
        self, place: DocumentReference, fields: Sequence[str], budget: Budget
    ) -> Iterator[tuple[Writes, Found]]:
        """A transaction around the block: committed, once, at its end, rolled back if anything is raised.

        It begins with reading these fields of a document, in one request: the library makes two of it. Its
        own runner knows no deadlines either (60 s for each request and its repetitions) and ends contention,
        after tries without a pause, with a bare ValueError; so its requests are made here.
        """
        rpc = self._rpc()
        reading = {**_reading(place, fields), "new_transaction": {"read_write": {}}}
        writes = Writes()
        transaction = b""
        try:
            # The first answer tells the transaction, and one of them, the same or the next, the document.
            for answer in rpc.batch_get(reading, **budget.again()):
                transaction = transaction or answer.transaction
                if answer.WhichOneof("result"):
                    found = Found(answer, place)
            yield writes, found
            rpc.commit({"transaction": transaction, "writes": writes.messages}, **budget.once())
        except BaseException:
            if transaction:
                with suppress(exceptions.GoogleAPIError):
                    rpc.rollback({"transaction": transaction}, retry=retrying(_ROLLBACK), timeout=_ROLLBACK)
            raise


def _reading(place: DocumentReference, fields: Sequence[str] | None) -> dict[str, Any]:
    mask = {} if fields is None else {"mask": {"field_paths": fields}}
    return {"documents": [place._document_path], **mask}
