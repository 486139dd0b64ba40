"""The call that judges entries by a log model."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from itertools import chain

from flask import Request, Response, g

from logleap.codecs.errors import MappingUnknown, UnsupportedCharset
from logleap.codecs.export.scores import ScoreLines, last_line
from logleap.codecs.json import stream
from logleap.codecs.json.strict import EntryFormat
from logleap.codecs.limits import Limits
from logleap.domain.errors import BatchEmpty, DatasetNotFound, ModelMissing, ModelUnusable, Refusal
from logleap.entrypoints.http.calls import entries
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.calls.streaming import NDJSON, send
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.requests import ScoreQuery, parse_query
from logleap.entrypoints.http.errors.refusals import Busy, worded
from logleap.entrypoints.http.ingest.decoding import Decoders
from logleap.entrypoints.http.ingest.entry_stream import JSON_TYPES, format_named, judged_entries
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.quotas import Quota
from logleap.ordering.scratch import Scratch
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import TemporarySpaceFull
from logleap.usecases.score import ScoredBody, ScoreEntries

_SPENT_AT_ONCE = 10_000  # entries

ANSWER = {
    NDJSON: {
        "schema": {
            "type": "string",
            "description": "A line for each entry, and a last one with the `summary`.",
        },
        "example": "".join(json.dumps(line) + "\n" for line in examples.SCORED),
    }
}


def add(
    api: Api,
    *,
    score: ScoreEntries,
    limits: Limits,
    formats: Mapping[str, EntryFormat],
    quota: Quota,
    decoders: Decoders,
    streams: LongCalls,
    scratch: Scratch,
) -> None:
    """Score entries. `formats` are the mappings', `quota` is of entries, `streams` are those under way."""

    @api.call(
        "POST",
        "/score/<dataId>",
        tag="Training",
        query=ScoreQuery,
        body=entries.BODY,
        answer=ANSWER,
        raises=[
            ArtifactMissing,
            BatchEmpty,
            Busy,
            DatasetNotFound,
            MappingUnknown,
            ModelMissing,
            ModelUnusable,
            TemporarySpaceFull,
            UnsupportedCharset,
            *stream.RAISES,
        ],
    )
    def score_entries(request: Request, data_id: str) -> Response:
        """Judge entries by the data set's log model; nothing is stored.

        The body is as for `POST /data/{dataId}`. The answer is a stream of JSON lines, one for each entry:
        `index`, `templateId` (null: no template matches) and `findings`, each with its `kind` (`new` or
        `value`) and a `detail`; or `index` and `error` for an invalid entry. The last line has the `summary`,
        with one warning for each new template. What fails on the way ends the stream with a line that has the
        `problem`, and without HTTP's last chunk.
        """
        owner = g.owner
        query = parse_query(ScoreQuery, request)
        form = format_named(query.mapping, query.timezone, formats)
        source = judged_entries(request, limits, form)
        quota.require(owner)
        turn = decoders.turn(request) if request.mimetype in JSON_TYPES else nullcontext()
        with ExitStack() as resources:
            resources.enter_context(long_call(streams))
            scored = score(owner, data_id, source)
            observability.bind_ids(runId=scored.model.run_id)
            parts = _written(scored, owner, quota)
            with turn:
                first = next(parts)  # what fails before that is answered as a problem
            return send(
                request,
                chain([first], _with_problem(parts)),
                resources.pop_all(),
                scratch,
                headers={"Cache-Control": "no-store"},
                content_type=NDJSON,
                about=f"scores by data set {data_id}",
            )


def _written(scored: ScoredBody, owner: str, quota: Quota) -> Iterator[bytes]:
    lines = ScoreLines()
    unspent = 0
    try:
        for part in scored:
            unspent += len(part.indexes)
            if unspent >= _SPENT_AT_ONCE:
                quota.spend(owner, unspent)
                unspent = 0
            yield lines.lines(part.indexes, part.templates, part.findings, part.errors)
    finally:
        if unspent:
            quota.spend(owner, unspent)
    yield last_line("summary", _summary(scored))


def _with_problem(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts; if they end with a refusal, its code and detail before that."""
    try:
        yield from parts
    except Refusal as refusal:
        problem = worded(refusal)
        yield last_line("problem", {"code": problem.code, "detail": problem.detail})
        raise


def _summary(scored: ScoredBody) -> dict[str, object]:
    summary = scored.summary
    return {
        "dataId": scored.model.dataset_id,
        "runId": scored.model.run_id,
        "digest": scored.model.model.sha256,
        "entries": summary.entries,
        "matched": summary.matched,
        "invalid": summary.invalid,
        "findings": {"new": summary.new, "value": summary.values},
        "warnings": [
            {
                "kind": warned.kind,
                "templateId": warned.template,
                "severity": warned.severity,
                "text": warned.text,
                "count": warned.count,
                "first": warned.first,
                "detail": warned.detail,
            }
            for warned in summary.warnings.listed
        ],
        "unlisted": summary.warnings.unlisted,
    }
