"""Entries from JSON: the fast way and the exact way agree, and the exact one says what is wrong."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logleap.codecs.json.fast import READERS, Reader
from logleap.codecs.json.strict import (
    InvalidEntry,
    decode_array,
    decode_entry,
    decode_entry_exactly,
    decode_lines,
)
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH
from logleap.domain.entries import Entry

MIB = 1 << 20
AT = "2026-03-02T06:00:00Z"
MOMENT = datetime(2026, 3, 2, 6, tzinfo=UTC)

CONTEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["message", "context", "timestamp", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MESSAGES = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["message", 'x"message', '"context":1', "\\u0061", "\x00"]
)
TIMES = st.builds(
    lambda moment, offset: moment.isoformat() + offset,
    st.datetimes(datetime.min.replace(year=1000), datetime.max.replace(year=9000)),  # noqa: DTZ901
    st.sampled_from(["Z", "+01:30", "-00:00", "z"]),
)
LIKE_TIMES = (
    r"(?a)[012]\d{3}-[0-2]\d-[0-3]\d[Tt ][0-3]\d:[0-6]\d:[0-6]\d(\.\d{0,8})?([Zz]|[+-][0-2]\d:?[0-6]\d|)"
    r"|(0001-01-01|9999-12-31|2024-02-2[89]|2023-03-01|1900-02-2[89])T(00|23):\d\d:\d\dZ?([+-][01]\d:[0-5]\d)?"
)
ENTRIES = st.fixed_dictionaries({"timestamp": TIMES, "message": MESSAGES}, optional={"context": CONTEXTS})

# Fields as text, right and wrong ones, of which objects are put together.
NAMES = st.sampled_from(
    ['"timestamp"', '"message"', '"context"', '"m\\u0065ssage"', '"level"', '"\\ud800"', '"context" ']
)
TEXTS = st.sampled_from(
    [
        f'"{AT}"',
        f'"{AT[:-1]}.1234567Z"',
        '"2016-12-31T23:59:60Z"',
        f'"{AT[:-1]}"',
        '"text"',
        '"\\ud83d\\ude00"',
        '"\\ud83d"',
        '""',
        "null",
        "18446744073709551617",
        "1e999",
        "[]",
        '{"message": {"a": 1, "a": 2}}',
        "NaN",
        "[" * 100 + "]" * 100,
        "[" * 101 + "]" * 101,
        ' "spaces" ',
        '["\\udc00"]',
        '{"timestamp":"x"}',
        "01",
        '"\\q"',
    ]
)
OBJECTS = st.lists(st.tuples(NAMES, TEXTS), max_size=4).map(
    lambda fields: "{" + ",".join(f"{name}:{text}" for name, text in fields) + "}"
)
RIGHT_OBJECTS = st.tuples(TEXTS, TEXTS).map(
    lambda texts: f'{{"timestamp":"{AT}","message":{texts[0]},"context":{texts[1]}}}'
)


def exactly(data: bytes) -> Entry | InvalidEntry:
    try:
        return decode_entry_exactly(data)
    except InvalidEntry as invalid:
        return invalid


def refusal(text: str) -> InvalidEntry:
    with pytest.raises(InvalidEntry) as exact:
        decode_entry_exactly(text.encode())
    with pytest.raises(InvalidEntry) as invalid:
        decode_entry(text.encode())
    assert (invalid.value.code, invalid.value.field) == (exact.value.code, exact.value.field)
    return invalid.value


def entry(**fields: Any) -> str:
    return json.dumps({"timestamp": AT, "message": "hello", **fields})


@given(entries=st.lists(ENTRIES, max_size=5), ascii_only=st.booleans())
@settings(max_examples=200, deadline=None)
def test_right_entries_are_what_was_sent(entries: list[dict[str, Any]], ascii_only: bool) -> None:
    texts = [json.dumps(sent, ensure_ascii=ascii_only) for sent in entries]
    for text, sent in zip(texts, entries, strict=True):
        found = decode_entry(text.encode())
        assert found == decode_entry_exactly(text.encode())
        assert found.timestamp == datetime.fromisoformat(sent["timestamp"].upper())
        assert found.timestamp.tzinfo is UTC
        assert found.message == sent["message"]
        context = sent.get("context")
        if context is None or isinstance(context, str):
            assert found.context == context
        else:
            assert found.context == json.dumps(context, ensure_ascii=ascii_only)


@given(objects=st.lists(OBJECTS | RIGHT_OBJECTS, min_size=1, max_size=4))
@example([entry(message="message"), entry(context={"message": "message"})])
@settings(max_examples=700, deadline=None)
def test_what_is_decoded_at_once_is_exactly_what_one_by_one_gives(objects: list[str]) -> None:
    lines = [text.encode() for text in objects]
    exact = [exactly(line) for line in lines]
    wrapped = decode_array(b'{"entries": [' + b",".join(lines) + b"]}", MIB)
    assert wrapped is None or list(wrapped) == exact
    for reader in READERS:
        for at_once in (
            reader.array(b"[" + b",".join(lines) + b"]", MIB),
            reader.lines(b"\n".join(lines)),
        ):
            assert at_once is None or list(at_once) == exact


@given(sent=ENTRIES, at=st.integers(0, 200), put=st.binary(max_size=2))
@settings(max_examples=500, deadline=None)
def test_a_garbled_entry_is_refused_or_read_the_same_way_by_both(
    sent: dict[str, Any], at: int, put: bytes
) -> None:
    text = json.dumps(sent).encode()
    data = text[:at] + put + text[at + 1 :]
    exact = exactly(data)
    for reader in READERS:
        at_once = reader.array(b"[" + data + b"]", MIB)
        lines = reader.lines(data)
        assert lines is None or list(lines) == [exact]
        if not isinstance(exact, InvalidEntry):
            assert at_once is None or list(at_once) == [exact]


@given(text=st.from_regex(LIKE_TIMES, fullmatch=True))
@settings(max_examples=1000, deadline=None)
def test_a_time_is_read_the_same_way_by_all(text: str) -> None:
    data = f'{{"timestamp":"{text}","message":"x"}}'.encode()
    exact = exactly(data)
    for reader in READERS:
        lines = reader.lines(data)
        assert lines is None or list(lines) == [exact]
        # A leap second may need a closer look.
        assert lines is not None or isinstance(exact, InvalidEntry) or ":60" in text


@pytest.mark.parametrize("reader", READERS)
def test_usual_batches_are_decoded_at_once(reader: Reader) -> None:
    usual = [
        entry(),
        entry(timestamp="2026-03-02T06:00:00.123456789+01:00"),
        entry(message='a "quoted" \n C:\\temp é', context=None),
        entry(context={"message": "inner", "timestamp": 5, "list": [1, 2.5, "x" * 300]}),
        entry(context="text"),
    ]
    lines = [text.encode() for text in usual]
    for at_once in (
        reader.array(b"[" + b",".join(lines) + b"]", MIB),
        reader.array(b" [\n" + b" ,\r\n".join(lines) + b"\t] ", MIB),
        reader.lines(b"\n".join(lines)),
        reader.lines(b" \r\n\t".join(lines) + b"\r\n"),
    ):
        assert at_once is not None
        assert list(at_once) == [decode_entry_exactly(line) for line in lines]


@pytest.mark.parametrize(
    "raw",
    [
        "18446744073709551617",
        "1.10",
        '{"a": 1, "a": 2}',
        "[ 1,2 ]",
        '{"é":"\\u00e9"}',
        "1e999",
        "true",
        "0",
        "9" * 5000,
        "[" * MAX_CONTEXT_DEPTH + "]" * MAX_CONTEXT_DEPTH,
    ],
)
def test_a_context_that_is_no_string_is_kept_as_sent(raw: str) -> None:
    text = f'{{"context": {raw} , "timestamp":"{AT}", "message":"x"}}'.encode()
    assert decode_entry(text) == decode_entry_exactly(text) == Entry(MOMENT, "x", raw)


@pytest.mark.parametrize(("context", "kept"), [("null", None), ('""', ""), ('"{\\"a\\": 1}"', '{"a": 1}')])
def test_a_context_of_null_is_none_and_a_string_is_itself(context: str, kept: str | None) -> None:
    text = f'{{"timestamp":"{AT}","message":"x","context":{context}}}'.encode()
    assert decode_entry(text) == decode_entry_exactly(text) == Entry(MOMENT, "x", kept)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ('{"message":"x"}', "TIMESTAMP_MISSING", "timestamp"),
        (entry(timestamp=1772427600), "TIMESTAMP_NOT_A_STRING", "timestamp"),
        (entry(timestamp=None), "TIMESTAMP_NOT_A_STRING", "timestamp"),
        (entry(timestamp=AT[:-1]), "TIMESTAMP_NO_OFFSET", "timestamp"),
        (entry(timestamp="yesterday"), "TIMESTAMP_INVALID", "timestamp"),
        (entry(timestamp="0001-01-01T00:00:00+01:00"), "TIMESTAMP_OUT_OF_RANGE", "timestamp"),
        (f'{{"timestamp":"{AT}"}}', "MESSAGE_MISSING", "message"),
        (entry(message=""), "MESSAGE_EMPTY", "message"),
        (entry(message=None), "MESSAGE_NOT_A_STRING", "message"),
        (entry(message={"a": 1}), "MESSAGE_NOT_A_STRING", "message"),
        (entry(message="\ud83d"), "SURROGATE_UNPAIRED", "message"),
        (entry(timestamp="\ude00"), "SURROGATE_UNPAIRED", "timestamp"),
        (entry(context="\ude00\ud83d"), "SURROGATE_UNPAIRED", "context"),
        (entry(context={"\ud83d": 1}), "SURROGATE_UNPAIRED", "context"),
        (entry(level="info"), "FIELD_UNKNOWN", "level"),
        (entry(**{"\ud83d": 1}), "FIELD_UNKNOWN", "\\ud83d"),
        (f'{{"timestamp":"{AT}","message":"a","message":"b"}}', "FIELD_REPEATED", "message"),
        (f'{{"timestamp":"{AT}","message":"a","m\\u0065ssage":"a"}}', "FIELD_REPEATED", "message"),
        (f'{{"timestamp":"{AT}","timestamp":"{AT}","message":"a"}}', "FIELD_REPEATED", "timestamp"),
        (
            f'{{"context":1,"timestamp":"{AT}","message":"a","context":{{"context":1}}}}',
            "FIELD_REPEATED",
            "context",
        ),
        ("{}", "TIMESTAMP_MISSING", "timestamp"),
        ("[]", "ENTRY_NOT_AN_OBJECT", None),
        ('"text"', "ENTRY_NOT_AN_OBJECT", None),
        ("null", "ENTRY_NOT_AN_OBJECT", None),
        ('{"message":"x"', "JSON_MALFORMED", None),
        (entry() + entry(), "JSON_MALFORMED", None),
        (entry(context=float("nan")), "JSON_MALFORMED", None),
        (entry(context=[float("-inf")]), "JSON_MALFORMED", None),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(text: str, code: str, field: str | None) -> None:
    invalid = refusal(text)
    assert (invalid.code, invalid.field) == (code, field)
    if field is not None and code != "FIELD_UNKNOWN":
        assert field in invalid.detail


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    detail = refusal(entry(level=30, pid=7, msg="x")).detail
    for name in ("'level'", "'pid'", "'msg'", "timestamp", "message", "context"):
        assert name in detail


def test_what_an_error_tells_is_short_whatever_was_sent() -> None:
    long = "x" * 10_000
    for text in (
        entry(**{long: 1}),
        entry(**{f"{long}{i}": 1 for i in range(1000)}),
        entry(timestamp=long),
        entry(message=[long]),
        json.dumps([long]),
        '{"a": ' + long,
    ):
        invalid = refusal(text)
        assert len(invalid.detail) < 500
        assert len(invalid.field or "") <= 100


def test_text_that_is_not_utf_8_is_named_with_its_byte() -> None:
    with pytest.raises(InvalidEntry, match="byte 4 ") as invalid:
        decode_entry(b'{"a\xff": 1}')
    assert invalid.value.code == "NOT_UTF8"
    before = f'{{"timestamp":"{AT}",'.encode()
    for rest in (b'"message":"%b"}', b'"message":"x","context":"%b"}', b'"message":"x","context":["%b"]}'):
        for wrong in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82"):
            raw = before + rest % wrong
            assert decode_array(b"[" + raw + b"]", MIB) is None
            assert decode_lines(raw) is None


@pytest.mark.parametrize("field", ["timestamp", "message", "context", "other"])
@pytest.mark.parametrize("levels", [101, 50_000])
def test_nesting_of_any_depth_is_refused_in_the_same_way(field: str, levels: int) -> None:
    fields = {"timestamp": f'"{AT}"', "message": '"x"', field: "[" * levels + "]" * levels}
    text = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    invalid = refusal(text)
    assert (invalid.code, invalid.field) == ("CONTEXT_TOO_DEEP", field)


def test_depth_does_not_depend_on_how_much_stack_is_left() -> None:
    def far_down(frames: int) -> tuple[Entry | InvalidEntry, str]:
        if frames:
            return far_down(frames - 1)
        deepest = "[" * MAX_CONTEXT_DEPTH + "]" * MAX_CONTEXT_DEPTH
        text = f'{{"timestamp":"{AT}","message":"x","context":{deepest}}}'
        return decode_entry(text.encode()), deepest

    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    found, deepest = far_down(sys.getrecursionlimit() - depth - 50)
    assert found == Entry(MOMENT, "x", deepest)


@pytest.mark.parametrize("reader", READERS)
def test_an_entry_above_the_limit_is_not_decoded_at_once(reader: Reader) -> None:
    texts = [entry(), entry(message="x" * 1000)]
    data = ("[" + ", \n".join(texts) + "]").encode()
    assert reader.array(data, len(texts[1])) is not None
    assert reader.array(data, len(texts[1]) - 1) is None


@given(st.lists(st.tuples(ENTRIES, st.integers(0, 40)), min_size=1, max_size=6), st.booleans(), st.data())
def test_no_entry_is_larger_than_allowed_however_it_is_written(
    entries: list[tuple[dict[str, Any], int]], ascii_only: bool, data: st.DataObject
) -> None:
    texts = [
        (json.dumps(entry, ensure_ascii=ascii_only)[:-1] + " " * blanks + "}").encode()
        for entry, blanks in entries
    ]
    largest = data.draw(st.integers(20, max(map(len, texts)) - 1))
    for reader in READERS:
        assert reader.array(b"[" + b",".join(texts) + b"]", largest) is None
        for text in texts:
            if len(text) > largest:
                assert reader.array(b"[" + text + b"]", largest) is None
