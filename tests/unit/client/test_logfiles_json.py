"""NDJSON and JSON files: entries go on unchanged or by a mapping; what is none is refused where it stands."""

import json
from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import Limits, LogFile, LogFileError, ReadOptions
from logleap.codecs.mappings import FieldMapping

A = '{"timestamp": "2026-03-02T06:00:00Z", "message": "a"}'
B = '{"timestamp": "2026-03-02T06:00:01Z", "message": "b", "context": {"host": "h"}}'
PINO = '{"level":30,"time":1772427600123,"pid":7,"msg":"ram lowered"}'
MAPPINGS: Mapping[str, FieldMapping] = MappingProxyType({"pino": FieldMapping(("time",), ("msg",), "ms")})

strings = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=5,
)
times = st.sampled_from(
    ["2026-03-02T06:00:00Z", "2026-03-02 06:00:00.123456789+01:00", "0001-01-01T00:00:00z"]
)
bodies = st.lists(
    st.fixed_dictionaries(
        {"timestamp": times, "message": strings.filter(bool)}, optional={"context": values}
    ),
    max_size=5,
)


def opened(document: str, name: str = "-", **options: Any) -> LogFile:
    return LogFile(BytesIO(document.encode()), name=name, options=ReadOptions(**options))


def read(document: str, name: str = "-", **options: Any) -> list[Any]:
    return list(opened(document, name, **options).entries())


def starts(document: str, **options: Any) -> list[int]:
    return [line for batch in opened(document, **options).batches() for line in batch.starts]


def refusal(document: str, name: str = "-", **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(document, name, **options)
    return caught.value


@given(bodies, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n \n"]))
def test_ndjson_comes_back_as_it_was(body: list[dict[str, object]], ascii: bool, end: str) -> None:
    document = "".join(json.dumps(entry, ensure_ascii=ascii) + end for entry in body)
    assert read(document, format="ndjson") == body
    assert starts(document, format="ndjson") == [1 + at * end.count("\n") for at in range(len(body))]


@given(bodies, st.booleans(), st.sampled_from([None, 0, 2]))
def test_an_array_comes_back_as_it_was(
    body: list[dict[str, object]], ascii: bool, indent: int | None
) -> None:
    assert read(json.dumps(body, ensure_ascii=ascii, indent=indent), format="json") == body


@given(bodies, st.sampled_from(["entries", "events", "logs"]), st.booleans())
def test_a_wrapped_array_comes_back_as_it_was(body: list[dict[str, object]], name: str, before: bool) -> None:
    document = {"total": 7, "next": None, name: body, "searched": [{"a": [1]}]}
    if not before:
        document = {name: body, "searched": []}
    assert read(json.dumps(document, indent=1), format="json") == body


@pytest.mark.parametrize(
    "document",
    [
        f"{A}\n{B}\n",
        f"\x1e{A}\n\x1e{B}\n",
        f"[{A}, {B}]",
        f"\n [\n{A},\n{B}]\n",
        f'{{"entries": [{A}, {B}]}}',
        f'{{\n"events":\n[{A},{B}]}}',
        f'{{"took": 3, "hits": {{"total": 2, "hits": [{A},{B}]}}}}',
        json.dumps(json.loads(A), indent=2) + "\n" + json.dumps(json.loads(B), indent=2),
    ],
    ids=["ndjson", "sequence", "array", "spaced", "wrapped", "over lines", "hits", "objects over lines"],
)
@pytest.mark.parametrize("name", ["-", "app.log", "app.json", "app.json.gz"])
def test_every_shape_is_found_by_itself(document: str, name: str) -> None:
    assert read(document, name) == [json.loads(A), json.loads(B)]


def test_an_array_larger_than_a_chunk_is_read_with_its_lines() -> None:
    body = [{"timestamp": "2026-03-02T06:00:00Z", "message": "m" * (1 + at % 977)} for at in range(3000)]
    document = json.dumps(body, indent=1)
    assert read(document) == body
    assert starts(document) == [2 + 4 * at for at in range(3000)]


def test_an_entry_larger_than_the_sample_is_read() -> None:
    body = [json.loads(A), {**json.loads(A), "message": "m" * 2_500_000}, json.loads(B)]
    assert read(json.dumps(body)) == body


def test_whole_numbers_are_exact() -> None:
    context = {"id": 2**64 + 1}
    [entry] = read(json.dumps({**json.loads(A), "context": context}))
    assert entry["context"] == context


def test_no_entries_are_no_error() -> None:
    assert read("[]") == read('{"entries": []}') == read("", "a.json") == read(" \n", "a.ndjson") == []


def test_lines_of_another_kind_are_left_out_and_named() -> None:
    document = f"{A}\n(node:7) Warning\n{B}\n"
    assert refusal(document).line == 2
    file = opened(document, on_bad_line="skip")
    assert len(list(file.entries())) == 2
    assert [(skipped.line, skipped.text) for skipped in file.report.skipped] == [(2, "(node:7) Warning")]


@given(st.integers(1, 5), st.integers(1, 400), st.lists(st.sampled_from([A, B, "", PINO]), max_size=12))
def test_batches_hold_no_more_than_they_may_whatever_stands_between(
    entries: int, size: int, written: list[str]
) -> None:
    file = opened("\n".join(written), format="ndjson", on_bad_line="skip")
    batches = list(file.batches(Limits(entries, size)))
    assert [line for batch in batches for line in batch.starts] == [
        number for number, line in enumerate(written, 1) if line in {A, B}
    ]
    assert all(batch.entries <= entries for batch in batches)
    assert all(len(batch.body) <= size or batch.entries == 1 for batch in batches)


def test_a_mapping_names_the_fields() -> None:
    expected = {
        "timestamp": "2026-03-02T05:00:00.123000Z",
        "message": "ram lowered",
        "context": {"level": 30, "pid": 7},
    }
    for document in (f"{PINO}\n", f"[{PINO}]", f'{{"events": [{PINO}]}}'):
        file = opened(document, mapping="pino", mappings=MAPPINGS)
        assert list(file.entries()) == [expected]
        assert file.report.time_forms == ["by mapping pino"]


def test_a_refusal_that_a_mapping_would_cure_names_it() -> None:
    assert "--mapping winston" in str(
        refusal('{"level":"info","message":"hi","timestamp":"2026-11-30T13:36:18.649Z"}\n')
    )
    assert "--mapping 'klingon' is unknown" in str(refusal(A, mapping="klingon"))
    assert "is for JSON" in str(refusal("2026-03-02 06:00:00 x\n", mapping="pino"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": "m"', "not JSON"),
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": "m"} {}', "not JSON"),
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": "m", "a": 1}', "no field 'a'"),
        ('{"message": "m"}', "no timestamp"),
        ('{"timestamp": 1772427600, "message": "m"}', "must be a JSON string"),
        ('{"timestamp": "yesterday", "message": "m"}', "not a date and time"),
        ('{"timestamp": "2026-03-02T06:00:00Z"}', "no message"),
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": ""}', "message is empty"),
        ("[]", "An entry is a JSON object"),
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": "m", "message": "n"}', "more than once"),
        ('{"timestamp": "2026-03-02T06:00:00Z", "message": "\\ud83d"}', "half of a character"),
        (
            '{"timestamp": "2026-03-02T06:00:00Z", "message": "m", "context": ' + "[" * 200 + "]" * 200 + "}",
            "more than 100 levels deep",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line: str, reason: str) -> None:
    error = refusal(f"{A}\n\n{line}\n{B}\n", "app.ndjson")
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
        ('{"entries": 7}', 1, "no field 'entries'"),
        (f'{{"entries": [{A}], "logs": [{B}]}}', 1, "the second member with entries"),
        (f'[{A},\n{{"timestamp":\n "t" "message": 7}}]', 3, "not JSON: Expecting ',' delimiter"),
        (f'[{A},\n{{"timestamp": "t", "message": 7}}]', 2, "is not a date and time"),
        ("7", 1, "'7' where the file should end or an object begin"),
    ],
)
def test_a_bad_document_is_refused_with_the_line(document: str, line: int, reason: str) -> None:
    error = refusal(document, format="json")
    assert error.line == line
    assert reason in str(error)


def test_a_timestamp_format_is_refused_rather_than_ignored() -> None:
    assert "--timestamp-format is not for JSON" in str(refusal(A, timestamp_format="%d.%m.%Y"))
