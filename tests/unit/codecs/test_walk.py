"""Walking over JSON text: exactly RFC 8259, at any depth, with every name and span."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logleap.codecs.json.walk import (
    MAX_CONTEXT_DEPTH,
    JsonWalk,
    Malformed,
    Span,
    TooDeep,
    TooLong,
    has_lone_surrogate,
    lone_surrogates_replaced,
)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
BLANKS = st.text(" \t\n\r", max_size=3)
# Pieces of which nearly-JSON is made.
PIECES = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"a"',
            '"\\u00e9"',
            '"\\x"',
            '"',
            "\\",
            "0",
            "-1",
            "01",
            "1.",
            "1e5",
            "-",
            "2.5E+3",
            "true",
            "false",
            "null",
            "nul",
            "NaN",
            "Infinity",
            " ",
            "\n",
            "\x0b",
            "\x00",
            "é",
        ]
    ),
    max_size=12,
).map("".join)


def walk_over(data: bytes) -> Span:
    walk = JsonWalk(data, deepest=len(data))
    span = walk.value()
    walk.finish()
    return span


def walked(data: bytes) -> Span | None:
    try:
        return walk_over(data)
    except Malformed:
        return None


def is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(value=VALUES, before=BLANKS, after=BLANKS, indent=st.none() | st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_a_value_is_found_with_its_span_and_depth(
    value: Any, before: str, after: str, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    found = walked(before.encode() + text + after.encode())
    assert found == Span(len(before), len(before) + len(text), depth(value))


@given(text=PIECES)
@example('{"a":1,}')
@example("[1,]")
@example("[1}")
@example("[,]")
@example("1 2")
@settings(max_examples=600, deadline=None)
def test_what_is_json_and_what_is_not_is_told_as_another_parser_tells_it(text: str) -> None:
    data = text.encode()
    assert (walked(data) is not None) == is_json(data)


@given(value=VALUES, at=st.integers(0, 100), put=st.sampled_from(list('{}[]",:\\0-+.eE tu\x1f\n')))
@settings(max_examples=300, deadline=None)
def test_garbled_json_is_told_as_another_parser_tells_it(value: Any, at: int, put: str) -> None:
    text = json.dumps(value)
    data = (text[:at] + put + text[at + 1 :]).encode()
    if not has_lone_surrogate(data):  # JSON by its grammar, though not by that parser
        assert (walked(data) is not None) == is_json(data)


@given(value=st.lists(VALUES, max_size=4), indent=st.none() | st.integers(0, 2))
@settings(max_examples=50, deadline=None)
def test_the_items_of_an_array_are_its_values(value: list[Any], indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    spans = list(JsonWalk(data).items())
    assert [json.loads(data[span.start : span.end]) for span in spans] == value


@given(members=st.lists(st.tuples(st.text(max_size=3), VALUES), max_size=4), blank=BLANKS)
@settings(max_examples=50, deadline=None)
def test_the_members_of_an_object_are_all_its_names_and_values_repeated_ones_too(
    members: list[tuple[str, Any]], blank: str
) -> None:
    inside = ",".join(f"{blank}{json.dumps(k)}{blank}:{blank}{json.dumps(v)}{blank}" for k, v in members)
    data = f"{blank}{{{inside}}}{blank}".encode()
    walk = JsonWalk(data)
    found = [(json.loads(name), json.loads(data[span.start : span.end])) for name, span in walk.members()]
    walk.finish()
    assert found == members


@pytest.mark.parametrize("opener", ["[", '{"a":'])
def test_depth_is_not_limited_by_the_stack(opener: str) -> None:
    deep = opener * 50_000
    assert walked(deep.encode()) is None
    closed = deep + "0" + {"[": "]", '{"a":': "}"}[opener] * 50_000
    assert walked(closed.encode()) == Span(0, len(closed), 50_000)


@pytest.mark.parametrize("opener", [b"[", b'{"a":', b"[1,["])
def test_the_walk_stops_where_it_gets_too_deep(opener: bytes) -> None:
    walk = JsonWalk(opener * 50_000)
    with pytest.raises(TooDeep):
        walk.value()
    assert walk.position <= (MAX_CONTEXT_DEPTH + 2) * len(opener)


@pytest.mark.parametrize("item", [b"1", b"[]", b'{"a":1}'])
def test_the_walk_stops_where_a_value_gets_too_long(item: bytes) -> None:
    data = b"[" + b",".join([item] * 50_000) + b"]"
    walk = JsonWalk(data, largest=1000)
    with pytest.raises(TooLong):
        walk.value()
    assert walk.position <= 1000 + len(item) + 1
    assert JsonWalk(data, largest=len(data)).value().end == len(data)
    with pytest.raises(TooLong):
        JsonWalk(data, largest=len(data) - 1).value()


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("", 0, "it ends before a JSON value"),
        ("[1, 2", 5, "it ends before ',' or ']'"),
        ("[1 2]", 3, "expected ',' or ']', found '2]'"),
        ("{'a': 1}", 1, "expected a field's name in double quotes and ':'"),
        ("[NaN]", 1, "expected a JSON value, found 'NaN]'"),
        ("{} {}", 3, "expected the end, found '{}'"),
    ],
)
def test_the_first_wrong_byte_is_named_with_what_should_stand_there(
    text: str, position: int, told: str
) -> None:
    with pytest.raises(Malformed) as malformed:
        walk_over(text.encode())
    assert malformed.value.position == position
    assert told in str(malformed.value)


@given(units=st.lists(st.sampled_from([0x41, 0x5C, 0xD7FF, 0xD83D, 0xDE00, 0xDFFF, 0xE000]), max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_lone_surrogate_is_seen_and_a_pair_is_not(units: list[int]) -> None:
    escaped = '"' + "".join(f"\\u{unit:04x}" if unit > 0x7F else "\\\\" for unit in units) + '"'
    lone = any("\ud800" <= character <= "\udfff" for character in json.loads(escaped))
    assert has_lone_surrogate(escaped.encode()) == lone


def test_a_backslash_before_a_u_is_no_escape() -> None:
    assert not has_lone_surrogate(rb'"\\ud83d"')
    assert has_lone_surrogate(rb'"\\\ud83d"')


@given(
    st.lists(
        st.sampled_from([r"\ud83d", r"\udE00", r"\u00e9", r"\\", r"\\u", r"\"", "ud83d", "d83d", "é"])
    ).map("".join)
)
def test_lone_surrogates_are_replaced_and_nothing_else_is_changed(text: str) -> None:
    raw = f'"{text}"'.encode()
    replaced = lone_surrogates_replaced(raw, rb"\ufffd")
    assert not has_lone_surrogate(replaced)
    expected = json.loads(raw).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert len(replaced) == len(raw)
    assert json.loads(replaced) == expected


def test_an_escape_that_is_none_is_left_to_who_parses_it() -> None:
    for raw in (rb'"\ud8"', rb'"\ud83', rb'"\ud83d\ud8", "b"'):
        assert lone_surrogates_replaced(raw, rb"\ufffd").endswith(raw[-4:])
