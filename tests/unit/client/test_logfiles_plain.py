"""Plain text logs: where entries begin, what their time is and what is left as the message."""

from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogEntry, LogFileError, read_log
from logleap.client.logfiles._timestamps import FORMS


def read(text: str, **options: Any) -> list[LogEntry]:
    return list(read_log(BytesIO(text.encode()), **options))


def refusal(text: str, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(text, **options)
    return caught.value


@pytest.mark.parametrize(
    ("line", "timestamp", "message"),
    [
        ("2026-03-02T06:00:00Z started", "2026-03-02T06:00:00+00:00", "started"),
        ("2026-03-02 06:00:00.123 +01:00 [INF] App: on", "2026-03-02T05:00:00.123000+00:00", "[INF] App: on"),
        ("2026-03-02 06:00:00,5+0530 x", "2026-03-02T00:30:00.500000+00:00", "x"),
        ("2026-03-02 06:00:00+01 x", "2026-03-02T05:00:00+00:00", "x"),
        (
            "2026-03-02T06:00:00.123456789-00:30 nanoseconds",
            "2026-03-02T06:30:00.123456+00:00",
            "nanoseconds",
        ),
        (
            "2026-03-02 06:00:00.123 UTC [211] LOG:  ready",
            "2026-03-02T06:00:00.123000+00:00",
            "[211] LOG:  ready",
        ),
        (
            "2015-07-29 17:41:44,747 - INFO  [Peer] - hi",
            "2015-07-29T17:41:44.747000+00:00",
            "INFO  [Peer] - hi",
        ),
        ("2026-03-02 06:00:00|INFO|App|on", "2026-03-02T06:00:00+00:00", "INFO|App|on"),
        ("2026-03-02 06:00:00: on: x", "2026-03-02T06:00:00+00:00", "on: x"),
        ("[2026-03-02 06:00:00] on", "2026-03-02T06:00:00+00:00", "on"),
        ("[2026-03-02 06:00:00 INF] on", "2026-03-02T06:00:00+00:00", "[INF] on"),
        ("2026/03/02 06:00:00 [error] 7#7: x", "2026-03-02T06:00:00+00:00", "[error] 7#7: x"),
        ("02.03.2026 06:00:00 Anlage läuft", "2026-03-02T06:00:00+00:00", "Anlage läuft"),
        ("081109 203615 148 INFO dfs.Node: up", "2008-11-09T20:36:15+00:00", "148 INFO dfs.Node: up"),
        ("691109 203615 old", "1969-11-09T20:36:15+00:00", "old"),
        (
            '127.0.0.1 - eve [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326',
            "2000-10-10T20:55:36+00:00",
            '127.0.0.1 - eve "GET / HTTP/1.0" 200 2326',
        ),
        ("[Wed Oct 11 14:32:52.25 2000] [error] x", "2000-10-11T14:32:52.250000+00:00", "[error] x"),
        ("1772427600 x", "2026-03-02T05:00:00+00:00", "x"),
        ("1772427600.5 x", "2026-03-02T05:00:00.500000+00:00", "x"),
        ("1772427600123: x", "2026-03-02T05:00:00.123000+00:00", "x"),
        (
            "api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO x",
            "2017-05-16T00:00:00.008000+00:00",
            "api.log.1.2017-05-16_13:53:08 25746 INFO x",
        ),
        ("INFO [main] 2026-03-02 06:00:00 x", "2026-03-02T06:00:00+00:00", "INFO [main] x"),
    ],
)
def test_the_time_is_taken_off_the_line(line: str, timestamp: str, message: str) -> None:
    assert [entry.to_json() for entry in read(line)] == [{"timestamp": timestamp, "message": message}]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_each_form_reads_its_own_example(form: Any) -> None:
    [entry] = read(f"{form.example} hello", latest=date(2026, 3, 2), timezone=timezone(timedelta(hours=1)))
    assert entry.message == "hello"
    assert isinstance(entry.timestamp, datetime)
    assert entry.timestamp.replace(microsecond=0) == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_lines_without_a_time_belong_to_the_entry_above() -> None:
    entries = read(
        "2026-03-02 06:00:00 failed\r\n"
        "System.Exception: no\r\n"
        "   at App.Run() in App.cs:line 42\r\n"
        "\r\n"
        "1772427600 is a number here, and 2026-03-02 06:00:00 no time\r\n"
        "\r\n"
        "2026-03-02 06:00:01 next"
    )
    assert [(entry.message, entry.line) for entry in entries] == [
        (
            "failed\nSystem.Exception: no\n   at App.Run() in App.cs:line 42\n\n"
            "1772427600 is a number here, and 2026-03-02 06:00:00 no time",
            1,
        ),
        ("next", 7),
    ]


def test_numbers_in_many_lines_below_do_not_outvote_the_first_lines_time() -> None:
    entries = read("2026-03-02 06:00:00 dump\n" + "1772427600 1\n" * 50 + "2026-03-02 06:00:01 done\n")
    assert [entry.line for entry in entries] == [1, 52]


def test_an_entry_of_a_time_alone_keeps_its_line_as_message() -> None:
    assert [entry.message for entry in read("2026-03-02 06:00:00\n2026-03-02 06:00:01 \n\n")] == [
        "2026-03-02 06:00:00",
        "2026-03-02 06:00:01",
    ]


def test_a_message_may_begin_on_the_second_line() -> None:
    assert [entry.message for entry in read("2026-03-02 06:00:00\n  indented\n")] == ["  indented"]


def test_times_without_offset_are_in_the_given_timezone() -> None:
    [entry] = read("2026-03-02 06:00:00 x", timezone=timezone(timedelta(hours=-5)))
    assert entry.timestamp == datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "year"),
    [
        ("Mar  1 22:13:00 host app[7]: x", 2026),
        ("Mar  2 22:13:00 host app[7]: x", 2026),
        ("Mar  3 22:13:00 host app[7]: x", 2025),
        ("Dec 31 22:13:00 host app[7]: x", 2025),
        ("Feb 29 22:13:00 host app[7]: x", 2024),
    ],
)
def test_a_time_without_year_is_not_after_the_latest_day(line: str, year: int) -> None:
    [entry] = read(line, latest=date(2026, 3, 2))
    assert isinstance(entry.timestamp, datetime)
    assert entry.timestamp.year == year
    assert entry.message == "host app[7]: x"


def test_a_log_without_years_may_run_over_new_year() -> None:
    times = [
        entry.timestamp for entry in read("Dec 31 23:59:59 a\nJan  1 00:00:00 b\n", latest=date(2026, 3, 2))
    ]
    assert times == [datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("line", "form", "timestamp"),
    [
        ("02-Mar-2026 06:00:00.25 x", "%d-%b-%Y %H:%M:%S.%f", "2026-03-02T06:00:00.250000+00:00"),
        ("3/2/26, 6:00 PM - x", "%m/%d/%y, %I:%M %p", "2026-03-02T18:00:00+00:00"),
        ("<2026.03.02 06:00:00 +0100> x", "<%Y.%m.%d %H:%M:%S %z>", "2026-03-02T05:00:00+00:00"),
        ("host-1 060000 02.03. x", "%H%M%S %d.%m.", "2026-03-02T06:00:00+00:00"),
        ("100% 2026-03-02 x", "100%% %Y-%m-%d", "2026-03-02T00:00:00+00:00"),
    ],
)
def test_a_format_of_ones_own_is_followed(line: str, form: str, timestamp: str) -> None:
    [entry] = read(line, timestamp_format=form, latest=date(2026, 3, 2))
    assert entry.to_json()["timestamp"] == timestamp
    assert entry.message.removeprefix("host-1 ") == "x"


def test_a_format_of_ones_own_wins_over_the_known_forms() -> None:
    text = "2026-03-02 06:00:00 #01.01.2020 a\n01.02.2020 b\n02.02.2020 c\n"
    assert refusal(text, timestamp_format="%d.%m.%Y").line == 1
    assert [entry.message for entry in read(text.partition("\n")[2], timestamp_format="%d.%m.%Y")] == [
        "b",
        "c",
    ]


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("%H:%M:%S", "must name the day"),
        ("", "must name the day"),
        ("%Y-%m-%d %Z", "'%Z' is not supported"),
        ("%Y-%m-%d %", "'%' is not supported"),
        ("%d %d.%m.", "names %d twice"),
    ],
)
def test_an_unusable_format_is_refused(form: str, reason: str) -> None:
    assert reason in str(refusal("x", timestamp_format=form))


@pytest.mark.parametrize(
    ("line", "form"),
    [("2026-03-02 06:00:00 x", "%Y-%m-%d %H:%M"), ("2026-03-02 06:00:00.123 x", "%Y-%m-%d %H:%M:%S")],
)
def test_a_format_that_leaves_a_part_of_the_time_is_refused(line: str, form: str) -> None:
    assert f"to have the form '{form}' (--timestamp-format)" in str(refusal(line, timestamp_format=form))


def test_a_file_without_times_is_refused_with_the_known_forms_and_the_remedy() -> None:
    error = refusal("\n \nDear diary, " + "x" * 100 + "\ntoday", name="diary.txt")
    assert error.line == 3
    text = str(error)
    assert text.startswith("diary.txt, line 3: 'Dear diary, xxx")
    assert "x" * 60 not in text
    assert all(form.example in text for form in FORMS)
    assert "--timestamp-format" in text


def test_a_line_before_the_first_time_is_refused() -> None:
    text = "=== log opened 2026-03-02 06:00:00 ===\n2026-03-02 06:00:00 a\n2026-03-02 06:00:01 b\n"
    assert "line 1: '=== log opened 2026-03-02 06:00:00 ===' stands before the first time" in str(
        refusal(text)
    )


@pytest.mark.parametrize(
    "line",
    [
        "2026-13-02 06:00:00 x",
        "2026-02-30 06:00:00 x",
        "2026-03-02 24:00:00 x",
        "0000-03-02 06:00:00 x",
        "0001-01-01 00:00:00+01:00 x",
        "2026-03-02 06:00:00+99:00 x",
    ],
)
def test_an_impossible_time_is_refused_with_its_line(line: str) -> None:
    error = refusal(f"2026-03-02 06:00:00 fine\n{line}\n")
    assert error.line == 2
    assert "is no possible time" in str(error)


def test_entries_before_a_bad_line_are_given() -> None:
    entries = read_log(
        BytesIO(b"2026-03-02 06:00:00 fine\n2026-03-02 06:00:01 too\n2026-03-02 66:00:01 bad\n")
    )
    assert next(entries).message == "fine"
    with pytest.raises(LogFileError):
        list(entries)


def test_an_empty_file_has_no_entries() -> None:
    assert read("") == []
    assert read("\n\r\n \n") == []


times = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants it so
lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1).map(
    "m{}".format
)


@given(st.lists(st.tuples(times, lines, st.lists(lines.map("    {}".format), max_size=3)), min_size=1))
def test_what_a_logger_writes_is_read_back(written: list[tuple[datetime, str, list[str]]]) -> None:
    log = "".join("\n".join([f"{time.isoformat(' ')} {line}", *more]) + "\n" for time, line, more in written)
    assert [(entry.timestamp, entry.message) for entry in read(log)] == [
        (time, "\n".join([line, *more])) for time, line, more in written
    ]
