"""From a request to entries: JSON and NDJSON, whole or refused, with every bad entry named."""

import gzip
import hashlib
import io
import itertools
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logleap.codecs.errors import BodyBrokenOff, EntryTooLarge
from logleap.codecs.limits import Limits
from logleap.container import build_container
from logleap.domain.entries import Entry, Manifest
from logleap.domain.errors import InvalidEntries, Refusal
from logleap.entrypoints.http.contract.refusals import HttpError, worded
from logleap.entrypoints.http.ingest.entry_stream import entry_stream
from logleap.settings import Settings

AT = "2026-03-02T06:00:00Z"
MOMENT = datetime(2026, 3, 2, 6, tzinfo=UTC)
LIMITS = Limits()
JSON = "application/json"
NDJSON = "application/x-ndjson"
MIB = 1 << 20


class Pieces(io.RawIOBase):
    """A stream that never holds more than a piece."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        piece = next(self._pieces, b"")
        self.given += len(piece)
        return piece


def a_request(body: bytes | io.RawIOBase, content_type: str = JSON, **environ: Any) -> Request:
    if isinstance(body, bytes):
        environ.setdefault("CONTENT_LENGTH", str(len(body)))
    else:
        environ["wsgi.input_terminated"] = True
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    return Request({"REQUEST_METHOD": "POST", "CONTENT_TYPE": content_type, "wsgi.input": stream, **environ})


def entry(number: int = 0, **fields: Any) -> bytes:
    at = (MOMENT + timedelta(seconds=number)).isoformat()
    return json.dumps({"timestamp": at, "message": f"message {number}", **fields}).encode()


def meant(numbers: Iterable[int]) -> list[Entry]:
    return [Entry(MOMENT + timedelta(seconds=number), f"message {number}") for number in numbers]


def read(body: bytes, content_type: str = JSON, limits: Limits = LIMITS) -> list[Sequence[Entry]]:
    return [list(part) for part in entry_stream(a_request(body, content_type), limits)]


def refusal(body: bytes, content_type: str = JSON, limits: Limits = LIMITS, **environ: Any) -> HttpError:
    with pytest.raises((HttpError, Refusal)) as refused:
        list(entry_stream(a_request(body, content_type, **environ), limits))
    return refused.value if isinstance(refused.value, HttpError) else worded(refused.value)


def bad_entries(body: bytes, content_type: str = JSON) -> InvalidEntries:
    with pytest.raises(InvalidEntries) as refused:
        read(body, content_type)
    return refused.value


def outcome_of(request: Request) -> list[Entry] | Refusal:
    try:
        return [found for part in entry_stream(request, LIMITS) for found in part]
    except Refusal as refused:
        return refused


@pytest.mark.parametrize(
    "body",
    [
        b"[%b,%b]",
        b" \n[ %b\r\n,\t%b ] \n",
        b'{"entries":[%b,%b]}',
        b'{ "entr\\u0069es" : [ %b , %b ] } ',
        b"\xef\xbb\xbf[%b,%b]",
    ],
)
def test_json_is_an_array_of_entries_bare_or_in_an_object(body: bytes) -> None:
    assert read(body % (entry(0), entry(1))) == [meant([0, 1])]


def test_json_may_be_a_single_entry() -> None:
    assert read(entry(3)) == [meant([3])]
    assert read(b" \n" + entry(3) + b"\n") == [meant([3])]


def test_ndjson_is_an_entry_a_line() -> None:
    body = b"\xef\xbb\xbf" + entry(0) + b"\r\n\n \t\r\n" + entry(1) + b"\n  " + entry(2)
    assert read(body, NDJSON) == [meant([0, 1, 2])]
    assert read(body + b"\n", NDJSON) == [meant([0, 1, 2])]


def test_only_a_newline_ends_a_line() -> None:
    text = "a\u2028b\x85c\u2029d"
    body = json.dumps({"timestamp": AT, "message": text}, ensure_ascii=False).encode()
    assert read(body + b"\n" + entry(1), NDJSON) == [[Entry(MOMENT, text), *meant([1])]]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json; charset="utf8"; profile=x'],
)
def test_json_goes_by_its_names(content_type: str) -> None:
    assert read(b"[%b]" % entry(), content_type) == [meant([0])]


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/ndjson", "application/jsonl;charset=utf-8"]
)
def test_ndjson_goes_by_its_names(content_type: str) -> None:
    assert read(entry(0) + b"\n" + entry(1), content_type) == [meant([0, 1])]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "application/jso", ";"],
)
def test_another_content_type_is_refused_with_the_right_ones(content_type: str) -> None:
    refused = refusal(entry(), content_type)
    assert (refused.status, refused.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert JSON in str(refused)
    assert NDJSON in str(refused)


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
def test_another_charset_is_refused(content_type: str) -> None:
    refused = refusal(entry(), f"{content_type}; charset=latin-1")
    assert (refused.status, refused.code) == (415, "UNSUPPORTED_CHARSET")


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"[]", JSON), (b'{"entries": []}', JSON), (b"", NDJSON), (b" \n\r\n", NDJSON)]
)
def test_no_entries_are_no_lists(body: bytes, content_type: str) -> None:
    assert read(body, content_type) == []


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_json_body_is_refused(body: bytes) -> None:
    assert (refusal(body).status, refusal(body).code) == (400, "BODY_EMPTY")


@pytest.mark.parametrize(
    "body",
    [
        b"1",
        b"null",
        b'"[]"',
        b"true",
        b'{"entries": {}}',
        b'{"entries": null}',
        b'{"entries": [], "entries": []}',
        b'{"entries": [%b], "name": 1}' % entry(),
        b'{"message": "x", "entries": []}',
        b'{"entries": "[]"}',
    ],
)
def test_json_that_is_not_surely_entries_is_refused(body: bytes) -> None:
    assert (refusal(body).status, refusal(body).code) == (422, "BODY_NOT_ENTRIES")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[" + entry() + b",]", None),
        (b'[{"timestamp": NaN}]', "byte 16 (line 1, column 16)"),
        ('["é",\n 1 2]'.encode(), "byte 11 (line 2, column 4)"),
        (b'{"entries": [1, 2}', "byte 18 (line 1, column 18)"),
        (b"[1", "byte 3 (line 1, column 3)"),
        (b"{'message': 1}", "byte 2 (line 1, column 2)"),
        (b"[] []", "byte 4 (line 1, column 4)"),
        (b"[" * 100, "byte 101 (line 1, column 101)"),
        (b"\xe2\x82\xac", "byte 1 (line 1, column 1)"),
    ],
)
def test_broken_json_is_refused_with_the_place(body: bytes, place: str | None) -> None:
    refused = refusal(body)
    assert (refused.status, refused.code) == (400, "JSON_MALFORMED")
    assert (place or "") in str(refused)


def test_ndjson_sent_as_json_is_told_the_right_content_type() -> None:
    assert NDJSON in str(refusal(entry(0) + b"\n" + entry(1)))


def test_broken_json_is_told_rather_than_its_bad_entries() -> None:
    assert refusal(b'[{"message": 1}, 2, ]').code == "JSON_MALFORMED"


def test_json_that_is_not_utf_8_is_refused_with_the_place() -> None:
    refused = refusal(b'[{"a": "\xc3\xa9\n\xff"}]')
    assert (refused.status, refused.code) == (400, "BODY_NOT_UTF8")
    assert "byte 12 (line 2, column 1)" in str(refused)
    assert refusal("[]".encode("utf-16")).code == "BODY_NOT_UTF8"


def test_every_bad_entry_of_a_json_body_is_named_by_its_index() -> None:
    body = b"[" + b",".join([entry(), b'{"message": "x"}', entry(), b"5", entry(level=1)]) + b"]"
    for sent in (body, b'{"entries": ' + body + b"}"):
        refused = bad_entries(sent)
        assert refused.total == 3
        found = [(error.index, error.line, error.code, error.field) for error in refused.errors]
        assert found == [
            (1, None, "TIMESTAMP_MISSING", "timestamp"),
            (3, None, "ENTRY_NOT_AN_OBJECT", None),
            (4, None, "FIELD_UNKNOWN", "level"),
        ]


def test_a_bad_single_entry_has_the_index_0() -> None:
    refused = bad_entries(b'{"timestamp": "now", "message": "x"}')
    assert [(error.index, error.code) for error in refused.errors] == [(0, "TIMESTAMP_INVALID")]


def test_every_bad_entry_of_ndjson_is_named_by_its_index_and_line() -> None:
    lines = [
        entry(),
        b"",
        b"{broken",
        b"\r",
        entry(message=""),
        entry(),
        b'{"a\xff": 1}',
        entry() + entry(),
        b"[]",
    ]
    refused = bad_entries(b"\n".join(lines), NDJSON)
    assert refused.total == 5
    found = [(error.index, error.line, error.code, error.field) for error in refused.errors]
    assert found == [
        (1, 3, "JSON_MALFORMED", None),
        (2, 5, "MESSAGE_EMPTY", "message"),
        (4, 7, "NOT_UTF8", None),
        (5, 8, "JSON_MALFORMED", None),
        (6, 9, "ENTRY_NOT_AN_OBJECT", None),
    ]


def test_an_entry_over_two_lines_is_no_ndjson() -> None:
    refused = bad_entries(entry().replace(b", ", b",\n"), NDJSON)
    assert [(error.line, error.code) for error in refused.errors] == [
        (1, "JSON_MALFORMED"),
        (2, "JSON_MALFORMED"),
    ]


def test_the_first_hundred_are_named_and_all_are_counted() -> None:
    for body, content_type in ((b"[" + b"0," * 249 + b"0]", JSON), (b"0\n" * 250, NDJSON)):
        refused = bad_entries(body, content_type)
        assert refused.total == 250
        assert [error.index for error in refused.errors] == list(range(100))


def test_counting_ends_at_a_hundred_thousand_bad_entries() -> None:
    stream = Pieces(itertools.repeat(b"0\n" * 30_000))
    with pytest.raises(InvalidEntries) as refused:
        list(entry_stream(a_request(stream, NDJSON), LIMITS))
    assert refused.value.total == 100_000


def test_large_ndjson_comes_in_lists_that_stop_at_the_first_bad_one() -> None:
    good = [entry(number, context="x" * 1000) + b"\n" for number in range(3000)]
    lists = read(b"".join(good), NDJSON)
    assert len(lists) == 4
    assert [found.message for part in lists for found in part] == [
        f"message {number}" for number in range(3000)
    ]

    source = entry_stream(a_request(b"".join([*good[:1500], b"bad\n", *good[1500:], b"bad"]), NDJSON), LIMITS)
    taken: list[Entry] = []
    with pytest.raises(InvalidEntries) as refused:
        taken.extend(found for part in source for found in part)
    assert 0 < len(taken) <= 1500
    assert [(error.index, error.line) for error in refused.value.errors] == [(1500, 1501), (3001, 3002)]


def test_examining_bad_lines_ends_after_16_mib_of_them() -> None:
    line = b'{"nonsense": "' + b"x" * (1 << 19) + b'"}\n'
    stream = Pieces(line for _ in range(200))
    source = entry_stream(a_request(stream, NDJSON), LIMITS)
    with pytest.raises(InvalidEntries) as refused:
        list(source)
    assert refused.value.total == 32
    assert stream.given < 20 * MIB


def test_ndjson_is_read_in_bounded_memory() -> None:
    line = entry(context="x" * 1000) + b"\n"
    stream = Pieces(line * 60 for _ in range(400))
    source = entry_stream(a_request(stream, NDJSON), LIMITS)
    tracemalloc.start()
    try:
        count = sum(len(part) for part in source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 24_000
    assert stream.given > 20 * MIB
    assert peak < 10 * MIB


@given(
    lines=st.lists(
        st.sampled_from(
            [b"", b" \r", entry(1), entry(2) + b"\r", entry(3, context={"a": [1]}), b"{}", b"\xff"]
        )
    ),
    sizes=st.lists(st.integers(1, 300), min_size=1),
    end=st.sampled_from([b"", b"\n"]),
)
@settings(max_examples=100, deadline=None)
def test_ndjson_reads_the_same_whatever_pieces_it_comes_in(
    lines: list[bytes], sizes: list[int], end: bytes
) -> None:
    body = b"\n".join(lines) + end

    def outcome(stream: bytes | io.RawIOBase) -> object:
        found = outcome_of(a_request(stream, NDJSON))
        return (found.errors, found.total) if isinstance(found, InvalidEntries) else found

    def pieces() -> Iterable[bytes]:
        rest, turn = body, 0
        while rest:
            yield rest[: sizes[turn % len(sizes)]]
            rest, turn = rest[sizes[turn % len(sizes)] :], turn + 1

    assert outcome(Pieces(pieces())) == outcome(body)


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
def test_the_digest_is_that_of_the_decoded_body(content_type: str) -> None:
    body = b"\xef\xbb\xbf" + entry() + b"\n"
    plain = entry_stream(a_request(body, content_type), LIMITS)
    zipped = entry_stream(a_request(gzip.compress(body), content_type, HTTP_CONTENT_ENCODING="gzip"), LIMITS)
    assert [list(part) for part in plain] == [list(part) for part in zipped] == [meant([0])]
    assert plain.sha256 == zipped.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
def test_each_kind_of_body_has_its_limit(content_type: str) -> None:
    limits = replace(LIMITS, json_bytes=len(entry()), ndjson_bytes=len(entry()))
    assert read(entry(), content_type, limits) == [meant([0])]
    sent = gzip.compress(entry() + b" ", 9)
    assert refusal(entry() + b" ", content_type, limits).code == "BODY_TOO_LARGE"
    assert refusal(sent, content_type, limits, HTTP_CONTENT_ENCODING="gzip").code == "BODY_TOO_LARGE"
    other = replace(limits, **{"ndjson_bytes" if content_type == JSON else "json_bytes": 1})
    assert read(entry(), content_type, other) == [meant([0])]


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
def test_a_body_that_ends_early_is_refused_though_what_came_is_right(content_type: str) -> None:
    body = entry() + b"\n"
    assert refusal(body, content_type, CONTENT_LENGTH=str(len(body) + 1)).code == "BODY_TOO_SHORT"


@pytest.mark.parametrize("form", [b"%b", b"[%b]", b'[{"other": 1}, %b]', b'{"entries": [ %b ]}'])
def test_an_entry_above_the_limit_is_refused_with_its_index(form: bytes) -> None:
    sent = entry(message="é" * 100)
    index = 1 if b"other" in form else 0
    exact = replace(LIMITS, entry_bytes=len(sent))
    if index == 0:
        assert len(read(form % sent, JSON, exact)) == 1
    refused = refusal(form % sent, JSON, replace(LIMITS, entry_bytes=len(sent) - 1))
    assert (refused.status, refused.code) == (413, "ENTRY_TOO_LARGE")
    assert f"index {index}" in str(refused)


def test_a_line_above_the_limit_is_refused_with_its_line_and_index() -> None:
    long = entry(message="é" * 100)
    body = entry() + b"\n\r\n" + long + b"\r\n" + entry()
    assert len(read(body, NDJSON, replace(LIMITS, entry_bytes=len(long)))[0]) == 3
    refused = refusal(body, NDJSON, replace(LIMITS, entry_bytes=len(long) - 1))
    assert (refused.status, refused.code) == (413, "ENTRY_TOO_LARGE")
    assert "Line 3, the entry with index 1," in str(refused)


@pytest.mark.parametrize(
    "before",
    [b"\xef\xbb\xbf", b"\n", entry() + b"\n", entry() + b"\n" + b" " * (5 * MIB // 2) + b"\n"],
    ids=["mark", "newline", "entry", "blanks"],
)
def test_a_line_without_an_end_is_not_held(before: bytes) -> None:
    """Refused as soon as the limit is passed: far more is never read."""
    stream = Pieces([before, *[b"x" * 50_000] * 2000])
    with pytest.raises(EntryTooLarge):
        list(entry_stream(a_request(stream, NDJSON), replace(LIMITS, entry_bytes=3 * MIB)))
    assert stream.given < len(before) + 4 * MIB


def test_a_line_of_exactly_the_limit_is_taken_wherever_a_block_ends() -> None:
    for start in (b"", b"\xef\xbb\xbf", b"\n"):
        for end in (b"", b"\n", b"\r\n"):
            line = entry(context="x" * (2 * MIB))
            limits = replace(LIMITS, entry_bytes=len(line))
            body = start + line + end
            stream = Pieces(
                body[at : at + 1] if at > 2 * MIB else body[: 2 * MIB + 1] for at in range(2 * MIB, len(body))
            )
            assert sum(map(len, entry_stream(a_request(stream, NDJSON), limits))) == 1


def test_a_newline_is_seen_wherever_the_pieces_meet() -> None:
    long = entry(0, context="x" * MIB)
    limits = replace(LIMITS, entry_bytes=len(long))
    rest = b"\n" + entry(1)
    for cut in range(len(rest)):
        for pieces in ([long, rest[:cut], rest[cut:]], [long + rest[:cut], rest[cut:]]):
            stream = Pieces(filter(None, pieces))
            found = [found for part in entry_stream(a_request(stream, NDJSON), limits) for found in part]
            assert [one.message for one in found] == ["message 0", "message 1"]


def test_more_entries_than_the_limit_are_refused_in_json_and_taken_in_ndjson() -> None:
    limits = replace(LIMITS, json_entries=3)
    assert len(read(b"[" + b",".join([entry()] * 3) + b"]", JSON, limits)[0]) == 3
    for four in ([entry()] * 4, [b"0"] * 4):
        refused = refusal(b"[" + b",".join(four) + b"]", JSON, limits)
        assert (refused.status, refused.code) == (413, "TOO_MANY_ENTRIES")
    assert len(read(b"\n".join([entry()] * 4), NDJSON, limits)[0]) == 4


BROKEN = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b'"',
            b"\\",
            b"\n",
            b" ",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\x00",
            b"0",
            b"NaN",
            b'"timestamp":',
            b'"message":',
            b'"context":',
            b'"entries":',
            b'"2026-03-02T06:00:00Z"',
            b'"\\ud800"',
            b"\r",
            entry(),
            entry(context={"a": [1]}),
            b"[" * 5000,
            b"]" * 5000,
            b"null",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(
    body=BROKEN | st.binary(max_size=200),
    content_type=st.sampled_from([JSON, NDJSON]),
    coding=st.sampled_from(["", "gzip"]),
)
@example(b"[" * 200_000, JSON, "")
@example(b"[" * 200_000, NDJSON, "")
@example(b'{"entries":' * 50_000, JSON, "")
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_entries_or_a_refusal(body: bytes, content_type: str, coding: str) -> None:
    environ = {"HTTP_CONTENT_ENCODING": "gzip"} if coding else {}
    for sent in (body, gzip.compress(body, 1)):
        outcome = outcome_of(a_request(sent, content_type, **environ))
        if isinstance(outcome, InvalidEntries):
            assert 0 < len(outcome.errors) <= outcome.total
        elif isinstance(outcome, Refusal):
            assert worded(outcome).status in (400, 413, 422)
            assert str(outcome)
        else:
            assert all(found.message and found.timestamp.tzinfo is UTC for found in outcome)


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
def test_partial_gives_the_good_entries_and_tells_the_others(content_type: str) -> None:
    texts = [entry(0), b'{"timestamp": 1}', entry(2), b"7", entry(4)]
    body = b"[" + b",".join(texts) + b"]" if content_type == JSON else b"\n".join(texts)
    source = entry_stream(a_request(body, content_type), LIMITS, partial=True)
    assert [found for part in source for found in part] == meant([0, 2, 4])
    assert source.refused is not None
    assert [error.index for error in source.refused.errors] == [1, 3]
    assert source.refused.total == 2
    assert source.sha256 == hashlib.sha256(body).hexdigest()


def test_partial_goes_on_behind_a_block_with_a_bad_entry() -> None:
    lines = [entry(number, context="x" * 1000) for number in range(3000)]
    lines[5] = b"{}"
    source = entry_stream(a_request(b"\n".join(lines), NDJSON), LIMITS, partial=True)
    assert sum(map(len, source)) == 2999
    assert source.refused is not None
    assert [(error.index, error.line) for error in source.refused.errors] == [(5, 6)]


def test_partial_refuses_where_no_entry_is_good() -> None:
    for body in (b"[{}, 7]", b"{}"):
        with pytest.raises(InvalidEntries):
            list(entry_stream(a_request(body), LIMITS, partial=True))


def test_without_a_bad_entry_there_is_nothing_to_tell() -> None:
    source = entry_stream(a_request(entry()), LIMITS, partial=True)
    assert [list(part) for part in source] == [meant([0])]
    assert source.refused is None


def test_of_a_bad_body_whose_data_set_is_deleted_meanwhile_nothing_is_left() -> None:
    container = build_container(Settings(backend="memory"))
    data_id = container.announce_dataset()("alice", None, {}).dataset_id
    lines = (entry(0) + b"\n") * (2 * MIB // len(entry(0)))

    def pieces() -> Iterator[bytes]:
        yield lines
        container.delete_dataset()("alice", data_id)
        yield lines
        raise ConnectionError

    source = entry_stream(a_request(Pieces(pieces()), NDJSON), LIMITS)
    with pytest.raises(BodyBrokenOff):
        container.append_entries()("alice", data_id, source)
    assert container.backend().store.remove_orphans(Manifest(data_id, {})) == 0
