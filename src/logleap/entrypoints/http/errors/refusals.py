"""Each refusal in HTTP's words: its code, what `detail` says, and the headers that go with it.

Below `entrypoints` a refusal carries facts alone. Its code leads to its status, by the table in `codes.py`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from logleap.codecs import errors as codecs
from logleap.domain import errors as domain
from logleap.domain.datasets import Action, State
from logleap.domain.errors import InvalidTransition
from logleap.entrypoints.http.errors.codes import PROBLEMS, Code, meaning_of
from logleap.entrypoints.http.errors.locations import shown_location
from logleap.entrypoints.http.errors.security import CHALLENGE
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import CountMismatch, StorageFull, TemporarySpaceFull, Unavailable

RETRY_AFTER = 2
"""Seconds, sent with every 503 but STORAGE_FULL."""

RETRY_AFTER_FULL = 30
"""Seconds, sent with STORAGE_FULL: first somebody has to free space."""


class HttpError(Exception):
    """A request that is not carried out, in HTTP's words. The status comes from the table of codes.

    Raised for what HTTP alone knows of: headers, query parameters, small bodies, keys, quotas.
    """

    def __init__(self, code: Code, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return meaning_of(self.code).status


class Busy(Exception):
    """The request is not carried out now, for there is no room; `why` says what is under way."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RangeNotSatisfiable(Exception):
    """The range that was requested begins behind the end of a file of `size` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes")
        self.size = size


_STARTED = "its training has started; create a new data set for more entries"
_UNDER_WAY = "its training is under way; wait until GET /train/{id} shows that it has ended, or cancel it"

_WHY_NOT: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (State.CREATED, Action.TRAIN): "it has no entries; post entries to /data/{id} first",
        (State.TRAINING, Action.UPLOAD): _STARTED,
        (State.TRAINED, Action.UPLOAD): _STARTED,
        (State.FAILED, Action.UPLOAD): _STARTED,
        (State.ARCHIVED, Action.UPLOAD): "it is archived; create a new data set for more entries",
        (State.TRAINING, Action.ARCHIVE): _UNDER_WAY,
        (State.TRAINING, Action.DELETE): _UNDER_WAY,
        (State.DELETING, Action.UPLOAD): "it is being deleted; create a new data set",
        (State.DELETING, Action.TRAIN): "it is being deleted; create a new data set",
        (State.DELETING, Action.ARCHIVE): "it is being deleted",
        (State.DELETING, InvalidTransition.REPORT): "it is being deleted",
        (State.DELETING, InvalidTransition.READ): "it is being deleted",
    }
)
"""Why a data set in a state refuses an action that a client can ask for, and the remedy."""


def _invalid_transition(refusal: InvalidTransition) -> str:
    dataset, state, action = f"Data set {refusal.dataset_id!r}", refusal.state, refusal.action
    if (state, action) == (State.ARCHIVED, Action.TRAIN):
        archived = f"GET /data/{refusal.dataset_id} shows its archive"
        return f"{dataset} is being archived: train on it as soon as {archived}."
    why = _WHY_NOT.get((state, action), f"the state {state} does not allow it")
    what = {InvalidTransition.REPORT: "a report", InvalidTransition.READ: "reading"}.get(action, action)
    return f"{dataset} refuses {what}: {why.format(id=refusal.dataset_id)}."


def _artifact_not_found(refusal: domain.ArtifactNotFound) -> str:
    there = f"It has {', '.join(refusal.there)}." if refusal.there else "It has none."
    path = f"/train/{refusal.dataset_id}/artifacts"
    return f"The run has no artifact {refusal.name[:200]!r}. {there} GET {path} lists them."


def _run_in_progress(refusal: domain.RunInProgress) -> str:
    run = f"Run {refusal.run_id!r} of data set {refusal.dataset_id!r}"
    if refusal.key is not None:
        ended = f"GET /train/{refusal.dataset_id} shows when it has ended."
        return f"{run} is under way; another request started it. {ended}"
    return (
        f"{run} was started with task {refusal.task!r} and parameters that differ from this request's. "
        "Wait until it has ended, or send the same request."
    )


def _entry_too_large(refusal: codecs.EntryTooLarge) -> str:
    entry = f"the entry with index {refusal.index}"
    which = f"Line {refusal.line}, {entry}," if refusal.line is not None else f"T{entry[1:]}"
    return (
        f"{which} has more than {refusal.limit} bytes, the limit for one entry. "
        "Nothing was stored: shorten it, or split it, and send the whole request again."
    )


def _json_malformed(refusal: codecs.JsonMalformed) -> str:
    hint = ""
    if refusal.trailing:
        hint = (
            " For one entry per line, use Content-Type application/x-ndjson, and with curl --data-binary: "
            "-d removes newlines."
        )
    return f"The body is not JSON: at {refusal.place}, {refusal.problem}.{hint}"


def _mapping_unknown(refusal: codecs.MappingUnknown) -> str:
    name = refusal.name if len(refusal.name) <= 40 else refusal.name[:40] + "…"
    available = ", ".join(refusal.known)
    return f"There is no mapping {name!r}. Available: {available}. LOGLEAP_MAPPINGS adds others."


def _misannounced(coding: str) -> Callable[[Any], str]:
    return lambda it: f"The Content-Encoding is {coding}, but {it.problem}. Nothing was stored."


class Wording(NamedTuple):
    """A refusal in HTTP's words; `detail` is made of the refusal's facts."""

    code: Code
    detail: Callable[[Any], str]
    headers: Mapping[str, str] = MappingProxyType({})


WORDINGS: Mapping[type[Exception], Wording] = MappingProxyType(
    {
        # ---- domain
        domain.BatchEmpty: Wording(
            "BATCH_EMPTY", lambda _: "The body has no entries. Send at least one entry."
        ),
        domain.DatasetEmpty: Wording(
            "DATASET_EMPTY",
            lambda it: (
                f"Data set {it.dataset_id!r} has no entries to train on. "
                f"Post entries to /data/{it.dataset_id} first."
            ),
        ),
        domain.DatasetNotFound: Wording(
            "DATASET_NOT_FOUND",
            lambda it: (
                f"There is no data set {it.dataset_id!r}. Create one with POST /data and use its dataId."
            ),
        ),
        domain.EntryCountDiffers: Wording(
            "ENTRY_COUNT_DIFFERS",
            lambda it: (
                f"expectedEntries is {it.expected}, but {it.actual} entries were acknowledged. "
                "Nothing was started: upload the missing entries, or correct expectedEntries."
            ),
        ),
        domain.InvalidApiKey: Wording(
            "API_KEY_INVALID",
            lambda _: "This key is unknown, or its secret is wrong. Check it, or ask the operator for one.",
            CHALLENGE,
        ),
        domain.InvalidEntries: Wording(
            "ENTRIES_INVALID",
            lambda it: (
                f"Invalid entries: {it.total}. Nothing of this request was stored. "
                "Correct the entries that `errors` lists, and send the whole request again."
            ),
        ),
        domain.EntryNotFound: Wording(
            "ENTRY_NOT_FOUND",
            lambda it: (
                f"Data set {it.dataset_id!r} has no acknowledged entry {it.sequence} of a batch "
                f"{it.batch_id!r}. Use a batchId and a sequence that GET /data/{it.dataset_id}/entries shows."
            ),
        ),
        domain.PositionNotFound: Wording(
            "PAGE_TOKEN_INVALID",
            lambda _: "pageToken is not from this API. Omit it to begin with the first page.",
        ),
        domain.InvalidTransition: Wording("STATE_CONFLICT", _invalid_transition),
        domain.KeyReused: Wording(
            "IDEMPOTENCY_KEY_REUSED",
            lambda it: (
                f"Idempotency-Key {it.key!r} was used before with a different body. "
                "Send the same body again, or choose a new key for a new batch."
            ),
        ),
        domain.RetentionTooLong: Wording(
            "RETENTION_TOO_LONG",
            lambda it: (
                f"{'archiveAfter' if it.field == 'archive_after' else 'deleteAfter'} is {it.seconds:.0f}, "
                f"but the operator's is {it.longest:.0f} seconds. Nothing was created: send at most that, "
                "or omit it."
            ),
        ),
        domain.RunCancelled: Wording(
            "STATE_CONFLICT", lambda it: f"Run {it.run_id!r} was cancelled: it stores no result any more."
        ),
        domain.RunFinished: Wording(
            "STATE_CONFLICT",
            lambda it: f"Run {it.run_id!r} has {it.state}: it cannot change any more.",
        ),
        domain.RunInProgress: Wording("RUN_IN_PROGRESS", _run_in_progress),
        domain.RunNotFound: Wording(
            "RUN_NOT_FOUND",
            lambda it: (
                f"Data set {it.dataset_id!r} has no training run yet. "
                f"Start one with POST /train/{it.dataset_id}."
                if it.run_id is None
                else f"Data set {it.dataset_id!r} has no training run {it.run_id!r}."
            ),
        ),
        domain.TimeLimitTooLong: Wording(
            "TIME_LIMIT_TOO_LONG",
            lambda it: (
                f"timeLimit is {it.seconds:.0f}, but a run may take {it.longest:g} seconds at most. "
                "Nothing was started: send at most that, or omit timeLimit."
            ),
        ),
        domain.StoredPartially: Wording(
            "STORED_PARTIALLY",
            lambda it: (
                f"The body of Idempotency-Key {it.key!r} was sent with partial=true before: {it.entries} of "
                f"its entries are stored, as batch {it.batch_id!r}. Send it with partial=true again for the "
                "receipt, and what was invalid, once corrected, under a new key."
            ),
        ),
        domain.TaskUnknown: Wording(
            "TASK_UNKNOWN",
            lambda it: f"There is no training task {it.task!r}. Use one of: {', '.join(it.offered)}.",
        ),
        domain.ParameterInvalid: Wording(
            "BODY_INVALID",
            lambda it: f"Field 'parameters.{it.field[:100]}' is {it.problem}. Nothing was started.",
        ),
        domain.ModelMissing: Wording(
            "MODEL_MISSING",
            lambda it: (
                "No earlier data set of this name has a log model to compare with. Train one of them with "
                "the task log-model first, or omit the baseline."
                if it.dataset_id is None
                else f"Data set {it.dataset_id!r} has no log model. Train it with the task log-model first."
            ),
        ),
        domain.ModelUnusable: Wording(
            "MODEL_UNUSABLE",
            lambda it: f"The log model of data set {it.dataset_id!r} cannot be used. {it.why}",
        ),
        domain.TemplateNotFound: Wording(
            "TEMPLATE_NOT_FOUND",
            lambda it: (
                f"The current log model of data set {it.dataset_id!r} has no template "
                f"{it.template[:40]!r}. Use an id that it lists: "
                f"GET /train/{it.dataset_id}/artifacts/log-model.json."
            ),
        ),
        domain.ArtifactNotFound: Wording("ARTIFACT_NOT_FOUND", _artifact_not_found),
        # ---- HTTP's own
        Busy: Wording(
            "BUSY",
            lambda it: f"The request had no effect: {it.why}. Retry it after {RETRY_AFTER} seconds.",
            {"Retry-After": str(RETRY_AFTER)},
        ),
        RangeNotSatisfiable: Wording(
            "RANGE_NOT_SATISFIABLE",
            lambda it: (
                f"The artifact has {it.size} bytes, and Range begins behind its end. Request an earlier "
                "part, or send no Range."
            ),
        ),
        # ---- ports
        ArtifactMissing: Wording(
            "ARTIFACT_MISSING",
            lambda it: (
                f"The bytes of this artifact of run {it.run_id!r} are missing. "
                "The operator has to investigate."
            ),
        ),
        ArchiveDamaged: Wording(
            "ARCHIVE_DAMAGED",
            lambda it: (
                f"The archive {shown_location(it.url)} is missing, or is not what was written. "
                "The operator has to investigate."
            ),
        ),
        CountMismatch: Wording(
            "COUNT_MISMATCH", lambda it: f"{it} Nothing was changed; the operator has to investigate."
        ),
        StorageFull: Wording(
            "STORAGE_FULL",
            lambda it: f"Nothing of this request was stored ({it}). {PROBLEMS['STORAGE_FULL'].remedy}",
            {"Retry-After": str(RETRY_AFTER_FULL)},
        ),
        TemporarySpaceFull: Wording(
            "TEMPORARY_SPACE_FULL",
            lambda it: (
                f"There is no room for temporary files ({it}). {PROBLEMS['TEMPORARY_SPACE_FULL'].remedy}"
            ),
            {"Retry-After": str(RETRY_AFTER_FULL)},
        ),
        Unavailable: Wording(
            "UNAVAILABLE",
            lambda it: (
                f"The backend is unavailable ({it}). It is unknown whether the request took effect: "
                "retry it, with the same Idempotency-Key if it has one."
            ),
            {"Retry-After": str(RETRY_AFTER)},
        ),
        # ---- codecs
        codecs.BodyBrokenOff: Wording(
            "BODY_BROKEN_OFF",
            lambda it: (
                f"The body could not be read beyond byte {it.received}: the connection was lost, or a chunk "
                "is malformed. Nothing was stored; send the whole request again."
            ),
        ),
        codecs.BodyEmpty: Wording("BODY_EMPTY", lambda _: "The body is empty. Send at least one entry."),
        codecs.BodyNotEntries: Wording(
            "BODY_NOT_ENTRIES",
            lambda _: (
                'The body must be one entry, an array of entries, or {"entries": […]} '
                "without any other field."
            ),
        ),
        codecs.BodyNotUtf8: Wording(
            "BODY_NOT_UTF8",
            lambda it: f"The body is not UTF-8: {it.place} is wrong. Send it in UTF-8.",
        ),
        codecs.BodyTooLarge: Wording(
            "BODY_TOO_LARGE",
            lambda it: (
                f"The body has more than {it.limit} bytes, as sent or decompressed, which is the limit for "
                "its Content-Type. Split it into several requests."
            ),
        ),
        codecs.BodyTooShort: Wording(
            "BODY_TOO_SHORT",
            lambda it: (
                f"The body ended after {it.received} bytes, but its Content-Length is {it.declared}. "
                "Nothing was stored; send the whole request again."
            ),
        ),
        codecs.EntryTooLarge: Wording("ENTRY_TOO_LARGE", _entry_too_large),
        codecs.ExportTooLarge: Wording(
            "BODY_TOO_LARGE",
            lambda it: (
                f"With its resource in each entry the export has more than {it.limit} bytes. Send fewer log "
                "records at a time, or a smaller resource."
            ),
        ),
        codecs.GzipMalformed: Wording("GZIP_MALFORMED", _misannounced("gzip")),
        codecs.InvalidRecords: Wording(
            "RECORDS_INVALID",
            lambda it: f"All log records are invalid ({it.total}). The first one, {it.first}",
        ),
        codecs.JsonExportMalformed: Wording(
            "JSON_MALFORMED",
            lambda it: f"The body is not an ExportLogsServiceRequest in JSON: {it.problem}.",
        ),
        codecs.JsonMalformed: Wording("JSON_MALFORMED", _json_malformed),
        codecs.MappingUnknown: Wording("MAPPING_UNKNOWN", _mapping_unknown),
        codecs.ProtobufMalformed: Wording(
            "PROTOBUF_MALFORMED",
            lambda it: f"The body is not an ExportLogsServiceRequest in protobuf: {it.problem}.",
        ),
        codecs.TooManyEntries: Wording(
            "TOO_MANY_ENTRIES",
            lambda it: (
                f"The body has more than {it.limit} entries, the limit for application/json. Split it into "
                "several requests, or send it as application/x-ndjson."
            ),
        ),
        codecs.TooManyRecords: Wording(
            "TOO_MANY_ENTRIES",
            lambda it: f"The export has more than {it.limit} log records. Send several exports.",
        ),
        codecs.UnsupportedCharset: Wording(
            "UNSUPPORTED_CHARSET",
            lambda it: f"charset {it.charset[:40]!r} is not supported. Send UTF-8.",
        ),
        codecs.ZstdMalformed: Wording("ZSTD_MALFORMED", _misannounced("zstd")),
    }
)
"""All refusals, and the failures of ports, that an HTTP client may be answered."""


def worded(error: Exception) -> HttpError:
    """The refusal, which is in the table or of a class derived from one there, in HTTP's words."""
    wording = next(WORDINGS[kind] for kind in type(error).__mro__ if kind in WORDINGS)
    return HttpError(wording.code, wording.detail(error), wording.headers)
