"""W3C, logfmt, CRI, Docker, syslog frames: each is known by its beginning and read as it is meant."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogFile, LogFileError, ReadOptions


def opened(text: str | bytes, **options: Any) -> LogFile:
    data = text if isinstance(text, bytes) else text.encode()
    return LogFile(BytesIO(data), options=ReadOptions(**options))


def read(text: str | bytes, **options: Any) -> list[Any]:
    return list(opened(text, **options).entries())


def refusal(text: str | bytes, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(text, **options)
    return caught.value


IIS = """\
#Software: Microsoft Internet Information Services 10.0
#Date: 2026-03-02 05:00:00
#Fields: date time s-ip cs-method sc-status
2026-03-02 05:00:01 10.0.0.4 GET 200
#Fields: date time s-ip sc-status time-taken
2026-03-02 05:30:05 10.0.0.4 200 28
"""


def test_w3cs_headers_name_the_columns_also_in_the_middle() -> None:
    file = opened(IIS)
    assert list(file.entries()) == [
        {"timestamp": "2026-03-02T05:00:01.000000Z", "message": "10.0.0.4 GET 200"},
        {"timestamp": "2026-03-02T05:30:05.000000Z", "message": "10.0.0.4 200 28"},
    ]
    assert file.report.format == "w3c"
    assert [batch.starts.tolist() for batch in opened(IIS).batches()] == [[4, 6]]


def test_w3cs_day_may_stand_in_its_header() -> None:
    text = "#Date: 2026-03-02\n#Fields: time x\n05:00:01 a\n"
    assert read(text) == [{"timestamp": "2026-03-02T05:00:01.000000Z", "message": "a"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-03-02 05:00:01 10.0.0.4 GET", "4 values, and #Fields: names 5"),
        ("2026-03-02 25:00:01 10.0.0.4 GET 200", "no possible time"),
    ],
)
def test_a_row_that_is_not_as_its_fields_say_is_refused(row: str, reason: str) -> None:
    lines = IIS.splitlines()
    lines.insert(4, row)
    error = refusal("\n".join(lines))
    assert error.line == 5
    assert reason in str(error)


def test_logfmt_has_its_message_and_the_rest_as_context() -> None:
    text = (
        'time="2026-03-02T06:00:00+01:00" level=info msg="ram \\"lowered\\""\n'
        "  and more\n"
        "time=2026-03-02T06:00:01.5+01:00 level=error msg=none gate=4\n"
    )
    assert read(text) == [
        {
            "timestamp": "2026-03-02T05:00:00.000000Z",
            "message": 'ram "lowered"\n  and more',
            "context": {"level": "info"},
        },
        {
            "timestamp": "2026-03-02T05:00:01.500000Z",
            "message": "none",
            "context": {"level": "error", "gate": "4"},
        },
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("level=info msg=x", "it has no time"), ("time=2026-03-02T06:00:00Z a=b", "no message")],
)
def test_logfmt_without_time_or_message_is_refused(line: str, reason: str) -> None:
    error = refusal(f"time=2026-03-02T06:00:00Z msg=a\n{line}\n")
    assert error.line == 2
    assert reason in str(error)


values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text.strip())


@given(st.lists(st.tuples(values, values), min_size=1))
def test_what_logfmt_quotes_is_read_back(written: list[tuple[str, str]]) -> None:
    lines = [
        f"time=2026-03-02T06:00:00Z msg={json.dumps(message, ensure_ascii=False)} "
        f"more={json.dumps(more, ensure_ascii=False)}\n"
        for message, more in written
    ]
    assert [(entry["message"], entry["context"]["more"]) for entry in read("".join(lines))] == written


CRI = """\
2026-03-02T06:00:00.100000001+01:00 stderr F panic: valve 7
2026-03-02T06:00:00.100000002+01:00 stderr F \n\
2026-03-02T06:00:01.2+01:00 stdout P a very long line,
2026-03-02T06:00:01.3+01:00 stderr F between
2026-03-02T06:00:01.4+01:00 stdout F  first part and the rest
"""


def test_the_parts_of_a_containers_line_are_put_together() -> None:
    file = opened(CRI)
    assert [(entry["message"], entry["context"]["stream"]) for entry in file.entries()] == [
        ("panic: valve 7", "stderr"),
        ("between", "stderr"),
        ("a very long line, first part and the rest", "stdout"),
    ]
    assert file.report.format == "cri"
    assert "left out: 1 line without text" in file.report.notes


def test_a_line_that_is_no_containers_is_refused() -> None:
    assert refusal(CRI + "rubbish\n", format="cri").line == 6


def test_the_parts_of_dockers_lines_are_put_together() -> None:
    lines = [
        {"log": "a long ", "stream": "stdout", "time": "2026-03-02T06:00:00.123456789Z"},
        {"log": "other\n", "stream": "stderr", "time": "2026-03-02T06:00:00.2Z"},
        {"log": "line\n", "stream": "stdout", "time": "2026-03-02T06:00:00.3Z", "attrs": {"tag": "x"}},
        {"log": "\n", "stream": "stdout", "time": "2026-03-02T06:00:00.4Z"},
        {"log": "cut", "stream": "stdout", "time": "2026-03-02T06:00:00.5Z"},
    ]
    file = opened("".join(json.dumps(line) + "\n" for line in lines))
    assert [(entry["timestamp"], entry["message"]) for entry in file.entries()] == [
        ("2026-03-02T06:00:00.200000Z", "other"),
        ("2026-03-02T06:00:00.123456Z", "a long line"),
        ("2026-03-02T06:00:00.500000Z", "cut"),
    ]
    assert file.report.format == "docker"
    assert refusal(json.dumps(lines[0]) + '\n{"log": 7}\n').line == 2


def frame(text: str) -> bytes:
    data = text.encode()
    return b"%d %b" % (len(data), data)


def test_frames_of_syslog_are_cut_by_their_octets() -> None:
    data = frame("<165>1 2026-03-02T06:00:00Z gw3 a - - - größe") + frame(
        "<165>1 2026-03-02T06:00:01Z gw3 a - - - two\nlines"
    )
    for separated in (data, data.replace(b"46 <", b"\n46 <")):
        assert [entry["message"] for entry in read(separated)] == [
            "gw3 a - - - größe",
            "gw3 a - - - two\nlines",
        ]
    assert "octet counts do not fit" in str(refusal(data + b"99 <165>1 cut"))
    assert "octet counts do not fit" in str(refusal(b"20" + data[2:]))


def test_journalds_text_forms_are_plain_text() -> None:
    text = "Mon 2026-03-02 06:00:00 UTC edge7 gatectl[311]: gate 4 open\n-- Boot 4f1c2d --\n"
    file = opened(text)
    assert [entry["message"] for entry in file.entries()] == ["edge7 gatectl[311]: gate 4 open"]
    assert [skipped.line for skipped in file.report.skipped] == [2]
