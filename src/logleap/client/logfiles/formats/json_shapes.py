"""What an entry is in JSON: LogLeap's own form, or another by a mapping. Both are judged as the API does."""

from collections.abc import Callable, Sequence
from datetime import datetime

from logleap.client.logfiles.entries import LogEntry
from logleap.client.logfiles.errors import BadLine
from logleap.client.logfiles.formats.json_texts import JsonText
from logleap.client.logfiles.reading import Reading
from logleap.codecs.json.mapped import mapped
from logleap.codecs.json.strict import STRICT, Form, Unfit
from logleap.codecs.mappings import BUILT_IN, FieldMapping

Shape = Callable[[JsonText], LogEntry]


def shape_of(reading: Reading) -> Shape:
    """How this file's objects become entries. Raises LogFileError if there is no such mapping."""
    name = reading.options.mapping
    if name is None:
        return _own
    return by_mapping(mapping_named(reading, name))


def mapping_named(reading: Reading, name: str) -> FieldMapping:
    """The mapping of this name. Raises LogFileError."""
    mapping = reading.options.mappings.get(name)
    if mapping is None:
        known = ", ".join(reading.options.mappings)
        raise reading.text.error(
            None, f"--mapping {name!r} is unknown. Known: {known}; your own by LOGLEAP_MAPPINGS=FILE."
        )
    return mapping


def by_mapping(mapping: FieldMapping) -> Shape:
    """Entries whose fields a mapping names."""
    form = mapped(mapping)
    return lambda text: _judged(form, text)


def remedy(texts: Sequence[bytes]) -> str:
    """The mappings that read all of these objects, as advice; empty if none does."""
    fitting = [
        name
        for name, mapping in BUILT_IN.items()
        if texts and all(_fits(mapped(mapping), text) for text in texts)
    ]
    if not fitting:
        return ""
    return f" A mapping reads it: {' or '.join(f'--mapping {name}' for name in fitting)}"


def _own(text: JsonText) -> LogEntry:
    return _judged(STRICT, text)._replace(text=text.text)


def _judged(form: Form, text: JsonText) -> LogEntry:
    try:
        entry = form.entry(text.text)
    except Unfit as unfit:
        raise BadLine(str(unfit)) from None
    return LogEntry(iso(entry.timestamp), entry.message, entry.context, text.line)


def _fits(form: Form, text: bytes) -> bool:
    try:
        form.entry(text)
    except Unfit:
        return False
    return True


def iso(time: datetime) -> str:
    """A time in UTC as readers give it."""
    return f"{time.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
