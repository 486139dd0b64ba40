"""Entries decoded by a mapping: usual ones quickly, others by a closer look that tells what is wrong."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from logleap.codecs.epoch import Unit, epoch_micros, is_number, likely_unit, parse_epoch
from logleap.codecs.json.strict import (
    EntryFormat,
    InvalidEntry,
    decode_string,
    members,
    shown,
    too_deep,
    well_formed,
)
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH, has_lone_surrogate
from logleap.codecs.mappings import FieldMapping, Pattern
from logleap.codecs.templates import Template, fill_message_template, fill_slf4j
from logleap.codecs.timestamps import EXAMPLE, BadTimestamp
from logleap.codecs.written_times import parse_written_time, parse_written_times
from logleap.codecs.zones import zone_of
from logleap.domain.entries import Entries, Entry
from logleap.domain.times import to_micros

_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_decode_integers = msgspec.json.Decoder(list[int]).decode

_ESCAPED = re.compile(r'["\\\x00-\x1f]')  # what a name has escapes for, whichever

_STEPS: Mapping[Unit, int] = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 1}
_PADDING = 1024  # characters by which a filled pattern may be longer than all fields of its record
_RENDERINGS = "@r"  # CLEF's, of the holes that have a format
_ARGUMENTS = "arguments"  # logback's


def mapped(mapping: FieldMapping) -> EntryFormat:
    """The form of entries whose fields `mapping` names."""
    decoder = _decoder(mapping)

    def in_zone(name: str) -> EntryFormat:
        return mapped(msgspec.structs.replace(mapping, zone=name))

    return EntryFormat(decoder.array, decoder.lines, decoder.exactly, in_zone=in_zone)


def decode_mapped(data: bytes, mapping: FieldMapping) -> Entry:
    """The entry of one JSON text, by `mapping`. Raises InvalidEntry, with the client's field name."""
    return _decoder(mapping).exactly(data)


class _Field:
    """One field of an object: its name, plain and as written, and its value's JSON text."""

    __slots__ = ("depth", "inner", "name", "raw", "taken", "written")

    def __init__(self, name: str, written: str, raw: bytes, depth: int = 0) -> None:
        self.name = name
        self.written = written  # with its quotes
        self.raw = raw
        self.depth = depth
        self.inner: list[_Field] | None = None  # those of its object, once one was searched there
        self.taken = False  # it is the timestamp or in the message, so not in the context


_Split = Callable[[bytes], "list[_Field]"]
"""The fields of a JSON object. Raises InvalidEntry."""


class _Decoder:
    """One mapping, prepared."""

    def __init__(self, mapping: FieldMapping) -> None:
        self._mapping = mapping
        self._zone = None if mapping.zone is None else zone_of(mapping.zone)
        self._templates = tuple(map(Template, mapping.template))
        names = (*mapping.timestamp, *mapping.message)
        self._is_flat = not (
            mapping.template or mapping.pattern or mapping.nanoseconds or any("." in name for name in names)
        )

    def array(self, data: bytes, largest: int) -> Entries | None:
        try:
            data.isascii() or data.decode()
            sent = list(map(bytes, _decode_raws(data)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return self._many(sent) if max(map(len, sent), default=0) <= largest else None

    def lines(self, data: bytes) -> Entries | None:
        try:
            data.isascii() or data.decode()
        except UnicodeDecodeError:
            return None
        return self._many(data.removesuffix(b"\n").split(b"\n"))

    def _many(self, sent: Iterable[bytes]) -> Entries | None:
        """The entries of texts in UTF-8. None: one of them needs a closer look."""
        try:
            return self._flat(sent) if self._is_flat else self._nested(sent)
        except (InvalidEntry, BadTimestamp):
            return None

    def _flat(self, sent: Iterable[bytes]) -> Entries | None:
        epoch = self._mapping.epoch
        micros: list[int] = []
        texts: list[str] = []  # of times that are no numbers
        messages = []
        contexts: list[str | None] = []
        for data in sent:
            fields = _sure_fields(data)
            if fields is None:
                return None
            times = [name for name in self._mapping.timestamp if name in fields]
            names = [name for name in self._mapping.message if name in fields]
            if len(times) != 1 or len(names) != 1:
                return None
            time = bytes(fields.pop(times[0]))
            if epoch is not None:
                text = _text(time)
                micros.append(
                    epoch_micros(text, epoch)
                    if text.isdecimal() or is_number(text)
                    else to_micros(self._timestamp(times[0], time))
                )
            elif time[:1] == b'"':
                texts.append(decode_string(time))
            else:
                return None
            messages.append(self._message(names[0], bytes(fields.pop(names[0]))))
            contexts.append(_encode(fields).decode() if fields else None)
        if texts:
            micros = [to_micros(moment) for moment in parse_written_times(texts, self._zone)]
        return Entries(array("q", micros), messages, contexts)

    def _nested(self, sent: Iterable[bytes]) -> Entries | None:
        entries = []
        for data in sent:
            fields = _sure_fields(data)
            if fields is None:
                return None
            entries.append(self._entry(_listed(fields), _sure_split))
        return Entries.of(entries)

    def exactly(self, data: bytes) -> Entry:
        """Raises InvalidEntry."""
        return self._entry(_exact_split(data), _exact_split)

    def _entry(self, fields: "list[_Field]", split: _Split) -> Entry:
        at = self._found("timestamp", self._mapping.timestamp, fields, split)
        timestamp = self._timestamp(*at)
        if self._mapping.nanoseconds is not None:
            timestamp = self._refined(timestamp, self._mapping.nanoseconds, fields, split)
        message = self._composed(fields, split)
        context = _rest(fields)
        return Entry(timestamp, message, context if context != "{}" else None)

    def _found(
        self, role: str, names: Sequence[str], fields: "list[_Field]", split: _Split
    ) -> tuple[str, bytes]:
        """The name and the value of the only field of `names` that is there, which is then taken."""
        there = [(name, field) for name in names if (field := _find(fields, name, split)) is not None]
        if not there:
            raise _missing(role, names)
        if len(there) > 1:
            (first, _), (second, _) = there[:2]
            raise InvalidEntry(
                "FIELD_AMBIGUOUS",
                f"Both {first} and {second} match the {role} of this mapping. Use one that names only one "
                "of them, built in or your own (LOGLEAP_MAPPINGS).",
                second,
            )
        ((name, field),) = there
        field.taken = True
        return name, field.raw

    def _timestamp(self, name: str, raw: bytes) -> datetime:
        text = _text(raw)
        epoch = self._mapping.epoch
        try:
            if epoch is not None and is_number(text):
                return parse_epoch(text, epoch)
            if raw[:1] == b'"':
                return parse_written_time(text, self._zone)
        except BadTimestamp as bad:
            raise InvalidEntry(bad.code, f"{bad}{self._cure(bad, text)}", name) from None
        remedy = f"or a number of {epoch} since 1970" if epoch else "as this mapping has no unit for numbers"
        raise InvalidEntry(
            "TIMESTAMP_INVALID",
            f"{name} is {shown(text)}, but must be an RFC 3339 time, such as {EXAMPLE!r}, {remedy}.",
            name,
        )

    def _cure(self, bad: BadTimestamp, text: str) -> str:
        """What a refused time needs of the mapping, beside what its error says."""
        if self._zone is None and bad.code in ("TIMESTAMP_NO_OFFSET", "TIMESTAMP_ZONE_UNKNOWN"):
            return " A mapping has it as its `zone`."
        likely = likely_unit(text) if self._mapping.epoch is not None and is_number(text) else None
        if likely is None:
            return ""
        return f" Send {self._mapping.epoch}, or use a mapping whose `epoch` is {likely}."

    def _refined(self, moment: datetime, name: str, fields: list[_Field], split: _Split) -> datetime:
        """`moment` with the fraction of its second that the field `name` tells, if it is there."""
        field = _find(fields, name, split)
        if field is None or field.raw == b"null":
            return moment
        field.taken = True
        if not field.raw.isdigit() or len(field.raw) > len("999999999"):
            wrong = shown(field.raw.decode())
            raise InvalidEntry(
                "TIMESTAMP_INVALID",
                f"{name} is {wrong}, but must be a number of nanoseconds below 10^9.",
                name,
            )
        micros = int(field.raw) // 1000
        step = _STEPS[self._mapping.epoch or "us"]
        if micros // step * step % 1_000_000 != moment.microsecond:
            raise InvalidEntry(
                "TIMESTAMP_AMBIGUOUS",
                f"{name} is {int(field.raw)}, but the timestamp has another fraction of its "
                f"second, {moment.microsecond} microseconds. Have the logger write one of them.",
                name,
            )
        return moment + timedelta(microseconds=micros - moment.microsecond)

    # ---- the message ---------------------------------------------------------------------------------------

    def _composed(self, fields: "list[_Field]", split: _Split) -> str:
        if self._templates:
            return self._by_template(fields, split)
        names, pattern = self._mapping.message, self._mapping.pattern
        if pattern is None or any(_find(fields, name, split) is not None for name in names):
            return self._message(*self._found("message", names, fields, split))
        field = _find(fields, pattern.field, split)
        if field is None:
            raise _missing("message", (*names, pattern.field))
        return self._by_pattern(pattern, field, fields, split)

    def _by_template(self, fields: "list[_Field]", split: _Split) -> str:
        def text_of(name: str) -> str | None:
            field = _find(fields, name, split)
            return None if field is None or field.raw == b"null" else _text(field.raw)

        for template in self._templates:
            message = template.fill(text_of)
            if message is None:
                continue
            for name in template.names:
                if field := _find(fields, name, split):
                    field.taken = True
            return self._checked(template.names[0], message)
        names = dict.fromkeys(name for template in self._templates for name in template.names)
        raise _missing("message", tuple(names))

    def _by_pattern(self, pattern: Pattern, field: _Field, fields: "list[_Field]", split: _Split) -> str:
        def text_of(name: str) -> str | None:
            found = _only(fields, name)
            return None if found is None else _text(found.raw)

        text = self._message(pattern.field, field.raw)
        message: str | None
        if pattern.style == "slf4j":
            message = fill_slf4j(text, _items(_find(fields, _ARGUMENTS, split)))
        else:
            renderings = _items(_find(fields, _RENDERINGS, split))
            most = sum(len(each.raw) for each in fields) + _PADDING
            message = fill_message_template(text, text_of, renderings, most)
        if message is None:
            detail = f"{pattern.field}, with its fields filled in, is longer than the whole record."
            raise InvalidEntry(
                "ENTRY_TOO_LARGE", f"{detail} Name long fields in it only once.", pattern.field
            )
        field.taken = message == text  # else the context keeps the pattern, and what fills it
        return self._checked(pattern.field, message)

    def _message(self, name: str, raw: bytes) -> str:
        if raw[:1] == b'"':
            return self._checked(name, decode_string(raw))
        if raw == b"null":
            raise InvalidEntry("MESSAGE_MISSING", f"{name} is null. Give it a text, or omit the entry.", name)
        if raw[:1] == b"[" and self._mapping.byte_arrays:
            text = _text_of_bytes(name, raw)
            if text is not None:
                return self._checked(name, text)
        return raw.decode()

    def _checked(self, name: str, message: str) -> str:
        """`message` without what the logger adds. Raises InvalidEntry if nothing is left."""
        if self._mapping.strip == "newline":
            message = message.removesuffix("\n").removesuffix("\r")
        elif self._mapping.strip == "blank":
            message = message.removeprefix(" ")
        if not message:
            raise InvalidEntry("MESSAGE_EMPTY", f"{name} is empty. Give it a text, or omit the entry.", name)
        return message


_decoder = lru_cache(maxsize=256)(_Decoder)


# ---- fields ------------------------------------------------------------------------------------------------


def _sure_fields(data: bytes) -> dict[str, msgspec.Raw] | None:
    """The fields of an object in UTF-8, by names that need no escapes. None: it needs a closer look."""
    try:
        fields = _decode_fields(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    written = _encode(fields)
    # Of a name given twice, which msgspec hides, or with escapes, fewer quotes or backslashes are left.
    if data.count(b'"') != written.count(b'"'):
        return None
    if b"\\" in data and (
        data.count(b"\\") != written.count(b"\\") or _ESCAPED.search("".join(fields)) is not None
    ):
        return None
    if has_lone_surrogate(written) or written.count(b"[") + written.count(b"{") > MAX_CONTEXT_DEPTH:
        return None
    return fields


def _sure_split(data: bytes) -> "list[_Field]":
    fields = _sure_fields(data)
    if fields is None:
        raise InvalidEntry("JSON_MALFORMED", "It needs a closer look.")
    return _listed(fields)


def _listed(fields: Mapping[str, msgspec.Raw]) -> list[_Field]:
    return [_Field(name, f'"{name}"', bytes(raw)) for name, raw in fields.items()]


def _exact_split(data: bytes) -> "list[_Field]":
    fields = []
    for raw_name, span in members(data):
        if has_lone_surrogate(raw_name):
            raise InvalidEntry(
                "SURROGATE_UNPAIRED", "A field's name contains half of a character. Was it cut off?"
            )
        name = decode_string(raw_name)
        fields.append(_Field(name, raw_name.decode(), well_formed(data, span, name), span.depth))
    return fields


def _find(fields: "list[_Field]", name: str, split: _Split) -> _Field | None:
    """The field of that name, or else the one that its dots lead to. InvalidEntry: there are several."""
    field = _only(fields, name)
    if field is not None:
        return field
    for outer_name, rest in _divisions(name):
        outer = _only(fields, outer_name)
        if outer is None or outer.raw[:1] != b"{":
            continue
        if outer.inner is None:
            outer.inner = split(outer.raw)
        field = _find(outer.inner, rest, split)
        if field is not None:
            return field
    return None


def _divisions(name: str) -> Iterator[tuple[str, str]]:
    """`a.b.c` divided at each of its dots, the last one first."""
    at = name.rfind(".")
    while at >= 0:
        yield name[:at], name[at + 1 :]
        at = name.rfind(".", 0, at)


def _only(fields: "list[_Field]", name: str) -> _Field | None:
    found = None
    for field in fields:
        if field.name == name:
            if found is not None:
                raise InvalidEntry("FIELD_REPEATED", f"{name} occurs more than once. Send it once.", name)
            found = field
    return found


def _rest(fields: "list[_Field]") -> str:
    """The fields that are not taken, as JSON. Raises InvalidEntry where they nest too deep."""
    kept = []
    for field in fields:
        if field.taken:
            continue
        raw = field.raw.decode()
        if field.inner is not None and _touched(field.inner):
            raw = _rest(field.inner)
            if raw == "{}":
                continue
        if field.depth >= MAX_CONTEXT_DEPTH:  # the context is one around it
            raise too_deep(field.name, MAX_CONTEXT_DEPTH - 1)
        kept.append(f"{field.written}:{raw}")
    return "{" + ",".join(kept) + "}"


def _touched(fields: "list[_Field]") -> bool:
    return any(field.taken or (field.inner is not None and _touched(field.inner)) for field in fields)


# ---- values ------------------------------------------------------------------------------------------------


def _text(raw: bytes) -> str:
    """A string as the text that it is, anything else as its JSON."""
    return decode_string(raw) if raw[:1] == b'"' else raw.decode()


def _items(field: _Field | None) -> Sequence[str]:
    """The texts of the items of an array; none of what is no array."""
    if field is None or field.raw[:1] != b"[":
        return ()
    return [_text(bytes(raw)) for raw in _decode_raws(field.raw)]


def _text_of_bytes(name: str, raw: bytes) -> str | None:
    """The text of an array of bytes; None: it is another array. Raises InvalidEntry if it is not UTF-8."""
    try:
        sent = bytes(_decode_integers(raw))
    except (msgspec.ValidationError, ValueError):
        return None
    try:
        return sent.decode()
    except UnicodeDecodeError as error:
        raise InvalidEntry(
            "NOT_UTF8",
            f"{name} is an array of bytes, of which number {error.start + 1} is wrong in UTF-8. Have the "
            "program log in UTF-8, or omit the entry.",
            name,
        ) from None


def _missing(role: str, names: Sequence[str]) -> InvalidEntry:
    return InvalidEntry(
        f"{role.upper()}_MISSING",
        f"The entry has no {' or '.join(names)}, which this mapping uses as the {role}. "
        "Let the client send it, or use another mapping.",
        names[0],
    )
