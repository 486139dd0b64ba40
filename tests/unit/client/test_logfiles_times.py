"""Zones, years, changes of clocks, what stands behind a time: settled by the file, an option, or refused."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import LogFile, LogFileError, ReadOptions
from logleap.client.logfiles._times.zones import named_zone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = date(2026, 12, 1)


def opened(text: str, **options: Any) -> LogFile:
    return LogFile(BytesIO(text.encode()), options=ReadOptions(**{"latest": NOW, **options}))


def times(text: str, **options: Any) -> list[str]:
    return [entry["timestamp"][:19] for entry in opened(text, **options).entries()]


def refusal(text: str, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        times(text, **options)
    return caught.value


def test_times_without_zone_are_in_the_given_one_and_what_was_assumed_is_told() -> None:
    file = opened("2026-03-02 06:00:00 x", timezone=timezone(timedelta(hours=-5)))
    assert [entry["timestamp"] for entry in file.entries()] == ["2026-03-02T11:00:00.000000Z"]
    assert file.report.zone == "UTC-05:00 (--timezone)"
    file = opened("2026-03-02 06:00:00 x\n2026-03-02 06:00:00+01:00 x")
    assert len(list(file.entries())) == 2
    assert (
        file.report.zone
        == "as the times say (+01:00); UTC (assumed, since the times name none: see --timezone)"
    )


@pytest.mark.parametrize(
    "line",
    [
        "2026-07-14 09:12:03 CEST [2211] LOG: x",
        "Tue 2026-07-14 09:12:03 CEST edge7 x",
        "Tue Jul 14 09:12:03 CEST 2026 x",
        "2026-07-14 09:12:03 MESZ x",
    ],
)
def test_an_abbreviation_is_resolved_by_a_zone_that_uses_it_then_or_refused(line: str) -> None:
    assert times(line, timezone=BERLIN) == ["2026-07-14T07:12:03"]
    for zone in (None, ZoneInfo("America/New_York")):
        error = refusal(line, timezone=zone)
        assert error.line == 1
        assert "time zone" in str(error)
        assert "--timezone Europe/Berlin" in str(error)
    assert "does not at 2026-12-14" in str(
        refusal(line.replace("Jul", "Dec").replace("-07-", "-12-").replace("Tue", "Mon"), timezone=BERLIN)
    )


def test_an_abbreviation_that_has_become_a_number_is_resolved_by_the_zone_that_is_given() -> None:
    line = "2026-03-02 06:00:00 BRT x"
    assert times(line, timezone=ZoneInfo("America/Sao_Paulo")) == ["2026-03-02T09:00:00"]
    assert refusal(line).line == refusal(line, timezone=BERLIN).line == 1


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Etc/Nowhere"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    assert name in str(refusal(f"2026-03-02 06:00:00 {name} x"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 06:00:00 +0023 mbar\n2026-03-02 06:00:10 -0115 mbar\n2026-03-02 06:00:20 -1000 mbar\n",
        "2026-03-02 06:00:00 -03 degrees\n2026-03-02 06:00:10 +17 degrees\n2026-03-02 06:00:20 +99 degrees\n",
    ],
)
def test_numbers_that_are_no_offsets_are_text(text: str) -> None:
    messages = [entry["message"] for entry in opened(text).entries()]
    assert messages == [line[20:] for line in text.splitlines()]


def test_numbers_that_may_be_offsets_but_differ_too_much_are_refused() -> None:
    text = "2026-03-02 06:00:00 +0100 x\n2026-03-02 06:00:10 -1000 x\n2026-03-02 06:00:20 +0300 x\n"
    assert "differ too much" in str(refusal(text))
    assert len(times(text, timestamp_format="%Y-%m-%d %H:%M:%S %z")) == 3


@pytest.mark.parametrize(
    ("token", "directive"), [("am", "%p"), ("CET", "%Z"), ("+0100", "%z"), ("-03", "%z"), ("2019", "%Y")]
)
def test_what_only_some_times_have_behind_them_is_refused(token: str, directive: str) -> None:
    stamp = "Mar  2 06:00:00" if token == "2019" else "2026-03-02 06:00:00"
    error = refusal(f"{stamp} x\n{stamp} {token} Tor 4\n{stamp} y\n")
    assert error.line == 2
    assert directive in str(error)


@pytest.mark.parametrize("token", ["am", "CET", "+0100", "-03"])
def test_what_hardly_any_time_has_behind_it_is_text(token: str) -> None:
    text = "2026-03-02 06:00:00 x\n" * 30 + f"2026-03-02 06:00:00 {token} Tor 4\n"
    assert [entry["message"] for entry in opened(text).entries()][-1] == f"{token} Tor 4"


def test_what_few_lines_anywhere_in_the_beginning_have_is_text() -> None:
    text = (
        "2026-03-02 06:00:00 x\n" * 9_001
        + "2026-03-02 06:00:00 am Tor 4\n"
        + "2026-03-02 06:00:00 x\n" * 9_001
    )
    assert len(times(text)) == 18_003


@pytest.mark.parametrize("token", ["am", "PM", "CET", "+0100", "-03"])
def test_what_comes_behind_a_time_for_the_first_time_after_the_sample_is_refused(token: str) -> None:
    text = "2026-03-02 06:00:00 x\n" * 60_000 + f"2026-03-02 06:00:00 {token} Tor 4\n"
    assert refusal(text).line == 60_001


def test_am_and_pm_in_24_hours_are_taken_where_they_fit_and_refused_where_they_contradict() -> None:
    assert times("2026-03-02 13:05:00 PM x\n2026-03-02 00:05:00 AM y\n") == [
        "2026-03-02T13:05:00",
        "2026-03-02T00:05:00",
    ]
    assert refusal("2026-03-02 11:05:00 AM x\n2026-03-02 13:05:00 AM x\n").line == 2


def test_digits_behind_a_comma_that_differ_in_length_may_be_a_column_and_are_refused() -> None:
    assert "--timestamp-format" in str(refusal("2026-03-02 06:00:00,17,ok\n2026-03-02 06:00:01,5,ok\n"))
    assert times("2026-03-02 06:00:00,170,ok\n2026-03-02 06:00:01,005,ok\n") == [
        "2026-03-02T06:00:00",
        "2026-03-02T06:00:01",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3/2/2026 06:00:00 x\n3/13/2026 06:00:00 y\n", ["2026-03-02", "2026-03-13"]),
        ("02/03/2026 06:00:00 x\n13/03/2026 06:00:00 y\n", ["2026-03-02", "2026-03-13"]),
        ("02-03-2026 06:00:00 x\n13-03-2026 06:00:00 y\n", ["2026-03-02", "2026-03-13"]),
        ("Mon 02/03/2026 06:00:00 x\n", ["2026-03-02"]),
        ("26/03/02 06:00:00 x\n26/03/31 06:00:00 y\n", ["2026-03-02", "2026-03-31"]),
        ("03-17 16:13:38.811 x\n03-18 16:13:38.811 y\n", ["2026-03-17", "2026-03-18"]),
        ("[10.30 16:49:06] x\n", ["2026-10-30"]),
    ],
)
def test_the_dates_of_the_file_tell_which_number_is_the_day(text: str, expected: list[str]) -> None:
    assert [time[:10] for time in times(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "3/2/2026 06:00:00 x\n3/3/2026 06:00:00 y\n",
        "17/06/09 20:10:40 x\n17/06/09 20:10:41 y\n",
        "03-02 06:00:00 x\n03-03 06:00:00 x\n",
        "13/13/2026 06:00:00 x\n",
    ],
)
def test_day_and_month_that_could_be_swapped_are_refused(text: str) -> None:
    error = refusal(text)
    assert error.line == 1
    assert "--timestamp-format" in str(error)


@pytest.mark.parametrize(
    ("line", "latest", "year"),
    [
        ("Mar  1 22:13:00 host app[7]: x", date(2026, 3, 2), 2026),
        ("Mar  2 22:13:00 host app[7]: x", date(2026, 3, 2), 2026),
        ("Mar  3 22:13:00 host app[7]: x", date(2026, 3, 2), 2025),
        ("Feb 29 22:13:00 host app[7]: x", date(2026, 3, 2), 2024),
    ],
)
def test_a_time_without_year_gets_the_latest_that_is_possible(line: str, latest: date, year: int) -> None:
    file = opened(line, latest=latest)
    assert [entry["timestamp"][:4] for entry in file.entries()] == [str(year)]
    assert file.report.year is not None
    assert file.report.year.startswith(f"{year} (the latest possible")


def test_a_log_without_years_rolls_over_at_new_year_from_the_year_that_is_given() -> None:
    text = (
        "Nov 30 01:00:00 a\nDec 31 23:59:59 b\nJan  1 00:00:00 c\nDec 31 23:59:58 late\nFeb  2 00:00:00 d\n"
    )
    file = opened(text, year=2004)
    assert [entry["timestamp"][:7] for entry in file.entries()] == [
        "2004-11",
        "2004-12",
        "2005-01",
        "2004-12",
        "2005-02",
    ]
    assert file.report.year == "2004 to 2005 (--year)"


def test_the_first_year_is_chosen_so_that_no_time_of_the_sample_is_ahead() -> None:
    assert times("Mar  2 06:00:00 a\nDec 25 06:00:00 b\nJan  3 06:00:00 c\n")[0][:4] == "2025"


def test_a_later_time_that_would_be_ahead_is_refused() -> None:
    text = "Mar  2 06:00:00 a\n" * 70_000 + "Dec 25 06:00:00 b\n"
    error = refusal(text)
    assert error.line == 70_001
    assert "--year" in str(error)


def test_a_leap_day_needs_a_leap_year_and_a_weekday_its_date() -> None:
    assert "--year" in str(refusal("Feb 29 22:13:00 x\n", year=2025))
    assert "no Tue" in str(refusal("Tue Mar  2 22:13:00 x\n", year=2026))


REPEATED = """\
2026-10-25 01:59:00 a
2026-10-25 02:30:00 b
2026-10-25 02:59:50 c
2026-10-25 02:00:10 d
2026-10-25 02:30:00 e
2026-10-25 03:00:10 f
"""


def test_the_order_of_the_file_tells_which_of_the_repeated_hours_is_meant() -> None:
    assert [time[11:16] for time in times(REPEATED, timezone=BERLIN)] == [
        "23:59",
        "00:30",
        "00:59",
        "01:00",
        "01:30",
        "02:00",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-25 01:59:00 a\n2026-10-25 02:30:00 b\n2026-10-25 03:30:00 c\n",
        "2026-10-25 01:59:00 a\n2026-10-25 02:30:00 b\n",
        "2026-10-25 02:30:00 a\n2026-10-25 02:00:00 b\n2026-10-25 02:30:00 c\n2026-10-25 02:00:00 d\n",
    ],
)
def test_a_repeated_hour_that_nothing_tells_apart_is_refused_or_settled_by_an_option(text: str) -> None:
    assert "--repeated-hour" in str(refusal(text, timezone=BERLIN))
    ambiguous = [time for time in times(text, timezone=BERLIN, repeated_hour="first") if time[11:13] == "00"]
    settled = times(text, timezone=BERLIN, repeated_hour="second")
    assert len([time for time in settled if time[11:13] == "01"]) == len(ambiguous) > 0
    file = opened(text, timezone=BERLIN, on_bad_line="skip")
    left = len(list(file.entries()))
    assert left + file.report.skipped_lines == len(text.splitlines())


def test_abbreviations_tell_which_of_the_repeated_hours_is_meant() -> None:
    text = "2026-10-25 02:30:00 CEST a\n2026-10-25 02:30:00 CET b\n"
    assert times(text, timezone=BERLIN) == ["2026-10-25T00:30:00", "2026-10-25T01:30:00"]


def test_the_skipped_hour_is_refused() -> None:
    text = "2026-03-29 01:59:59 a\n2026-03-29 02:30:00 b\n2026-03-29 03:00:01 c\n"
    assert refusal(text, timezone=BERLIN).line == 2
    assert refusal(text.replace(":00 b", ":00 CET b"), timezone=BERLIN).line in {1, 2}
    assert len(times(text)) == 3


@given(
    st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 a local time
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "+05:30"]
    ),
)
def test_a_local_time_becomes_the_utc_that_its_zone_says_or_is_refused(local: datetime, name: str) -> None:
    zone = named_zone(name)
    local = local.replace(microsecond=0)
    line = f"{local.isoformat(' ')} x\n"
    try:
        [time] = times(line, timezone=zone)
    except LogFileError:
        both = {local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
        assert len(both) == 2
    else:
        assert datetime.fromisoformat(f"{time}+00:00") == local.replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "+1:2:3", "CEST"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        named_zone(name)


@pytest.mark.parametrize(("name", "hours"), [("+01:00", 1), ("-0330", -3.5), ("GMT+1", 1), ("UTC", 0)])
def test_a_zone_may_be_an_offset(name: str, hours: float) -> None:
    zone: tzinfo = named_zone(name)
    assert zone.utcoffset(datetime(2026, 3, 2)) == timedelta(hours=hours)  # noqa: DTZ001 a local time
