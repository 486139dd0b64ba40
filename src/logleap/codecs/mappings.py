"""Field mappings: which fields of another program's records are the timestamp and the message."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from logleap.codecs.epoch import Unit
from logleap.codecs.templates import Template
from logleap.codecs.zones import zone_of

_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Names = Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1)]

OTEL_FILE = "otel-file"
"""Not of fields: each record is an OTLP export, with many entries."""


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field whose text has holes that other fields of the record fill.

    `message-template`: `{Gate}` by the field `Gate` (https://messagetemplates.org; Serilog, CLEF);
    `slf4j`: each `{}` by the next item of the field `arguments`.
    """

    field: _Name
    style: Literal["message-template", "slf4j"]


class FieldMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which field is the timestamp and which the message: of the names given, exactly one must be there.

    All other fields become the context, a JSON object. A name with dots is that of a field in objects
    (`record.message`), unless a field is literally called so.

    A timestamp is RFC 3339 or near it (see `parse_written_time`), or a number of `epoch` since 1970 if that
    is given. `zone` is that of times without an offset, which are refused without it. `nanoseconds` names the
    field, if a record has it, that tells the fraction of the second more finely.

    A message that is no text is taken as its JSON; with `byte_arrays` an array of bytes is the text that they
    are in UTF-8. `template` puts it together from several fields: the first one that has all of its fields
    counts. `pattern` is a field with holes to fill, used where there is none of `message`; it and what fills
    it stay in the context. `strip` leaves out what a logger adds: one line end behind the message, or one
    blank before it.
    """

    timestamp: _Names
    message: tuple[_Name, ...] = ()
    epoch: Unit | None = None
    zone: str | None = None
    nanoseconds: _Name | None = None
    template: tuple[_Name, ...] = ()
    pattern: Pattern | None = None
    byte_arrays: bool = False
    strip: Literal["newline", "blank"] | None = None

    def __post_init__(self) -> None:
        if both := set(self.timestamp) & set(self.message):
            raise ValueError(f"{min(both)!r} cannot be timestamp and message")
        if bool(self.template) == bool(self.message or self.pattern):
            raise ValueError("give either `template`, or `message`, to which `pattern` may be added")
        for text in self.template:
            Template(text)
        if self.zone is not None:
            zone_of(self.zone)


BUILT_IN: Mapping[str, FieldMapping] = MappingProxyType(
    {
        "winston": FieldMapping(("timestamp",), ("message",)),
        "pino": FieldMapping(("time",), ("msg",), "ms"),
        "bunyan": FieldMapping(("time",), ("msg",)),
        "syslog-ng": FieldMapping(("ISODATE",), ("MESSAGE",)),
        "logstash": FieldMapping(("@timestamp",), ("message",)),
        "ecs": FieldMapping(("@timestamp",), ("message",)),
        "journald": FieldMapping(("__REALTIME_TIMESTAMP",), ("MESSAGE",), "us", byte_arrays=True),
        "docker": FieldMapping(("time",), ("log",), strip="newline"),
        "clef": FieldMapping(("@t",), ("@m",), pattern=Pattern("@mt", "message-template")),
        "gelf": FieldMapping(("timestamp",), ("short_message",), "s"),
        "fluent-bit": FieldMapping(("date",), ("log", "message", "MESSAGE", "msg"), "s", strip="newline"),
        "zap": FieldMapping(("ts",), ("msg",), "s"),
        "gcloud": FieldMapping(
            ("timestamp",),
            template=("{textPayload}", "{jsonPayload.message}", "{jsonPayload}", "{protoPayload}"),
        ),
        "structlog": FieldMapping(("timestamp",), ("event",), "s"),
        "loguru": FieldMapping(("record.time.timestamp",), ("record.message",), "s"),
        "log4js": FieldMapping(("startTime",), ("data",)),
        "rsyslog": FieldMapping(("timereported",), ("msg",), strip="blank"),
        "python-json-logger": FieldMapping(("timestamp", "asctime"), ("message",)),
        "logback": FieldMapping(
            ("timestamp",),
            ("formattedMessage",),
            "ms",
            nanoseconds="nanoseconds",
            pattern=Pattern("message", "slf4j"),
        ),
        # What a number counts cannot be told from the number: here only written times are taken.
        "auto": FieldMapping(
            ("timestamp", "@timestamp", "time", "ts", "ISODATE"), ("message", "msg", "MESSAGE", "body")
        ),
    }
)


class MappingsInvalid(ValueError):
    """A file of mappings cannot be used. The text continues a sentence that names the file."""


def load_mappings(path: Path | None) -> Mapping[str, FieldMapping]:
    """The built-in mappings and those of the TOML file at `path`, one table each. Raises MappingsInvalid.

    A table may have `extends`, the name of a mapping above it or built in, whose fields it takes over.
    """
    mappings = dict(BUILT_IN)
    if path is None:
        return mappings
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MappingsInvalid(f", which cannot be read: {error}.") from error
    for name, table in tables.items():
        if name in BUILT_IN or name == OTEL_FILE:
            raise MappingsInvalid(f": mapping {name!r} is built in. Choose another name.")
        try:
            mappings[name] = msgspec.convert(_extended(table, mappings), FieldMapping)
        except msgspec.ValidationError as error:
            raise MappingsInvalid(f": mapping {name!r} is wrong: {error}.") from error
    return mappings


def _extended(table: Any, mappings: Mapping[str, FieldMapping]) -> Any:
    if not isinstance(table, dict) or "extends" not in table:
        return table
    base = table["extends"]
    if not isinstance(base, str) or base not in mappings:
        known = ", ".join(sorted(mappings))
        raise msgspec.ValidationError(f"it extends {base!r}, which is none of {known}")
    inherited = msgspec.to_builtins(mappings[base])
    if "template" in table:
        inherited |= {"message": (), "pattern": None}
    elif "message" in table:
        inherited |= {"template": (), "pattern": None}
    return {**inherited, **{key: value for key, value in table.items() if key != "extends"}}
