"""Plain text logs: where entries begin, what their time is and what is left as the message."""

from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogFile, LogFileError, ReadOptions
from logleap.client.logfiles._times.forms import FORMS


def opened(text: str, **options: Any) -> LogFile:
    return LogFile(BytesIO(text.encode()), options=ReadOptions(**options))


def read(text: str, **options: Any) -> list[tuple[str, str]]:
    return [(entry["timestamp"], entry["message"]) for entry in opened(text, **options).entries()]


def messages(text: str, **options: Any) -> list[str]:
    return [message for _, message in read(text, **options)]


def refusal(text: str, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(text, **options)
    return caught.value


@pytest.mark.parametrize(
    ("line", "timestamp", "message"),
    [
        ("2026-03-02T06:00:00Z started", "2026-03-02T06:00:00.000000Z", "started"),
        ("2026-03-02 06:00:00.123 +01:00 [INF] App: on", "2026-03-02T05:00:00.123000Z", "[INF] App: on"),
        ("2026-03-02 06:00:00,5+0530 x", "2026-03-02T00:30:00.500000Z", "x"),
        ("2026-03-02 06:00:00+01 x", "2026-03-02T05:00:00.000000Z", "x"),
        ("2026-03-02T06:00:00.123456789-00:30 nanoseconds", "2026-03-02T06:30:00.123456Z", "nanoseconds"),
        ("2026-03-02 06:00:00.123 UTC [211] LOG:  on", "2026-03-02T06:00:00.123000Z", "[211] LOG:  on"),
        ("2015-07-29 17:41:44,747 - INFO  [Peer] - hi", "2015-07-29T17:41:44.747000Z", "INFO  [Peer] - hi"),
        ("2026-03-02 06:00:00|INFO|App|on", "2026-03-02T06:00:00.000000Z", "INFO|App|on"),
        ("2026-03-02 06:00:00: on: x", "2026-03-02T06:00:00.000000Z", "on: x"),
        ("2026-03-02 06:00:00;Press ready;4,5", "2026-03-02T06:00:00.000000Z", "Press ready;4,5"),
        ("2016-09-28 04:30:30, Info    CBS", "2016-09-28T04:30:30.000000Z", "Info    CBS"),
        ("[2026-03-02 06:00:00] on", "2026-03-02T06:00:00.000000Z", "on"),
        ("[2026-03-02 06:00:00 INF] on", "2026-03-02T06:00:00.000000Z", "[INF] on"),
        ("[2026-03-02T06:00:00,123][INFO ][node] on", "2026-03-02T06:00:00.123000Z", "[INFO ][node] on"),
        ("2026/03/02 06:00:00 [error] 7#7: x", "2026-03-02T06:00:00.000000Z", "[error] 7#7: x"),
        ("02.03.2026 06:00:00 Anlage läuft", "2026-03-02T06:00:00.000000Z", "Anlage läuft"),
        ("02.03.26 06:00:00 x", "2026-03-02T06:00:00.000000Z", "x"),
        ("081109 203615 148 INFO dfs.Node: up", "2008-11-09T20:36:15.000000Z", "148 INFO dfs.Node: up"),
        ("691109 203615 old", "1969-11-09T20:36:15.000000Z", "old"),
        ("260302  6:00:00 [Note] x", "2026-03-02T06:00:00.000000Z", "[Note] x"),
        (
            '127.0.0.1 - eve [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326',
            "2000-10-10T20:55:36.000000Z",
            '127.0.0.1 - eve "GET / HTTP/1.0" 200 2326',
        ),
        ('1.2.3.4 - - [30/Nov/2026 14:52:25] "GET"', "2026-11-30T14:52:25.000000Z", '1.2.3.4 - - "GET"'),
        ("[Wed Oct 11 14:32:52.25 2000] [error] x", "2000-10-11T14:32:52.250000Z", "[error] x"),
        ("Mon Mar  2 06:00:00 UTC 2020 backup", "2020-03-02T06:00:00.000000Z", "backup"),
        ("Mon Mar 02 2026 06:00:00 GMT+0100 (CET) x", "2026-03-02T05:00:00.000000Z", "x"),
        ("Mon, 02 Mar 2026 06:00:00 +0100 x", "2026-03-02T05:00:00.000000Z", "x"),
        ("Mar  2 06:00:00 2019 gw3 app: x", "2019-03-02T06:00:00.000000Z", "gw3 app: x"),
        ("Mar  2 2026 06:00:00: %ASA-6-1: x", "2026-03-02T06:00:00.000000Z", "%ASA-6-1: x"),
        ("02-Mar-2026 06:00:00.123 INFO x", "2026-03-02T06:00:00.123000Z", "INFO x"),
        ("1234:M 02 Mar 2026 06:00:00.1 * Ready", "2026-03-02T06:00:00.100000Z", "1234:M * Ready"),
        ("I20260302 06:00:00.123456 1 a.cc:1] x", "2026-03-02T06:00:00.123456Z", "I 1 a.cc:1] x"),
        ("20171223-22:15:29:606|Step|1", "2017-12-23T22:15:29.606000Z", "Step|1"),
        ("20171224-0:7:20:44|Step|1", "2017-12-24T00:07:20.044000Z", "Step|1"),
        ("20260302T060000Z x", "2026-03-02T06:00:00.000000Z", "x"),
        ("1772427600 x", "2026-03-02T05:00:00.000000Z", "x"),
        ("[1772427600.5] x", "2026-03-02T05:00:00.500000Z", "x"),
        ("1772427600123: x", "2026-03-02T05:00:00.123000Z", "x"),
        ("1772427600123456 x", "2026-03-02T05:00:00.123456Z", "x"),
        ("1772427600123456789 x", "2026-03-02T05:00:00.123456Z", "x"),
        (
            "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50 RAS",
            "2005-06-03T22:42:50.000000Z",
            "- 2005.06.03 R02-M1 2005-06-03-15.42.50 RAS",
        ),
        (
            "api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO x",
            "2017-05-16T00:00:00.008000Z",
            "api.log.1.2017-05-16_13:53:08 25746 INFO x",
        ),
        ("INFO [main] 2026-03-02 06:00:00 x", "2026-03-02T06:00:00.000000Z", "INFO [main] x"),
        ("INFO|2026-03-02 06:00:00|App|on", "2026-03-02T06:00:00.000000Z", "INFO|App|on"),
        ("2026-03-02 06:00 INFO x", "2026-03-02T06:00:00.000000Z", "INFO x"),
        ("2026-03-02  6:00:00 x", "2026-03-02T06:00:00.000000Z", "x"),
        ("2026-03-02 06:00:00:43 x", "2026-03-02T06:00:00.043000Z", "x"),
        ("2026-03-02 06:00:00.43 x", "2026-03-02T06:00:00.430000Z", "x"),
        ("2026-03-02 02:00:00 PM x", "2026-03-02T14:00:00.000000Z", "x"),
        ("2026-03-02 12:00:00\u202fam x", "2026-03-02T00:00:00.000000Z", "x"),
        ("3/13/2026, 1:05:00 p.m. x", "2026-03-13T13:05:00.000000Z", "x"),
        ("2026-03-02T06:00:00+01:00[Europe/Berlin] x", "2026-03-02T05:00:00.000000Z", "x"),
        ("2026-03-02 06:00:00 Europe/Berlin x", "2026-03-02T05:00:00.000000Z", "x"),
        ("2026-11-30 14:50:16.354 -03 [12] LOG: x", "2026-11-30T17:50:16.354000Z", "[12] LOG: x"),
        ("2013-10-23T16:22:39.9735Z UTC x", "2013-10-23T16:22:39.973500Z", "x"),
        ("2016-12-31T23:59:60.5Z x", "2017-01-01T00:00:00.000000Z", "x"),
    ],
)
def test_the_time_is_taken_off_the_line(line: str, timestamp: str, message: str) -> None:
    assert read(line) == [(timestamp, message)]
    assert read(f"{line}\n{line}\n") == [(timestamp, message)] * 2


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_each_form_reads_its_own_example(form: Any) -> None:
    options = {"latest": date(2026, 12, 1), "timezone": timezone(timedelta(hours=1))}
    if "CET" in form.example:
        pytest.skip("needs the zone's rules: see the tests of zones")
    [(timestamp, message)] = read(f"{form.example} hello", **options)
    assert timestamp[:4] == "2026"
    assert message.endswith("hello")


def test_lines_without_a_time_belong_to_the_entry_above() -> None:
    text = (
        "2026-03-02 06:00:00 failed\r\n"
        "System.Exception: no\r\n"
        "   at App.Run() in App.cs:line 42\r\n"
        "\r\n"
        "1772427600 is a number here, and 2026-03-02 06:00:00 no time\r\n"
        "\r\n"
        "2026-03-02 06:00:01 next"
    )
    assert messages(text) == [
        "failed\nSystem.Exception: no\n   at App.Run() in App.cs:line 42\n\n"
        "1772427600 is a number here, and 2026-03-02 06:00:00 no time",
        "next",
    ]
    file = opened(text)
    [batch] = file.batches()
    assert list(batch.starts) == [1, 7]
    assert (file.report.lines, file.report.entries, file.report.continuation_lines) == (7, 2, 3)


def test_numbers_in_many_lines_below_do_not_outvote_the_first_lines_time() -> None:
    assert len(read("2026-03-02 06:00:00 dump\n" + "1772427600 1\n" * 50 + "2026-03-02 06:00:01 done\n")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "order 17 of 1234567890 taken\norder 18 of 1234567891 taken\n",
        "EVENTS\t377\t1796045778724\tstream\thi there\t1796045718000\n",
        "134681 node-246 unix.hw 1077804742 1 Component\n",
        "0000012345 INFO x\n0000012346 INFO y\n",
        "4102444800 beyond 2100\n",
    ],
)
def test_a_number_in_the_middle_of_text_or_of_an_unlikely_date_is_no_time(text: str) -> None:
    assert "begins with no known time" in str(refusal(text))


def test_times_in_the_text_do_not_make_the_numbers_before_them_text() -> None:
    text = "1772427600 since 2026-03-01 05:00:00 no oil\n1772427601 at 2026-03-01 05:00:01 oil\n"
    assert [time[:10] for time, _ in read(text)] == ["2026-03-02"] * 2
    assert refusal(text + "below\n").line == 3


def test_a_number_that_not_all_lines_begin_with_is_refused_until_it_is_said_to_be_a_time() -> None:
    text = "1772427600 a\n  at b\n1772427601 c\n"
    error = refusal(text)
    assert error.line == 2
    assert "--timestamp-format %s" in str(error)
    assert messages(text, timestamp_format="%s") == ["a\n  at b", "c"]


def test_a_line_that_begins_with_a_time_of_another_form_begins_an_entry() -> None:
    text = (
        "02.03.2026 06:00:00 Logging started\n"
        "2026-03-02 06:00:01,120 INFO a\n"
        "Mar 02, 2026 6:00:02 AM b\n"
        "[2026/03/02 06:00:03] c\n"
    )
    assert [time[14:19] for time, _ in read(text)] == ["00:00", "00:01", "00:02", "00:03"]


def test_a_line_that_begins_like_a_time_but_is_none_is_refused_or_left_out_with_the_lines_below() -> None:
    text = "2026-03-02 06:00:00 a\n2026-03-02 06:00:00:1234 b\n below b\n2026-03-02 06:00:01 c\n"
    assert refusal(text).line == 2
    file = opened(text, on_bad_line="skip")
    assert [entry["message"] for entry in file.entries()] == ["a", "c"]
    assert [skipped.line for skipped in file.report.skipped] == [2, 3]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["build\tSet up\t2026-03-02T06:00:00Z a", "build\tRun make test\t2026-03-02T06:00:05Z b"],
            ["build\tSet up\ta", "build\tRun make test\tb"],
        ),
        (
            [
                '10.4.0.9 - - [02/Mar/2026:06:00:00 +0100] "GET /"',
                '10.4.0.9 - erna muster [02/Mar/2026:06:00:00 +0100] "GET /"',
                'shop:443 10.4.0.9 - - [02/Mar/2026:06:00:00 +0100] "GET /"',
            ],
            ['10.4.0.9 - - "GET /"', '10.4.0.9 - erna muster "GET /"', 'shop:443 10.4.0.9 - - "GET /"'],
        ),
        (
            ["INFO main 2026-03-02 06:00:00 a", "WARN 2026-03-02 06:00:01 b", "E x y 2026-03-02 06:00:02 c"],
            ["INFO main a", "WARN b", "E x y c"],
        ),
        (
            [
                "2026-03-02 06:00:00 a",
                "2026-03-02 06:00:00 a",
                "INFO 2026-03-02 06:00:01 b",
                "[main] 2026-03-02 06:00:01 c",
            ],
            ["a", "a", "INFO b", "[main] c"],
        ),
        (
            ["press1;2026-03-02 06:00:00;ready", "press 2;2026-03-02 06:00:00;ok"],
            ["press1;ready", "press 2;ok"],
        ),
    ],
)
def test_any_number_of_words_may_stand_before_the_time(lines: list[str], expected: list[str]) -> None:
    assert messages("\n".join(lines)) == expected


def test_a_time_behind_other_words_than_the_samples_is_refused_where_few_lines_have_any() -> None:
    block = "INFO 2026-03-02 06:00:00 a\n" + " trace\n" * 5
    error = refusal(block * 3 + "Error: since 2026-03-02 05:00:00 there is no oil\n")
    assert error.line == 19
    assert "an entry, or text of the one before" in str(error)


def test_indented_times_are_text_of_the_entry_above_unless_all_lines_are_indented() -> None:
    assert len(read("2026-03-02 06:00:00 plan\n    2026-03-03 06:00:00 A\n    2026-03-03 14:00:00 B\n")) == 1
    assert messages("  2026-03-02 06:00:00 a\n  2026-03-02 06:00:01 b\n") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02 06:00:00 a\r2026-03-02 06:00:01 b\r", ["a", "b"]),
        ("2026-03-02 06:00:00 a\r\r\n2026-03-02 06:00:01 b\r\r\n", ["a", "b"]),
        ("2026-03-02 06:00:00 a\r\n2026-03-02 06:00:01 b\r2026-03-02 06:00:02 c\n", ["a", "b", "c"]),
        ("2026-03-02 06:00:00 10%\r20%\r30%\n", ["10%\r20%\r30%"]),
        ("\0" * 300 + "2026-03-02 06:00:00 a\n2026-03-02 06:00:01 b\0\0\n", ["a", "b"]),
        ("2026-03-02 06:00:00 a\0\0\0002026-03-02 06:00:01 b\n", ["a", "b"]),
        ("\x1b[2m2026-03-02T06:00:00Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mapp\x1b[0m: x\n", ["INFO app: x"]),
        ("\ufeff2026-03-02 06:00:00 a\n", ["a"]),
    ],
)
def test_line_ends_zero_bytes_and_colours_of_all_kinds(text: str, expected: list[str]) -> None:
    assert messages(text) == expected


def test_an_entry_of_a_time_alone_keeps_its_line_as_message() -> None:
    assert messages("2026-03-02 06:00:00\n2026-03-02 06:00:01 \n\n") == [
        "2026-03-02 06:00:00",
        "2026-03-02 06:00:01",
    ]


def test_a_message_may_begin_on_the_second_line() -> None:
    assert messages("2026-03-02 06:00:00\n  indented\n") == ["  indented"]


def test_marks_between_entries_are_left_out_and_named() -> None:
    file = opened("==> a.log <==\nMar  2 06:00:00 a\n-- Boot 4f1c2d --\nMar  2 06:00:01 b\n", year=2026)
    assert [entry["message"] for entry in file.entries()] == ["a", "b"]
    assert [skipped.line for skipped in file.report.skipped] == [1, 3]


def test_syslogs_priority_is_context_and_no_text() -> None:
    text = "<34>1 2026-03-02T06:00:00.1Z gw su - - - failed\n<165>1 2026-03-02T06:00:01Z gw app - - - ok\n"
    assert next(opened(text).entries()) == {
        "timestamp": "2026-03-02T06:00:00.100000Z",
        "message": "gw su - - - failed",
        "context": {"PRIORITY": "2", "SYSLOG_FACILITY": "4"},
    }
    error = refusal(text + "<165>1 - gw app - - - no time known\n")
    assert error.line == 3


@pytest.mark.parametrize(
    ("line", "form", "timestamp"),
    [
        ("02-Mar-2026 06:00:00.25 x", "%d-%b-%Y %H:%M:%S.%f", "2026-03-02T06:00:00.250000Z"),
        ("02-Mar-2026 06:00:00 x", "%d-%b-%Y %H:%M:%S.%f", "2026-03-02T06:00:00.000000Z"),
        ("3/2/26, 6:00 PM - x", "%m/%d/%y, %I:%M %p", "2026-03-02T18:00:00.000000Z"),
        ("3/2/2026, 1:05:00\u202fPM x", "%m/%d/%Y, %I:%M:%S %p", "2026-03-02T13:05:00.000000Z"),
        ("1/8/2026 6:5:7:43 x", "%m/%d/%Y %H:%M:%S:%f", "2026-01-08T06:05:07.043000Z"),
        ("<2026.03.02 06:00:00 +0100> x", "<%Y.%m.%d %H:%M:%S %z>", "2026-03-02T05:00:00.000000Z"),
        ("host-1 060000 02.03. x", "%H%M%S %d.%m.", "2026-03-02T06:00:00.000000Z"),
        ("100% 2026-03-02 x", "100%% %Y-%m-%d", "2026-03-02T00:00:00.000000Z"),
        ("2026-061 06:00 x", "%Y-%j %R", "2026-03-02T06:00:00.000000Z"),
        ("hw node 1 1772427600 x", "%s", "2026-03-02T05:00:00.000000Z"),
        ("at 1772427600.25 x", "%s.%f", "2026-03-02T05:00:00.250000Z"),
        ("[02-Mar-2026 06:00:00 Europe/Berlin] x", "%d-%b-%Y %T %Z", "2026-03-02T05:00:00.000000Z"),
    ],
)
def test_a_format_of_ones_own_is_followed(line: str, form: str, timestamp: str) -> None:
    [(time, message)] = read(line, timestamp_format=form, latest=date(2026, 3, 2))
    assert time == timestamp
    assert message[-1] == "x"


def test_a_format_of_ones_own_wins_over_the_known_forms() -> None:
    text = "2026-03-02 06:00:00 #01.01.2020 a\n01.02.2020 b\n02.02.2020 c\n"
    assert refusal(text, timestamp_format="%d.%m.%Y").line == 1
    assert messages(text.partition("\n")[2], timestamp_format="%d.%m.%Y") == ["b", "c"]


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("%H:%M:%S", "must name the day"),
        ("", "must name the day"),
        ("%Y-%m-%d %Q", "'%Q' is not supported"),
        ("%Y-%m-%d %", "'%' is not supported"),
        ("%d %d.%m.", "names the same part twice"),
    ],
)
def test_an_unusable_format_is_refused(form: str, reason: str) -> None:
    assert reason in str(refusal("x", timestamp_format=form))


@pytest.mark.parametrize(
    ("line", "form", "said"),
    [
        ("2026-03-02 06:00:00 x", "%Y-%m-%d %H:%M", "to have the form"),
        ("2026-03-02 06:00:00.123 x", "%Y-%m-%d %H:%M:%S", "to have the form"),
        ("2026-03-02 06:00:00 PM x", "%Y-%m-%d %H:%M:%S", "%p"),
        ("2026-03-02 06:00:00 CET x", "%Y-%m-%d %H:%M:%S", "%Z"),
        ("2026-03-02 06:00:00 +0100 x", "%Y-%m-%d %H:%M:%S", "%z"),
        ("2026-03-02 06:00:00+01:00 x", "%Y-%m-%d %H:%M:%S", "%z"),
        ("[2026-03-02 06:00:00 Europe/Berlin] x", "%Y-%m-%d %H:%M:%S", "%z or %Z"),
    ],
)
def test_a_format_that_passes_over_a_part_of_the_time_is_refused(line: str, form: str, said: str) -> None:
    assert said in str(refusal(line, timestamp_format=form))


def test_a_file_without_times_is_refused_with_the_known_forms_and_the_remedy() -> None:
    error = refusal("\n \nDear diary, " + "x" * 100 + "\ntoday")
    assert error.line == 3
    text = str(error)
    assert text.startswith("standard input, line 3: 'Dear diary, xxx")
    assert "x" * 61 not in text
    assert all(form.example in text for form in FORMS)
    assert "--timestamp-format" in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-03-02 backup", "--timestamp-format %Y-%m-%d"),
        ("[06:00:00.123] INFO: hi", "no date"),
        ("hw 1077804742 1", "--timestamp-format %s"),
    ],
)
def test_what_may_help_is_said(line: str, said: str) -> None:
    assert said in str(refusal(line))


def test_a_line_before_the_first_time_is_refused_or_left_out() -> None:
    text = "=== log opened ===\n2026-03-02 06:00:00 a\n2026-03-02 06:00:01 b\n"
    assert "line 1: '=== log opened ===': it stands before the first time" in str(refusal(text))
    assert messages(text, on_bad_line="skip") == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        "2026-13-02 06:00:00 x",
        "2026-02-30 06:00:00 x",
        "2026-03-02 24:00:00 x",
        "2026-03-02 06:60:00 x",
        "2026-03-02 06:00:61 x",
        "0000-03-02 06:00:00 x",
        "0001-01-01 00:00:00+01:00 x",
        "2026-03-02 06:00:00+99:00 x",
        "2026-03-02 06:00:00+01:01 x",
        "Mon 2026-03-03 06:00:00 x",
        "2016-12-30T23:59:60Z x",
    ],
)
def test_an_impossible_time_is_refused_with_its_line(line: str) -> None:
    error = refusal(f"2026-03-02 06:00:00 fine\n{line}\n")
    assert error.line == 2
    assert error.left_out


def test_an_empty_file_has_no_entries() -> None:
    assert read("") == []
    assert read("\n\r\n \n") == []


times = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis wants it so
lines = st.text(
    st.characters(exclude_characters="\r\n\0\x1b\x1e", exclude_categories=["Cs"]), min_size=1
).map("m{}".format)


@given(st.lists(st.tuples(times, lines, st.lists(lines.map("    {}".format), max_size=3)), min_size=1))
def test_what_a_logger_writes_is_read_back(written: list[tuple[datetime, str, list[str]]]) -> None:
    log = "".join("\n".join([f"{time.isoformat(' ')} {line}", *more]) + "\n" for time, line, more in written)
    assert read(log) == [
        (f"{time.replace(tzinfo=None).isoformat(timespec='microseconds')}Z", "\n".join([line, *more]))
        for time, line, more in written
    ]
