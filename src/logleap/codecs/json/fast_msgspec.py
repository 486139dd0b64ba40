"""Many entries at once, by msgspec, where what it makes of them is sure to be exact."""

import re
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH, JsonWalk, TooDeep
from logleap.codecs.timestamps import BadTimestamp, parse_timestamps
from logleap.domain.entries import Entries
from logleap.domain.times import to_micros

_SHALLOW = 2 * MAX_CONTEXT_DEPTH  # characters: a text that is no longer cannot nest deeper


class _Wire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    message: Annotated[str, msgspec.Meta(min_length=1)]
    context: msgspec.Raw = msgspec.Raw()


class _TextWire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """For times that msgspec would round, or does not know."""

    timestamp: str
    message: Annotated[str, msgspec.Meta(min_length=1)]
    context: msgspec.Raw = msgspec.Raw()


class _Decode(NamedTuple):
    """The same text's two decoders: the quick one, and the one that leaves times as they are written."""

    quickly: Callable[[bytes], list[_Wire]]
    as_text: Callable[[bytes], list[_TextWire]]


_ARRAY = _Decode(msgspec.json.Decoder(list[_Wire]).decode, msgspec.json.Decoder(list[_TextWire]).decode)
_LINES = _Decode(msgspec.json.Decoder(_Wire).decode_lines, msgspec.json.Decoder(_TextWire).decode_lines)
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode

# As \u escapes: a quote, and letters that a field's name may have.
TREACHEROUS = re.compile(rb"\\u00(?:22|[67])")
_FINER_THAN_MICROSECONDS = re.compile(rb"\.[0-9]{7}")


_CLOSER_LOOK = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    OverflowError,
    BadTimestamp,
    TooDeep,
)


def read_array(data: bytes, largest: int) -> Entries | None:
    """The entries of a JSON array, each of at most `largest` bytes. None: they need a closer look."""
    try:
        entries = _entries(data, _ARRAY)
        if entries is None or len(data) <= largest or _surely_small(entries, len(data), largest):
            return entries
        return entries if max(map(len, _decode_raws(data)), default=0) <= largest else None
    except _CLOSER_LOOK:
        return None


def read_lines(data: bytes) -> Entries | None:
    """The entries of `data`, one a line. None: they need a closer look."""
    try:
        entries = _entries(data, _LINES)
    except _CLOSER_LOOK:
        return None
    # Blank lines, two entries in a line, or one in two: the closer look tells where which stands.
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    return entries if entries is not None and len(entries) == lines else None


def _surely_small(entries: Entries, size: int, largest: int) -> bool:
    """Whether none of them can have more than `largest` of the `size` bytes in which they were sent.

    Even if all that is not the others' text belongs to the one with the longest. The other way to tell is to
    parse everything once more.
    """
    messages = list(map(len, entries.messages))
    contexts = [len(context) for context in entries.contexts if context is not None]
    longest = max(messages, default=0) + max(contexts, default=0)
    return size - sum(messages) - sum(contexts) + longest <= largest


def _entries(data: bytes, decode: _Decode) -> Entries | None:
    """What `data` holds; None if a field may be given twice, which msgspec hides."""
    wires, timestamps = _decoded(data, decode)
    micros = array("q", map(to_micros, timestamps))
    messages = [wire.message for wire in wires]
    raw = b"\0".join([wire.context for wire in wires])
    if len(raw) < len(wires):
        if not _each_name_once(data, messages, raw, 0):
            return None
        return Entries(micros, messages, [None] * len(wires))
    # msgspec has seen to it that messages are UTF-8, but leaves contexts to us.
    contexts = raw.decode().split("\0")
    if len(contexts) != len(wires) or not _each_name_once(
        data, messages, raw, len(wires) - contexts.count("")
    ):
        return None
    plain = [text if text[:1] == "{" and len(text) <= _SHALLOW else _context(text) for text in contexts]
    return Entries(micros, messages, plain)


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
        if TREACHEROUS.search(data):
            return False
        quotes += "".join(messages).count('"')
    return data.count(b'"') == quotes


def _context(raw: str) -> str | None:
    if not raw or raw == "null":
        return None
    if raw[0] == '"':
        return _decode_string(raw)
    perhaps_deep = len(raw) > _SHALLOW and raw.count("[") + raw.count("{") > MAX_CONTEXT_DEPTH
    if perhaps_deep:
        JsonWalk(raw.encode()).value()
    return raw
