"""Entries decoded by a mapping: usual ones quickly, others by a closer look that tells what is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from logleap.codecs.epoch import Unit, is_number, parse_epoch
from logleap.codecs.json.strict import EntryFormat, InvalidEntry, decode_string, members, shown, well_formed
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH, Span, has_lone_surrogate
from logleap.codecs.mappings import FieldMapping
from logleap.codecs.timestamps import EXAMPLE, BadTimestamp, parse_timestamp
from logleap.domain.entries import Entries, Entry

_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def mapped(mapping: FieldMapping) -> EntryFormat:
    """The form of entries whose fields `mapping` names."""
    return EntryFormat(
        lambda data, largest: _array(data, largest, mapping),
        lambda data: _entries(data.removesuffix(b"\n").split(b"\n"), mapping),
        lambda data: decode_mapped(data, mapping),
    )


def _array(data: bytes, largest: int, mapping: FieldMapping) -> Entries | None:
    try:
        sent = list(map(bytes, _decode_raws(data)))
    except (msgspec.DecodeError, RecursionError):
        return None
    return _entries(sent, mapping) if max(map(len, sent), default=0) <= largest else None


def _entries(sent: Iterable[bytes], mapping: FieldMapping) -> Entries | None:
    entries = []
    for data in sent:
        entry = decode_quickly(data, mapping)
        if entry is None:
            return None
        entries.append(entry)
    return Entries.of(entries)


def decode_quickly(data: bytes, mapping: FieldMapping) -> Entry | None:
    """What `decode_mapped` gives, in a fraction of the time. None: it needs that one's closer look."""
    try:
        data.decode()
        fields = {name: bytes(raw) for name, raw in _decode_fields(data).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    values = b"\0".join(fields.values())
    # A name that is given twice, which msgspec hides, brings two quotes more.
    if data.count(b'"') != 2 * len(fields) + values.count(b'"') or data.count(b"\\") != values.count(b"\\"):
        return None
    if has_lone_surrogate(values) or values.count(b"[") + values.count(b"{") >= MAX_CONTEXT_DEPTH:
        return None
    times = [name for name in mapping.timestamp if name in fields]
    messages = [name for name in mapping.message if name in fields]
    if len(times) != 1 or len(messages) != 1:
        return None
    try:
        timestamp = _timestamp(times[0], fields.pop(times[0]), mapping.epoch)
        message = _message(messages[0], fields.pop(messages[0]))
    except InvalidEntry:
        return None
    rest = ",".join([f'"{name}":{raw.decode()}' for name, raw in fields.items()])
    return Entry(timestamp, message, "{" + rest + "}" if rest else None)


def decode_mapped(data: bytes, mapping: FieldMapping) -> Entry:
    """The entry of one JSON text, as `mapping` tells. Raises InvalidEntry, with the client's field name."""
    found: dict[str, tuple[str, bytes]] = {}
    rest: list[str] = []
    for raw_name, span in members(data):
        if has_lone_surrogate(raw_name):
            raise InvalidEntry(
                "SURROGATE_UNPAIRED", "A field's name contains half of a character. Was it cut off?"
            )
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
        raise InvalidEntry("FIELD_REPEATED", f"{name} occurs more than once. Send it once.", name)
    raise InvalidEntry(
        "FIELD_AMBIGUOUS",
        f"Both {other} and {name} match the {role} of this mapping. Use one that names only one of them, "
        "built in or your own (LOGLEAP_MAPPINGS).",
        name,
    )


def _chosen(found: Mapping[str, tuple[str, bytes]], role: str, names: Sequence[str]) -> tuple[str, bytes]:
    if role not in found:
        raise InvalidEntry(
            f"{role.upper()}_MISSING",
            f"The entry has no {' or '.join(names)}, which this mapping uses as the {role}. "
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
        raise InvalidEntry(bad.code, str(bad), name) from None
    remedy = f"or a number of {epoch} since 1970" if epoch else "as this mapping has no unit for numbers"
    raise InvalidEntry(
        "TIMESTAMP_INVALID",
        f"{name} is {shown(text)}, but must be an RFC 3339 time, such as {EXAMPLE!r}, {remedy}.",
        name,
    )


def _message(name: str, raw: bytes) -> str:
    if raw[:1] != b'"':
        if raw == b"null":
            raise InvalidEntry("MESSAGE_MISSING", f"{name} is null. Give it a text, or omit the entry.", name)
        return raw.decode()
    message = decode_string(raw)
    if not message:
        raise InvalidEntry("MESSAGE_EMPTY", f"{name} is empty. Give it a text, or omit the entry.", name)
    return message


def _check_depth(name: str, span: Span) -> None:
    if span.depth >= MAX_CONTEXT_DEPTH:  # the context is one around it
        raise InvalidEntry(
            "CONTEXT_TOO_DEEP",
            f"{name} nests arrays and objects {span.depth} levels deep; the limit is "
            f"{MAX_CONTEXT_DEPTH - 1}. Send it as a string that contains the JSON.",
            name,
        )
