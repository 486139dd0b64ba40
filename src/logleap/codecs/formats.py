"""The formats of entries by name: those of the field mappings, and OTLP's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from logleap.codecs.json.mapped import mapped
from logleap.codecs.json.strict import EntryFormat
from logleap.codecs.mappings import OTEL_FILE, load_mappings
from logleap.codecs.otlp.file import OTEL_FILE_FORMAT

_TRIED = 16 << 10  # bytes: trying all formats on a longer entry takes too long


def load_formats(path: Path | None) -> Mapping[str, EntryFormat]:
    """The built-in formats and those of the mappings in the TOML file at `path`. Raises MappingsInvalid."""
    formats = {name: mapped(mapping) for name, mapping in load_mappings(path).items()}
    return {**formats, OTEL_FILE: OTEL_FILE_FORMAT}


def formats_of(data: bytes, formats: Mapping[str, EntryFormat]) -> Sequence[str]:
    """The names of those `formats` that surely take the one entry `data`. None are tried on a long one."""
    if len(data) > _TRIED or not data.lstrip().startswith(b"{"):
        return ()
    return tuple(name for name, form in formats.items() if form.takes(data))
