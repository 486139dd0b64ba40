"""From JSON text to entries: many at once where that is sure to be exact, else one by one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import msgspec

from logleap.codecs.json.fast import READERS
from logleap.codecs.json.fast_msgspec import TREACHEROUS
from logleap.codecs.json.walk import (
    MAX_CONTEXT_DEPTH,
    JsonWalk,
    Malformed,
    Span,
    TooDeep,
    has_lone_surrogate,
)
from logleap.codecs.limits import DEFAULT_LIMITS, Limits
from logleap.codecs.timestamps import EXAMPLE, BadTimestamp, parse_timestamp
from logleap.domain.entries import Entries, Entry

_read = READERS[0]

_FIELDS = ("timestamp", "message", "context")
_SHOWN_NAMES = 5  # of unknown fields, in an error


class InvalidEntry(Exception):
    """One entry that cannot be taken: a stable code, what is wrong and what to do, and the field."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class _Wrapper(msgspec.Struct, forbid_unknown_fields=True):
    entries: msgspec.Raw


_decode_wrapper = msgspec.json.Decoder(_Wrapper).decode
decode_string = msgspec.json.Decoder(str).decode


def decode_array(data: bytes, largest: int) -> Entries | None:
    """The entries of a JSON array, or of the array in `{"entries": […]}`, or the one that is no array.

    None unless it is sure that all are right and none has more than `largest` bytes: then `data` needs a
    closer look, entry by entry.
    """
    if data.lstrip()[:1] == b"{":
        if b'"entries"' not in data:
            return _single(data) if len(data) <= largest else None
        if data.count(b'"entries"') > 1 or TREACHEROUS.search(data):
            return None
        try:
            data = bytes(_decode_wrapper(data).entries)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    return _read.array(data, largest)


def decode_lines(data: bytes) -> Entries | None:
    """The entries of `data`, one a line. None: they need a closer look, line by line."""
    return _read.lines(data)


def decode_entry(data: bytes) -> Entry:
    """The entry of one JSON text. Raises InvalidEntry."""
    entries = _single(data)
    return entries[0] if entries is not None else decode_entry_exactly(data)


class EntryFormat(NamedTuple):
    """How entries are written. The first two give None where `entry` has to look at each of them.

    Where each JSON text holds several entries, `several` gives them, within these limits: an
    InvalidEntry stands in place of a bad one. `in_zone` gives the format whose times without an offset are of
    the zone with this name; None where all times have one.
    """

    array: Callable[[bytes, int], Entries | None]
    lines: Callable[[bytes], Entries | None]
    entry: Callable[[bytes], Entry]
    several: Callable[[bytes, Limits], Iterator[Entry | InvalidEntry]] | None = None
    in_zone: "Callable[[str], EntryFormat] | None" = None

    def each(self, data: bytes, limits: Limits) -> Iterator[Entry | InvalidEntry]:
        """The entries of one JSON text. Those of `several` are within the limits, all together as well."""
        if self.several is not None:
            yield from self.several(data, limits)
            return
        try:
            yield self.entry(data)
        except InvalidEntry as invalid:
            yield invalid

    def takes(self, data: bytes) -> bool:
        """Whether the one line `data` is surely in this format."""
        if self.several is None:
            return self.lines(data) is not None
        found = list(self.several(data, replace(DEFAULT_LIMITS, entry_bytes=len(data))))
        return bool(found) and not any(isinstance(entry, InvalidEntry) for entry in found)


STRICT = EntryFormat(decode_array, decode_lines, decode_entry)


def _single(data: bytes) -> Entries | None:
    entries = _read.array(b"[%b]" % data, len(data) + 2)
    return entries if entries is not None and len(entries) == 1 else None


def _context(raw: str) -> str | None:
    if raw == "null":
        return None
    return decode_string(raw) if raw[0] == '"' else raw


def decode_entry_exactly(data: bytes) -> Entry:
    """The same as `decode_entry`, by the slow way that finds out what is wrong."""
    fields = _fields(data)
    try:
        timestamp = parse_timestamp(_string(data, fields, "timestamp"))
    except BadTimestamp as bad:
        raise InvalidEntry(bad.code, str(bad), "timestamp") from None
    message = _string(data, fields, "message")
    if not message:
        raise InvalidEntry("MESSAGE_EMPTY", "message is empty. Give it a text, or omit the entry.", "message")
    if "context" not in fields:
        return Entry(timestamp, message)
    return Entry(timestamp, message, _context(well_formed(data, fields["context"], "context").decode()))


def members(data: bytes) -> list[tuple[bytes, Span]]:
    """The names (JSON strings, as sent) and values of an entry, repeated ones too.

    Raises InvalidEntry unless it is an object.
    """
    found: list[tuple[bytes, Span]] = []
    name = None
    try:
        data.decode()
        walk = JsonWalk(data)
        is_object = walk.upcoming() == b"{"
        if is_object:
            for name in walk.names():
                found.append((name, walk.value()))
        else:
            walk.value()
        walk.finish()
    except UnicodeDecodeError as error:
        detail = f"The line is not UTF-8: its byte {error.start + 1} is wrong. Send it in UTF-8."
        raise InvalidEntry("NOT_UTF8", detail) from None
    except TooDeep:
        raise too_deep(None if name is None else field_name(name)) from None
    except Malformed as error:
        detail = f"The line is not JSON: at its byte {error.position + 1}, {error}. Send one entry per line."
        if error.trailing and data[error.position : error.position + 1] == b"{":
            detail += " With curl send a file by --data-binary: -d removes its newlines."
        raise InvalidEntry("JSON_MALFORMED", detail) from None
    if not is_object:
        example = f'{{"timestamp": "{EXAMPLE}", "message": "…"}}'
        detail = f"An entry is a JSON object such as {example}, but this is {shown(data.decode().strip())}."
        raise InvalidEntry("ENTRY_NOT_AN_OBJECT", detail)
    return found


def _fields(data: bytes) -> dict[str, Span]:
    """Where the values of an entry stand in its JSON text. Raises InvalidEntry unless it has our fields."""
    fields: dict[str, Span] = {}
    unknown: list[str] = []
    repeated = None
    for raw, span in members(data):
        name = field_name(raw)
        if name in fields:
            repeated = name
        elif name in _FIELDS:
            fields[name] = span
        elif len(unknown) <= _SHOWN_NAMES:
            unknown.append(name)
    if unknown:
        names = ", ".join(map(shown, unknown[:_SHOWN_NAMES])) + (", …" if len(unknown) > _SHOWN_NAMES else "")
        raise InvalidEntry(
            "FIELD_UNKNOWN",
            f"An entry has no field {names}. Its fields are timestamp, message and context. "
            "Put anything else in context.",
            unknown[0][:100],
        )
    if repeated:
        raise InvalidEntry("FIELD_REPEATED", f"{repeated} occurs more than once. Send it once.", repeated)
    return fields


def field_name(raw: bytes) -> str:
    """The name of a field, from its JSON string."""
    return raw[1:-1].decode() if has_lone_surrogate(raw) else decode_string(raw)


def _string(data: bytes, fields: dict[str, Span], field: str) -> str:
    example = f" A right one: {EXAMPLE!r}." if field == "timestamp" else ""
    if field not in fields:
        raise InvalidEntry(f"{field.upper()}_MISSING", f"The entry has no {field}. Add it.{example}", field)
    raw = well_formed(data, fields[field], field)
    if raw[:1] != b'"':
        raise InvalidEntry(
            f"{field.upper()}_NOT_A_STRING",
            f"{field} is {shown(raw.decode())}, but must be a JSON string.{example}",
            field,
        )
    return decode_string(raw)


def well_formed(data: bytes, span: Span, field: str) -> bytes:
    """The JSON text of the value at `span`. Raises InvalidEntry if it holds half of a character."""
    raw = data[span.start : span.end]
    if has_lone_surrogate(raw):
        raise InvalidEntry(
            "SURROGATE_UNPAIRED",
            rf"{field} has half of a character: a \ud800–\udfff escape without its other half. Was it cut?",
            field,
        )
    return raw


def too_deep(field: str | None = None, limit: int = MAX_CONTEXT_DEPTH) -> InvalidEntry:
    """What is wrong with an entry of which a field nests more than `limit` arrays and objects."""
    name = "The entry" if field is None else field[:100]
    return InvalidEntry(
        "CONTEXT_TOO_DEEP",
        f"{name} nests arrays and objects more than {limit} levels deep. "
        "Send the context as a string that contains the JSON.",
        None if field is None else name,
    )


def shown(text: str) -> str:
    """What an error quotes of `text`."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
