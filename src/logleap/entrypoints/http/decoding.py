"""From JSON text to entries: many at once where that is sure to be exact, else one by one."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from logleap.domain.entries import Entries, Entry
from logleap.entrypoints.http.jsontext import JsonWalk, Malformed, Span, has_lone_surrogate
from logleap.entrypoints.http.timestamps import EXAMPLE, BadTimestamp, parse_timestamp, parse_timestamps

MAX_CONTEXT_DEPTH = 100  # arrays and objects in one another: more is no data, and breaks who reads it later

_SHALLOW = 2 * MAX_CONTEXT_DEPTH  # characters: a text that is no longer cannot nest deeper

_FIELDS = ("timestamp", "message", "context")
_SHOWN_NAMES = 5  # of unknown fields, in an error


class Unfit(Exception):
    """One entry that cannot be taken: a stable code, what is wrong and what to do, and the field."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class _Wire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    message: Annotated[str, msgspec.Meta(min_length=1)]
    context: msgspec.Raw = msgspec.Raw()


class _TextWire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """For times that msgspec would round, or does not know."""

    timestamp: str
    message: Annotated[str, msgspec.Meta(min_length=1)]
    context: msgspec.Raw = msgspec.Raw()


class _Wrapper(msgspec.Struct, forbid_unknown_fields=True):
    entries: msgspec.Raw


class _Decode(NamedTuple):
    """The same text's two decoders: the quick one, and the one that leaves times as they are written."""

    quickly: Callable[[bytes], list[_Wire]]
    as_text: Callable[[bytes], list[_TextWire]]


_ARRAY = _Decode(msgspec.json.Decoder(list[_Wire]).decode, msgspec.json.Decoder(list[_TextWire]).decode)
_LINES = _Decode(msgspec.json.Decoder(_Wire).decode_lines, msgspec.json.Decoder(_TextWire).decode_lines)
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_wrapper = msgspec.json.Decoder(_Wrapper).decode
decode_string = msgspec.json.Decoder(str).decode

_CLOSER_LOOK = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, BadTimestamp, Unfit)
_FINER_THAN_MICROSECONDS = re.compile(rb"\.[0-9]{7}")
# As \u escapes: a quote, and letters that a field's name may have.
_TREACHEROUS = re.compile(rb"\\u00(?:22|[67])")


def decode_array(data: bytes, largest: int) -> Entries | None:
    """The entries of a JSON array, or of the array in `{"entries": […]}`, or the one that is no array.

    None unless it is sure that all are right and none has more than `largest` bytes: then `data` needs a
    closer look, entry by entry.
    """
    try:
        if data.lstrip()[:1] == b"{":
            if b'"entries"' not in data:
                return _single(data) if len(data) <= largest else None
            if data.count(b'"entries"') > 1 or _TREACHEROUS.search(data):
                return None
            data = bytes(_decode_wrapper(data).entries)
        entries = _entries(data, _ARRAY)
        if entries is None or len(data) <= largest or _surely_small(entries, len(data), largest):
            return entries
        return entries if max(map(len, _decode_raws(data)), default=0) <= largest else None
    except _CLOSER_LOOK:
        return None


def _surely_small(entries: Entries, size: int, largest: int) -> bool:
    """Whether none of them can have more than `largest` of the `size` bytes in which they were sent.

    Even if all that is not the others' text belongs to the one with the longest. The other way to tell is to
    parse everything once more.
    """
    messages = list(map(len, entries.messages))
    contexts = [len(context) for context in entries.contexts if context is not None]
    longest = max(messages, default=0) + max(contexts, default=0)
    return size - sum(messages) - sum(contexts) + longest <= largest


def decode_lines(data: bytes) -> Entries | None:
    """The entries of `data`, one a line. None: they need a closer look, line by line."""
    try:
        entries = _entries(data, _LINES)
    except _CLOSER_LOOK:
        return None
    # Blank lines, two entries in a line, or one in two: the closer look tells where which stands.
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    return entries if entries is not None and len(entries) == lines else None


def decode_entry(data: bytes) -> Entry:
    """The entry of one JSON text. Raises Unfit."""
    try:
        entries = _single(data)
    except _CLOSER_LOOK:
        entries = None
    return entries[0] if entries is not None else decode_entry_exactly(data)


class Form(NamedTuple):
    """How entries are written. The first two give None where `entry` has to look at each of them."""

    array: Callable[[bytes, int], Entries | None]
    lines: Callable[[bytes], Entries | None]
    entry: Callable[[bytes], Entry]


STRICT = Form(decode_array, decode_lines, decode_entry)


def _single(data: bytes) -> Entries | None:
    entries = _entries(b"[%b]" % data, _ARRAY)
    return entries if entries is not None and len(entries) == 1 else None


def _entries(data: bytes, decode: _Decode) -> Entries | None:
    """What `data` holds; None if a field may be given twice, which msgspec hides."""
    wires, timestamps = _decoded(data, decode)
    messages = [wire.message for wire in wires]
    raw = b"\0".join([wire.context for wire in wires])
    if len(raw) < len(wires):
        if not _each_name_once(data, messages, raw, 0):
            return None
        return Entries(timestamps, messages, [None] * len(wires))
    # msgspec has seen to it that messages are UTF-8, but leaves contexts to us.
    contexts = raw.decode().split("\0")
    if len(contexts) != len(wires) or not _each_name_once(
        data, messages, raw, len(wires) - contexts.count("")
    ):
        return None
    plain = [text if text[:1] == "{" and len(text) <= _SHALLOW else _context(text) for text in contexts]
    return Entries(timestamps, messages, plain)


def _decoded(data: bytes, decode: _Decode) -> tuple[Sequence[_Wire | _TextWire], list[datetime]]:
    if not _FINER_THAN_MICROSECONDS.search(data):
        try:
            wires = decode.quickly(data)
        except msgspec.ValidationError:
            pass  # a leap second, or nothing that can be taken
        else:
            moments = [wire.timestamp for wire in wires]
            return wires, [moment if moment.tzinfo is UTC else moment.astimezone(UTC) for moment in moments]
    texts = decode.as_text(data)
    return texts, parse_timestamps([wire.timestamp for wire in texts])


def _each_name_once(data: bytes, messages: Sequence[str], raw: bytes, contexts: int) -> bool:
    """Whether every quote of `data` is accounted for: a name that is given twice brings more of them.

    Each entry has eight, around two names and two texts, a context two more and those of its own, which
    stand in `raw`, and a message those that it holds, each behind a backslash.
    """
    quotes = 8 * len(messages) + 2 * contexts + raw.count(b'"')
    if b"\\" in data:
        if _TREACHEROUS.search(data):
            return False
        quotes += "".join(messages).count('"')
    return data.count(b'"') == quotes


def _context(raw: str) -> str | None:
    if not raw or raw == "null":
        return None
    if raw[0] == '"':
        return decode_string(raw)
    if len(raw) > _SHALLOW and raw.count("[") + raw.count("{") > MAX_CONTEXT_DEPTH:
        _check_depth(JsonWalk(raw.encode()).value())
    return raw


def decode_entry_exactly(data: bytes) -> Entry:
    """The same as `decode_entry`, by the slow way that finds out what is wrong."""
    fields = _fields(data)
    try:
        timestamp = parse_timestamp(_string(data, fields, "timestamp"))
    except BadTimestamp as bad:
        raise Unfit(bad.code, str(bad), "timestamp") from None
    message = _string(data, fields, "message")
    if not message:
        raise Unfit("MESSAGE_EMPTY", "message is empty. Give it a text, or leave the entry out.", "message")
    if "context" not in fields:
        return Entry(timestamp, message)
    _check_depth(fields["context"])
    return Entry(timestamp, message, _context(well_formed(data, fields["context"], "context").decode()))


def members(data: bytes) -> list[tuple[bytes, Span]]:
    """The names (JSON strings, as sent) and values of an entry, repeated ones too.

    Raises Unfit unless it is an object.
    """
    found: list[tuple[bytes, Span]] = []
    try:
        data.decode()
        walk = JsonWalk(data)
        is_object = walk.upcoming() == b"{"
        if is_object:
            found = list(walk.members())
        else:
            walk.value()
        walk.finish()
    except UnicodeDecodeError as error:
        detail = f"The line is not UTF-8: its byte {error.start + 1} is wrong. Send it in UTF-8."
        raise Unfit("NOT_UTF8", detail) from None
    except Malformed as error:
        detail = f"The line is not JSON: at its byte {error.position + 1}, {error}. Send an entry a line."
        raise Unfit("JSON_MALFORMED", detail) from None
    if not is_object:
        example = f'{{"timestamp": "{EXAMPLE}", "message": "…"}}'
        detail = f"An entry is a JSON object such as {example}, but this is {shown(data.decode().strip())}."
        raise Unfit("ENTRY_NOT_AN_OBJECT", detail)
    return found


def _fields(data: bytes) -> dict[str, Span]:
    """Where the values of an entry stand in its JSON text. Raises Unfit unless it is an object of ours."""
    fields: dict[str, Span] = {}
    unknown: list[str] = []
    repeated = None
    for raw, span in members(data):
        name = _name(raw)
        if name in fields:
            repeated = name
        elif name in _FIELDS:
            fields[name] = span
        elif len(unknown) <= _SHOWN_NAMES:
            unknown.append(name)
    if unknown:
        names = ", ".join(map(shown, unknown[:_SHOWN_NAMES])) + (", …" if len(unknown) > _SHOWN_NAMES else "")
        raise Unfit(
            "FIELD_UNKNOWN",
            f"An entry has no field {names}. It has timestamp, message and context: "
            "what else there is to tell belongs into context.",
            unknown[0][:100],
        )
    if repeated:
        raise Unfit("FIELD_REPEATED", f"{repeated} is given more than once. Give it once.", repeated)
    return fields


def _name(raw: bytes) -> str:
    return raw[1:-1].decode() if has_lone_surrogate(raw) else decode_string(raw)


def _string(data: bytes, fields: dict[str, Span], field: str) -> str:
    example = f" A right one: {EXAMPLE!r}." if field == "timestamp" else ""
    if field not in fields:
        raise Unfit(f"{field.upper()}_MISSING", f"The entry has no {field}. Add it.{example}", field)
    raw = well_formed(data, fields[field], field)
    if raw[:1] != b'"':
        raise Unfit(
            f"{field.upper()}_NOT_A_STRING",
            f"{field} is {shown(raw.decode())}, but must be a JSON string.{example}",
            field,
        )
    return decode_string(raw)


def well_formed(data: bytes, span: Span, field: str) -> bytes:
    """The JSON text of the value at `span`. Raises Unfit if it holds half of a character."""
    raw = data[span.start : span.end]
    if has_lone_surrogate(raw):
        raise Unfit(
            "SURROGATE_UNPAIRED",
            rf"{field} holds half of a character: a \ud800–\udfff escape without its other half. Was it cut?",
            field,
        )
    return raw


def _check_depth(context: Span) -> None:
    if context.depth > MAX_CONTEXT_DEPTH:
        raise Unfit(
            "CONTEXT_TOO_DEEP",
            f"context nests {context.depth} arrays and objects in one another; at most {MAX_CONTEXT_DEPTH} "
            "are taken. Send it as a string that holds the JSON.",
            "context",
        )


def shown(text: str) -> str:
    """What an error quotes of `text`."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
