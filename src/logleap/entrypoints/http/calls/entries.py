"""The call that takes entries in."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Request, Response, g
from pydantic import BaseModel, ConfigDict, Field

from logleap.codecs.errors import MappingUnknown, UnsupportedCharset
from logleap.codecs.json import stream
from logleap.codecs.json.strict import EntryFormat
from logleap.codecs.limits import Limits
from logleap.domain.errors import BatchEmpty, DatasetNotFound, InvalidTransition, KeyReused, StoredPartially
from logleap.entrypoints.http.contract import examples, responses
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.headers import RepeatableHeaders
from logleap.entrypoints.http.contract.requests import AppendQuery, idempotency_key, parse_query
from logleap.entrypoints.http.contract.schemas import ref
from logleap.entrypoints.http.ingest.decoding import Decoders
from logleap.entrypoints.http.ingest.entry_stream import JSON_TYPES, entry_stream, format_named
from logleap.entrypoints.http.ingest.once import key_of_body
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.quotas import Quota
from logleap.usecases.append import AppendEntries, CheckEntries, EntrySource


class Entry(BaseModel):
    """One log record. There are no other fields: put anything else in `context`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """RFC 3339 with an offset, in the years 1 to 9999; digits after the microseconds are cut off."""
    message: Annotated[str, Field(min_length=1)]
    context: Any = None
    """A string, or any JSON, which is stored as its text."""


class Entries(BaseModel):
    """Several entries in an object."""

    model_config = ConfigDict(extra="forbid")

    entries: Annotated[list[Entry], Field(min_length=1)]


_LINES = [examples.FIRST_ENTRY, examples.SECOND_ENTRY]
_MANY = {"type": "array", "items": ref(Entry), "minItems": 1}

BODY = {
    "application/json": {
        "schema": {"oneOf": [ref(Entry), _MANY, ref(Entries)]},
        "examples": {
            "one": {"summary": "One entry", "value": examples.SECOND_ENTRY},
            "array": {"summary": "An array", "value": _LINES},
            "object": {"summary": "An object", "value": {"entries": _LINES}},
        },
    },
    "application/x-ndjson": {
        "schema": {**_MANY, "description": "One entry per line, without brackets and commas."},
        "examples": {"lines": {"summary": "One entry per line", "value": _LINES}},
    },
}

ANSWER = {
    "application/json": {
        "schema": {"anyOf": [ref(responses.Acknowledgement), ref(responses.Checked)]},
        "examples": {
            "taken": {"summary": "All entries were stored", "value": examples.ACKNOWLEDGED},
            "partial": {
                "summary": "With partial=true, and an invalid entry",
                "value": examples.PARTLY_ACKNOWLEDGED,
            },
            "dryRun": {"summary": "With dryRun=true", "value": examples.CHECKED},
        },
    }
}


def add(
    api: Api,
    *,
    append: AppendEntries,
    check: CheckEntries,
    limits: Limits,
    formats: Mapping[str, EntryFormat],
    watched: Callable[[EntrySource], EntrySource],
    quota: Quota,
    decoders: Decoders,
) -> None:
    """Post entries. `formats` are the mappings', `watched` traces a source, `quota` is of stored entries."""
    api.models += [
        (Entry, "validation"),
        (Entries, "validation"),
        (responses.Acknowledgement, "serialization"),
        (responses.Checked, "serialization"),
    ]

    @api.call(
        "POST",
        "/data/<dataId>",
        tag="Entries",
        query=AppendQuery,
        headers=RepeatableHeaders,
        body=BODY,
        answer=ANSWER,
        raises=[
            BatchEmpty,
            DatasetNotFound,
            InvalidTransition,
            KeyReused,
            MappingUnknown,
            StoredPartially,
            UnsupportedCharset,
            *stream.RAISES,
        ],
    )
    def append_entries(request: Request, data_id: str) -> Response:
        """Post entries.

        Once this answers 200 they are durable, and every training started later counts each of them once. All
        are stored, or none: if any is invalid, each invalid one is listed, and nothing is stored.

        The body is JSON or NDJSON, uncompressed or with `Content-Encoding: gzip` or `zstd`.
        """
        owner = g.owner
        query = parse_query(AppendQuery, request)
        key = idempotency_key(request)
        form = format_named(query.mapping, query.timezone, formats)
        if key is None and query.once is not None and not query.dry_run:
            key = key_of_body(request, limits, query)
        source = entry_stream(request, limits, form=form, formats=formats, partial=query.partial)
        taken = decoders.in_turn(source, request) if request.mimetype in JSON_TYPES else source
        if query.dry_run:
            checked = check(owner, data_id, taken)
            return responses.Checked.of(checked, source.refused).response()
        # A batch that is stored already uses up nothing: it is answered with its receipt.
        quota.require(owner, unless=lambda: key is not None and append.stored(owner, data_id, key))
        acknowledged = append(owner, data_id, watched(taken), key)
        if not acknowledged.replayed:
            quota.spend(owner, acknowledged.receipt.entries)
        observability.record_upload(acknowledged)
        return responses.Acknowledgement.of(acknowledged, source.refused).response()
