"""CSV and TSV: any of four delimiters, quoted fields with line ends, columns that are named or known."""

import csv
import json
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogFile, LogFileError, ReadOptions


def opened(text: str, name: str = "-", **options: Any) -> LogFile:
    return LogFile(BytesIO(text.encode()), name=name, options=ReadOptions(**options))


def read(text: str, name: str = "-", **options: Any) -> list[Any]:
    return list(opened(text, name, **options).entries())


def refusal(text: str, name: str = "-", **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(text, name, **options)
    return caught.value


def columns(timestamp: str, message: str) -> dict[str, tuple[str, ...]]:
    return {"timestamp": tuple(timestamp.split("+")), "message": tuple(message.split("+"))}


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
messages = fields.filter(str.strip)
times = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants it so
rows = st.lists(st.tuples(times, messages, st.none() | fields))


# With "\n" as the line's end, Python's writer leaves a "\r" unquoted, which its reader refuses.
styles = st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)])


@given(rows, st.sampled_from(",;\t"), styles)
def test_what_a_writer_writes_is_read_back(
    rows: list[tuple[datetime, str, str | None]], delimiter: str, style: tuple[str, Literal[0, 1]]
) -> None:
    file = StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=style[0], quoting=style[1])
    writer.writerow(["timestamp", "message", "context"])
    starts = []
    for time, message, context in rows:
        starts.append(file.getvalue().count("\n") + 1)
        writer.writerow([time.isoformat(), message, context])
    log = opened(file.getvalue())
    batches = list(log.batches())
    found = [json.loads(line) for batch in batches for line in batch.body.splitlines()]
    assert [(entry["timestamp"], entry["message"], entry.get("context")) for entry in found] == [
        (f"{time.replace(tzinfo=None).isoformat(timespec='microseconds')}Z", message, context)
        for time, message, context in rows
    ]
    assert [line for batch in batches for line in batch.starts] == starts


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["-", "log.csv", "log.tsv.gz"])
def test_the_delimiter_is_found_by_itself(delimiter: str, name: str) -> None:
    text = 'Message,"TIMESTAMP"\n"a,b;c\td\n""e""",2026-03-02 06:00:00\n'.replace(",", delimiter)
    [entry] = read(text, name)
    assert entry == {
        "timestamp": "2026-03-02T06:00:00.000000Z",
        "message": 'a,b;c\td\n"e"'.replace(",", delimiter),
    }


def test_excels_first_line_names_the_delimiter() -> None:
    [entry] = read('sep=;\r\ntimestamp;message\r\n02.03.2026 06:00:00,123;"Druck 4,5 bar"\r\n')
    assert entry == {"timestamp": "2026-03-02T06:00:00.123000Z", "message": "Druck 4,5 bar"}


@pytest.mark.parametrize("header", ["@timestamp,msg", "datetime,message", "Date and Time,MSG"])
def test_usual_names_of_columns_are_understood(header: str) -> None:
    assert [entry["message"] for entry in read(f"{header}\n2026-03-02T06:00:00Z,a\n")] == ["a"]


def test_date_and_time_may_be_two_columns() -> None:
    [entry] = read("Date,Time,Message\n3/13/2026,6:00:00 PM,hi\n")
    assert entry == {"timestamp": "2026-03-13T18:00:00.000000Z", "message": "hi"}


def test_other_columns_become_the_context_and_a_column_context_alone_stays_text() -> None:
    [entry] = read("timestamp;message;level;host\n2026-03-02 06:00:00;a;INFO;\n")
    assert entry["context"] == {"level": "INFO"}
    text = 'timestamp;message;context\n2026-03-02 06:00:00;a;"{""b"": 1}"\n2026-03-02 06:00:00;c;\n'
    assert [entry.get("context") for entry in read(text)] == ['{"b": 1}', None]


def test_columns_are_named_by_the_header_or_their_number() -> None:
    text = "LineId,Date,Time,Content\n1,2026-03-02,06:00:00,hello\n"
    for named in (columns("Date+Time", "Content"), columns("2+3", "4")):
        [entry] = read(text, columns=named)
        assert entry == {
            "timestamp": "2026-03-02T06:00:00.000000Z",
            "message": "hello",
            "context": {"LineId": "1"},
        }
    [entry] = read("2026-03-02 06:00:00,4711,hello\n", columns=columns("1", "3"))
    assert entry["context"] == {"column 2": "4711"}


def test_columns_that_the_header_does_not_name_are_kept() -> None:
    text = 'Level,Date and Time,Task\r\nInfo,3/2/2026 6:00:00 AM,None,"It entered the running state."\r\n'
    options: Any = {"timestamp_format": "%m/%d/%Y %I:%M:%S %p"}
    [entry] = read(text, columns=columns("Date and Time", "Task"), **options)
    assert entry["context"] == {"Level": "Info", "column 4": "It entered the running state."}
    [entry] = read(text, columns=columns("Date and Time", "4"), **options)
    assert entry["message"] == "It entered the running state."


def test_a_message_longer_than_the_csv_modules_limit_is_read() -> None:
    [entry] = read(f"timestamp,message\n2026-03-02T06:00:00Z,{'m' * 2_000_000}\n")
    assert len(entry["message"]) == 2_000_000


def test_blank_lines_and_repeated_headers_are_passed_over() -> None:
    text = "\n\ntimestamp,message\n\n2026-03-02T06:00:00Z,a\n\ntimestamp,message\n2026-03-02T06:00:01Z,b\n"
    [batch] = opened(text, format="csv").batches()
    assert list(batch.starts) == [5, 8]


def test_no_rows_are_no_error() -> None:
    assert read("timestamp,message\n") == read("", format="csv") == read("\n", "a.csv") == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("timestamp,context\n", 1, "is the message by its name; there are: 'timestamp', 'context'"),
        ("message\n", 1, "is the time by its name"),
        ("timestamp,time,message\n", 1, "more than one, is the time"),
        ("LineId,Datum,Content\n", 1, "--columns timestamp=COLUMN,message=Content"),
        ("timestamp,message\n2026-03-02T06:00:00Z,a\n2026-03-02T06:00:00Z,b,c\n", 3, "a row of 3 fields"),
        ('timestamp,message\n2026-03-02T06:00:00Z,"a\nb"\n2026-03-02T06:00:00Z\n', 4, "a row of 1 fields"),
        ("timestamp,message\nyesterday,a\n", 2, "'yesterday' begins with no known time. Known are"),
        ("timestamp,message\n2026-03-02T06:00:00Z,\n", 2, "its message is empty"),
        ("timestamp,message\n2026-03-02T06:00:00Z sharp,a\n", 2, "is no known time"),
        ("timestamp,message\n2026-03-02T06:00:00Z,a\n1772427600,b\n", 3, "'1772427600' is no known time"),
        ("timestamp,message\n2026-13-02T06:00:00Z,a\n", 2, "is no possible time"),
        ('timestamp,message\n2026-03-02T06:00:00Z,"a\nb', 2, "not CSV, in the row that begins here"),
        ('timestamp,message\n2026-03-02T06:00:00Z,"a"b\n', 2, "not CSV, in the row that begins here"),
        (
            "timestamp,message\n1772427600,a\rb\n",
            2,
            "begins here: new-line character seen in unquoted field.",
        ),
    ],
)
def test_a_bad_row_is_refused_with_the_line_on_which_it_begins(text: str, line: int, reason: str) -> None:
    error = refusal(text, format="csv")
    assert error.line == line
    assert reason in str(error)


def test_bad_rows_can_be_left_out() -> None:
    time = "2026-03-02T06:00:00Z"
    text = f"timestamp,message\n{time},a\nyesterday,b\n{time},c,d\n{time},e\n"
    file = opened(text, on_bad_line="skip")
    assert [entry["message"] for entry in file.entries()] == ["a", "e"]
    assert [skipped.line for skipped in file.report.skipped] == [3, 4]


@pytest.mark.parametrize("names", [("Zeit", "message"), ("7", "message")])
def test_a_column_that_is_not_there_is_refused(names: tuple[str, str]) -> None:
    error = refusal("timestamp,message\n2026-03-02T06:00:00Z,a\n", columns=columns(*names))
    assert f"there is no column '{names[0]}'" in str(error)
