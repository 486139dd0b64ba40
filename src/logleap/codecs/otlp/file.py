"""What the OpenTelemetry Collector's `file` exporter writes: each line an export, as JSON.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
"""

from collections.abc import Iterator

from logleap.codecs.errors import ExportTooLarge, JsonExportMalformed, TooManyRecords
from logleap.codecs.json.strict import EntryFormat, InvalidEntry
from logleap.codecs.limits import DEFAULT_LIMITS, Limits
from logleap.domain.entries import Entry


def _several(data: bytes, limits: Limits) -> Iterator[Entry | InvalidEntry]:
    # protobuf takes its time to import, which only those need who use this format.
    from logleap.codecs.otlp.messages import from_json
    from logleap.codecs.otlp.records import entries_of

    try:
        yield from list(entries_of(from_json(data, limits), limits))  # all of the line, or none
    except JsonExportMalformed as error:
        detail = f"The line is no export of logs in OTLP's JSON: {error.problem}."
        yield InvalidEntry("JSON_MALFORMED", detail)
    except (ExportTooLarge, TooManyRecords) as error:
        detail = f"Line too long: {error}. Have the Collector write smaller batches."
        yield InvalidEntry("ENTRY_TOO_LARGE", detail)


def _one(data: bytes) -> Entry:
    """The entry of an export with one log record. Raises InvalidEntry."""
    found = list(_several(data, DEFAULT_LIMITS))
    if len(found) != 1:
        raise InvalidEntry("RECORD_MALFORMED", f"The export has {len(found)} log records, not one.")
    if isinstance(found[0], InvalidEntry):
        raise found[0]
    return found[0]


OTEL_FILE_FORMAT = EntryFormat(lambda _data, _largest: None, lambda _data: None, _one, _several)
"""Each JSON text holds several entries."""
