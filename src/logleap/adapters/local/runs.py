"""Runs and the outbox in the file."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from logleap.adapters.local.datasets import check_version, replace_dataset
from logleap.adapters.local.events import add_event
from logleap.adapters.local.receipts import totals_of
from logleap.adapters.local.sqlite.database import Database, lookup
from logleap.domain.artifacts import Artifact
from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Totals
from logleap.domain.log_models import baseline_of
from logleap.domain.runs import Origin, Run, RunError, RunState, Start, TrainingMessage
from logleap.domain.times import from_micros, to_micros
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunPosition, RunRepository

_COLUMNS = (
    "dataset_id, run_id, owner, task, parameters, entries, batches, created_at, due_at, state, version, "
    "fence, attempts, started_at, finished_at, result, error_code, error_detail, "
    "request_id, traceparent, time_limit, cancel_requested_at, artifacts, baseline"
)
_MARKS = ", ".join("?" * 24)
_ADD = f"INSERT INTO runs ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608
_REPLACE = f"UPDATE runs SET ({_COLUMNS}) = ({_MARKS}) WHERE dataset_id = ? AND run_id = ? AND version = ?"  # noqa: S608
_UNFINISHED = f"SELECT {_COLUMNS} FROM runs WHERE state IN ('queued', 'running')"  # noqa: S608
_DUE = f"{_UNFINISHED} AND due_at <= ? ORDER BY due_at LIMIT ?"
_AHEAD = f"{_UNFINISHED} AND due_at > ? ORDER BY due_at LIMIT ?"


class SqliteRunRepository(RunRepository):
    """Runs and outbox messages as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        with self._database.writing() as connection:
            try:
                start = decide(totals_of(connection, dataset.dataset_id))
            except Exception:
                check_version(connection, dataset.dataset_id, dataset.version)  # it was given an old version
                raise
            run = start.run
            stored = _get(connection, run.dataset_id, run.run_id)
            if stored is not None:
                return stored
            check_version(connection, dataset.dataset_id, dataset.version)
            replace_dataset(connection, start.dataset)
            connection.execute(_ADD, _to_row(run))
            database = self._database
            add_event(connection, database, run.dataset_id, start.event, dataset=start.dataset, run=run)
            origin = run.origin
            connection.execute(
                "INSERT INTO outbox VALUES (?, ?, ?, ?, ?)",
                (run.dataset_id, run.run_id, run.owner, origin.request_id, origin.traceparent),
            )
            self._database.snapshots.invalidate(dataset.dataset_id)
            return run

    def get(self, dataset_id: str, run_id: str) -> Run | None:
        with self._database.reading() as connection:
            return _get(connection, dataset_id, run_id)

    def list(self, dataset_id: str, *, limit: int, after: RunPosition | None = None) -> Sequence[Run]:
        query = f"SELECT {_COLUMNS} FROM runs WHERE dataset_id = ?"  # noqa: S608
        values: list[Any] = [lookup(dataset_id)]
        if after is not None:
            query += " AND (created_at, run_id) < (?, ?)"
            values += [to_micros(after.created_at), lookup(after.run_id)]
        query += " ORDER BY created_at DESC, run_id DESC LIMIT ?"
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.execute(query, (*values, limit))]

    def save(self, run: Run, event: Event | None = None) -> None:
        with self._database.writing() as connection:
            _replace(connection, run)
            if event is not None:
                add_event(connection, self._database, run.dataset_id, event, run=run)

    def finish(self, dataset: Dataset, run: Run, event: Event) -> None:
        with self._database.writing() as connection:
            replace_dataset(connection, dataset)
            _replace(connection, run)
            add_event(connection, self._database, run.dataset_id, event, dataset=dataset, run=run)

    def outbox(self, limit: int) -> Sequence[TrainingMessage]:
        query = "SELECT owner, dataset_id, run_id, request_id, traceparent FROM outbox LIMIT ?"
        with self._database.reading() as connection:
            return [
                TrainingMessage(owner, dataset_id, run_id, Origin(*origin))
                for owner, dataset_id, run_id, *origin in connection.execute(query, (limit,))
            ]

    def published(self, message: TrainingMessage) -> None:
        delete = "DELETE FROM outbox WHERE dataset_id = ? AND run_id = ?"
        with self._database.writing() as connection:
            connection.execute(delete, (message.dataset_id, message.run_id))

    def due(self, now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
        with self._database.reading() as connection:
            rows = connection.execute(_DUE, (to_micros(now), limit)).fetchall()
            if latest is not None:
                rows += connection.execute(_AHEAD, (to_micros(latest), limit - len(rows))).fetchall()
        return [_from_row(row) for row in rows]


def _get(connection: sqlite3.Connection, dataset_id: str, run_id: str) -> Run | None:
    query = f"SELECT {_COLUMNS} FROM runs WHERE dataset_id = ? AND run_id = ?"  # noqa: S608
    row = connection.execute(query, (lookup(dataset_id), lookup(run_id))).fetchone()
    return None if row is None else _from_row(row)


def _replace(connection: sqlite3.Connection, run: Run) -> None:
    before = run.version - 1
    if connection.execute(_REPLACE, (*_to_row(run), run.dataset_id, run.run_id, before)).rowcount == 0:
        raise Conflict(f"run {run.run_id} is not at version {before}")


def _to_row(run: Run) -> tuple[Any, ...]:
    error = run.error
    return (
        run.dataset_id,
        run.run_id,
        run.owner,
        run.task,
        json.dumps(dict(run.parameters)),
        run.totals.entries,
        run.totals.batches,
        to_micros(run.created_at),
        to_micros(run.due_at),
        run.state,
        run.version,
        run.fence,
        run.attempts,
        None if run.started_at is None else to_micros(run.started_at),
        None if run.finished_at is None else to_micros(run.finished_at),
        None if run.result is None else json.dumps(dict(run.result)),
        *((error.code, error.detail) if error is not None else (None, None)),
        run.origin.request_id,
        run.origin.traceparent,
        None if run.time_limit is None else run.time_limit // timedelta(microseconds=1),
        None if run.cancel_requested_at is None else to_micros(run.cancel_requested_at),
        json.dumps([asdict(artifact) for artifact in run.artifacts]) if run.artifacts else None,
        None if run.baseline is None else json.dumps(asdict(run.baseline)),
    )


def _from_row(row: tuple[Any, ...]) -> Run:
    (dataset_id, run_id, owner, task, parameters, entries, batches, created_at, due_at, state, *rest) = row
    version, fence, attempts, started_at, finished_at, result, error_code, error_detail, *rest = rest
    *origin, time_limit, cancel_requested_at, artifacts, baseline = rest
    return Run(
        run_id=run_id,
        dataset_id=dataset_id,
        owner=owner,
        task=task,
        parameters=json.loads(parameters),
        totals=Totals(entries, batches),
        created_at=from_micros(created_at),
        due_at=from_micros(due_at),
        state=RunState(state),
        version=version,
        fence=fence,
        attempts=attempts,
        started_at=None if started_at is None else from_micros(started_at),
        finished_at=None if finished_at is None else from_micros(finished_at),
        result=None if result is None else json.loads(result),
        error=None if error_code is None else RunError(error_code, error_detail),
        origin=Origin(*origin),
        time_limit=None if time_limit is None else timedelta(microseconds=time_limit),
        cancel_requested_at=None if cancel_requested_at is None else from_micros(cancel_requested_at),
        artifacts=tuple(Artifact(**artifact) for artifact in json.loads(artifacts or "[]")),
        baseline=None if baseline is None else baseline_of(json.loads(baseline)),
    )
