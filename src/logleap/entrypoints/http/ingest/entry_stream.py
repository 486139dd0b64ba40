"""What `POST /data/{dataId}` may carry: JSON or NDJSON, by the request's Content-Type."""

from collections.abc import Mapping
from pathlib import Path

from flask import Request

from logleap.codecs.errors import MappingUnknown, UnsupportedCharset
from logleap.codecs.json.mapped import mapped
from logleap.codecs.json.stream import EntryStream, read_json, read_ndjson
from logleap.codecs.json.strict import STRICT, EntryFormat
from logleap.codecs.limits import Limits
from logleap.codecs.mappings import MappingsInvalid, load_mappings
from logleap.entrypoints.http.contract.refusals import HttpError
from logleap.entrypoints.http.ingest.body import open_body
from logleap.settings import SettingsError

JSON_TYPES = ("application/json",)
NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


def entry_stream(
    request: Request, limits: Limits, *, form: EntryFormat = STRICT, partial: bool = False
) -> EntryStream:
    """The entries in the body of `request`, each in `form`.

    Raises UnsupportedCharset, BodyTooLarge or HttpError if its headers tell that there can be none.
    """
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedCharset(charset)
    if request.mimetype in JSON_TYPES:
        body = open_body(request, limits.json_bytes)
        return EntryStream(body, limits, read_json, form=form, partial=partial)
    if request.mimetype in NDJSON_TYPES:
        body = open_body(request, limits.ndjson_bytes)
        return EntryStream(body, limits, read_ndjson, form=form, partial=partial)
    said = (
        f"Content-Type {request.mimetype[:80]!r} is not supported" if request.mimetype else "No Content-Type"
    )
    raise HttpError(
        "UNSUPPORTED_MEDIA_TYPE",
        f"{said}. Use application/json, or application/x-ndjson for one entry a line.",
        {"Accept": ", ".join((*JSON_TYPES, *NDJSON_TYPES))},
    )


def load_formats(path: Path | None) -> Mapping[str, EntryFormat]:
    """The formats of entries by the name of their mapping. Raises SettingsError."""
    try:
        mappings = load_mappings(path)
    except MappingsInvalid as error:
        raise SettingsError(f"LOGLEAP_MAPPINGS is {str(path)!r}{error}") from error
    return {name: mapped(mapping) for name, mapping in mappings.items()}


def format_named(name: str | None, formats: Mapping[str, EntryFormat]) -> EntryFormat:
    """The format of this name; the API's own if there is no name. Raises MappingUnknown."""
    if name is None:
        return STRICT
    form = formats.get(name)
    if form is None:
        raise MappingUnknown(name, sorted(formats))
    return form
