"""Entries as other clients write them, by a mapping that was asked for."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logleap.codecs.json.mapped import decode_mapped, decode_quickly, mapped
from logleap.codecs.json.strict import InvalidEntry
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH
from logleap.codecs.mappings import BUILT_IN, FieldMapping, MappingsInvalid, load_mappings
from logleap.domain.entries import Entry

AT = "2026-03-02T06:00:00.123Z"
MOMENT = datetime(2026, 3, 2, 6, 0, 0, 123000, tzinfo=UTC)
PLAIN = FieldMapping(("t",), ("m",))
MILLISECONDS = FieldMapping(("t",), ("m",), "ms")


def refusal(text: str | bytes, mapping: FieldMapping = PLAIN) -> InvalidEntry:
    with pytest.raises(InvalidEntry) as invalid:
        decode_mapped(text.encode() if isinstance(text, str) else text, mapping)
    return invalid.value


@pytest.mark.parametrize(
    ("name", "sent", "context"),
    [
        ("winston", {"level": "info", "message": "jam", "timestamp": AT}, {"level": "info"}),
        (
            "pino",
            {"level": 30, "time": 1772431200123, "pid": 7, "msg": "jam"},
            {"level": 30, "pid": 7},
        ),
        ("syslog-ng", {"MESSAGE": "jam", "ISODATE": AT, "HOST": "gate-4"}, {"HOST": "gate-4"}),
        ("logstash", {"@timestamp": AT, "message": "jam", "@version": "1"}, {"@version": "1"}),
        ("ecs", {"@timestamp": AT, "message": "jam", "log.level": "info"}, {"log.level": "info"}),
        ("auto", {"ts": AT, "body": "jam", "context": 1}, {"context": 1}),
        ("auto", {"timestamp": AT, "message": "jam"}, None),
    ],
)
def test_what_a_client_sends_is_an_entry(name: str, sent: Any, context: Any) -> None:
    found = decode_mapped(json.dumps(sent).encode(), BUILT_IN[name])
    assert (found.timestamp, found.message) == (MOMENT, "jam")
    assert (found.context and json.loads(found.context)) == context


def test_all_other_fields_become_the_context_each_as_it_was_sent() -> None:
    text = r'{ "a\"\u00e9" : 1.00 , "t":"AT", "big": 18446744073709551617,"m":"x", "é":[ {"m": 1} ] }'
    assert decode_mapped(text.replace("AT", AT).encode(), PLAIN) == Entry(
        MOMENT, "x", r'{"a\"\u00e9":1.00,"big":18446744073709551617,"é":[ {"m": 1} ]}'
    )


@pytest.mark.parametrize("raw", ['{"a": 1}', "[1]", "12.50", "true"])
def test_a_message_that_is_no_text_is_taken_as_its_json(raw: str) -> None:
    assert decode_mapped(f'{{"t": "{AT}", "m": {raw}}}'.encode(), PLAIN).message == raw


@pytest.mark.parametrize("raw", ["1772431200123", "1772431200123.0", '"1772431200123"', f'"{AT}"'])
def test_a_mapping_with_a_unit_takes_numbers_also_in_quotes_and_rfc_3339(raw: str) -> None:
    assert decode_mapped(f'{{"t": {raw}, "m": "x"}}'.encode(), MILLISECONDS) == Entry(MOMENT, "x")


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (f'{{"t": "{AT}"}}', "MESSAGE_MISSING", "m"),
        ('{"m": "x"}', "TIMESTAMP_MISSING", "t"),
        (f'{{"t": "{AT}", "m": null}}', "MESSAGE_MISSING", "m"),
        (f'{{"t": "{AT}", "m": ""}}', "MESSAGE_EMPTY", "m"),
        ('{"t": 1772431200123, "m": "x"}', "TIMESTAMP_INVALID", "t"),
        ('{"t": "1772431200123", "m": "x"}', "TIMESTAMP_INVALID", "t"),
        ('{"t": null, "m": "x"}', "TIMESTAMP_INVALID", "t"),
        (f'{{"t": "{AT[:-1]}", "m": "x"}}', "TIMESTAMP_NO_OFFSET", "t"),
        (f'{{"t": "{AT}", "m": "x", "t": "{AT}"}}', "FIELD_REPEATED", "t"),
        (f'{{"t": "{AT}", "m": "x", "a": "\\ud800"}}', "SURROGATE_UNPAIRED", "a"),
        (f'{{"t": "{AT}", "m": "\\ud800"}}', "SURROGATE_UNPAIRED", "m"),
        (f'{{"t": "{AT}", "m": "x", "\\ud800": 1}}', "SURROGATE_UNPAIRED", None),
        (f'{{"t": "{AT}", "m": "x",}}', "JSON_MALFORMED", None),
        ("7", "ENTRY_NOT_AN_OBJECT", None),
        (b'{"t": "\xff"}', "NOT_UTF8", None),
    ],
)
def test_what_cannot_be_taken_is_told_in_the_clients_own_names(
    text: str | bytes, code: str, field: str | None
) -> None:
    invalid = refusal(text)
    assert (invalid.code, invalid.field) == (code, field)
    assert str(invalid)


def test_a_number_that_is_no_time_is_refused_with_what_is_taken() -> None:
    assert refusal('{"t": 1e99, "m": "x"}', MILLISECONDS).code == "TIMESTAMP_OUT_OF_RANGE"
    invalid = refusal('{"t": true, "m": "x"}', MILLISECONDS)
    assert invalid.code == "TIMESTAMP_INVALID"
    assert "a number of ms since 1970" in str(invalid)


def test_of_two_fields_that_may_be_the_message_none_is_guessed() -> None:
    invalid = refusal(f'{{"ts": "{AT}", "msg": "x", "message": "y"}}', BUILT_IN["auto"])
    assert (invalid.code, invalid.field) == ("FIELD_AMBIGUOUS", "message")
    assert "msg" in str(invalid)


def test_a_field_that_nests_too_deep_for_a_context_is_refused() -> None:
    def sent(depth: int) -> bytes:
        return f'{{"t": "{AT}", "m": "x", "a": {"[" * depth + "]" * depth}}}'.encode()

    context = decode_mapped(sent(MAX_CONTEXT_DEPTH - 1), PLAIN).context
    assert context is not None
    assert context.count("[") == MAX_CONTEXT_DEPTH - 1
    assert refusal(sent(MAX_CONTEXT_DEPTH)).code == "CONTEXT_TOO_DEEP"


TEXTS = st.sampled_from(
    [f'"{AT}"', "1772431200123", '"x"', '""', "null", "{}", '{"t": 1, "t": 2}', "1e999", '"\\ud83d"', "01"]
)
NAMES = st.sampled_from(['"t"', '"m"', '"\\u0074"', '"a"', '"a\\"b"', '"\\udc00"', '"b'])
OBJECTS = st.lists(st.tuples(NAMES, TEXTS), max_size=5).map(
    lambda fields: ("{" + ",".join(f"{name}:{text}" for name, text in fields) + "}").encode()
)


@given(OBJECTS | st.binary(max_size=30), st.sampled_from([PLAIN, MILLISECONDS, *BUILT_IN.values()]))
@example(b'{"t":"' + AT.encode() + b'","m":"x","a":1,"a":2}', PLAIN)
def test_any_bytes_are_an_entry_or_a_refusal(data: bytes, mapping: FieldMapping) -> None:
    try:
        found = decode_mapped(data, mapping)
    except InvalidEntry:
        return
    assert found.message
    assert found.timestamp.tzinfo is UTC
    sent = msgspec.json.decode(data)
    others = {name for name in sent if name not in mapping.timestamp + mapping.message}
    assert set(json.loads(found.context or "{}")) == others


@given(OBJECTS | st.binary(max_size=30), st.sampled_from([PLAIN, MILLISECONDS, *BUILT_IN.values()]))
@example(b'{"t":"' + AT.encode() + b'","m":"x","a":1,"a":2}', PLAIN)
@example(b'{"t":"' + AT.encode() + b'","m":"x","a\\/":"\\"\\\\"}', PLAIN)
@example(b'{"t":"' + AT.encode() + b'","m":"x","a":"\\/\\u00e9"}', PLAIN)
@settings(max_examples=500)
def test_what_is_decoded_quickly_is_exactly_what_the_closer_look_gives(
    data: bytes, mapping: FieldMapping
) -> None:
    found = decode_quickly(data, mapping)
    if found is not None:
        assert found == decode_mapped(data, mapping)


def test_usual_entries_are_decoded_quickly() -> None:
    for context in ('"level": 30, "req": {"url": "/a", "n": [1, 2.50, null]}', '"a": "é \\" \\u00e9 \\\\"'):
        text = f' {{"t": 1772431200123, {context}, "m": "jam\\n"}} '.encode()
        assert decode_quickly(text, MILLISECONDS) == decode_mapped(text, MILLISECONDS)


@given(st.lists(OBJECTS, max_size=4), st.sampled_from([PLAIN, BUILT_IN["auto"]]))
@example([b'{"t":"' + AT.encode() + b'","m":"x"}'] * 3, PLAIN)
def test_arrays_and_lines_are_what_their_entries_are(sent: list[bytes], mapping: FieldMapping) -> None:
    form = mapped(mapping)
    for found in (form.array(b"[" + b",".join(sent) + b"]", 1 << 20), form.lines(b"\n".join(sent))):
        assert found is None or list(found) == [form.entry(data) for data in sent]


# ---- mappings of one's own ---------------------------------------------------------------------------------


def test_an_operator_adds_mappings_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text('[gates]\ntimestamp = ["at"]\nmessage = ["text", "Text"]\nepoch = "s"\n')
    mappings = load_mappings(file)
    assert mappings["gates"] == FieldMapping(("at",), ("text", "Text"), "s")
    assert set(mappings) == {"gates", *BUILT_IN}
    assert load_mappings(None) == BUILT_IN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pino]\ntimestamp = ["t"]\nmessage = ["m"]', "mapping 'pino' is built in"),
        ('[a]\ntimestamp = ["t"]', "mapping 'a' is wrong: Object missing required field `message`"),
        ('[a]\ntimestamp = []\nmessage = ["m"]', "mapping 'a' is wrong"),
        ('[a]\ntimestamp = [""]\nmessage = ["m"]', "mapping 'a' is wrong"),
        ('[a]\ntimestamp = ["x"]\nmessage = ["x"]', "'x' cannot be timestamp and message"),
        ('[a]\ntimestamp = ["t"]\nmessage = ["m"]\nepoch = "min"', "Invalid enum value 'min'"),
        ('[a]\ntimestamp = ["t"]\nmessage = ["m"]\nlevel = "l"', "unknown field `level`"),
        ("a = 1", "mapping 'a' is wrong"),
        ("[a", "cannot be read"),
    ],
)
def test_a_wrong_mapping_stops_the_start_with_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text(text)
    with pytest.raises(MappingsInvalid) as wrong:
        load_mappings(file)
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(MappingsInvalid, match="No such file"):
        load_mappings(tmp_path / "none.toml")


def test_the_pages_table_of_mappings_is_the_one_that_is_built_in() -> None:
    page = (Path(__file__).parents[3] / "docs/clients/mappings.md").read_text(encoding="utf-8")
    _, begin, rest = page.partition("```toml\n# built in\n")
    assert begin
    tables = tomllib.loads(rest.partition("```")[0])
    assert {name: msgspec.convert(table, FieldMapping) for name, table in tables.items()} == BUILT_IN
