"""Entries from any bytes that come in pieces, without a request; refusals say where and how much."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

import pytest

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
from logleap.codecs.json.stream import (
    RAISES,
    EntryStream,
    JudgedEntries,
    Reader,
    read_json,
    read_ndjson,
)
from logleap.codecs.limits import DEFAULT_LIMITS
from logleap.codecs.otlp.file import OTEL_FILE_FORMAT
from logleap.domain.entries import Entry
from logleap.domain.errors import InvalidEntries, Refusal

LINE = b'{"timestamp": "2026-03-02T06:00:00Z", "message": "jam"}'
ENTRY = Entry(datetime(2026, 3, 2, 6, tzinfo=UTC), "jam")
LIMITS = replace(DEFAULT_LIMITS, entry_bytes=100, json_entries=3)


class Pieces:
    """A body in pieces of three bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        return (self._data[at : at + 3] for at in range(0, len(self._data), 3))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self._data).hexdigest()


def test_json_and_ndjson_are_read_from_pieces() -> None:
    for data, read in ((b"[%b, %b]" % (LINE, LINE), read_json), (b"%b\n\n%b" % (LINE, LINE), read_ndjson)):
        stream = EntryStream(Pieces(data), LIMITS, read)
        assert [entry for part in stream for entry in part] == [ENTRY, ENTRY]
        assert stream.sha256 == hashlib.sha256(data).hexdigest()


LARGE = LINE.replace(b"jam", b"j" * 100)
REFUSED = [
    (b" ", BodyEmpty, {}),
    (b"7", BodyNotEntries, {}),
    (b'[\n"\xc3\xa9\xff"]', BodyNotUtf8, {"place": Place(6, 2, 3)}),
    (b"[%b,\n}" % LINE, JsonMalformed, {"place": Place(len(LINE) + 4, 2, 1), "trailing": False}),
    (LINE + b"]", JsonMalformed, {"place": Place(len(LINE) + 1, 1, len(LINE) + 1), "trailing": True}),
    (b"[%b, %b]" % (LINE, LARGE), EntryTooLarge, {"limit": 100, "index": 1, "line": None}),
    (b"[" + b",".join([LINE] * 4) + b"]", TooManyEntries, {"limit": 3}),
    (b"[%b, 5]" % LINE, InvalidEntries, {"total": 1}),
]


@pytest.mark.parametrize(("data", "kind", "facts"), REFUSED, ids=[kind.__name__ for _, kind, _ in REFUSED])
def test_what_is_refused_carries_its_facts(
    data: bytes, kind: type[Refusal], facts: dict[str, object]
) -> None:
    with pytest.raises(kind) as refused:
        list(EntryStream(Pieces(data), LIMITS, read_json))
    assert {name: value for name, value in vars(refused.value).items() if name in facts} == facts
    assert 10 < len(str(refused.value)) < 120


def test_a_line_that_is_too_large_is_refused_with_its_line() -> None:
    with pytest.raises(EntryTooLarge) as refused:
        list(EntryStream(Pieces(b"%b\n\n%b" % (LINE, LARGE)), LIMITS, read_ndjson))
    assert (refused.value.index, refused.value.line) == (1, 3)


def test_all_that_a_stream_raises_is_listed() -> None:
    assert {*(kind for _, kind, _ in REFUSED), ExportTooLarge} == set(RAISES)


def test_exports_that_become_too_large_together_are_refused_with_the_limit() -> None:
    attribute = '{"key": "a", "value": {"stringValue": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}'
    record = '{"timeUnixNano": "1772431200000000000", "body": {"stringValue": "x"}}'
    export = (
        f'{{"resourceLogs": [{{"resource": {{"attributes": [{attribute}]}}, '
        f'"scopeLogs": [{{"logRecords": [{", ".join([record] * 9)}]}}]}}]}}'
    )
    limits = replace(DEFAULT_LIMITS, json_bytes=len(export))
    whole = EntryStream(Pieces(export.encode()), limits, read_json, form=OTEL_FILE_FORMAT)
    assert [len(part) for part in whole] == [9]
    many = f"[{', '.join([export] * 9)}]".encode()
    with pytest.raises(ExportTooLarge) as refused:
        list(EntryStream(Pieces(many), limits, read_json, form=OTEL_FILE_FORMAT))
    assert refused.value.limit == 4 * len(export)
    lines = "\n".join([export] * 9).encode()
    parts = list(EntryStream(Pieces(lines), limits, read_ndjson, form=OTEL_FILE_FORMAT))
    assert [len(part) for part in parts] == [9] * 9, "line by line: a block of them could become gigabytes"


def export_of(records: int) -> bytes:
    record = '{"timeUnixNano": "1772431200000000000", "body": {"stringValue": "x"}}'
    logs = ", ".join([record] * records)
    return f'{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{logs}]}}]}}]}}'.encode()


def test_the_limit_of_entries_counts_those_that_share_a_text() -> None:
    limits = replace(DEFAULT_LIMITS, json_entries=10)

    def taken(body: bytes, read: Reader = read_json) -> int:
        stream = EntryStream(Pieces(body), limits, read, form=OTEL_FILE_FORMAT)
        return sum(map(len, stream))

    assert taken(b"[%b, %b]" % (export_of(4), export_of(6))) == 10
    with pytest.raises(TooManyEntries) as refused:
        taken(b"[%b, %b]" % (export_of(4), export_of(7)))
    assert refused.value.limit == 10
    for read in (read_json, read_ndjson):
        with pytest.raises(InvalidEntries) as invalid:
            taken(export_of(100), read)
        assert invalid.value.errors[0].code == "ENTRY_TOO_LARGE"
        assert "more than 10 log records" in invalid.value.errors[0].detail
    assert taken(b"\n".join([export_of(10)] * 2), read_ndjson) == 20, "NDJSON is bounded by line"
    limits = replace(DEFAULT_LIMITS, json_entries=60_000)
    assert taken(export_of(50_001)) == 50_001, "the operator may allow more than the default"


BEGINNINGS = {
    "array": b"[",
    "wrapper": b'{"entries":',
    "wrapper with other fields": b'{"a":1,"entries":',
    "entry": LINE[:-1] + b',"context":',
    "wrapped entry": b'{"entries":[' + LINE[:-1] + b',"context":',
    "second entry": b"[" + LINE + b"," + LINE[:-1] + b',"context":',
}
FILLERS = {
    "arrays in one another": b"[",
    "objects in one another": b'{"a":',
    "members": b'{"a":1}'[:-1] + b"".join([b',"a":1'] * 20) + b",",
    "empty arrays": b"[],",
}


def steps(data: bytes) -> tuple[int, Refusal]:
    """How many calls the reading takes, and what it raises."""
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    stream = EntryStream(Pieces(data), replace(DEFAULT_LIMITS, entry_bytes=2000, json_entries=100), read_json)
    pieces = len(data) // 3  # the body's own calls
    sys.setprofile(count)
    try:
        with pytest.raises(Refusal) as refused:
            list(stream)
    finally:
        sys.setprofile(None)
    return calls - pieces, refused.value


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_stands_behind_the_first_wrong_byte_costs_nothing(beginning: str, filler: str) -> None:
    """Each array or member took a few microseconds: ten megabytes of them, ten kilobytes of gzip, 17 s."""

    def body(repeated: int) -> bytes:
        inside = FILLERS[filler] * repeated
        start = BEGINNINGS[beginning]
        return start + (b"[" if filler == "empty arrays" else b"") + inside

    few, many = steps(body(2000))[0], steps(body(20_000))[0]
    assert many < few * 1.5 + 200


def test_an_entry_that_nests_too_deep_ends_the_reading_and_is_named_with_those_before() -> None:
    deep = LINE[:-1] + b',"context":' + b"[" * 101 + b"]" * 101 + b"}"
    for data, index in (
        (deep, 0),
        (b"[%b, 5, %b, 5]" % (LINE, deep), 2),
        (b'{"entries": [%b, 5, %b, 5]}' % (LINE, deep), 2),
    ):
        for partial in (False, True):
            limits = replace(LIMITS, entry_bytes=1000)
            with pytest.raises(InvalidEntries) as refused:
                list(EntryStream(Pieces(data), limits, read_json, partial=partial))
            assert refused.value.errors[-1].code == "CONTEXT_TOO_DEEP"
            assert refused.value.errors[-1].index == index
            assert refused.value.total == max(1, index)


def test_ndjson_goes_on_behind_a_line_that_nests_too_deep() -> None:
    deep = LINE[:-1] + b',"context":' + b"[" * 101 + b"]" * 101 + b"}"
    stream = EntryStream(
        Pieces(b"\n".join([LINE, deep, LINE])), replace(LIMITS, entry_bytes=1000), read_ndjson, partial=True
    )
    assert [entry for part in stream for entry in part] == [ENTRY, ENTRY]
    assert stream.refused is not None
    assert stream.refused.errors[0].code == "CONTEXT_TOO_DEEP"


def judged(data: bytes, read: Reader = read_ndjson) -> list[tuple[int, int, list[int]]]:
    """Of each part: its start, how many entries it has, the indexes of its bad ones."""
    return [
        (part.start, len(part.entries), [error.index for error in part.errors])
        for part in JudgedEntries(Pieces(data), DEFAULT_LIMITS, read)
    ]


def test_judged_entries_have_every_bad_one_in_its_place() -> None:
    assert judged(b"%b\n{}\n\n%b\n7" % (LINE, LINE)) == [(0, 2, [1, 3])]
    assert judged(b"[%b,{},%b]" % (LINE, LINE), read_json) == [(0, 2, [1])]
    assert judged(b"{}") == [(0, 0, [0])]
    assert judged(b"\n") == []
    large = LINE.replace(b"jam", b"j" * 900_000)
    parts = judged(b"%b\n{}\n%b\n%b\n{}" % (LINE, large, large))
    assert [start for start, _, _ in parts] == [0, 3][: len(parts)]
    assert sum(good for _, good, _ in parts) == 3
    assert [index for *_, bad in parts for index in bad] == [1, 4]


def test_judged_entries_end_where_too_many_are_bad() -> None:
    parts = JudgedEntries(Pieces(b"{}\n" * 100_001), DEFAULT_LIMITS, read_ndjson)
    with pytest.raises(InvalidEntries) as refusal:
        list(parts)
    assert (refusal.value.total, len(refusal.value.errors)) == (100_000, 100)
