"""CSV files: any of three delimiters, quoted fields with line ends, and columns that must be known."""

import csv
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogEntry, LogFileError, read_log


def read(text: str, **options: Any) -> list[LogEntry]:
    return list(read_log(BytesIO(text.encode()), **options))


def refusal(text: str, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(text, **options)
    return caught.value


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
times = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants it so
rows = st.lists(st.tuples(times, fields, st.none() | fields))


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
    entries = read(file.getvalue())
    assert [(entry.timestamp, entry.message, entry.context) for entry in entries] == rows
    assert [entry.line for entry in entries] == starts


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["-", "log.csv", "log.tsv.gz"])
def test_the_delimiter_is_found_by_itself(delimiter: str, name: str) -> None:
    text = 'Message,"TIMESTAMP"\n"a,b;c\td\n""e""",2026-03-02 06:00:00\n'.replace(",", delimiter)
    [entry] = read(text, name=name)
    assert entry.timestamp == datetime(2026, 3, 2, 6, tzinfo=UTC)
    assert entry.message == 'a,b;c\td\n"e"'.replace(",", delimiter)


def test_other_usual_names_of_columns_are_understood() -> None:
    [entry] = read("@timestamp,msg\n2026-03-02T06:00:00Z,a\n")
    assert entry.to_json() == {"timestamp": "2026-03-02T06:00:00+00:00", "message": "a"}


def test_a_context_stays_text() -> None:
    entries = read('timestamp;message;context\n1772427600;a;"{""b"": 1}"\n1772427601;c;\n')
    assert [entry.context for entry in entries] == ['{"b": 1}', None]


def test_a_message_longer_than_the_csv_modules_limit_is_read() -> None:
    [entry] = read(f"timestamp,message\n2026-03-02T06:00:00Z,{'m' * 200_000}\n")
    assert len(entry.message) == 200_000


def test_times_follow_a_format_of_ones_own() -> None:
    [entry] = read("timestamp,message\n02-Mar-2026 06h00,a\n", timestamp_format="%d-%b-%Y %Hh%M")
    assert entry.timestamp == datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_blank_lines_are_skipped() -> None:
    entries = read("\n\ntimestamp,message\n\n2026-03-02T06:00:00Z,a\n\n", format="csv")
    assert [(entry.message, entry.line) for entry in entries] == [("a", 5)]


def test_no_rows_are_no_error() -> None:
    assert read("timestamp,message\n") == read("", format="csv") == read("\n", name="a.csv") == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (
            "timestamp,message,level,host\n",
            1,
            "unknown columns: 'level', 'host'. Known are timestamp, message",
        ),
        ("timestamp,context\n", 1, "no column 'message'"),
        ("message\n", 1, "no column 'timestamp'"),
        ("timestamp,time,message\n", 1, "two columns of the same meaning: timestamp, time, message"),
        ("timestamp,message\n2026-03-02T06:00:00Z,a\n2026-03-02T06:00:00Z,b,c\n", 3, "a row of 3 fields"),
        ('timestamp,message\n2026-03-02T06:00:00Z,"a\nb"\n2026-03-02T06:00:00Z\n', 4, "a row of 1 fields"),
        ("timestamp,message\nyesterday,a\n", 2, "'yesterday' is no known time. Known forms"),
        ("timestamp,message\n,a\n", 2, "'' is no known time"),
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


def test_a_carriage_return_alone_ends_no_line() -> None:
    assert refusal("timestamp,message\r1772427600,a\r").line == 1
