"""Domain objects as Firestore documents, and back.

What people or tasks make up (labels, parameters, results) is kept as JSON text: Firestore has no integers
beyond 64 bits and no nested arrays, reserves the names `__…__`, and would index each field of a map
(https://firebase.google.com/docs/firestore/quotas). A document has 1 MiB at most.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from logleap.domain.artifacts import Artifact
from logleap.domain.datasets import NO_RETENTION, Archive, Dataset, Event, EventKind, Retention, State
from logleap.domain.entries import Receipt, Totals
from logleap.domain.events import OutgoingEvent, WaitingEvent
from logleap.domain.keys import ApiKey
from logleap.domain.log_models import baseline_of
from logleap.domain.runs import Origin, Run, RunError, RunState, TrainingMessage

Document = dict[str, Any]


def dataset_document(dataset: Dataset) -> Document:
    """All fields, also those that are None, so that it replaces an earlier document as a whole.

    Each change of a data set opens its gate (see gate.py). `archivable` and `deletable`, `archiveBy` and
    `deleteBy` (when its own retention says so) are there for the queries for what is due.
    """
    sealed, archive, retention = dataset.sealed, dataset.archive, dataset.retention
    return {
        "datasetId": dataset.dataset_id,
        "owner": dataset.owner,
        "name": dataset.name,
        "labels": _text(dataset.labels),
        "state": dataset.state.value,
        "version": dataset.version,
        "createdAt": dataset.created_at,
        "updatedAt": dataset.updated_at,
        "runId": dataset.run_id,
        "sealed": None if sealed is None else _totals_document(sealed),
        "archive": None
        if archive is None
        else {"url": archive.url, "entries": archive.entries, "sha256": archive.sha256},
        "dropped": dataset.dropped,
        "archivedFrom": None if dataset.archived_from is None else dataset.archived_from.value,
        "unfinished": dataset.unfinished,
        "archiveAfter": _micros(retention.archive_after),
        "deleteAfter": _micros(retention.delete_after),
        "trainedAt": dataset.trained_at,
        "activeAt": dataset.last_active,
        "archivable": dataset.archivable,
        "deletable": dataset.deletable,
        "archiveBy": dataset.archive_at(NO_RETENTION),
        "deleteBy": dataset.delete_at(NO_RETENTION),
        "gate": None,
    }


def dataset_of(document: Document) -> Dataset:
    """The data set that dataset_document() was made of; earlier versions knew no retention."""
    sealed, archive = document["sealed"], document["archive"]
    archived_from = document.get("archivedFrom")  # documents of earlier versions lack it
    active_at = time_of(document.get("activeAt") or document["updatedAt"])
    trained_at = document.get("trainedAt")
    if "trainedAt" not in document and document["state"] == State.TRAINED:
        trained_at = active_at
    return Dataset(
        dataset_id=document["datasetId"],
        owner=document["owner"],
        created_at=time_of(document["createdAt"]),
        updated_at=time_of(document["updatedAt"]),
        name=document["name"],
        labels=json.loads(document["labels"]),
        state=State(document["state"]),
        version=document["version"],
        run_id=document["runId"],
        sealed=None if sealed is None else Totals(**sealed),
        archive=None if archive is None else Archive(**archive),
        dropped=document["dropped"],
        archived_from=None if archived_from is None else State(archived_from),
        retention=Retention(_duration(document.get("archiveAfter")), _duration(document.get("deleteAfter"))),
        trained_at=None if trained_at is None else time_of(trained_at),
        active_at=active_at,
    )


def event_document(event: Event) -> Document:
    """A line of a data set's log."""
    return {"at": event.at, "kind": event.kind.value, "detail": event.detail}


def event_of(document: Document) -> Event:
    """The event that event_document() was made of."""
    return Event(time_of(document["at"]), EventKind(document["kind"]), document["detail"])


def receipt_document(receipt: Receipt) -> Document:
    """A receipt. The data set is the parent document's."""
    return {
        "batchId": receipt.batch_id,
        "key": receipt.key,
        "entries": receipt.entries,
        "sha256": receipt.sha256,
        "createdAt": receipt.created_at,
    }


def receipt_of(document: Document, dataset_id: str) -> Receipt:
    """The receipt that receipt_document() was made of."""
    return Receipt(
        dataset_id=dataset_id,
        batch_id=document["batchId"],
        key=document["key"],
        entries=document["entries"],
        sha256=document["sha256"],
        created_at=time_of(document["createdAt"]),
    )


def run_document(run: Run) -> Document:
    """All fields, also those that are None, so that it replaces an earlier document as a whole.

    `finished` is there for the query for overdue runs.
    """
    return {
        "runId": run.run_id,
        "datasetId": run.dataset_id,
        "owner": run.owner,
        "task": run.task,
        "parameters": _text(run.parameters),
        "totals": _totals_document(run.totals),
        "createdAt": run.created_at,
        "dueAt": run.due_at,
        "state": run.state.value,
        "finished": run.finished,
        "version": run.version,
        "fence": run.fence,
        "attempts": run.attempts,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "result": None if run.result is None else _text(run.result),
        "error": None if run.error is None else {"code": run.error.code, "detail": run.error.detail},
        "origin": _origin_document(run.origin),
        "timeLimit": _micros(run.time_limit),
        "cancelRequestedAt": run.cancel_requested_at,
        "artifacts": json.dumps([asdict(artifact) for artifact in run.artifacts]) if run.artifacts else None,
        "baseline": None if run.baseline is None else json.dumps(asdict(run.baseline)),
    }


def run_of(document: Document) -> Run:
    """The run that run_document() was made of."""
    result, error = document["result"], document["error"]
    started_at, finished_at = document["startedAt"], document["finishedAt"]
    asked_at = document.get("cancelRequestedAt")  # earlier ones have none
    return Run(
        run_id=document["runId"],
        dataset_id=document["datasetId"],
        owner=document["owner"],
        task=document["task"],
        parameters=json.loads(document["parameters"]),
        totals=Totals(**document["totals"]),
        created_at=time_of(document["createdAt"]),
        due_at=time_of(document["dueAt"]),
        state=RunState(document["state"]),
        version=document["version"],
        fence=document["fence"],
        attempts=document["attempts"],
        started_at=None if started_at is None else time_of(started_at),
        finished_at=None if finished_at is None else time_of(finished_at),
        result=None if result is None else json.loads(result),
        error=None if error is None else RunError(**error),
        origin=_origin_of(document),
        time_limit=_duration(document.get("timeLimit")),
        cancel_requested_at=None if asked_at is None else time_of(asked_at),
        artifacts=tuple(Artifact(**artifact) for artifact in json.loads(document.get("artifacts") or "[]")),
        baseline=baseline_of(json.loads(kept)) if (kept := document.get("baseline")) else None,
    )


def message_document(message: TrainingMessage) -> Document:
    """A message of the outbox."""
    return {
        "owner": message.owner,
        "datasetId": message.dataset_id,
        "runId": message.run_id,
        "origin": _origin_document(message.origin),
    }


def message_of(document: Document) -> TrainingMessage:
    """The message that message_document() was made of."""
    return TrainingMessage(document["owner"], document["datasetId"], document["runId"], _origin_of(document))


def outgoing_event_document(event: OutgoingEvent) -> Document:
    """An event that is new in the outbox. `details` are None once they are forgotten."""
    return {
        "eventId": event.event_id,
        "datasetId": event.dataset_id,
        "owner": event.owner,
        "kind": event.kind,
        "at": event.at,
        "details": None if event.details is None else _text(event.details),
        **attempts_document(WaitingEvent(event)),
    }


def attempts_document(event: WaitingEvent) -> Document:
    """What became of an event so far. `dead`, `waitingSince` and `deadAt` are there for queries."""
    dead = event.dead_at is not None
    return {
        "attempts": event.attempts,
        "error": event.error,
        "dead": dead,
        "waitingSince": None if dead else event.event.at,
        "deadAt": event.dead_at,
    }


def waiting_event_of(document: Document) -> WaitingEvent:
    """The event of the outbox that the two documents above were made of."""
    details, dead_at = document["details"], document["deadAt"]
    event = OutgoingEvent(
        event_id=document["eventId"],
        dataset_id=document["datasetId"],
        owner=document["owner"],
        kind=document["kind"],
        at=time_of(document["at"]),
        details=None if details is None else json.loads(details),
    )
    died = None if dead_at is None else time_of(dead_at)
    return WaitingEvent(event, document["attempts"], document["error"], died)


def _origin_document(origin: Origin) -> Document:
    return {"requestId": origin.request_id, "traceparent": origin.traceparent}


def _origin_of(document: Document) -> Origin:
    origin = document.get("origin") or {}  # documents of before have none
    return Origin(origin.get("requestId"), origin.get("traceparent"))


def key_document(key: ApiKey) -> Document:
    """An API key."""
    return {
        "keyId": key.key_id,
        "owner": key.owner,
        "sha256": key.sha256,
        "createdAt": key.created_at,
        "note": key.note,
        "revokedAt": key.revoked_at,
    }


def key_of(document: Document) -> ApiKey:
    """The key that key_document() was made of."""
    revoked_at = document["revokedAt"]
    return ApiKey(
        key_id=document["keyId"],
        owner=document["owner"],
        sha256=document["sha256"],
        created_at=time_of(document["createdAt"]),
        note=document["note"],
        revoked_at=None if revoked_at is None else time_of(revoked_at),
    )


def _totals_document(totals: Totals) -> Document:
    return {"entries": totals.entries, "batches": totals.batches}


def _micros(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(microseconds=1)


def _duration(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value))


def time_of(value: datetime) -> datetime:
    """A time of a document, in UTC, as a plain datetime."""
    # Firestore's client answers a datetime of its own kind; its nanoseconds are never ours.
    return datetime.combine(value.date(), value.time(), UTC)
