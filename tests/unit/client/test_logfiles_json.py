"""NDJSON and JSON files: values go on unchanged, and what is no entry is refused where it stands."""

import json
from io import BytesIO
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogEntry, LogFileError, _text, read_log

A = '{"timestamp": "2026-03-02T06:00:00Z", "message": "a"}'
B = '{"timestamp": "2026-03-02T06:00:01Z", "message": "b", "context": {"host": "h"}}'

strings = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=5,
)
bodies = st.lists(
    st.fixed_dictionaries({"timestamp": strings, "message": strings}, optional={"context": values}),
    max_size=5,
)


def read(document: str, **options: Any) -> list[LogEntry]:
    return list(read_log(BytesIO(document.encode()), **options))


def refusal(document: str, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(document, **options)
    return caught.value


def sent(entries: list[LogEntry]) -> list[dict[str, object]]:
    return [entry.to_json() for entry in entries]


def without_null(body: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in entry.items() if value is not None} for entry in body]


@given(bodies, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n \n"]), st.integers(2, 40))
def test_ndjson_comes_back_as_it_was(
    body: list[dict[str, object]], ascii: bool, end: str, chunk: int
) -> None:
    document = "".join(json.dumps(entry, ensure_ascii=ascii) + end for entry in body)
    with mock.patch.object(_text, "CHUNK", chunk):
        entries = read(document, format="ndjson")
    assert sent(entries) == without_null(body)
    assert [entry.line for entry in entries] == [1 + number * end.count("\n") for number in range(len(body))]


@given(bodies, st.booleans(), st.sampled_from([None, 0, 2]), st.integers(2, 40))
def test_an_array_comes_back_as_it_was_in_pieces_of_any_size(
    body: list[dict[str, object]], ascii: bool, indent: int | None, chunk: int
) -> None:
    document = json.dumps(body, ensure_ascii=ascii, indent=indent)
    with mock.patch.object(_text, "CHUNK", chunk):
        assert sent(read(document, format="json")) == without_null(body)


@given(bodies)
def test_a_wrapped_array_comes_back_as_it_was(body: list[dict[str, object]]) -> None:
    assert sent(read(json.dumps({"entries": body}, indent=1), format="json")) == without_null(body)


@pytest.mark.parametrize(
    "document",
    [
        f"{A}\n{B}\n",
        f"[{A}, {B}]",
        f"\n [\n{A},\n{B}]\n",
        f'{{"entries": [{A}, {B}]}}',
        f'{{\n"entries":\n[{A},{B}]}}',
        json.dumps(json.loads(A), indent=2) + "\n" + json.dumps(json.loads(B), indent=2),
    ],
    ids=["ndjson", "array", "spaced array", "wrapped", "wrapped over lines", "objects over lines"],
)
@pytest.mark.parametrize("name", ["-", "app.log", "app.json", "app.json.gz"])
def test_every_shape_is_found_by_itself(document: str, name: str) -> None:
    assert sent(read(document, name=name)) == [json.loads(A), json.loads(B)]


def test_an_array_larger_than_a_chunk_is_read_with_its_lines() -> None:
    body = [{"timestamp": "t", "message": "m" * (number % 977)} for number in range(1000)]
    entries = read(json.dumps(body, indent=1))
    assert sent(entries) == body
    assert [entry.line for entry in entries] == [2 + 4 * number for number in range(1000)]


def test_an_entry_larger_than_a_chunk_is_read() -> None:
    body = [{"timestamp": "t", "message": "m" * 500_000}, {"timestamp": "t", "message": "n"}]
    assert sent(read(json.dumps(body))) == body


def test_values_are_left_for_the_server_to_judge() -> None:
    assert sent(read('{"timestamp": "yesterday", "message": ""}')) == [
        {"timestamp": "yesterday", "message": ""}
    ]


def test_whole_numbers_are_exact() -> None:
    context = {"id": 2**64 + 1}
    [entry] = read(json.dumps({"timestamp": "t", "message": "m", "context": context}))
    assert entry.context == context


def test_no_entries_are_no_error() -> None:
    assert (
        read("[]") == read('{"entries": []}') == read("", name="a.json") == read(" \n", name="a.ndjson") == []
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"timestamp": "t", "message": "m"', "not JSON: Expecting ',' delimiter"),
        ('{"timestamp": "t", "message": "m"} {}', "not JSON: Extra data (character 36)"),
        ('{"timestamp": "t", "message": "m", "level": "INF", "a": 1}', 'unknown: "a", "level". An entry has'),
        ('{"message": "m"}', 'needs a "timestamp" that is a string'),
        ('{"timestamp": 1772427600, "message": "m"}', 'needs a "timestamp" that is a string'),
        ('{"timestamp": "t"}', 'needs a "message" that is a string'),
        ('{"timestamp": "t", "message": null}', 'needs a "message" that is a string'),
        ("[]", "--format json"),
        ('{"timestamp": "t", "message": "m", "message": "n"}', '"message" stands twice in one object'),
        ('{"timestamp": "t", "message": "m", "context": NaN}', "NaN is no JSON"),
        ('{"timestamp": "t", "message": "m", "context": 1e999}', "1e999 is beyond the 64-bit floats"),
        ('{"timestamp": "t", "message": "\\ud83d"}', "half a surrogate pair"),
        ('{"timestamp": "t", "message": "m", "context": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        ('{"timestamp": "t", "message": "m", "context": ' + "9" * 5000 + "}", "not usable JSON"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line: str, reason: str) -> None:
    error = refusal(f"{A}\n\n{line}\n{B}\n", name="app.ndjson")
    assert str(error).startswith("app.ndjson, line 3: ")
    assert reason in str(error)


@pytest.mark.parametrize(
    ("document", "line", "reason"),
    [
        (f"[\n{A},\n{B}", 3, "the end of the file where ']' should stand"),
        (f"[\n{A}\n{B}]", 3, "'{' where ']' should stand"),
        (f"[\n{A},\n]", 3, "an entry must be a JSON object"),
        (f"[\n{A},\n17]", 3, "an entry must be a JSON object"),
        (f"[{A}]\n[{B}]", 2, "'[' where the file should end"),
        (f"{A},\n{B}", 1, "',' where the file should end"),
        (f'{{"entries": [\n{A}], "name": 1}}', 2, "',' where '}' should stand"),
        ('{"entries": 7}', 1, "'7' where '[' should stand"),
        (f'[{A},\n{{"timestamp":\n "t" "message": 7}}]', 3, "not JSON: Expecting ',' delimiter"),
        (f'[{A},\n{{"timestamp": "t", "message": 7}}]', 2, 'needs a "message" that is a string'),
        (f'[{A},\n{{"timestamp": "t", "message": "m", "context": -Infinity}}]', 2, "-Infinity is no JSON"),
        ("7", 1, "'7' where the file should end or an object begin"),
    ],
)
def test_a_bad_document_is_refused_with_the_line(document: str, line: int, reason: str) -> None:
    error = refusal(document, format="json")
    assert error.line == line
    assert reason in str(error)


def test_a_timestamp_format_is_refused_rather_than_ignored() -> None:
    assert "--timestamp-format is not for JSON" in str(refusal(A, timestamp_format="%d.%m.%Y"))
