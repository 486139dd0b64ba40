"""The call that takes entries in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from flask import Request, Response, g
from pydantic import BaseModel, ConfigDict, Field

from logleap.codecs.json.mapped import mapped
from logleap.codecs.json.strict import STRICT, Form, shown
from logleap.codecs.mappings import MappingsInvalid, load_mappings
from logleap.container import Container
from logleap.entrypoints.http.contract import examples, responses
from logleap.entrypoints.http.contract.blueprint import Api, ref
from logleap.entrypoints.http.contract.headers import RepeatableHeaders
from logleap.entrypoints.http.contract.problems import RequestRefused
from logleap.entrypoints.http.contract.requests import AppendQuery, idempotency_key, parse_query
from logleap.entrypoints.http.ingest.entry_stream import Limits, entry_source
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.quotas import Quota
from logleap.settings import SettingsError


class Entry(BaseModel):
    """One line of a log. There are no other fields: what else there is to tell belongs into `context`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """RFC 3339 with an offset, of the years 1 to 9999; digits behind the microseconds are cut off."""
    message: Annotated[str, Field(min_length=1)]
    context: Any = None
    """A string, or any JSON, which is kept as its text."""


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
        "schema": {**_MANY, "description": "One entry a line, without brackets and commas."},
        "examples": {"lines": {"summary": "An entry a line", "value": _LINES}},
    },
}

ANSWER = {
    "application/json": {
        "schema": {"anyOf": [ref(responses.Acknowledgement), ref(responses.Checked)]},
        "examples": {
            "taken": {"summary": "All were taken", "value": examples.ACKNOWLEDGED},
            "partial": {
                "summary": "With partial=true, and a bad entry",
                "value": examples.PARTLY_ACKNOWLEDGED,
            },
            "dryRun": {"summary": "With dryRun=true", "value": examples.CHECKED},
        },
    }
}


def add(api: Api, container: Container, quota: Quota) -> None:
    """Post entries. `quota` is of stored ones. Raises SettingsError."""
    append, check = container.append_entries(), container.check_entries()
    settings, instruments = container.settings(), container.instruments()
    forms = _forms(settings.mappings)
    limits = Limits.of(settings)
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
        problems=[
            "BATCH_EMPTY",
            "BODY_EMPTY",
            "BODY_NOT_ENTRIES",
            "BODY_NOT_UTF8",
            "DATASET_NOT_FOUND",
            "ENTRIES_INVALID",
            "ENTRY_TOO_LARGE",
            "IDEMPOTENCY_KEY_INVALID",
            "IDEMPOTENCY_KEY_REUSED",
            "MAPPING_UNKNOWN",
            "QUERY_PARAMETER_INVALID",
            "STATE_CONFLICT",
            "TOO_MANY_ENTRIES",
            "UNSUPPORTED_CHARSET",
        ],
    )
    def append_entries(request: Request, data_id: str) -> Response:
        """Post entries.

        Once this answers 200 they are durable, and every training that is started later counts each of them
        once. All are taken or none: if one is bad, each bad one is named, and nothing is stored.

        The body is JSON or NDJSON, plain or with `Content-Encoding: gzip` or `zstd`.
        """
        owner = g.owner
        query = parse_query(AppendQuery, request)
        key = idempotency_key(request)
        form = STRICT if query.mapping is None else _form(forms, query.mapping)
        source = entry_source(request, limits, form=form, partial=query.partial)
        if query.dry_run:
            checked = check(owner, data_id, source)
            return responses.Checked.of(checked, source.refused).response()
        quota.require(owner)
        acknowledged = append(owner, data_id, instruments.trace_source(source), key)
        if not acknowledged.replayed:
            quota.spend(owner, acknowledged.receipt.entries)
        observability.record_upload(acknowledged)
        return responses.Acknowledgement.of(acknowledged, source.refused).response()


def _forms(path: Path | None) -> Mapping[str, Form]:
    """The forms of entries by the name of their mapping. Raises SettingsError."""
    try:
        mappings = load_mappings(path)
    except MappingsInvalid as error:
        raise SettingsError(f"LOGLEAP_MAPPINGS is {str(path)!r}{error}") from error
    return {name: mapped(mapping) for name, mapping in mappings.items()}


def _form(forms: Mapping[str, Form], name: str) -> Form:
    form = forms.get(name)
    if form is None:
        known = ", ".join(sorted(forms))
        detail = f"There is no mapping {shown(name)}. There are: {known}. More: LOGLEAP_MAPPINGS."
        raise RequestRefused(400, "MAPPING_UNKNOWN", detail)
    return form
