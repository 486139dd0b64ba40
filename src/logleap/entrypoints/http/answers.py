"""The bodies of the answers: domain objects in camelCase, times as RFC 3339 in UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from logleap.domain.dataset import Event
from logleap.domain.errors import EntriesRefused
from logleap.domain.training import Run
from logleap.usecases.datasets import DatasetView
from logleap.usecases.entries import Acknowledgement, Checked

Json = Mapping[str, Any]


def time(at: datetime | None) -> str | None:
    """A time as RFC 3339, UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at is not None else None


def dataset(view: DatasetView) -> Json:
    """`GET /data/{dataId}`."""
    shown = view.dataset
    return {
        "dataId": shown.dataset_id,
        "name": shown.name,
        "labels": dict(shown.labels),
        "state": shown.state,
        "entries": view.totals.entries,
        "batches": view.totals.batches,
        "runId": shown.run_id,
        "archive": {"url": archive.url, "entries": archive.entries, "sha256": archive.sha256}
        if (archive := shown.archive) is not None
        else None,
        "createdAt": time(shown.created_at),
        "updatedAt": time(shown.updated_at),
    }


def event(logged: Event) -> Json:
    """One of `GET /data/{dataId}/events`."""
    return {"at": time(logged.at), "kind": logged.kind, "detail": logged.detail}


def acknowledgement(ack: Acknowledgement, refused: EntriesRefused | None = None) -> Json:
    """`POST /data/{dataId}`; with what was passed over, if it was asked to take the rest."""
    return {
        "dataId": ack.receipt.dataset_id,
        "batchId": ack.receipt.batch_id,
        "accepted": ack.receipt.entries,
        "replayed": ack.replayed,
        "state": ack.state,
        **_passed_over(refused),
    }


def checked(found: Checked, refused: EntriesRefused | None = None) -> Json:
    """`POST /data/{dataId}?dryRun=true`."""
    return {
        "dataId": found.dataset_id,
        "accepted": found.entries,
        "dryRun": True,
        "state": found.state,
        **_passed_over(refused),
    }


def _passed_over(refused: EntriesRefused | None) -> Json:
    return {"rejected": refused.total, **entry_errors(refused)} if refused is not None else {}


def entry_errors(refused: EntriesRefused) -> Json:
    """The first 100 entries that cannot be taken, and how many there are."""
    errors = [
        {
            name: value
            for name, value in (
                ("index", error.index),
                ("line", error.line),
                ("field", error.field),
                ("code", error.code),
                ("detail", error.detail),
            )
            if value is not None
        }
        for error in refused.errors
    ]
    return {"errors": errors, "errorsTotal": refused.total}


def started(run: Run) -> Json:
    """`POST /train/{dataId}`."""
    return {
        "dataId": run.dataset_id,
        "runId": run.run_id,
        "task": run.task,
        "state": "training",
        "entries": run.totals.entries,
    }


def run(shown: Run) -> Json:
    """`GET /train/{dataId}`: with `result` once it succeeded, with `error` once it failed."""
    answer: dict[str, Any] = {
        "dataId": shown.dataset_id,
        "runId": shown.run_id,
        "task": shown.task,
        "parameters": dict(shown.parameters),
        "state": shown.state,
        "entries": shown.totals.entries,
        "attempts": shown.attempts,
        "createdAt": time(shown.created_at),
        "startedAt": time(shown.started_at),
        "finishedAt": time(shown.finished_at),
    }
    if shown.result is not None:
        answer["result"] = dict(shown.result)
    if shown.error is not None:
        answer["error"] = {"code": shown.error.code, "detail": shown.error.detail}
    return answer
