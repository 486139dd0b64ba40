"""The outbox of events in the file."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from logleap.adapters.local.sqlite.database import Database, lookup
from logleap.domain.datasets import Dataset, Event
from logleap.domain.events import (
    LONGEST_WAIT,
    Backlog,
    EventClaim,
    OutgoingEvent,
    WaitingEvent,
    deleted,
    outgoing,
)
from logleap.domain.runs import Run
from logleap.domain.times import from_micros, to_micros
from logleap.ports.errors import Conflict
from logleap.ports.events import EventOutbox

_FOUND = (
    "SELECT event_id, dataset_id, owner, kind, at, details, attempts, error, dead_at FROM outgoing_events"
)
_DUE = "(due_at <= ? OR due_at > ?)"
_HELD = "dataset_id = ? AND token = ?"
_STREAM = "INSERT INTO event_streams (dataset_id, due_at) VALUES (?, ?) ON CONFLICT "


def add_event(
    connection: sqlite3.Connection,
    database: Database,
    dataset_id: str,
    event: Event,
    *,
    dataset: Dataset | None = None,
    run: Run | None = None,
) -> None:
    """Add a line to a data set's log, about what was made of data set or run."""
    insert = "INSERT INTO events (dataset_id, at, kind, detail) VALUES (?, ?, ?, ?)"
    connection.execute(insert, (dataset_id, to_micros(event.at), event.kind, event.detail))
    if database.announces:
        _announce(connection, outgoing(str(uuid4()), event, dataset=dataset, run=run))


def announce_deletion(connection: sqlite3.Connection, database: Database, dataset: Dataset) -> None:
    """Leave the times alone of what is still to be told of a data set, and tell that it is gone."""
    forget = "UPDATE outgoing_events SET details = NULL WHERE dataset_id = ?"
    connection.execute(forget, (dataset.dataset_id,))
    if database.announces:
        _announce(connection, deleted(str(uuid4()), dataset))


def _announce(connection: sqlite3.Connection, event: OutgoingEvent) -> None:
    at = to_micros(event.at)
    details = None if event.details is None else json.dumps(dict(event.details))
    connection.execute(
        "INSERT INTO outgoing_events (event_id, dataset_id, owner, kind, at, details) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (event.event_id, event.dataset_id, event.owner, event.kind, at, details),
    )
    connection.execute(f"{_STREAM} DO NOTHING", (event.dataset_id, at))


class SqliteEventOutbox(EventOutbox):
    """Events as rows, in the order of their transactions, and a row for each data set that has some."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        due = (to_micros(now), to_micros(now + LONGEST_WAIT))
        with self._database.reading() as connection:  # mostly there is nothing to do, and nothing is written
            query = f"SELECT 1 FROM event_streams WHERE {_DUE} LIMIT 1"  # noqa: S608
            if connection.execute(query, due).fetchone() is None:
                return None
        with self._database.writing() as connection:
            query = f"SELECT dataset_id, failing_since FROM event_streams WHERE {_DUE}"  # noqa: S608
            row = connection.execute(f"{query} ORDER BY due_at LIMIT 1", due).fetchone()
            if row is None:
                return None
            dataset_id, failing_since = row
            token = uuid4().hex
            update = "UPDATE event_streams SET due_at = ?, token = ? WHERE dataset_id = ?"
            connection.execute(update, (to_micros(until), token, dataset_id))
            query = f"{_FOUND} WHERE dataset_id = ? AND dead_at IS NULL ORDER BY number LIMIT ?"
            events = tuple(_from_row(row) for row in connection.execute(query, (dataset_id, limit)))
        return EventClaim(dataset_id, token, events, _time(failing_since))

    def delivered(self, claim: EventClaim, event: WaitingEvent, until: datetime) -> None:
        with self._database.writing() as connection:
            _change(connection, claim, "due_at = ?, failing_since = NULL", to_micros(until))
            connection.execute("DELETE FROM outgoing_events WHERE event_id = ?", (event.event.event_id,))

    def postpone(self, claim: EventClaim, event: WaitingEvent, since: datetime, due: datetime) -> None:
        times = (to_micros(due), to_micros(since))
        with self._database.writing() as connection:
            _change(connection, claim, "due_at = ?, failing_since = ?, token = NULL", *times)
            _put(connection, event)

    def bury(self, claim: EventClaim, event: WaitingEvent, since: datetime, until: datetime) -> None:
        times = (to_micros(until), to_micros(since))
        with self._database.writing() as connection:
            _change(connection, claim, "due_at = ?, failing_since = ?", *times)
            _put(connection, event)

    def release(self, claim: EventClaim, now: datetime) -> None:
        with self._database.writing() as connection:
            _change(connection, claim, "due_at = ?, token = NULL", to_micros(now))
            connection.execute(
                "DELETE FROM event_streams WHERE dataset_id = ? AND NOT EXISTS "
                "(SELECT 1 FROM outgoing_events o WHERE o.dataset_id = event_streams.dataset_id "
                "AND dead_at IS NULL)",
                (claim.dataset_id,),
            )

    def list(self, *, dead: bool, limit: int) -> Sequence[WaitingEvent]:
        query = f"{_FOUND} WHERE dead_at IS {'NOT' if dead else ''} NULL ORDER BY number LIMIT ?"
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.execute(query, (limit,))]

    def resend(self, event_id: str, now: datetime) -> bool:
        with self._database.writing() as connection:
            query = "SELECT dataset_id, dead_at FROM outgoing_events WHERE event_id = ?"
            row = connection.execute(query, (lookup(event_id),)).fetchone()
            if row is None:
                return False
            dataset_id, dead_at = row
            if dead_at is not None:
                revive = (
                    "UPDATE outgoing_events SET attempts = 0, error = NULL, dead_at = NULL WHERE event_id = ?"
                )
                connection.execute(revive, (event_id,))
            connection.execute(
                f"{_STREAM} DO UPDATE SET failing_since = NULL, "
                "due_at = CASE WHEN token IS NULL THEN excluded.due_at ELSE due_at END",
                (dataset_id, to_micros(now)),
            )
            return True

    def discard(self, event_id: str) -> bool:
        delete = "DELETE FROM outgoing_events WHERE event_id = ? AND dead_at IS NOT NULL"
        with self._database.writing() as connection:
            return connection.execute(delete, (lookup(event_id),)).rowcount > 0

    def backlog(self) -> Backlog:
        query = (
            "SELECT count(*), count(dead_at), min(CASE WHEN dead_at IS NULL THEN at END) FROM outgoing_events"
        )
        with self._database.reading() as connection:
            total, dead, oldest = connection.execute(query).fetchone()
        return Backlog(total - dead, dead, _time(oldest))


def _change(connection: sqlite3.Connection, claim: EventClaim, change: str, *values: int) -> None:
    """Change the row of the claim's data set. Raises Conflict if another claim came after it."""
    update = f"UPDATE event_streams SET {change} WHERE {_HELD}"  # noqa: S608
    if connection.execute(update, (*values, claim.dataset_id, claim.token)).rowcount == 0:
        raise Conflict(f"the claim on the events of data set {claim.dataset_id} has run out")


def _put(connection: sqlite3.Connection, event: WaitingEvent) -> None:
    dead_at = None if event.dead_at is None else to_micros(event.dead_at)
    update = "UPDATE outgoing_events SET attempts = ?, error = ?, dead_at = ? WHERE event_id = ?"
    connection.execute(update, (event.attempts, event.error, dead_at, event.event.event_id))


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _from_row(row: tuple[Any, ...]) -> WaitingEvent:
    event_id, dataset_id, owner, kind, at, details, attempts, error, dead_at = row
    known = None if details is None else json.loads(details)
    event = OutgoingEvent(event_id, dataset_id, owner, kind, from_micros(at), known)
    return WaitingEvent(event, attempts, error, _time(dead_at))
