"""Each refusal in HTTP's words: below the entry points there are facts alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import logleap
from logleap.codecs import errors as codecs
from logleap.codecs.errors import Place
from logleap.domain import errors as domain
from logleap.domain.datasets import TRANSITIONS, Action, State
from logleap.domain.errors import InvalidTransition, Refusal
from logleap.entrypoints.http.errors.codes import PROBLEMS, PUSH_PROBLEMS
from logleap.entrypoints.http.errors.refusals import WORDINGS, Busy, HttpError, RangeNotSatisfiable, worded
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import CountMismatch, StorageFull, TemporarySpaceFull, Unavailable

PACKAGE = Path(logleap.__file__).parent
BELOW = ("domain", "ports", "usecases", "codecs", "adapters", "reporting")

CASES: list[tuple[Exception, str, str]] = [
    (domain.BatchEmpty(), "BATCH_EMPTY", "at least one entry"),
    (domain.DatasetEmpty("d-1"), "DATASET_EMPTY", "'d-1' has no entries.* /data/d-1 first"),
    (domain.DatasetNotFound("d-1"), "DATASET_NOT_FOUND", "'d-1'.* POST /data and use its dataId"),
    (
        domain.EntryNotFound("d", "b", 7),
        "ENTRY_NOT_FOUND",
        "no acknowledged entry 7 of a batch 'b'",
    ),
    (
        domain.PositionNotFound(),
        "PAGE_TOKEN_INVALID",
        "Omit it to begin with the first page",
    ),
    (
        domain.EntryCountDiffers(5, 4),
        "ENTRY_COUNT_DIFFERS",
        "expectedEntries is 5, but 4 .*upload the missing entries",
    ),
    (domain.InvalidApiKey(), "API_KEY_INVALID", "is unknown, or its secret is wrong"),
    (
        domain.InvalidEntries([], 3),
        "ENTRIES_INVALID",
        "Invalid entries: 3.*Nothing of this request was stored",
    ),
    (domain.KeyReused("k-1"), "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key 'k-1'.*a new key"),
    (domain.ModelMissing("d-1"), "MODEL_MISSING", "'d-1' has no log model. Train it"),
    (domain.ModelUnusable("d-1", "Train it again."), "MODEL_UNUSABLE", "'d-1' cannot be used. Train it"),
    (domain.TemplateNotFound("d-1", "9c1f"), "TEMPLATE_NOT_FOUND", "'d-1' has no template '9c1f'"),
    (domain.ModelMissing(None), "MODEL_MISSING", "No earlier data set of this name.* omit the baseline"),
    (domain.ParameterInvalid("ignore.1", "too long"), "BODY_INVALID", "'parameters.ignore.1' is too long"),
    (domain.RunCancelled("r-1"), "STATE_CONFLICT", "'r-1' was cancelled"),
    (domain.RunFinished("r-1", "failed"), "STATE_CONFLICT", "'r-1' has failed: it cannot change"),
    (
        domain.RunInProgress("d-1", "r-1", "t"),
        "RUN_IN_PROGRESS",
        "'r-1' of data set 'd-1' was started with task 't' and parameters that differ",
    ),
    (
        domain.RunInProgress("d-1", "r-1", "t", "k-1"),
        "RUN_IN_PROGRESS",
        "'r-1' of data set 'd-1' is under way; another request started it. GET /train/d-1 shows",
    ),
    (domain.RunNotFound("d-1"), "RUN_NOT_FOUND", "'d-1'.* POST /train/d-1"),
    (domain.RunNotFound("d-1", "r-1"), "RUN_NOT_FOUND", "'d-1' has no training run 'r-1'"),
    (domain.TimeLimitTooLong(90_000, 86_400), "TIME_LIMIT_TOO_LONG", "is 90000.*86400 seconds at most"),
    (domain.StoredPartially("k-1", "b-1", 7), "STORED_PARTIALLY", "'k-1'.*7 of its entries.*'b-1'"),
    (domain.TaskUnknown("x", ["count-entries", "other"]), "TASK_UNKNOWN", "'x'.*count-entries, other"),
    (
        domain.ArtifactNotFound("d-1", "x", ["a", "b"]),
        "ARTIFACT_NOT_FOUND",
        "'x'.*a, b.*GET /train/d-1/a",
    ),
    (domain.ArtifactNotFound("d-1", "x", []), "ARTIFACT_NOT_FOUND", "It has none"),
    (
        domain.RetentionTooLong("archive_after", 9, 5),
        "RETENTION_TOO_LONG",
        "^archiveAfter is 9.* is 5 seconds",
    ),
    (domain.RetentionTooLong("delete_after", 9, 5), "RETENTION_TOO_LONG", "^deleteAfter is 9"),
    (RangeNotSatisfiable(7), "RANGE_NOT_SATISFIABLE", "7 bytes.*no Range"),
    (ArtifactMissing("d-1", "r-1", "b"), "ARTIFACT_MISSING", "'r-1' are missing.*operator"),
    (ArchiveDamaged("file:///srv/a"), "ARCHIVE_DAMAGED", "archive file:a is missing.*operator"),
    (Busy("much is"), "BUSY", "no effect: much is. Retry it after 2 seconds"),
    (CountMismatch(5, 4), "COUNT_MISMATCH", "5 entries were acknowledged, but 4 .*operator"),
    (StorageFull("9 MiB are free"), "STORAGE_FULL", "Nothing .* stored .9 MiB are free.*free space"),
    (TemporarySpaceFull("9 bytes in all"), "TEMPORARY_SPACE_FULL", "9 bytes in all.*shorter range of time"),
    (Unavailable("BigQuery is away"), "UNAVAILABLE", "BigQuery is away.*same Idempotency-Key"),
    (codecs.BodyBrokenOff(7), "BODY_BROKEN_OFF", "beyond byte 7: the connection was lost"),
    (codecs.BodyEmpty(), "BODY_EMPTY", "at least one entry"),
    (codecs.BodyNotEntries(), "BODY_NOT_ENTRIES", '{"entries": '),
    (codecs.BodyNotUtf8(Place(12, 2, 1)), "BODY_NOT_UTF8", r"byte 12 \(line 2, column 1\) is wrong"),
    (codecs.BodyTooLarge(100), "BODY_TOO_LARGE", "more than 100 bytes, as sent or decompressed"),
    (codecs.BodyTooShort(80, 1000), "BODY_TOO_SHORT", "after 80 bytes, but its Content-Length is 1000"),
    (codecs.EntryTooLarge(9, 4), "ENTRY_TOO_LARGE", "^The entry with index 4 has more than 9 bytes"),
    (codecs.EntryTooLarge(9, 4, 7), "ENTRY_TOO_LARGE", "^Line 7, the entry with index 4, has more than 9"),
    (codecs.ExportTooLarge(100), "BODY_TOO_LARGE", "resource in each entry .* 100 bytes"),
    (codecs.GzipMalformed("ends in the middle"), "GZIP_MALFORMED", "gzip, but ends in the middle"),
    (
        codecs.InvalidRecords(3, "number 1: no time."),
        "RECORDS_INVALID",
        "All log records are invalid \\(3\\)\\. The first one, number 1: no",
    ),
    (codecs.JsonExportMalformed("it ends"), "JSON_MALFORMED", "ExportLogsServiceRequest in JSON: it ends"),
    (codecs.JsonMalformed(Place(3, 1, 3), "it ends"), "JSON_MALFORMED", r"byte 3 .*, it ends\.$"),
    (
        codecs.JsonMalformed(Place(3, 1, 3), "it ends", trailing=True),
        "JSON_MALFORMED",
        "use Content-Type application/x-ndjson",
    ),
    (codecs.MappingUnknown("x" * 50, ["auto", "pino"]), "MAPPING_UNKNOWN", "'x{40}…'.*: auto, pino"),
    (codecs.ProtobufMalformed("cut"), "PROTOBUF_MALFORMED", "in protobuf: cut"),
    (codecs.TooManyEntries(3), "TOO_MANY_ENTRIES", "more than 3 entries.*application/x-ndjson"),
    (codecs.TooManyRecords(3), "TOO_MANY_ENTRIES", "more than 3 log records"),
    (codecs.UnsupportedCharset("latin-1"), "UNSUPPORTED_CHARSET", "charset 'latin-1'.*UTF-8"),
    (codecs.ZstdMalformed("ends in the middle"), "ZSTD_MALFORMED", "zstd, but ends in the middle"),
]
OTHERS_ALONE = {
    domain.ArtifactsTooLarge,
    domain.InvalidArtifact,
    domain.InvalidKeyText,
    domain.KeyNotFound,
}
"""What no HTTP client can bring about: a training task does, or `logleap keys`."""


@pytest.mark.parametrize(("error", "code", "text"), CASES, ids=lambda value: type(value).__name__)
def test_each_refusal_is_worded_with_its_code_and_what_to_do(error: Exception, code: str, text: str) -> None:
    answered = worded(error)
    assert (answered.code, answered.status) == (code, PROBLEMS[code].status)
    assert re.search(text, answered.detail)
    assert not re.search(r"[{}]", answered.detail.replace('{"entries": […]}', ""))


def test_every_refusal_there_is_has_its_words() -> None:
    kinds = {kind for kind in Refusal.__subclasses__() if kind.__module__.startswith("logleap.")}
    assert kinds - OTHERS_ALONE == set(WORDINGS) - {
        ArchiveDamaged,
        ArtifactMissing,
        Busy,
        CountMismatch,
        RangeNotSatisfiable,
        StorageFull,
        TemporarySpaceFull,
        Unavailable,
    }
    assert {type(error) for error, _, _ in CASES} == set(WORDINGS) - {InvalidTransition}


def test_a_derived_refusal_is_worded_as_what_it_derives_from() -> None:
    class Away(Unavailable):
        pass

    answered = worded(Away("no"))
    assert (answered.status, answered.headers) == (503, {"Retry-After": "2"})


REMEDIES = [
    ("created", "train", "Data set 'd-1' refuses train: it has no entries; post entries to /data/d-1 first."),
    *(
        (state, "upload", f"Data set 'd-1' refuses upload: {why}; create a new data set for more entries.")
        for state, why in [
            ("training", "its training has started"),
            ("trained", "its training has started"),
            ("failed", "its training has started"),
            ("archived", "it is archived"),
        ]
    ),
    *(
        (
            "training",
            action,
            f"Data set 'd-1' refuses {action}: its training is under way; wait until GET /train/d-1 "
            "shows that it has ended, or cancel it.",
        )
        for action in ("archive", "delete")
    ),
    (
        "archived",
        "train",
        "Data set 'd-1' is being archived: train on it as soon as GET /data/d-1 shows its archive.",
    ),
    ("deleting", "upload", "Data set 'd-1' refuses upload: it is being deleted; create a new data set."),
    ("deleting", "train", "Data set 'd-1' refuses train: it is being deleted; create a new data set."),
    ("deleting", "archive", "Data set 'd-1' refuses archive: it is being deleted."),
    ("deleting", "report", "Data set 'd-1' refuses a report: it is being deleted."),
]


@pytest.mark.parametrize(("state", "action", "detail"), REMEDIES)
def test_what_a_client_can_ask_for_is_refused_with_the_remedy(state: str, action: str, detail: str) -> None:
    assert str(worded(InvalidTransition("d-1", state, action))) == detail


def test_no_action_of_a_client_is_refused_without_a_reason() -> None:
    """A training starts with its own check of an empty data set, success and failure are the worker's."""
    asked = {Action.UPLOAD, Action.TRAIN, Action.ARCHIVE, Action.DELETE}
    refused = {(state, action) for state in State for action in asked} - set(TRANSITIONS)
    without = [
        (state, action)
        for state, action in refused
        if "does not allow it" in str(worded(InvalidTransition("d-1", state, action)))
    ]
    assert without == [(State.TRAINING, Action.TRAIN)]  # answered with the run, or RUN_IN_PROGRESS


@pytest.mark.parametrize("code", [*PROBLEMS, *PUSH_PROBLEMS])
def test_an_http_error_has_the_status_of_its_code(code: str) -> None:
    known = {**PROBLEMS, **PUSH_PROBLEMS}[code]
    assert HttpError(code, "x").status == known.status


# ---- no words of the entry points below them ---------------------------------------------------------------

# `logleap gcp` and `gcloud` are not among them: they are the remedies that provisioning is there to name.
WORDS = re.compile(
    r"\b(?:GET|POST|PUT|DELETE) /|/(?:data|train)/\{?|\bdataId\b|\brunId\b|expectedEntries|pageToken|dryRun"
    r"|Idempotency-Key|X-API-Key|Authorization|Content-(?:Type|Length|Encoding)|Retry-After|application/"
    r"|\blogleap (?:serve|worker|keys|push|upload|train|demo|report)\b"
)
FIELDS = {
    ("codecs/cloud_events.py", "application/cloudevents+json"): "of an event that is sent",
    ("codecs/cloud_events.py", "application/json"): "of an event that is sent",
    ("codecs/cloud_events.py", "dataId"): "of an event that is sent",
    ("domain/events.py", "runId"): "of an event that is sent",
    ("domain/runs.py", "dataId"): "of a message in the queue",
    ("domain/runs.py", "runId"): "of a message in the queue",
    ("adapters/gcp/firestore/documents.py", "runId"): "of a document in Firestore",
    ("adapters/gcp/runs.py", "runId"): "of a document in Firestore",
    ("adapters/parquet/archive.py", "dataId"): "of the notes beside an archive",
}
"""Names in what is stored, or sent to other programs: they are no words to people."""

CLIENTS = {"adapters/webhook/deliverer.py"}
"""They speak HTTP to other programs, whose words these are."""


def texts(source: str) -> Iterator[str]:
    """All string constants, those in f-strings and docstrings too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_http_path_header_or_command_is_named_below_the_entry_points() -> None:
    seen = set()
    for layer in BELOW:
        for file in (PACKAGE / layer).rglob("*.py"):
            where = file.relative_to(PACKAGE).as_posix()
            if where in CLIENTS:
                continue
            for text in texts(file.read_text("utf-8")):
                if (where, text) in FIELDS:
                    seen.add((where, text))
                    continue
                found = WORDS.search(text)
                assert found is None, f"{where} names an entry point's words in {text[:200]!r}"
    assert seen == set(FIELDS)


@pytest.mark.parametrize(
    "text", ["Start one with POST /train/d-1.", "the Idempotency-Key", "use the dataId", "logleap keys list"]
)
def test_such_words_are_found(text: str) -> None:
    assert any(WORDS.search(found) for found in texts(f'raise X(f"{{y}} {text} {{z}}")'))
