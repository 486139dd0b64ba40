"""What `POST /data/{dataId}` may carry: JSON or NDJSON, read into entries, with every bad one named."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from flask import Request

from logleap.codecs.json.strict import STRICT, Form, Unfit
from logleap.codecs.json.walk import JsonWalk, Malformed, Span
from logleap.domain.entries import Entry
from logleap.domain.errors import EntriesRefused, EntryError
from logleap.entrypoints.http.ingest.body import Body, BodyRefused
from logleap.settings import Settings

JSON_TYPES = ("application/json",)
NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")

_BLOCK = 15 << 16  # bytes of NDJSON that become one list of entries, or a piece more
_NAMED = 100  # bad entries
_COUNTED = 100_000  # bad entries: a small gzip can hold millions, and each costs time
_EXAMINED = 16 << 20  # bytes of bad entries: to find out what is wrong takes up to a second for each MiB
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is taken: bytes of an inflated body, bytes of one entry's JSON, entries of a JSON body.

    They are LogLeap's own; what is above is refused with 413, never cut.
    """

    json_bytes: int = 10 << 20
    ndjson_bytes: int = 1 << 30
    entry_bytes: int = 1 << 20
    json_entries: int = 50_000

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those that are set."""
        return cls(
            json_bytes=settings.json_body_limit,
            ndjson_bytes=settings.ndjson_body_limit,
            entry_bytes=settings.entry_limit,
            json_entries=settings.json_entries_limit,
        )


class Source:
    """The entries in one request's body, to be iterated once: the use cases' EntrySource.

    JSON comes as one list: an entry, an array of entries, or `{"entries": […]}`. NDJSON has one entry a line,
    with blank lines skipped, and comes in lists of about 1 MiB. A byte order mark at the beginning is
    skipped. While it is iterated it raises BodyRefused for what is wrong with the whole.

    Once an entry is bad no more lists come, but all is read to name every bad one, up to 100,000 or 16 MiB of
    them; then it raises EntriesRefused. If it is `partial`, the good ones come, and `refused` tells the
    others; it raises only where none is good, or so many are bad.
    """

    def __init__(
        self, body: Body, limits: Limits, read: "_Reader", *, form: Form = STRICT, partial: bool = False
    ) -> None:
        self._body = body
        self._limits = limits
        self._read = read
        self._form = form
        self._partial = partial
        self._bad = _BadEntries()

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
    def refused(self) -> EntriesRefused | None:
        """Which entries were passed over, after the iteration."""
        return EntriesRefused(self._bad.named, self._bad.total) if self._bad.total else None


def entry_source(request: Request, limits: Limits, *, form: Form = STRICT, partial: bool = False) -> Source:
    """The entries in the body of `request`, each in `form`.

    Raises BodyRefused if its headers tell that there can be none.
    """
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise BodyRefused(
            415, "UNSUPPORTED_CHARSET", f"charset {charset[:40]!r} is not supported. Send UTF-8."
        )
    if request.mimetype in JSON_TYPES:
        return Source(Body(request, limits.json_bytes), limits, _json, form=form, partial=partial)
    if request.mimetype in NDJSON_TYPES:
        return Source(Body(request, limits.ndjson_bytes), limits, _ndjson, form=form, partial=partial)
    said = (
        f"Content-Type {request.mimetype[:80]!r} is not supported" if request.mimetype else "No Content-Type"
    )
    raise BodyRefused(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        f"{said}. Use application/json, or application/x-ndjson for one entry a line.",
        headers={"Accept": ", ".join((*JSON_TYPES, *NDJSON_TYPES))},
    )


class _BadEntries:
    def __init__(self) -> None:
        self.named: list[EntryError] = []
        self.total = 0
        self._bytes = 0

    def add(self, unfit: Unfit, size: int, index: int, line: int | None = None) -> None:
        """One more, of `size` bytes. Raises EntriesRefused if that is enough."""
        self.total += 1
        self._bytes += size
        if len(self.named) < _NAMED:
            self.named.append(EntryError(index, unfit.code, unfit.detail, unfit.field, line))
        if self.total == _COUNTED or self._bytes > _EXAMINED:
            self.refuse()

    def refuse(self) -> None:
        if self.total:
            raise EntriesRefused(self.named, self.total)


_Reader = Callable[[Body, Limits, Form, _BadEntries], Iterator[Sequence[Entry]]]


def _json(body: Body, limits: Limits, form: Form, bad: _BadEntries) -> Iterator[Sequence[Entry]]:
    data = body.read().removeprefix(_BOM)
    entries = form.array(data, limits.entry_bytes)
    if entries is None or len(entries) > limits.json_entries:
        yield _one_by_one(data, limits, form, bad)
    else:
        yield entries


def _one_by_one(data: bytes, limits: Limits, form: Form, bad: _BadEntries) -> list[Entry]:
    entries: list[Entry] = []
    try:
        data.decode()
        for index, span in enumerate(_spans(data)):
            if index == limits.json_entries:
                raise _too_many(limits.json_entries)
            if span.end - span.start > limits.entry_bytes:
                raise _entry_too_large(limits.entry_bytes, f"The entry with index {index}")
            try:
                entries.append(form.entry(data[span.start : span.end]))
            except Unfit as unfit:
                bad.add(unfit, span.end - span.start, index)
    except UnicodeDecodeError as error:
        detail = f"The body is not UTF-8: {_place(data, error.start)} is wrong. Send it in UTF-8."
        raise BodyRefused(400, "BODY_NOT_UTF8", detail) from None
    except Malformed as error:
        hint = " For one entry a line, use Content-Type application/x-ndjson." if error.trailing else ""
        detail = f"The body is not JSON: at {_place(data, error.position)}, {error}.{hint}"
        raise BodyRefused(400, "JSON_MALFORMED", detail) from None
    return entries


def _spans(data: bytes) -> Iterator[Span]:
    """Where the entries of a JSON body stand. Raises Malformed or BodyRefused."""
    walk = JsonWalk(data)
    kind = walk.upcoming()
    if not kind:
        raise BodyRefused(400, "BODY_EMPTY", "The body is empty. Send at least one entry.")
    if kind == b"[":
        yield from walk.items()
        walk.finish()
        return
    if kind == b"{":
        whole = walk.value()
        walk.finish()
        names = 0
        wrapped = None
        for name, span in JsonWalk(data).members():
            names += 1
            if json.loads(name) == "entries":
                wrapped = span
        if wrapped is None:
            yield whole
            return
        if names == 1 and data[wrapped.start] == ord("["):
            yield from JsonWalk(data, wrapped.start).items()
            return
    else:
        walk.value()
        walk.finish()
    raise BodyRefused(
        422,
        "BODY_NOT_ENTRIES",
        'The body must be one entry, an array of entries, or {"entries": […]} without any other field.',
    )


def _ndjson(body: Body, limits: Limits, form: Form, bad: _BadEntries) -> Iterator[Sequence[Entry]]:
    index = 0
    number = 1  # of the line
    entries: Sequence[Entry] | None
    for block in _blocks(body, limits.entry_bytes):
        if len(block) > limits.entry_bytes:
            _check_lines(block.split(b"\n"), limits.entry_bytes, index, number)
        known = bad.total
        entries = form.lines(block)
        if entries is None:
            entries = _line_by_line(block.split(b"\n"), index, number, form, bad)
        yield entries
        index += len(entries) + bad.total - known
        number += block.count(b"\n")


def _line_by_line(lines: list[bytes], index: int, number: int, form: Form, bad: _BadEntries) -> list[Entry]:
    entries = []
    for at, line in enumerate(lines, number):
        if not line.strip(_BLANKS):
            continue
        try:
            entries.append(form.entry(line))
        except Unfit as unfit:
            bad.add(unfit, len(line), index, at)
        index += 1
    return entries


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
            raise _entry_too_large(largest, f"Line {at}, the entry with index {index},")
        index += bool(line.strip(_BLANKS))


def _entry_too_large(largest: int, which: str) -> BodyRefused:
    return BodyRefused(
        413,
        "ENTRY_TOO_LARGE",
        f"{which} has more than {largest} bytes, the limit for one entry. Nothing was stored: shorten it, "
        "or split it, and send the whole request again.",
    )


def _too_many(most: int) -> BodyRefused:
    return BodyRefused(
        413,
        "TOO_MANY_ENTRIES",
        f"The body has more than {most} entries, the limit for application/json. Split it into several "
        "requests, or send it as application/x-ndjson.",
    )


def _place(data: bytes, position: int) -> str:
    line = data.count(b"\n", 0, position) + 1
    column = len(data[data.rfind(b"\n", 0, position) + 1 : position].decode()) + 1
    return f"byte {position + 1} (line {line}, column {column})"
