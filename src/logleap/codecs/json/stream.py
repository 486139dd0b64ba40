"""JSON and NDJSON read into entries, with every bad one named."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from logleap.codecs.errors import (
    BodyEmpty,
    BodyNotEntries,
    BodyNotUtf8,
    EntryTooLarge,
    ExportTooLarge,
    JsonMalformed,
    Place,
    TooManyEntries,
)
from logleap.codecs.json.strict import STRICT, EntryFormat, InvalidEntry, too_deep
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH, JsonWalk, Malformed, Span, TooDeep, TooLong
from logleap.codecs.limits import SPREAD, Limits
from logleap.domain.entries import BodyPart, Entry
from logleap.domain.errors import EntryError, InvalidEntries, Refusal

_BLOCK = 15 << 16  # bytes of NDJSON that become one list of entries, or a piece more
_NAMED = 100  # bad entries
_COUNTED = 100_000  # bad entries: a small gzip can hold millions, and each costs time
_EXAMINED = 16 << 20  # bytes of bad entries: to find out what is wrong takes up to a second for each MiB
_EXPORT_DEPTH = 4 * MAX_CONTEXT_DEPTH  # of texts that hold several entries: three levels for one of theirs
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"

RAISES: Sequence[type[Refusal]] = (
    BodyEmpty,
    BodyNotEntries,
    BodyNotUtf8,
    EntryTooLarge,
    ExportTooLarge,
    InvalidEntries,
    JsonMalformed,
    TooManyEntries,
)
"""What an EntryStream raises, besides what its body does."""


class Body(Protocol):
    """The bytes of a body, in pieces of any size, to be iterated once."""

    def __iter__(self) -> Iterator[bytes]:
        """Raises a Refusal; what came until then must not count."""
        ...

    @property
    def sha256(self) -> str:
        """The digest (hex) of all bytes, after the iteration."""
        ...


class EntryStream:
    """The entries in one request's body, to be iterated once: the use cases' EntrySource.

    JSON comes as one list: an entry, an array of entries, or `{"entries": […]}`. NDJSON has one entry a line,
    with blank lines skipped, and comes in lists of about 1 MiB. A byte order mark at the beginning is
    skipped. While it is iterated it raises one of RAISES, or what its body raises, for what is wrong with the
    whole.

    Once an entry is bad no more lists come, but all is read to name every bad one, up to 100,000 or 16 MiB of
    them; then it raises InvalidEntries. If it is `partial`, the good ones come, and `refused` tells the
    others; it raises only where none is good, or so many are bad.
    """

    def __init__(
        self,
        body: Body,
        limits: Limits,
        read: "Reader",
        *,
        form: EntryFormat = STRICT,
        partial: bool = False,
        formats_of: Callable[[bytes], Sequence[str]] = lambda _data: (),
    ) -> None:
        """`formats_of` gives the names of the formats that would take a bad entry."""
        self._body = body
        self._limits = limits
        self._read = read
        self._form = form
        self._partial = partial
        self._bad = _BadEntries(formats_of)

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        taken = 0
        for entries in self._read(self._body, self._limits, self._form, self._bad):
            if entries and (self._partial or not self._bad.total):
                taken += len(entries)
                yield entries
        if not (self._partial and taken):
            self._bad.refuse()

    @property
    def sha256(self) -> str:
        """Hex, of the decoded body, after the iteration."""
        return self._body.sha256

    @property
    def refused(self) -> InvalidEntries | None:
        """Which entries were passed over, after the iteration."""
        return InvalidEntries(self._bad.named, self._bad.total) if self._bad.total else None


class JudgedEntries:
    """The entries of one request's body, to be iterated once, with every bad one in its place.

    It reads as EntryStream does, and raises the same; of bad entries InvalidEntries only where they are
    100,000, or 16 MiB.
    """

    def __init__(self, body: Body, limits: Limits, read: "Reader", *, form: EntryFormat = STRICT) -> None:
        self._body = body
        self._limits = limits
        self._read = read
        self._form = form

    def __iter__(self) -> Iterator[BodyPart]:
        bad = _BadEntries(lambda _data: (), named=_COUNTED)
        start = 0
        for entries in self._read(self._body, self._limits, self._form, bad):
            errors, bad.named = bad.named, []
            if entries or errors:
                yield BodyPart(start, entries, errors)
            start += len(entries) + len(errors)


class _BadEntries:
    def __init__(self, formats_of: Callable[[bytes], Sequence[str]], named: int = _NAMED) -> None:
        """So many are `named`; the others are counted."""
        self._formats_of = formats_of
        self._most = named
        self.named: list[EntryError] = []
        self.total = 0
        self._bytes = 0

    def add(self, invalid: InvalidEntry, data: bytes, index: int, line: int | None = None) -> None:
        """One more, which is `data`. Raises InvalidEntries if that is enough."""
        self.total += 1
        self._bytes += len(data)
        if len(self.named) < self._most:
            mappings = self._formats_of(data)
            self.named.append(
                EntryError(index, invalid.code, invalid.detail, invalid.field, line, mappings=mappings)
            )
        if self.total == _COUNTED or self._bytes > _EXAMINED:
            self.refuse()

    def refuse(self) -> None:
        if self.total:
            raise InvalidEntries(self.named[:_NAMED], self.total)


Reader = Callable[[Body, Limits, EntryFormat, _BadEntries], Iterator[Sequence[Entry]]]


def read_json(body: Body, limits: Limits, form: EntryFormat, bad: _BadEntries) -> Iterator[Sequence[Entry]]:
    """All entries of a JSON body, as one list."""
    data = b"".join(body).removeprefix(_BOM)
    entries = form.array(data, limits.entry_bytes)
    if entries is None or len(entries) > limits.json_entries:
        yield _one_by_one(data, limits, form, bad)
    else:
        yield entries


def _one_by_one(data: bytes, limits: Limits, form: EntryFormat, bad: _BadEntries) -> list[Entry]:
    look = _CloserLook(form, limits, bad)
    largest = _largest(limits, form)
    deepest = (MAX_CONTEXT_DEPTH if form.several is None else _EXPORT_DEPTH) + 1
    try:
        data.decode()
        for span in _spans(data, deepest, largest):
            look.at(data[span.start : span.end], most=limits.json_entries)
            if look.characters > SPREAD * limits.json_bytes:
                raise ExportTooLarge(SPREAD * limits.json_bytes)
    except TooLong:
        raise EntryTooLarge(largest, look.index) from None
    except TooDeep as deep:  # where the next entry begins is not known: the reading ends here
        beginning = data[deep.start : deep.start + limits.entry_bytes]
        bad.add(_too_deep(beginning, form), beginning, look.index)
        bad.refuse()
    except UnicodeDecodeError as error:
        raise BodyNotUtf8(Place.of(data, error.start)) from None
    except Malformed as error:
        raise JsonMalformed(Place.of(data, error.position), str(error), trailing=error.trailing) from None
    return look.taken()


def _too_deep(data: bytes, form: EntryFormat) -> InvalidEntry:
    """What is wrong with the entry that `data` begins with."""
    try:
        form.entry(data)
    except InvalidEntry as invalid:
        return invalid
    return too_deep()


def _spans(data: bytes, deepest: int, largest: int) -> Iterator[Span]:
    """Where the entries of a JSON body are. Raises Malformed, BodyEmpty, BodyNotEntries, TooLong or TooDeep.

    Nothing behind the first byte that is wrong is read.
    """
    walk = JsonWalk(data, deepest=deepest, largest=largest)
    kind, start = walk.upcoming(), walk.position
    if not kind:
        raise BodyEmpty
    if kind == b"[":
        yield from walk.items()
        walk.finish()
        return
    if kind != b"{":
        scalar = JsonWalk(data)
        scalar.value()
        scalar.finish()
        raise BodyNotEntries
    depth = 0
    wrapped = False
    for number, name in enumerate(walk.names()):
        if wrapped:
            raise BodyNotEntries
        if json.loads(name) == "entries":
            if number or walk.upcoming() != b"[":
                raise BodyNotEntries
            wrapped = True
            yield from walk.items()
        else:
            try:
                depth = max(depth, walk.value().depth)
            except TooDeep:
                raise TooDeep(start) from None
            if walk.position - start > largest:
                raise TooLong
    whole = Span(start, walk.position, depth + 1)
    walk.finish()
    if not wrapped:
        if whole.end - start > largest:
            raise TooLong
        yield whole


def read_ndjson(body: Body, limits: Limits, form: EntryFormat, bad: _BadEntries) -> Iterator[Sequence[Entry]]:
    """The entries of an NDJSON body, one a line, in lists of about 1 MiB."""
    index = 0
    number = 1  # of the line
    entries: Sequence[Entry] | None
    largest = _largest(limits, form)
    for block in _blocks(body, largest):
        if len(block) > largest:
            _check_lines(block.split(b"\n"), largest, index, number)
        entries = form.lines(block)
        if entries is None:
            look = _CloserLook(form, limits, bad, index)
            for at, line in enumerate(block.split(b"\n"), number):
                if line.strip(_BLANKS):
                    look.at(line, at)
                if form.several is not None:  # of which each may be many times as large as its line
                    yield look.taken()
            entries = look.taken()
            index = look.index
        else:
            index += len(entries)
        yield entries
        number += block.count(b"\n")


class _CloserLook:
    """Texts looked at one by one: the good ones can be `taken`, the others are added to the bad ones."""

    def __init__(self, form: EntryFormat, limits: Limits, bad: _BadEntries, index: int = 0) -> None:
        self._form = form
        self._limits = limits
        self._bad = bad
        self.index = index  # of the next entry
        self.characters = 0  # of good entries, where there are several in a text
        self._entries: list[Entry] = []

    def at(self, data: bytes, line: int | None = None, most: int | None = None) -> None:
        """What one JSON text holds, in NDJSON on that line. TooManyEntries: more than `most` in all."""
        for found in self._form.each(data, self._limits):
            if self.index == most:
                raise TooManyEntries(most)
            if isinstance(found, InvalidEntry):
                self._bad.add(found, data, self.index, line)
                data = b""  # whose bytes count once, however many bad ones it holds
            else:
                self._entries.append(found)
                if self._form.several is not None:
                    self.characters += len(found.message) + len(found.context or "")
            self.index += 1

    def taken(self) -> list[Entry]:
        """The good ones since the last call."""
        entries, self._entries = self._entries, []
        return entries


def _largest(limits: Limits, form: EntryFormat) -> int:
    """The bytes of one JSON text."""
    return limits.entry_bytes if form.several is None else limits.json_bytes


def _blocks(pieces: Iterable[bytes], largest: int) -> Iterator[bytes]:
    """Whole lines, about 1 MiB at a time; of a line with more than `largest` bytes perhaps the beginning."""
    pending = bytearray()
    searched = 0
    first = True
    for piece in pieces:
        pending += piece
        if len(pending) < _BLOCK:
            continue
        end = pending.rfind(b"\n", searched) + 1
        searched = len(pending)
        if not end and len(pending) > len(_BOM) + largest + 1:
            end = len(pending)  # too long a line, even if it ends right here with "\r\n"
        if end:
            yield bytes(pending[:end]).removeprefix(_BOM if first else b"")
            first = False
            del pending[:end]
            searched = 0
    yield bytes(pending).removeprefix(_BOM if first else b"")


def _check_lines(lines: list[bytes], largest: int, index: int, number: int) -> None:
    if max(map(len, lines)) <= largest:
        return
    for at, line in enumerate(lines, number):
        if len(line.removesuffix(b"\r")) > largest:
            raise EntryTooLarge(largest, index, at)
        index += bool(line.strip(_BLANKS))
