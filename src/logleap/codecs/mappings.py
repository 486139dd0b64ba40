"""Field mappings: which fields of another program's records are the timestamp and the message."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec

from logleap.codecs.epoch import Unit

_Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(min_length=1)]


class FieldMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which field is the timestamp and which the message: of the names given, exactly one must be there.

    A timestamp is RFC 3339, or a number of `epoch` since 1970 if that is given. A message that is no text is
    taken as its JSON. All other fields become the context, a JSON object.
    """

    timestamp: _Names
    message: _Names
    epoch: Unit | None = None

    def __post_init__(self) -> None:
        if both := set(self.timestamp) & set(self.message):
            raise ValueError(f"{min(both)!r} cannot be timestamp and message")


BUILT_IN: Mapping[str, FieldMapping] = MappingProxyType(
    {
        "winston": FieldMapping(("timestamp",), ("message",)),
        "pino": FieldMapping(("time",), ("msg",), "ms"),
        "syslog-ng": FieldMapping(("ISODATE",), ("MESSAGE",)),
        "logstash": FieldMapping(("@timestamp",), ("message",)),
        "ecs": FieldMapping(("@timestamp",), ("message",)),
        # What a number counts cannot be told from the number: here only RFC 3339 is taken.
        "auto": FieldMapping(
            ("timestamp", "@timestamp", "time", "ts", "ISODATE"), ("message", "msg", "MESSAGE", "body")
        ),
    }
)


class MappingsInvalid(ValueError):
    """A file of mappings cannot be used. The text continues a sentence that names the file."""


def load_mappings(path: Path | None) -> Mapping[str, FieldMapping]:
    """The built-in mappings and those of the TOML file at `path`, one table each. Raises MappingsInvalid."""
    mappings = dict(BUILT_IN)
    if path is None:
        return mappings
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MappingsInvalid(f", which cannot be read: {error}.") from error
    for name, table in tables.items():
        if name in BUILT_IN:
            raise MappingsInvalid(f": mapping {name!r} is built in. Choose another name.")
        try:
            mappings[name] = msgspec.convert(table, FieldMapping)
        except msgspec.ValidationError as error:
            raise MappingsInvalid(f": mapping {name!r} is wrong: {error}.") from error
    return mappings
