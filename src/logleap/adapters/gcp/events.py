"""The outbox of events in Firestore."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from google.api_core import exceptions
from google.cloud.firestore import FieldFilter

from logleap.adapters.gcp.firestore.database import (
    AGGREGATION_SECONDS,
    SERVICE,
    FirestoreDatabase,
    fields_of,
    retry_until_known,
)
from logleap.adapters.gcp.firestore.documents import Document, attempts_document, waiting_event_of
from logleap.adapters.gcp.firestore.rpc import StoredDocument, Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.events import LONGEST_WAIT, Backlog, EventClaim, WaitingEvent
from logleap.domain.times import from_micros, to_micros
from logleap.ports.errors import Conflict
from logleap.ports.events import EventOutbox

CANDIDATES = 10
"""Data sets that are tried in one look: other claimants may be quicker with the first ones."""

MOST_IN_ORDER = 1000
"""Events of one data set that are put in order; of more, which come first is left to their ids."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAKEN = (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted)


class FirestoreEventOutbox(EventOutbox):
    """A document for each event, and one for each data set that has some: when it is due, and whose it is.

    Events are in the order in which Firestore created their documents. Each query needs no more than the
    indexes that every field has.
    """

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database

    @translated(SERVICE)
    def claim(self, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        streams = self._database.event_streams()
        for operator, bound in (("<=", to_micros(now)), (">", to_micros(now + LONGEST_WAIT))):
            due = streams.where(filter=FieldFilter("due", operator, bound)).order_by("due")
            for candidate in due.limit(CANDIDATES).get(**Deadline().retryable()):
                claim = self._claim(fields_of(candidate)["datasetId"], now, until, limit)
                if claim is not None:
                    return claim
        return None

    def _claim(self, dataset_id: str, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        deadline = Deadline()
        stored = self._database.read(self._database.event_stream(dataset_id), deadline)
        if not stored.fields or to_micros(now) < stored.fields["due"] <= to_micros(now + LONGEST_WAIT):
            return None
        token = uuid4().hex
        writes = Writes()
        claimed = {"due": to_micros(until), "token": token}
        writes.update(stored.name, claimed, if_unchanged_since=stored.update_timestamp)
        try:
            self._database.commit(writes, **deadline.single_attempt())
        except _TAKEN:
            return None
        failing_since = stored.fields.get("failingSince")
        return EventClaim(
            dataset_id,
            token,
            tuple(self._waiting(dataset_id)[:limit]),
            None if failing_since is None else from_micros(failing_since),
        )

    def _waiting(self, dataset_id: str) -> list[WaitingEvent]:
        query = self._database.outgoing_events().where(filter=FieldFilter("datasetId", "==", dataset_id))
        waiting = query.where(filter=FieldFilter("dead", "==", False)).limit(MOST_IN_ORDER)
        found = sorted(waiting.get(**Deadline().retryable()), key=lambda event: (event.create_time, event.id))
        return [waiting_event_of(fields_of(event)) for event in found]

    @translated(SERVICE)
    def delivered(self, claim: EventClaim, event: WaitingEvent, until: datetime) -> None:
        def change(writes: Writes) -> Document:
            writes.delete(self._database.outgoing_event(event.event.event_id))
            return {"due": to_micros(until), "failingSince": None}

        self._change(claim, change)

    @translated(SERVICE)
    def postpone(self, claim: EventClaim, event: WaitingEvent, since: datetime, due: datetime) -> None:
        def change(writes: Writes) -> Document:
            self._put(writes, event)
            return {"due": to_micros(due), "failingSince": to_micros(since), "token": None}

        self._change(claim, change)

    @translated(SERVICE)
    def bury(self, claim: EventClaim, event: WaitingEvent, since: datetime, until: datetime) -> None:
        def change(writes: Writes) -> Document:
            self._put(writes, event)
            return {"due": to_micros(until), "failingSince": to_micros(since)}

        self._change(claim, change)

    @translated(SERVICE)
    def release(self, claim: EventClaim, now: datetime) -> None:
        def attempt(deadline: Deadline) -> None:
            stored = self._held(claim, deadline)
            writes = Writes()
            # An event that comes in between changes the document: then neither is done, but looked at again.
            if self._waiting(claim.dataset_id):
                fields = {"due": to_micros(now), "token": None}
                writes.update(stored.name, fields, if_unchanged_since=stored.update_timestamp)
            else:
                writes.delete(stored.name, if_unchanged_since=stored.update_timestamp)
            self._database.commit(writes, **deadline.single_attempt())

        retry_until_known(attempt)

    @translated(SERVICE)
    def list(self, *, dead: bool, limit: int) -> Sequence[WaitingEvent]:
        since = "deadAt" if dead else "waitingSince"
        query = self._database.outgoing_events().where(filter=FieldFilter(since, ">=", _EPOCH))
        found = query.order_by(since).limit(limit).get(**Deadline().retryable())
        return [waiting_event_of(fields_of(event)) for event in found]

    @translated(SERVICE)
    def resend(self, event_id: str, now: datetime) -> bool:
        database = self._database

        def attempt(deadline: Deadline) -> bool:
            found = database.read(database.outgoing_event(event_id), deadline)
            if not found.fields:
                return False
            event = waiting_event_of(found.fields)
            writes = Writes()
            if event.dead_at is not None:
                self._put(writes, WaitingEvent(event.event))
            stream = database.read(database.event_stream(event.event.dataset_id), deadline)
            if not stream.fields:
                database.wake(writes, event.event.dataset_id, now)
            else:
                fields: Document = {"failingSince": None}
                if stream.fields.get("token") is None:
                    fields["due"] = to_micros(now)
                writes.update(stream.name, fields, if_unchanged_since=stream.update_timestamp)
            database.commit(writes, **deadline.single_attempt())
            return True

        return retry_until_known(attempt)

    @translated(SERVICE)
    def discard(self, event_id: str) -> bool:
        def attempt(deadline: Deadline) -> bool:
            found = self._database.read(self._database.outgoing_event(event_id), deadline, ["dead"])
            if not found.fields.get("dead"):
                return False
            writes = Writes()
            writes.delete(found.name, if_unchanged_since=found.update_timestamp)
            self._database.commit(writes, **deadline.single_attempt())
            return True

        return retry_until_known(attempt)

    @translated(SERVICE)
    def backlog(self) -> Backlog:
        events = self._database.outgoing_events()

        def count(dead: bool) -> int:
            query: Any = events.where(filter=FieldFilter("dead", "==", dead)).count(alias="events")
            (results,) = query.get(**Deadline().retryable(AGGREGATION_SECONDS))
            return sum(int(result.value) for result in results)

        oldest = self.list(dead=False, limit=1)
        return Backlog(count(False), count(True), oldest[0].event.at if oldest else None)

    def _put(self, writes: Writes, event: WaitingEvent) -> None:
        writes.update(self._database.outgoing_event(event.event.event_id), attempts_document(event))

    def _held(self, claim: EventClaim, deadline: Deadline) -> StoredDocument:
        stored = self._database.read(self._database.event_stream(claim.dataset_id), deadline)
        if stored.fields.get("token") != claim.token:
            raise Conflict(f"the claim on the events of data set {claim.dataset_id} has run out")
        return stored

    def _change(self, claim: EventClaim, change: Callable[[Writes], Document]) -> None:
        """Write what `change` writes, and what it returns into the document of the claim's data set."""

        def attempt(deadline: Deadline) -> None:
            stored = self._held(claim, deadline)
            writes = Writes()
            fields = change(writes)
            writes.update(stored.name, fields, if_unchanged_since=stored.update_timestamp)
            self._database.commit(writes, **deadline.single_attempt())

        retry_until_known(attempt)
