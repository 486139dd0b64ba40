"""`?mapping=NAME`: entries as other clients write them. Off unless it is asked for."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec

from logleap.domain.entries import Entry
from logleap.entrypoints.http.decoding import (
    MAX_CONTEXT_DEPTH,
    Form,
    Unfit,
    decode_string,
    members,
    shown,
    well_formed,
)
from logleap.entrypoints.http.epoch import Unit, is_number, parse_epoch
from logleap.entrypoints.http.jsontext import Span, has_lone_surrogate
from logleap.entrypoints.http.problems import RequestRefused
from logleap.entrypoints.http.timestamps import EXAMPLE, BadTimestamp, parse_timestamp
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


def mapped(mappings: Mapping[str, FieldMapping], name: str) -> Form:
    """The form of entries that the mapping `name` tells, each looked at by itself. Raises RequestRefused."""
    mapping = mappings.get(name)
    if mapping is None:
        known = ", ".join(sorted(mappings))
        detail = f"There is no mapping {shown(name)}. There are: {known}. More: LOGLEAP_MAPPINGS."
        raise RequestRefused(400, "MAPPING_UNKNOWN", detail)
    return Form(lambda *_: None, lambda _: None, lambda data: decode_mapped(data, mapping))


def decode_mapped(data: bytes, mapping: FieldMapping) -> Entry:
    """The entry of one JSON text, as `mapping` tells. Raises Unfit, with the name that the client uses."""
    found: dict[str, tuple[str, bytes]] = {}
    rest: list[str] = []
    for raw_name, span in members(data):
        if has_lone_surrogate(raw_name):
            raise Unfit("SURROGATE_UNPAIRED", "A field's name holds half of a character. Was it cut?")
        name = decode_string(raw_name)
        raw = well_formed(data, span, name)
        if name in mapping.timestamp:
            _choose(found, "timestamp", name, raw)
        elif name in mapping.message:
            _choose(found, "message", name, raw)
        else:
            _check_depth(name, span)
            rest.append(f"{raw_name.decode()}:{raw.decode()}")
    timestamp = _timestamp(*_chosen(found, "timestamp", mapping.timestamp), mapping.epoch)
    message = _message(*_chosen(found, "message", mapping.message))
    return Entry(timestamp, message, "{" + ",".join(rest) + "}" if rest else None)


def _choose(found: dict[str, tuple[str, bytes]], role: str, name: str, raw: bytes) -> None:
    if role not in found:
        found[role] = name, raw
        return
    other = found[role][0]
    if other == name:
        raise Unfit("FIELD_REPEATED", f"{name} is given more than once. Give it once.", name)
    raise Unfit(
        "FIELD_AMBIGUOUS",
        f"Both {other} and {name} may be the {role} by this mapping. Use one that takes only one of them, "
        "built in or your own (LOGLEAP_MAPPINGS).",
        name,
    )


def _chosen(found: Mapping[str, tuple[str, bytes]], role: str, names: Sequence[str]) -> tuple[str, bytes]:
    if role not in found:
        raise Unfit(
            f"{role.upper()}_MISSING",
            f"The entry has no {' or '.join(names)}, from which this mapping takes the {role}. "
            "Let the client send it, or use another mapping.",
            names[0],
        )
    return found[role]


def _timestamp(name: str, raw: bytes, epoch: Unit | None) -> datetime:
    text = decode_string(raw) if raw[:1] == b'"' else raw.decode()
    try:
        if epoch is not None and is_number(text):
            return parse_epoch(text, epoch)
        if raw[:1] == b'"':
            return parse_timestamp(text)
    except BadTimestamp as bad:
        raise Unfit(bad.code, str(bad), name) from None
    remedy = f"or a number of {epoch} since 1970" if epoch else "as this mapping tells no unit for numbers"
    raise Unfit(
        "TIMESTAMP_INVALID",
        f"{name} is {shown(text)}, but must be a time as in RFC 3339, such as {EXAMPLE!r}, {remedy}.",
        name,
    )


def _message(name: str, raw: bytes) -> str:
    if raw[:1] != b'"':
        if raw == b"null":
            raise Unfit("MESSAGE_MISSING", f"{name} is null. Give it a text, or leave the entry out.", name)
        return raw.decode()
    message = decode_string(raw)
    if not message:
        raise Unfit("MESSAGE_EMPTY", f"{name} is empty. Give it a text, or leave the entry out.", name)
    return message


def _check_depth(name: str, span: Span) -> None:
    if span.depth >= MAX_CONTEXT_DEPTH:  # the context is one around it
        raise Unfit(
            "CONTEXT_TOO_DEEP",
            f"{name} nests {span.depth} arrays and objects in one another; at most {MAX_CONTEXT_DEPTH - 1} "
            "are taken. Send it as a string that holds the JSON.",
            name,
        )
