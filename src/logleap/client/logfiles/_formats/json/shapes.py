"""What an entry is in JSON: LogLeap's own form, or another by a mapping. Both are judged as the API does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

import msgspec

from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._formats.json.texts import JsonText
from logleap.client.logfiles._reading import Reading
from logleap.codecs.json.mapped import mapped
from logleap.codecs.json.strict import STRICT, EntryFormat, InvalidEntry
from logleap.codecs.limits import DEFAULT_LIMITS
from logleap.codecs.mappings import OTEL_FILE

_LIMITS = replace(DEFAULT_LIMITS, entry_bytes=DEFAULT_LIMITS.ndjson_bytes)

Shape = Callable[[JsonText], Iterator[LogEntry | BadLine]]
"""The entries of one JSON text, with a BadLine in place of one that can't be taken."""


def shape_of(reading: Reading, mapping: str | None = None) -> Shape:
    """How this file's objects become entries: by the mapping, or the options' one, or in LogLeap's own form.

    Raises LogFileError if there is no such mapping.
    """
    name = mapping or reading.options.mapping
    if name is None:
        return _own
    form = _format(reading, name)
    return lambda text: _mapped(form, text)


def _format(reading: Reading, name: str) -> EntryFormat:
    if name == OTEL_FILE:
        try:
            from logleap.codecs.otlp import messages  # noqa: F401 -- whether protobuf is there
            from logleap.codecs.otlp.file import OTEL_FILE_FORMAT
        except ImportError as error:
            raise reading.text.error(
                None,
                f"--mapping {name} needs the extra server ({error}): see the page on installing LogLeap.",
            ) from None
        return OTEL_FILE_FORMAT
    mapping = reading.options.mappings.get(name)
    if mapping is None:
        known = ", ".join([*reading.options.mappings, OTEL_FILE])
        raise reading.text.error(
            None, f"--mapping {name!r} is unknown. Known: {known}; your own by LOGLEAP_MAPPINGS=FILE."
        )
    if reading.options.timezone is not None:
        mapping = msgspec.structs.replace(mapping, zone=_zone_name(reading.options.timezone))
    return mapped(mapping)


def _zone_name(zone: tzinfo) -> str:
    offset = zone.utcoffset(None)  # of a fixed one alone
    if offset is None:
        return str(zone)
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def remedy(reading: Reading, text: bytes) -> str:
    """The mappings that read this object, as advice; empty if none does."""
    if len(text) > 16 << 10:  # to try all of them would take too long
        return ""
    fitting = [name for name, mapping in reading.options.mappings.items() if mapped(mapping).takes(text)]
    if not fitting:
        return ""
    return f" It can be read with {' or '.join(f'--mapping {name}' for name in fitting)}"


def _own(text: JsonText) -> Iterator[LogEntry | BadLine]:
    for entry in _mapped(STRICT, text):
        yield entry if isinstance(entry, BadLine) else entry._replace(text=text.text)


def _mapped(form: EntryFormat, text: JsonText) -> Iterator[LogEntry | BadLine]:
    for entry in form.each(text.text, _LIMITS):
        if isinstance(entry, InvalidEntry):
            yield BadLine(entry.detail)
        else:
            yield LogEntry(iso(entry.timestamp), entry.message, entry.context, text.line)


def iso(time: datetime) -> str:
    """A time in UTC as readers give it."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
