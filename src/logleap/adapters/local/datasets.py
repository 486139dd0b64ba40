"""Data sets and their logs in the file."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from logleap.adapters.local.events import add_event, announce_deletion
from logleap.adapters.local.receipts import totals_of
from logleap.adapters.local.sqlite.database import Database, lookup
from logleap.domain.datasets import Archive, Dataset, Event, EventKind, Retention, State
from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound
from logleap.domain.times import from_micros, to_micros
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.errors import Conflict

_COLUMNS = (
    "dataset_id, owner, created_at, updated_at, name, labels, state, version, run_id, "
    "sealed_entries, sealed_batches, archive_url, archive_entries, archive_sha256, dropped, "
    "archived_from, archive_after, delete_after, trained_at, active_at"
)
_STORED = f"({_COLUMNS}, unfinished)"
_VALUES = f"({', '.join('?' * 21)})"
_ADD = f"INSERT INTO datasets {_STORED} VALUES {_VALUES} ON CONFLICT DO NOTHING"  # noqa: S608
_REPLACE = f"UPDATE datasets SET {_STORED} = {_VALUES} WHERE dataset_id = ? AND version = ?"  # noqa: S608


_TO_ARCHIVE = "state = 'trained' AND archive_url IS NULL"
_TO_DELETE = "state NOT IN ('training', 'deleting')"


class SqliteDatasetRepository(DatasetRepository):
    """Data sets and their logs as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset: Dataset, event: Event) -> None:
        with self._database.adding() as connection:
            if connection.execute(_ADD, _to_row(dataset)).rowcount == 0:
                raise Conflict(f"data set {dataset.dataset_id} exists")
            add_event(connection, self._database, dataset.dataset_id, event, dataset=dataset)

    def get(self, owner: str, dataset_id: str) -> Dataset:
        query = f"SELECT {_COLUMNS} FROM datasets WHERE dataset_id = ?"  # noqa: S608
        with self._database.reading() as connection:
            row = connection.execute(query, (lookup(dataset_id),)).fetchone()
        dataset = None if row is None else _from_row(row)
        if dataset is None or dataset.owner != owner:
            raise DatasetNotFound(dataset_id)
        if dataset.state is State.UPLOADING:
            self._database.snapshots.put(dataset_id, dataset)
        else:
            self._database.snapshots.invalidate(dataset_id)
        return dataset

    def recent(self, owner: str, dataset_id: str) -> Dataset:
        dataset = self._database.snapshots.get(dataset_id)
        if dataset is None or dataset.owner != owner:
            return self.get(owner, dataset_id)
        return dataset

    def list(
        self,
        owner: str,
        *,
        state: State | None = None,
        name: str | None = None,
        limit: int,
        after: Position | None = None,
    ) -> Sequence[Dataset]:
        query = f"SELECT {_COLUMNS} FROM datasets WHERE owner = ?"  # noqa: S608
        values: list[Any] = [owner]
        if state is not None:
            query += " AND state = ?"
            values.append(state)
        if name is not None:
            query += " AND name = ?"
            values.append(lookup(name))
        if after is not None:
            query += " AND (created_at, dataset_id) < (?, ?)"
            values += [to_micros(after.created_at), lookup(after.dataset_id)]
        query += " ORDER BY created_at DESC, dataset_id DESC LIMIT ?"
        with self._database.reading() as connection:
            rows = connection.execute(query, (*values, limit)).fetchall()
        return [_from_row(row) for row in rows]

    def save(self, dataset: Dataset, event: Event | None = None) -> None:
        with self._database.writing() as connection:
            replace_dataset(connection, dataset)
            if event is not None:
                add_event(connection, self._database, dataset.dataset_id, event, dataset=dataset)
        self._database.snapshots.invalidate(dataset.dataset_id)

    def save_if_totals(self, dataset: Dataset, totals: Totals, event: Event) -> None:
        with self._database.writing() as connection:
            if totals_of(connection, dataset.dataset_id) != totals:
                raise Conflict(f"data set {dataset.dataset_id} has other receipts")
            replace_dataset(connection, dataset)
            add_event(connection, self._database, dataset.dataset_id, event, dataset=dataset)
        self._database.snapshots.invalidate(dataset.dataset_id)

    def due_for_archiving(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        return self._due(_TO_ARCHIVE, "trained_at", "archive_after", now, after, limit)

    def due_for_deletion(self, now: datetime, after: timedelta | None, limit: int) -> Sequence[Dataset]:
        return self._due(_TO_DELETE, "active_at", "delete_after", now, after, limit)

    def _due(  # noqa: PLR0917 -- two queries that differ in little
        self, which: str, since: str, own: str, now: datetime, after: timedelta | None, limit: int
    ) -> Sequence[Dataset]:
        conditions = [(f"{own} IS NOT NULL AND {since} + {own} <= ?", to_micros(now))]
        if after is not None:
            conditions.append((f"{since} <= ?", to_micros(now - after)))
        found: dict[str, Dataset] = {}
        with self._database.reading() as connection:
            for condition, value in conditions:
                query = f"SELECT {_COLUMNS} FROM datasets WHERE {which} AND {condition} LIMIT ?"  # noqa: S608
                for row in connection.execute(query, (value, limit)):
                    found[row[0]] = _from_row(row)
        return list(found.values())[:limit]

    def unfinished(self, before: datetime, limit: int, latest: datetime | None = None) -> Sequence[Dataset]:
        query = f"SELECT {_COLUMNS} FROM datasets WHERE unfinished AND updated_at"  # noqa: S608
        with self._database.reading() as connection:
            rows = connection.execute(f"{query} <= ? LIMIT ?", (to_micros(before), limit)).fetchall()
            if latest is not None:
                ahead = (to_micros(latest), limit - len(rows))
                rows += connection.execute(f"{query} > ? LIMIT ?", ahead).fetchall()
        return [_from_row(row) for row in rows]

    def remove(self, dataset_id: str) -> None:
        with self._database.writing() as connection:
            query = f"SELECT {_COLUMNS} FROM datasets WHERE dataset_id = ?"  # noqa: S608
            row = connection.execute(query, (lookup(dataset_id),)).fetchone()
            if row is None:
                return
            dataset = _from_row(row)
            if dataset.state is not State.DELETING:
                raise Conflict(f"data set {dataset_id} is {dataset.state}")
            announce_deletion(connection, self._database, dataset)
            for table in ("receipts", "totals", "events", "runs", "outbox", "datasets"):
                connection.execute(f"DELETE FROM {table} WHERE dataset_id = ?", (dataset_id,))  # noqa: S608
        self._database.release_space()

    def events(self, dataset_id: str) -> Sequence[Event]:
        query = "SELECT at, kind, detail FROM events WHERE dataset_id = ? ORDER BY event_id"
        with self._database.reading() as connection:
            rows = connection.execute(query, (lookup(dataset_id),)).fetchall()
        return [Event(from_micros(at), EventKind(kind), detail) for at, kind, detail in rows]


def check_version(connection: sqlite3.Connection, dataset_id: str, version: int) -> None:
    """Raises Conflict unless the data set is stored in this version."""
    query = "SELECT version FROM datasets WHERE dataset_id = ?"
    if connection.execute(query, (dataset_id,)).fetchone() != (version,):
        raise Conflict(f"data set {dataset_id} is not at version {version}")


def replace_dataset(connection: sqlite3.Connection, dataset: Dataset) -> None:
    """Store the next version of a data set. Raises Conflict unless the one before it is stored."""
    before = dataset.version - 1
    if connection.execute(_REPLACE, (*_to_row(dataset), dataset.dataset_id, before)).rowcount == 0:
        raise Conflict(f"data set {dataset.dataset_id} is not at version {before}")


def _to_row(dataset: Dataset) -> tuple[Any, ...]:
    sealed, archive = dataset.sealed, dataset.archive
    return (
        dataset.dataset_id,
        dataset.owner,
        to_micros(dataset.created_at),
        to_micros(dataset.updated_at),
        dataset.name,
        json.dumps(dict(dataset.labels)),
        dataset.state,
        dataset.version,
        dataset.run_id,
        *((sealed.entries, sealed.batches) if sealed is not None else (None, None)),
        *((archive.url, archive.entries, archive.sha256) if archive is not None else (None, None, None)),
        dataset.dropped,
        dataset.archived_from,
        _micros(dataset.retention.archive_after),
        _micros(dataset.retention.delete_after),
        None if dataset.trained_at is None else to_micros(dataset.trained_at),
        to_micros(dataset.last_active),
        dataset.unfinished,
    )


def _micros(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(microseconds=1)


def _duration(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _from_row(row: tuple[Any, ...]) -> Dataset:
    (dataset_id, owner, created_at, updated_at, name, labels, state, version, run_id, *rest) = row
    sealed_entries, sealed_batches, archive_url, archive_entries, archive_sha256, dropped, *rest = rest
    archived_from, archive_after, delete_after, trained_at, active_at = rest
    return Dataset(
        dataset_id=dataset_id,
        owner=owner,
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
        name=name,
        labels=json.loads(labels),
        state=State(state),
        version=version,
        run_id=run_id,
        sealed=None if sealed_entries is None else Totals(sealed_entries, sealed_batches),
        archive=None if archive_url is None else Archive(archive_url, archive_entries, archive_sha256),
        dropped=bool(dropped),
        archived_from=None if archived_from is None else State(archived_from),
        retention=Retention(_duration(archive_after), _duration(delete_after)),
        trained_at=None if trained_at is None else from_micros(trained_at),
        active_at=from_micros(active_at),
    )
