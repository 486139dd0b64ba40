"""`?mapping=NAME`: entries as other clients write them. Off unless it is asked for."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec

from logleap.entrypoints.http.epoch import Unit
from logleap.settings import SettingsError

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


def load_mappings(path: Path | None) -> Mapping[str, FieldMapping]:
    """The built-in mappings and those of the TOML file at `path`, a table each. Raises SettingsError."""
    mappings = dict(BUILT_IN)
    if path is None:
        return mappings
    setting = f"LOGLEAP_MAPPINGS is {str(path)!r}"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{setting}, which cannot be read: {error}.") from error
    for name, table in tables.items():
        if name in BUILT_IN:
            raise SettingsError(f"{setting}: mapping {name!r} is built in. Choose another name.")
        try:
            mappings[name] = msgspec.convert(table, FieldMapping)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{setting}: mapping {name!r} is wrong: {error}.") from error
    return mappings
