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

from logleap.codecs.json.mapped import decode_mapped, mapped
from logleap.codecs.json.strict import InvalidEntry
from logleap.codecs.json.walk import MAX_CONTEXT_DEPTH
from logleap.codecs.mappings import BUILT_IN, FieldMapping, MappingsInvalid, Pattern, load_mappings
from logleap.domain.entries import Entry

AT = "2026-03-02T06:00:00.123Z"
MOMENT = datetime(2026, 3, 2, 6, 0, 0, 123000, tzinfo=UTC)
PLAIN = FieldMapping(("t",), ("m",))
MILLISECONDS = FieldMapping(("t",), ("m",), "ms")


def decode_quickly(data: bytes, mapping: FieldMapping) -> Entry | None:
    """The entry as that of an array, None where it needs a closer look."""
    entries = mapped(mapping).array(b"[%b]" % data, 1 << 30)
    return entries[0] if entries is not None and len(entries) == 1 else None


def refusal(text: str | bytes, mapping: FieldMapping = PLAIN) -> InvalidEntry:
    with pytest.raises(InvalidEntry) as unfit:
        decode_mapped(text.encode() if isinstance(text, str) else text, mapping)
    return unfit.value


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
        (
            "journald",
            {"__REALTIME_TIMESTAMP": "1772431200123000", "MESSAGE": [106, 97, 109], "PRIORITY": "6"},
            {"PRIORITY": "6"},
        ),
        ("journald", {"__REALTIME_TIMESTAMP": "1772431200123000", "MESSAGE": "jam"}, None),
        ("docker", {"log": "jam\n", "stream": "stdout", "time": AT}, {"stream": "stdout"}),
        ("clef", {"@t": AT, "@m": "jam", "@mt": "{What}", "What": "jam"}, {"@mt": "{What}", "What": "jam"}),
        ("clef", {"@t": AT, "@mt": "{What}", "What": "jam"}, {"@mt": "{What}", "What": "jam"}),
        ("clef", {"@t": AT, "@mt": "jam", "@l": "Warning"}, {"@l": "Warning"}),
        (
            "clef",
            {"@t": AT, "@mt": "j{What:x}", "@r": ["am"], "What": 4},
            {"@mt": "j{What:x}", "@r": ["am"], "What": 4},
        ),
        (
            "gelf",
            {"version": "1.1", "timestamp": 1772431200.123, "short_message": "jam", "_gate": 4},
            {"version": "1.1", "_gate": 4},
        ),
        ("fluent-bit", {"date": 1772431200.123, "log": "jam\n"}, None),
        ("zap", {"level": "info", "ts": 1772431200.1230001, "msg": "jam"}, {"level": "info"}),
        ("zap", {"ts": "2026-03-02T07:00:00.123+0100", "msg": "jam"}, None),
        (
            "gcloud",
            {"timestamp": AT, "jsonPayload": {"message": "jam", "gate": 4}, "severity": "INFO"},
            {"jsonPayload": {"gate": 4}, "severity": "INFO"},
        ),
        ("gcloud", {"timestamp": AT, "textPayload": "jam"}, None),
        ("structlog", {"event": "jam", "timestamp": AT, "gate": 4}, {"gate": 4}),
        ("structlog", {"event": "jam", "timestamp": 1772431200.123}, None),
        (
            "loguru",
            {
                "text": "x",
                "record": {"time": {"repr": "y", "timestamp": 1772431200.123}, "message": "jam", "line": 4},
            },
            {"text": "x", "record": {"time": {"repr": "y"}, "line": 4}},
        ),
        ("log4js", {"startTime": AT, "data": "jam", "categoryName": "a"}, {"categoryName": "a"}),
        ("rsyslog", {"msg": " jam", "timereported": "2026-03-02T07:00:00.123+01:00"}, None),
        (
            "logback",
            {"timestamp": 1772431200123, "nanoseconds": 123000999, "message": "j{}", "arguments": ["am"]},
            {"message": "j{}", "arguments": ["am"]},
        ),
        ("logback", {"timestamp": 1772431200123, "message": "jam", "level": "INFO"}, {"level": "INFO"}),
        (
            "logback",
            {"timestamp": 1772431200123, "message": "{}", "formattedMessage": "jam"},
            {"message": "{}"},
        ),
        ("python-json-logger", {"timestamp": "2026-03-02T06:00:00.123+00:00", "message": "jam"}, None),
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
    unfit = refusal(text)
    assert (unfit.code, unfit.field) == (code, field)
    assert str(unfit)


def test_a_number_that_is_no_time_is_refused_with_what_is_taken() -> None:
    assert refusal('{"t": 1e99, "m": "x"}', MILLISECONDS).code == "TIMESTAMP_IMPLAUSIBLE"
    unfit = refusal('{"t": 1772431200, "m": "x"}', MILLISECONDS)
    assert "likely a number of s, 2026-03-02T06:00:00Z." in str(unfit)
    assert "Send ms, or use a mapping whose `epoch` is s." in str(unfit)
    unfit = refusal('{"t": true, "m": "x"}', MILLISECONDS)
    assert unfit.code == "TIMESTAMP_INVALID"
    assert "a number of ms since 1970" in str(unfit)


def test_of_two_fields_that_may_be_the_message_none_is_guessed() -> None:
    unfit = refusal(f'{{"ts": "{AT}", "msg": "x", "message": "y"}}', BUILT_IN["auto"])
    assert (unfit.code, unfit.field) == ("FIELD_AMBIGUOUS", "msg")
    assert "message" in str(unfit)


def test_a_field_that_nests_too_deep_for_a_context_is_refused() -> None:
    def sent(depth: int) -> bytes:
        return f'{{"t": "{AT}", "m": "x", "a": {"[" * depth + "]" * depth}}}'.encode()

    context = decode_mapped(sent(MAX_CONTEXT_DEPTH - 1), PLAIN).context
    assert context is not None
    assert context.count("[") == MAX_CONTEXT_DEPTH - 1
    assert refusal(sent(MAX_CONTEXT_DEPTH)).code == "CONTEXT_TOO_DEEP"


# ---- names with dots, templates, patterns ------------------------------------------------------------------


def decoded(sent: str, mapping: FieldMapping) -> tuple[str, Any]:
    """The message and the context."""
    found = decode_mapped(sent.replace("AT", AT).encode(), mapping)
    assert found.timestamp == MOMENT
    return found.message, found.context


def test_a_name_with_dots_leads_into_objects_unless_a_field_is_literally_called_so() -> None:
    mapping = FieldMapping(("t",), ("a.b.c",))
    assert decoded('{"t":"AT","a":{"b":{"c":"x","d":1},"e":[]}}', mapping) == (
        "x",
        '{"a":{"b":{"d":1},"e":[]}}',
    )
    assert decoded('{"t":"AT","a":{"b.c":"x"}}', mapping) == ("x", None)
    assert decoded('{"t":"AT","a.b":{"c":"x"},"a":{"b":7}}', mapping) == ("x", '{"a":{"b":7}}')
    assert decoded('{"t":"AT","a":{"b":{"c":"y"}},"a.b.c":"x"}', mapping) == ("x", '{"a":{"b":{"c":"y"}}}')


def test_a_name_with_dots_that_leads_nowhere_is_missing_and_one_given_twice_is_refused() -> None:
    mapping = FieldMapping(("t",), ("a.b",))
    for there in ("1", '"b"', '["b"]', '{"c": 1}', "null"):
        unfit = refusal(f'{{"t": "{AT}", "a": {there}}}', mapping)
        assert (unfit.code, unfit.field) == ("MESSAGE_MISSING", "a.b")
    assert refusal(f'{{"t": "{AT}", "a": {{"b": "x", "b": "y"}}}}', mapping).code == "FIELD_REPEATED"
    assert refusal(f'{{"t": "{AT}", "a": {{"b": "x"}}, "a": 7}}', mapping).code == "FIELD_REPEATED"


def test_the_first_template_counts_whose_fields_are_all_there() -> None:
    mapping = FieldMapping(("t",), template=("{m}: {err.message} {{{n}}}", "{m}"))
    assert decoded('{"t":"AT","m":"x","err":{"message":"y","stack":"z"},"n":1.50}', mapping) == (
        "x: y {1.50}",
        '{"err":{"stack":"z"}}',
    )
    assert decoded('{"t":"AT","m":"x","err":{"message":null},"n":1}', mapping) == (
        "x",
        '{"err":{"message":null},"n":1}',
    )
    unfit = refusal(f'{{"t": "{AT}", "n": 1}}', mapping)
    assert (unfit.code, unfit.field) == ("MESSAGE_MISSING", "m")
    assert "m or err.message or n" in str(unfit)
    assert refusal(f'{{"t": "{AT}", "m": ""}}', mapping).code == "MESSAGE_EMPTY"


def test_a_pattern_is_filled_where_there_is_no_message_and_else_kept() -> None:
    clef = BUILT_IN["clef"]
    message, context = decoded(
        r'{"@t":"AT","@mt":"{{{Gate,4}}} {@Box} {$No} {Miss} {Ms:0.0}{N:x}","Gate":"4A","Box":{"w":1},'
        r'"No":null,"Ms":7,"@r":["7.0"],"N":10}',
        clef,
    )
    assert message == '{  4A} {"w":1} null {Miss} 7.010'
    assert context is not None
    assert json.loads(context)["@mt"].startswith("{{{Gate,4}}}")
    assert refusal(f'{{"@t": "{AT}"}}', clef).code == "MESSAGE_MISSING"
    assert refusal(f'{{"@t": "{AT}", "@mt": "{{A}}", "A": ""}}', clef).code == "MESSAGE_EMPTY"
    assert refusal(f'{{"@t": "{AT}", "@mt": "{{A}}", "A": 1, "A": 2}}', clef).code == "FIELD_REPEATED"


@pytest.mark.parametrize("pattern", ["{A}" * 10_000, "{A,9999}" * 1_000, "{A,-9999}" * 1_000])
def test_a_pattern_does_not_make_a_message_longer_than_its_record(pattern: str) -> None:
    """A few bytes could otherwise become gigabytes."""
    sent = json.dumps({"@t": AT, "@mt": pattern, "A": "x" * 10_000})
    unfit = refusal(sent, BUILT_IN["clef"])
    assert (unfit.code, unfit.field) == ("ENTRY_TOO_LARGE", "@mt")
    assert decode_quickly(sent.encode(), BUILT_IN["clef"]) is None


@pytest.mark.parametrize(
    ("pattern", "arguments", "filled"),
    [
        ("jam at {} in {}", ["4", "hall"], "jam at 4 in hall"),
        ("{} and {}", ["4"], "4 and {}"),
        ("{}", ["4", "5"], "4"),
        (r"\{} {}", ["4"], "{} 4"),
        (r"\\{}", ["4"], r"\4"),
        ("{a} {}", ["{}"], "{a} {}"),
        (r"\{} {}", [], r"\{} {}"),
    ],
)
def test_slf4js_pattern_is_filled_as_slf4j_does_it(pattern: str, arguments: list[str], filled: str) -> None:
    sent = {"timestamp": 1772431200123, "message": pattern, "arguments": arguments}
    assert decode_mapped(json.dumps(sent).encode(), BUILT_IN["logback"]).message == filled


def test_nanoseconds_give_the_fraction_unless_they_contradict_the_timestamp() -> None:
    split = FieldMapping(("instant.epochSecond",), ("m",), "s", nanoseconds="instant.nanoOfSecond")
    found = decode_mapped(b'{"instant":{"epochSecond":1772431200,"nanoOfSecond":123456789},"m":"x"}', split)
    assert found == Entry(MOMENT.replace(microsecond=123456), "x")
    logback = BUILT_IN["logback"]
    for wrong, code in [
        ("124000000", "TIMESTAMP_AMBIGUOUS"),
        ("1000000000", "TIMESTAMP_INVALID"),
        ("-1", "TIMESTAMP_INVALID"),
        ('"7"', "TIMESTAMP_INVALID"),
    ]:
        unfit = refusal(f'{{"timestamp": 1772431200123, "nanoseconds": {wrong}, "message": "x"}}', logback)
        assert (unfit.code, unfit.field) == (code, "nanoseconds")


def test_an_array_of_bytes_is_text_where_the_mapping_says_so() -> None:
    bytes_too = FieldMapping(("t",), ("m",), byte_arrays=True)
    assert decoded('{"t":"AT","m":[195,169, 13]}', bytes_too) == ("é\r", None)
    assert decoded('{"t":"AT","m":[106]}', PLAIN) == ("[106]", None)
    for other in ("[256]", '["a"]', "[1.5]", "[-1]"):
        assert decoded(f'{{"t":"AT","m":{other}}}', bytes_too) == (other, None)
    unfit = refusal(f'{{"t": "{AT}", "m": [99, 233]}}', bytes_too)
    assert (unfit.code, unfit.field) == ("NOT_UTF8", "m")
    assert refusal(f'{{"t": "{AT}", "m": []}}', bytes_too).code == "MESSAGE_EMPTY"


def test_only_what_the_logger_adds_is_stripped() -> None:
    lines = FieldMapping(("t",), ("m",), strip="newline")
    assert decoded(r'{"t":"AT","m":"  x \n\r\n"}', lines) == ("  x \n", None)
    blank = FieldMapping(("t",), ("m",), strip="blank")
    assert decoded('{"t":"AT","m":"  x "}', blank) == (" x ", None)
    assert refusal(f'{{"t": "{AT}", "m": "\\n"}}', lines).code == "MESSAGE_EMPTY"


def test_a_time_without_an_offset_is_one_of_the_mappings_zone() -> None:
    berlin = FieldMapping(("t",), ("m",), zone="Europe/Berlin")
    sent = b'{"t": "2026-03-02 07:00:00,123", "m": "x"}'
    assert decode_mapped(sent, berlin) == decode_quickly(sent, berlin) == Entry(MOMENT, "x")
    unfit = refusal(sent)
    assert (unfit.code, unfit.field) == ("TIMESTAMP_NO_OFFSET", "t")
    assert "give the time zone. A mapping has it as its `zone`." in str(unfit)


TEXTS = st.sampled_from(
    [
        f'"{AT}"',
        "1772431200123",
        '"2026-03-02 07:00:00,123"',
        "123000000",
        '"x{a}{}"',
        "[120, 10]",
        '"x"',
        '""',
        "null",
        "{}",
        '{"t": 1, "t": 2}',
        "1e999",
        '"\\ud83d"',
        "01",
    ]
)
NAMES = st.sampled_from(
    ['"t"', '"m"', '"\\u0074"', '"a"', '"a\\"b"', '"\\udc00"', '"b', '"t.u"', '"n"', '"arguments"']
)


def object_of(fields: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name} :{text}" for name, text in fields) + "}"


VALUES = st.recursive(
    TEXTS, lambda inner: st.lists(st.tuples(NAMES, inner), max_size=3).map(object_of), max_leaves=4
)
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(object_of).map(str.encode)
MAPPINGS = st.sampled_from(
    [
        PLAIN,
        MILLISECONDS,
        FieldMapping(("t.u", "t"), ("a.m", "m"), "ms", nanoseconds="n"),
        FieldMapping(("t",), template=("{a.m}{m}", "{m}", "{a}")),
        FieldMapping(("t",), ("a",), pattern=Pattern("m", "message-template"), byte_arrays=True),
        FieldMapping(("t",), pattern=Pattern("m", "slf4j"), strip="newline", zone="Europe/Berlin"),
        *BUILT_IN.values(),
    ]
)


@st.composite
def sent_to(draw: st.DrawFn) -> tuple[bytes, FieldMapping]:
    """A mapping, and a record that has what it asks for more often than not."""
    mapping = draw(MAPPINGS)
    numbers = {
        "s": ["1772431200.123", "1772431200"],
        "ms": ["1772431200123"],
        "us": ["1772431200123000"],
        None: [],
    }
    times = st.sampled_from([f'"{AT}"', *(numbers[mapping.epoch] * 2), '"2026-03-02 07:00:00,123"']) | VALUES
    texts = (
        st.sampled_from(['"x"', '"{a} {}"', '"{What,3}\\\\{} y\\n"', '" x"', "[120, 10]", '{"b": 1}'])
        | VALUES
    )
    patterns = () if mapping.pattern is None else (mapping.pattern.field,)
    messages = (*mapping.message, *patterns) or [name[1:-1] for name in mapping.template]
    fields = [(draw(st.sampled_from(mapping.timestamp)), draw(times))]
    fields += [
        (name, draw(texts)) for name in draw(st.lists(st.sampled_from(messages), min_size=1, max_size=2))
    ]
    fields += [("n", "123000000")] if draw(st.booleans()) else []
    others = st.sampled_from(
        ["What", "arguments", "@r", "nanoseconds", "a", "b", 'a\\"b', "a\\u000ab", *messages]
    )
    fields += draw(st.lists(st.tuples(others, VALUES), max_size=3))
    return record_of(draw(st.permutations(fields)), nested=draw(st.booleans())), mapping


def record_of(fields: list[tuple[str, str]], *, nested: bool) -> bytes:
    """With `nested`, names with dots are those of fields in objects, as far as others leave room."""
    tree: dict[str, Any] = {}
    for name, text in fields:
        place, parts = tree, name.split(".") if nested else [name]
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place.setdefault(parts[-1], text)

    def written(value: Any) -> str:
        if isinstance(value, str):
            return value
        return object_of([(f'"{name}"', written(inner)) for name, inner in value.items()])

    return written(tree).encode()


RECORDS = sent_to() | st.tuples(OBJECTS | st.binary(max_size=30), MAPPINGS)


@given(RECORDS)
@example((b'{"t":"' + AT.encode() + b'","m":"x","a":1,"a":2}', PLAIN))
def test_any_bytes_are_an_entry_or_a_refusal(sent: tuple[bytes, FieldMapping]) -> None:
    data, mapping = sent
    try:
        found = decode_mapped(data, mapping)
    except InvalidEntry:
        return
    assert found.message
    assert found.timestamp.tzinfo is UTC
    assert set(json.loads(found.context or "{}")) <= set(json.loads(data))


@given(RECORDS)
@example((b'{"t":"' + AT.encode() + b'","m":"x","a":1,"a":2}', PLAIN))
@example((b'{"t":"' + AT.encode() + b'","m":"x","a\\/":"\\"\\\\"}', PLAIN))
@example((b'{"t":"' + AT.encode() + b'","m":"x","a":"\\/\\u00e9"}', PLAIN))
@settings(max_examples=500)
def test_what_is_decoded_quickly_is_exactly_what_the_closer_look_gives(
    sent: tuple[bytes, FieldMapping],
) -> None:
    data, mapping = sent
    found = decode_quickly(data, mapping)
    if found is not None:
        assert found == decode_mapped(data, mapping)


@given(sent_to())
@settings(max_examples=300)
def test_what_is_written_plainly_is_decoded_quickly(sent: tuple[bytes, FieldMapping]) -> None:
    data, mapping = sent
    try:
        found = decode_mapped(data, mapping)
    except InvalidEntry:
        found = None
    if b"\\" not in data and b'"t": 1, "t": 2' not in data:
        assert decode_quickly(data, mapping) == found


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


def test_a_mapping_extends_another_one(tmp_path: Path) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text(
        '[a]\nextends = "logback"\nzone = "+01:00"\n'
        '[b]\nextends = "a"\ntemplate = ["{formattedMessage}"]\n'
        '[c]\nextends = "b"\nmessage = ["m"]\n'
    )
    mappings = load_mappings(file)
    assert mappings["a"] == msgspec.structs.replace(BUILT_IN["logback"], zone="+01:00")
    assert mappings["b"] == msgspec.structs.replace(
        mappings["a"], message=(), pattern=None, template=("{formattedMessage}",)
    )
    assert mappings["c"] == msgspec.structs.replace(mappings["a"], message=("m",), pattern=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pino]\ntimestamp = ["t"]\nmessage = ["m"]', "mapping 'pino' is built in"),
        ('[a]\nmessage = ["t"]', "mapping 'a' is wrong: Object missing required field `timestamp`"),
        ('[a]\ntimestamp = ["t"]', "give either `template`, or `message`"),
        ('[a]\ntimestamp = ["t"]\nmessage = ["m"]\ntemplate = ["{m}"]', "give either `template`, or"),
        ('[a]\ntimestamp = ["t"]\ntemplate = ["{m"]', "has '{' alone at its character 1"),
        ('[a]\ntimestamp = ["t"]\ntemplate = ["m"]', "names no field"),
        (
            '[a]\ntimestamp = ["t"]\nmessage = ["m"]\nzone = "Europe/Atlantis"',
            "no time zone 'Europe/Atlantis'",
        ),
        (
            '[a]\ntimestamp = ["t"]\nmessage = ["m"]\npattern = {field = "p"}',
            "missing required field `style`",
        ),
        ('[a]\nextends = "b"', "it extends 'b', which is none of auto, bunyan, clef"),
        ('[otel-file]\ntimestamp = ["t"]\nmessage = ["m"]', "mapping 'otel-file' is built in"),
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
    assert list(tables) == list(BUILT_IN)
