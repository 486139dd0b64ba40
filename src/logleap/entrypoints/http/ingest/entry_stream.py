"""What `POST /data/{dataId}` may carry: JSON or NDJSON, by the request's Content-Type."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from flask import Request

from logleap.codecs import formats as all_formats
from logleap.codecs.errors import MappingUnknown, UnsupportedCharset
from logleap.codecs.json.stream import Body, EntryStream, JudgedEntries, Reader, read_json, read_ndjson
from logleap.codecs.json.strict import STRICT, EntryFormat
from logleap.codecs.limits import Limits
from logleap.codecs.mappings import MappingsInvalid
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.ingest.body import open_body
from logleap.settings import SettingsError

JSON_TYPES = ("application/json",)
NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


def entry_stream(
    request: Request,
    limits: Limits,
    *,
    form: EntryFormat = STRICT,
    formats: Mapping[str, EntryFormat] = MappingProxyType({}),
    partial: bool = False,
) -> EntryStream:
    """The entries in the body of `request`, each in `form`; bad ones name those of `formats` that take them.

    Raises UnsupportedCharset, BodyTooLarge or HttpError if its headers tell that there can be none.
    """
    body, read = _opened(request, limits)

    def formats_of(data: bytes) -> Sequence[str]:
        return all_formats.formats_of(data, formats)

    return EntryStream(body, limits, read, form=form, partial=partial, formats_of=formats_of)


def judged_entries(request: Request, limits: Limits, form: EntryFormat) -> JudgedEntries:
    """The entries in the body of `request`, each in `form`, and the bad ones in their places.

    Raises as above.
    """
    body, read = _opened(request, limits)
    return JudgedEntries(body, limits, read, form=form)


def _opened(request: Request, limits: Limits) -> tuple[Body, Reader]:
    body = open_body(request, body_limit(request, limits))
    return body, read_json if request.mimetype in JSON_TYPES else read_ndjson


def body_limit(request: Request, limits: Limits) -> int:
    """How many bytes the decoded body may have. Raises UnsupportedCharset or HttpError, for its headers."""
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedCharset(charset)
    if request.mimetype in JSON_TYPES:
        return limits.json_bytes
    if request.mimetype in NDJSON_TYPES:
        return limits.ndjson_bytes
    raise _unsupported_media_type(request.mimetype)


def _unsupported_media_type(mimetype: str) -> HttpError:
    said = f"Content-Type {mimetype[:80]!r} is not supported" if mimetype else "No Content-Type"
    return HttpError(
        "UNSUPPORTED_MEDIA_TYPE",
        f"{said}. Use application/json, or application/x-ndjson for one entry per line.",
        {"Accept": ", ".join((*JSON_TYPES, *NDJSON_TYPES))},
    )


def load_formats(path: Path | None) -> Mapping[str, EntryFormat]:
    """The formats of entries by the name of their mapping. Raises SettingsError."""
    try:
        return all_formats.load_formats(path)
    except MappingsInvalid as error:
        raise SettingsError(f"LOGLEAP_MAPPINGS is {str(path)!r}{error}") from error


def format_named(name: str | None, timezone: str | None, formats: Mapping[str, EntryFormat]) -> EntryFormat:
    """The format of this name, its times without offset in this zone; the API's own if there is no name.

    Raises MappingUnknown, or HttpError if a zone is given for a format that has no such times.
    """
    form = STRICT if name is None else formats.get(name)
    if form is None:
        raise MappingUnknown(name or "", sorted(formats))
    if timezone is None:
        return form
    if form.in_zone is None:
        why = "which all have an offset with this mapping" if name else "which goes with a mapping only"
        raise HttpError(
            "QUERY_PARAMETER_INVALID", f"timezone is for timestamps without an offset, {why}: leave it out."
        )
    return form.in_zone(timezone)
