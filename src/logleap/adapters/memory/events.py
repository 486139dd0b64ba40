"""The outbox of events in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from logleap.adapters.memory.database import EventStream, MemoryDatabase
from logleap.domain.events import LONGEST_WAIT, Backlog, EventClaim, WaitingEvent
from logleap.ports.errors import Conflict
from logleap.ports.events import EventOutbox


class MemoryEventOutbox(EventOutbox):
    """Events in a dictionary, in their order, and for each data set that has some when they are due."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def claim(self, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        with self._database.lock:
            due = [
                (stream.due, dataset_id)
                for dataset_id, stream in self._database.streams.items()
                if stream.due <= now or stream.due > now + LONGEST_WAIT
            ]
            if not due:
                return None
            _, dataset_id = min(due)
            stream = self._database.streams[dataset_id]
            stream.due, stream.token = until, uuid4().hex
            events = tuple(self._waiting(dataset_id)[:limit])
            return EventClaim(dataset_id, stream.token, events, stream.failing_since)

    def delivered(self, claim: EventClaim, event: WaitingEvent, until: datetime) -> None:
        with self._database.lock:
            stream = self._held(claim)
            del self._database.outgoing[event.event.event_id]
            stream.due, stream.failing_since = until, None

    def postpone(self, claim: EventClaim, event: WaitingEvent, since: datetime, due: datetime) -> None:
        with self._database.lock:
            stream = self._held(claim)
            self._put(event)
            stream.due, stream.failing_since, stream.token = due, since, None

    def bury(self, claim: EventClaim, event: WaitingEvent, since: datetime, until: datetime) -> None:
        with self._database.lock:
            stream = self._held(claim)
            self._put(event)
            stream.due, stream.failing_since = until, since

    def release(self, claim: EventClaim, now: datetime) -> None:
        with self._database.lock:
            stream = self._held(claim)
            if self._waiting(claim.dataset_id):
                stream.due, stream.token = now, None
            else:
                del self._database.streams[claim.dataset_id]

    def list(self, *, dead: bool, limit: int) -> Sequence[WaitingEvent]:
        with self._database.lock:
            found = [
                event for event in self._database.outgoing.values() if (event.dead_at is not None) == dead
            ]
        return found[:limit]

    def resend(self, event_id: str, now: datetime) -> bool:
        with self._database.lock:
            found = self._database.outgoing.get(event_id)
            if found is None:
                return False
            if found.dead_at is not None:
                self._database.outgoing[event_id] = WaitingEvent(found.event)
            stream = self._database.streams.setdefault(found.event.dataset_id, EventStream(now))
            stream.failing_since = None
            if stream.token is None:
                stream.due = now
            return True

    def discard(self, event_id: str) -> bool:
        with self._database.lock:
            found = self._database.outgoing.get(event_id)
            if found is None or found.dead_at is None:
                return False
            del self._database.outgoing[event_id]
            return True

    def backlog(self) -> Backlog:
        with self._database.lock:
            events = list(self._database.outgoing.values())
        times = [event.event.at for event in events if event.dead_at is None]
        return Backlog(len(times), len(events) - len(times), min(times, default=None))

    def _waiting(self, dataset_id: str) -> Sequence[WaitingEvent]:
        return [
            event
            for event in self._database.outgoing.values()
            if event.event.dataset_id == dataset_id and event.dead_at is None
        ]

    def _held(self, claim: EventClaim) -> EventStream:
        stream = self._database.streams.get(claim.dataset_id)
        if stream is None or stream.token != claim.token:
            raise Conflict(f"the claim on the events of data set {claim.dataset_id} has run out")
        return stream

    def _put(self, event: WaitingEvent) -> None:
        """Replace what is stored of it, but for its details: the data set may have been deleted meanwhile."""
        stored = self._database.outgoing[event.event.event_id]
        self._database.outgoing[event.event.event_id] = replace(event, event=stored.event)
