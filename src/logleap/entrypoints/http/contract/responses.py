"""The bodies of the answers: domain objects in camelCase, times as RFC 3339 in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from logleap.domain import datasets as domain
from logleap.domain import runs as training
from logleap.domain.entries import PlacedEntries
from logleap.domain.errors import EntryError, InvalidEntries
from logleap.entrypoints.http.errors.entry_codes import ENTRY_PROBLEMS
from logleap.entrypoints.http.errors.locations import shown_location
from logleap.usecases import append as entries
from logleap.usecases.artifacts import ArtifactsOfRun
from logleap.usecases.datasets import DatasetView

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]

OPTIONAL = Field(exclude_if=lambda value: value is None)  # left out, never null


def time(at: datetime) -> Time:
    """A time as RFC 3339, UTC, to the microsecond."""
    # Not by strftime: its %Y has fewer than four digits for the first thousand years.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class Answer(BaseModel):
    """The JSON object that a call answers."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )

    def response(self, status: int = 200, location: str | None = None) -> Response:
        """The answer as a response. `location` is a path of this API."""
        response = Response(self.model_dump_json(), status=status, content_type="application/json")
        if location is not None:
            response.headers["Location"] = request.script_root + location
        return response


class Archive(Answer):
    """Where the entries of an archived data set are."""

    url: str
    """`gs://…`, or `file:` and the file's name in the operator's folder."""
    entries: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the archive file, in hex."""


class Dataset(Answer):
    """A data set, with the totals of its acknowledged batches."""

    data_id: Id
    name: str | None
    labels: dict[str, str]
    state: domain.State
    """Entries are accepted in `created` and `uploading`."""
    entries: Count
    """Acknowledged entries."""
    batches: Count
    """Acknowledged requests."""
    run_id: Id | None
    """The latest training run."""
    archive: Archive | None
    created_at: Time
    updated_at: Time
    """The last change of `state`."""
    archive_at: Annotated[Time | SkipJsonSchema[None], OPTIONAL] = None
    """When it is archived by itself, if it is to be."""
    delete_at: Annotated[Time | SkipJsonSchema[None], OPTIONAL] = None
    """When it is deleted by itself at the earliest, if it is to be: each batch and each run counts anew."""

    @classmethod
    def of(cls, view: DatasetView, longest: domain.Retention) -> "Dataset":
        """The data set as its owner sees it, where the operator has set `longest`."""
        shown = view.dataset
        return cls(
            data_id=shown.dataset_id,
            name=shown.name,
            labels=dict(shown.labels),
            state=shown.state,
            entries=view.totals.entries,
            batches=view.totals.batches,
            run_id=shown.run_id,
            archive=Archive(url=shown_location(archive.url), entries=archive.entries, sha256=archive.sha256)
            if (archive := shown.archive) is not None
            else None,
            created_at=time(shown.created_at),
            updated_at=time(shown.updated_at),
            archive_at=time(at) if (at := shown.archive_at(longest)) is not None else None,
            delete_at=time(at) if (at := shown.delete_at(longest)) is not None else None,
        )


class DatasetPage(Answer):
    """A page of the list of data sets, newest first."""

    datasets: list[Dataset]
    next_page_token: str | None
    """The `pageToken` of the next page; null on the last page."""


class StoredEntry(Answer):
    """An acknowledged entry and its position."""

    timestamp: Time
    """In UTC, to the microsecond."""
    message: str
    context: str | None
    """Text: as it was sent if it was a string, else JSON."""
    batch_id: Id
    """Of the request that it came with."""
    sequence: Count
    """Its position in that batch, counted from 0."""


class EntryPage(Answer):
    """A page of a data set's entries, in the order of time."""

    entries: list[StoredEntry]
    next_page_token: str | None
    """The `pageToken` of the next page; null on the last page."""

    @classmethod
    def of(cls, placed: PlacedEntries | None, next_page_token: str | None) -> "EntryPage":
        """The entries as their owner sees them."""
        shown = [
            StoredEntry(
                timestamp=time(row.entry.timestamp),
                message=row.entry.message,
                context=row.entry.context,
                batch_id=row.batch_id,
                sequence=row.sequence,
            )
            for row in (placed.rows() if placed is not None else ())
        ]
        return cls(entries=shown, next_page_token=next_page_token)


class Event(Answer):
    """One line of a data set's log."""

    at: Time
    kind: domain.EventKind
    detail: str
    """A sentence for people."""


class Events(Answer):
    """A data set's log, oldest first."""

    data_id: Id
    events: list[Event]

    @classmethod
    def of(cls, data_id: str, events: Sequence[domain.Event]) -> "Events":
        """The log of the data set `data_id`."""
        lines = [Event(at=time(event.at), kind=event.kind, detail=event.detail) for event in events]
        return cls(data_id=data_id, events=lines)


_MAPPINGS = 3  # that are named of those that would take an entry


class EntryProblem(Answer):
    """What is wrong with one entry."""

    index: Count
    """The entry's position, counted from 0."""
    line: Annotated[Positive | SkipJsonSchema[None], OPTIONAL] = None
    """The line of the body, counted from 1; NDJSON only."""
    field: Annotated[str | SkipJsonSchema[None], OPTIONAL] = None
    code: Annotated[str, Field(json_schema_extra={"enum": list(ENTRY_PROBLEMS)})]
    """Stable, UPPER_SNAKE."""
    detail: str
    """What is wrong, and what to do."""

    @classmethod
    def of(cls, error: EntryError) -> "EntryProblem":
        """What the client is told of a bad entry."""
        detail = error.detail
        if error.mappings:
            mappings = " or ".join(f"?mapping={name}" for name in error.mappings[:_MAPPINGS])
            detail += f" It is accepted with {mappings}."
        return cls(index=error.index, line=error.line, field=error.field, code=error.code, detail=detail)


EntryProblems = Annotated[list[EntryProblem], Field(max_length=100)]


class _Taken(Answer):
    data_id: Id
    accepted: Positive
    """Entries in this batch."""
    rejected: Annotated[Positive | SkipJsonSchema[None], OPTIONAL] = None
    """Invalid entries; with `partial=true`, if there are any."""
    errors: Annotated[EntryProblems | SkipJsonSchema[None], OPTIONAL] = None
    """The first invalid entries."""
    errors_total: Annotated[Positive | SkipJsonSchema[None], OPTIONAL] = None
    """The number of invalid entries."""

    @staticmethod
    def _passed_over(refused: InvalidEntries | None) -> dict[str, Any]:
        if refused is None:
            return {}
        errors = [EntryProblem.of(error) for error in refused.errors]
        return {"rejected": refused.total, "errors": errors, "errors_total": refused.total}


class Acknowledgement(_Taken):
    """These entries are durable, and every training started from now on counts each of them once."""

    batch_id: Id
    replayed: bool
    """Whether an earlier request with this Idempotency-Key already added the batch."""
    state: domain.State

    @classmethod
    def of(cls, ack: entries.Acknowledgement, refused: InvalidEntries | None) -> "Acknowledgement":
        """What the client is told of its batch, and of what was passed over."""
        return cls(
            data_id=ack.receipt.dataset_id,
            batch_id=ack.receipt.batch_id,
            accepted=ack.receipt.entries,
            replayed=ack.replayed,
            state=ack.state,
            **cls._passed_over(refused),
        )


class Checked(_Taken):
    """What would be stored; nothing was stored."""

    dry_run: Literal[True] = True
    state: domain.State

    @classmethod
    def of(cls, found: entries.Checked, refused: InvalidEntries | None) -> "Checked":
        """What the client is told of its dry run, and of what would be passed over."""
        return cls(
            data_id=found.dataset_id,
            accepted=found.entries,
            state=found.state,
            **cls._passed_over(refused),
        )


class StartedRun(Answer):
    """The run that was started, by this request or by the one that it repeats."""

    data_id: Id
    run_id: Id
    task: str
    state: Literal["training"] = "training"
    entries: Count
    """The number of entries that the run will read."""

    @classmethod
    def of(cls, run: training.Run) -> "StartedRun":
        """What the client is told of the run that it started."""
        return cls(data_id=run.dataset_id, run_id=run.run_id, task=run.task, entries=run.totals.entries)


class RunError(Answer):
    """Why a run failed."""

    code: str
    """Stable, UPPER_SNAKE."""
    detail: str


class RunBaseline(Answer):
    """The log model that a run compares with."""

    data_id: Id
    run_id: Id
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Run(Answer):
    """A training run: with `result` if it succeeded, with `error` if it failed."""

    data_id: Id
    run_id: Id
    task: str
    parameters: dict[str, Any]
    state: training.RunState
    entries: Count
    """The number of entries that the run reads."""
    attempts: Count
    """How many times a worker has started it."""
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    time_limit: Annotated[Positive | SkipJsonSchema[None], OPTIONAL] = None
    """Seconds from `startedAt`, as the start asked for; without it the operator's limit counts."""
    cancel_requested_at: Annotated[Time | SkipJsonSchema[None], OPTIONAL] = None
    """When the run was first cancelled: it has failed as `CANCELLED`, or is about to."""
    result: Annotated[dict[str, Any] | SkipJsonSchema[None], OPTIONAL] = None
    """What the task returned; `count-entries` returns the number of entries."""
    error: Annotated[RunError | SkipJsonSchema[None], OPTIONAL] = None
    baseline: Annotated[RunBaseline | SkipJsonSchema[None], OPTIONAL] = None
    """What the parameter `baseline` of the task `log-model` stood for when the run was started."""

    @classmethod
    def of(cls, run: training.Run) -> "Run":
        """The run as its owner sees it."""
        against = run.baseline
        return cls(
            data_id=run.dataset_id,
            run_id=run.run_id,
            task=run.task,
            parameters=dict(run.parameters),
            state=run.state,
            entries=run.totals.entries,
            attempts=run.attempts,
            created_at=time(run.created_at),
            started_at=time(run.started_at) if run.started_at else None,
            finished_at=time(run.finished_at) if run.finished_at else None,
            time_limit=int(run.time_limit.total_seconds()) if run.time_limit else None,
            cancel_requested_at=time(run.cancel_requested_at) if run.cancel_requested_at else None,
            result=dict(run.result) if run.result is not None else None,
            error=RunError(code=run.error.code, detail=run.error.detail) if run.error else None,
            baseline=RunBaseline(
                data_id=against.dataset_id, run_id=against.run_id, digest=against.model.sha256
            )
            if against
            else None,
        )


class RunPage(Answer):
    """A page of the list of a data set's runs, newest first."""

    runs: list[Run]
    next_page_token: str | None
    """The `pageToken` of the next page; null on the last page."""


class Artifact(Answer):
    """A file that a run produced."""

    name: str
    media_type: str
    size: Count
    """Bytes, uncompressed."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the uncompressed bytes, in hex."""


class Artifacts(Answer):
    """The artifacts of a run, by name."""

    data_id: Id
    run_id: Id | None
    """The run that saved them; null if no run has saved any."""
    artifacts: list[Artifact]

    @classmethod
    def of(cls, data_id: str, found: ArtifactsOfRun) -> "Artifacts":
        """The artifacts as their owner sees them."""
        shown = [
            Artifact(name=each.name, media_type=each.media_type, size=each.size, sha256=each.sha256)
            for each in found.artifacts
        ]
        return cls(data_id=data_id, run_id=found.run_id, artifacts=shown)


class Health(Answer):
    """Whether the service is up (`ok`), and whether it can do its work (`ready`)."""

    status: Literal["ok", "ready"]
