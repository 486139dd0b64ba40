"""Times as loggers write them: read where they leave no doubt, else refused."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.codecs.timestamps import BadTimestamp
from logleap.codecs.written_times import parse_written_time, parse_written_times
from logleap.codecs.zones import ZoneUnknown, zone_of

MOMENT = datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T06:00:00.123456Z",
        "2026-03-02 06:00:00,123456Z",
        "2026-03-02T07:00:00.123456+0100",
        "2026-03-02 07:00:00,123456+01",
        "2026-03-02 07:00:00.123456789 +0100",
        "2026-03-02 07:00:00.123456 +0100 CET",  # Go's time.Time
        "2026/03/02 06:00:00.123456 UTC",
        "2026-03-02 06:00:00.123456 GMT",
        "2026-03-02T06:00:00.123456Z UTC",  # evtx
        "2026-03-02T07:00:00.123456+01:00[Europe/Berlin]",
        "2026-03-02T07:00:00.123456[Europe/Berlin]",
        "2026-03-02T06:00:00.123456Z[UTC]",
    ],
)
def test_forms_that_leave_no_doubt_are_read_without_a_zone(text: str) -> None:
    assert parse_written_time(text) == MOMENT
    assert parse_written_time(text, zone_of("America/New_York")) == MOMENT


def test_the_time_of_the_common_log_format_is_read() -> None:
    assert parse_written_time("02/Mar/2026:07:00:00 +0100") == MOMENT.replace(microsecond=0)


def test_without_an_offset_it_is_a_time_of_the_zone_or_refused() -> None:
    for text in (
        "2026-03-02 07:00:00,123456",
        "2026/03/02T07:00:00.123456",
        "2026-03-02 07:00:00.123456 CET",
    ):
        assert parse_written_time(text, BERLIN) == MOMENT
        with pytest.raises(BadTimestamp, match="time zone") as bad:
            parse_written_time(text)
        assert bad.value.code == ("TIMESTAMP_ZONE_UNKNOWN" if "CET" in text else "TIMESTAMP_NO_OFFSET")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-10-25 02:30:00", "TIMESTAMP_AMBIGUOUS"),
        ("2026-03-29 02:30:00", "TIMESTAMP_INVALID"),
        ("2026-03-02 07:00:00 EST", "TIMESTAMP_ZONE_UNKNOWN"),
        ("2026-03-02 07:00:00 CEST", "TIMESTAMP_ZONE_UNKNOWN"),
        ("2026-03-02T07:00:00+01:00[Europe/Atlantis]", "TIMESTAMP_ZONE_UNKNOWN"),
        ("2026-03-02T07:00:00+02:00[Europe/Berlin]", "TIMESTAMP_AMBIGUOUS"),
        ("2026-03-02 07:00:00 +0100 UTC", "TIMESTAMP_AMBIGUOUS"),
        ("2026-02-30 07:00:00,1", "TIMESTAMP_INVALID"),
        ("2026-03-02 07:00:00 +2500", "TIMESTAMP_INVALID"),
        ("0001-01-01 00:00:00,0 +0100", "TIMESTAMP_OUT_OF_RANGE"),
        ("0001-01-01 00:00:00", "TIMESTAMP_OUT_OF_RANGE"),
        ("02/03/2026 07:00:00", "TIMESTAMP_INVALID"),
        ("02/Mrz/2026:07:00:00 +0100", "TIMESTAMP_INVALID"),
        ("2026-03/02 07:00:00", "TIMESTAMP_INVALID"),
        ("2026-03-02 07:00:00 PM", "TIMESTAMP_INVALID"),
        ("2026-03-02 07:00:00 +0100 PM", "TIMESTAMP_INVALID"),
        ("yesterday", "TIMESTAMP_INVALID"),
    ],
)
def test_what_is_ambiguous_or_no_time_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadTimestamp) as bad:
        parse_written_time(text, BERLIN)
    assert bad.value.code == code
    assert text[:40] in str(bad.value)


def test_an_abbreviation_tells_the_two_readings_of_a_repeated_hour_apart() -> None:
    first = parse_written_time("2026-10-25 02:30:00 CEST", BERLIN)
    second = parse_written_time("2026-10-25 02:30:00 CET", BERLIN)
    assert (first, second - first) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), timedelta(hours=1))


@given(
    st.datetimes(*(MOMENT.replace(tzinfo=None, year=year) for year in (1980, 2099))),
    st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.sampled_from([",", "."]),
)
def test_what_a_clock_shows_is_the_instant_at_which_it_shows_that_or_refused(
    moment: datetime, name: str, point: str
) -> None:
    zone = ZoneInfo(name)
    shown = moment.replace(tzinfo=UTC).astimezone(zone)
    text = f"{shown:%Y-%m-%d %H:%M:%S}{point}{shown:%f}"
    try:
        assert parse_written_time(text, zone) == shown
    except BadTimestamp:
        assert shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()
    assert parse_written_time(f"{text} {shown:%z}") == shown


def test_many_are_what_each_of_them_is() -> None:
    texts = ["2026-03-02T06:00:00.123456Z", "2026-03-02 07:00:00,123456 +0100"]
    assert parse_written_times(texts) == [MOMENT, MOMENT]
    with pytest.raises(BadTimestamp):
        parse_written_times([*texts, "2026-03-02 07:00:00"])


@pytest.mark.parametrize(
    "name", ["Europe/Atlantis", "", "../etc/passwd", "/etc/localtime", "Europe", "+25:00", "x" * 99]
)
def test_what_is_no_time_zone_is_refused_with_right_ones(name: str) -> None:
    with pytest.raises(ZoneUnknown, match="give one such as Europe/Berlin"):
        zone_of(name)


def test_zones_are_known_by_name_and_by_offset() -> None:
    at = MOMENT.replace(tzinfo=None)
    for name, hours in [
        ("UTC", 0),
        ("Z", 0),
        ("GMT", 0),
        ("+01:00", 1),
        ("-0330", -3.5),
        ("Europe/Berlin", 1),
    ]:
        assert zone_of(name).utcoffset(at) == timedelta(hours=hours)
