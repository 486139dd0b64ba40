"""RFC 3339 times: each right one with its exact value, nothing else."""

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logleap.codecs.timestamps import BadTimestamp, parse_timestamp, parse_timestamps

EXAMPLE = datetime(2026, 3, 2, tzinfo=UTC)
EDGE = timedelta(days=2)  # far enough from the years 1 and 9999 for any offset


@st.composite
def right_times(draw: st.DrawFn) -> tuple[str, datetime]:
    """A text by RFC 3339's grammar, put together field by field, and what it means."""
    local = draw(st.datetimes(datetime.min + EDGE, datetime.max - EDGE)).replace(microsecond=0)  # noqa: DTZ901
    fraction = draw(st.text("0123456789", max_size=12))
    hours, minutes = draw(st.tuples(st.integers(0, 23), st.integers(0, 59)))
    sign = draw(st.sampled_from("+-"))
    offset = f"{sign}{hours:02}:{minutes:02}"
    if (hours, minutes) == (0, 0):
        offset = draw(st.sampled_from(["Z", "z", "+00:00", "-00:00"]))
    text = f"{local.isoformat(draw(st.sampled_from('Tt ')))}{'.' * bool(fraction)}{fraction}{offset}"
    ahead = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    micros = int(fraction.ljust(6, "0")[:6])
    return text, local.replace(microsecond=micros, tzinfo=UTC) - ahead


@given(times=st.lists(right_times(), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_every_right_time_has_its_exact_value_in_utc_cut_to_microseconds(
    times: list[tuple[str, datetime]],
) -> None:
    texts = [text for text, _ in times]
    expected = [moment for _, moment in times]
    assert [parse_timestamp(text) for text in texts] == expected
    assert parse_timestamps(texts) == expected
    assert all(moment.tzinfo is UTC for moment in parse_timestamps(texts))


@given(
    time=right_times(),
    at=st.integers(0, 40),
    kept=st.integers(0, 2),
    put=st.text("0159-:.,TZ+z \n_²٣", max_size=2),
)
@example(("2026-03-02T06:00:00.4806+04:12", EXAMPLE), 0, 0, "")
@settings(max_examples=400, deadline=None)
def test_a_garbled_time_is_refused_or_is_a_right_one(
    time: tuple[str, datetime], at: int, kept: int, put: str
) -> None:
    text = time[0][:at] + put + time[0][at + kept :]
    outcomes: list[datetime | str] = []
    for read in (parse_timestamp, lambda value: parse_timestamps([value])[0]):
        try:
            outcomes.append(read(text))
        except BadTimestamp as bad:
            outcomes.append(bad.code)
    assert outcomes[0] == outcomes[1]
    if isinstance(outcomes[0], datetime) and ":60" not in text:
        # Python reads all of ISO 8601, so also every right one; and it cuts digits too.
        assert outcomes[0] == datetime.fromisoformat(text.upper())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-02T06:00:00.123456999Z", datetime(2026, 3, 2, 6, 0, 0, 123456, UTC)),
        ("2026-03-02T06:00:00.9999999Z", datetime(2026, 3, 2, 6, 0, 0, 999999, UTC)),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("2026-03-02T06:00:00." + "7" * 100_000 + "+01:00", datetime(2026, 3, 2, 5, 0, 0, 777777, UTC)),
        ("2026-03-02T06:00:00+23:59", datetime(2026, 3, 1, 6, 1, tzinfo=UTC)),
        ("2026-03-02T06:00:00-0130", datetime(2026, 3, 2, 7, 30, tzinfo=UTC)),  # as strftime's %z writes it
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.75Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_rare_but_right_times(text: str, meant: datetime) -> None:
    assert parse_timestamp(text) == meant
    assert parse_timestamps([text, text]) == [meant, meant]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-03-02T06:00:00", "TIMESTAMP_NO_OFFSET"),
        ("2026-03-02 06:00:00.123", "TIMESTAMP_NO_OFFSET"),
        ("2026-03-02", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00Z", "TIMESTAMP_INVALID"),
        ("20260302T060000Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00,5Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00.Z", "TIMESTAMP_INVALID"),
        ("2026-13-02T06:00:00Z", "TIMESTAMP_INVALID"),
        ("2026-02-29T06:00:00Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T24:00:00Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:60:00Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:61Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:60Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T23:59:60Z", "TIMESTAMP_INVALID"),
        ("2016-12-31T23:59:60-08:00", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00+24:00", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00+01:60", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00+01", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00 Z", "TIMESTAMP_INVALID"),
        ("2026-03-02T06:00:00Z\n", "TIMESTAMP_INVALID"),
        ("٢٠٢٦-03-02T06:00:00Z", "TIMESTAMP_INVALID"),
        ("1772427600", "TIMESTAMP_INVALID"),
        ("", "TIMESTAMP_INVALID"),
        ("0000-06-01T00:00:00Z", "TIMESTAMP_INVALID"),
        ("0001-01-01T00:00:00+00:01", "TIMESTAMP_OUT_OF_RANGE"),
        ("9999-12-31T23:59:59-00:01", "TIMESTAMP_OUT_OF_RANGE"),
        ("9999-12-31T23:59:60Z", "TIMESTAMP_OUT_OF_RANGE"),
    ],
)
def test_a_wrong_time_is_refused_and_shown_with_a_right_one(text: str, code: str) -> None:
    for read in (parse_timestamp, lambda value: parse_timestamps(["2026-03-02T06:00:00Z", value])):
        with pytest.raises(BadTimestamp) as bad:
            read(text)
        assert bad.value.code == code
        assert repr(text) in str(bad.value)
        assert "2026-03-02T06:00:00.123456Z" in str(bad.value)


def test_no_more_than_forty_characters_of_a_wrong_time_are_shown() -> None:
    with pytest.raises(BadTimestamp) as bad:
        parse_timestamp("secret-" * 1000)
    assert "secret-" * 5 in str(bad.value)
    assert "secret-" * 6 not in str(bad.value)


@given(year=st.integers(1, 9998), month=st.integers(1, 12))
def test_a_leap_second_can_end_any_month(year: int, month: int) -> None:
    day = calendar.monthrange(year, month)[1]
    moment = parse_timestamp(f"{year:04}-{month:02}-{day:02}T23:59:60Z")
    assert moment == datetime(year, month, day, 23, 59, 59, tzinfo=UTC) + timedelta(seconds=1)
