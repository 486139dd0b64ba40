"""What a person reads: numbers, times, sizes, and text that may be hostile."""

import html
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask, g
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.entrypoints.console import formats

MARKUP = re.compile("<[^>]*>")


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=200)
def test_any_text_is_shown_whole_and_as_text_alone(text: str) -> None:
    shown = str(formats.text(text))
    assert shown.startswith('<bdi class="text">')
    assert shown.endswith("</bdi>")
    inside = shown.removeprefix('<bdi class="text">').removesuffix("</bdi>")
    assert set(MARKUP.findall(re.sub('title="[^"]*"', "", inside))) <= {'<span class="code" >', "</span>"}
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    shown.encode()
    codes = re.sub('<span class="code"[^>]*>U[+]([0-9A-F]{4,6})</span>', lambda at: f"\0{at[1]}\0", inside)
    plain = re.sub("\0([0-9A-F]+)\0", lambda at: chr(int(at[1], 16)), html.unescape(codes))
    assert plain == text or "&" in text  # html.unescape also reads what was text


def test_long_text_is_shortened_by_characters() -> None:
    shown = formats.text("<" * 10, 4)
    assert shown == '<bdi class="text">&lt;&lt;&lt;&lt;…</bdi>'
    assert formats.plain("a\u202eb" + "c" * 300, 5) == "a[U+202E]bcc…"


@pytest.mark.parametrize(
    ("german", "shown"), [(False, "1,234,567.5"), (True, "1.234.567,5")], ids=["English", "German"]
)
def test_numbers_have_the_separators_of_the_language(german: bool, shown: str) -> None:
    with Flask("x").app_context():
        g.german = german
        assert formats.number(1234567.5, 1) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1 << 30, "1 GiB"),
        (150 << 20, "150 MiB"),
        (1 << 50, "1,024 TiB"),
    ],
)
def test_sizes_are_in_the_largest_unit_that_fits(value: int, shown: str) -> None:
    with Flask("x").app_context():
        assert formats.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.02, "20 ms"),
        (1.5, "1.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
    ],
)
def test_durations_are_in_their_two_largest_units(value: float, shown: str) -> None:
    with Flask("x").app_context():
        assert formats.duration(value) == shown


def test_a_time_is_in_utc_with_all_of_its_digits_in_the_title() -> None:
    at = datetime(2026, 3, 2, 7, 0, 0, 120, tzinfo=timezone(timedelta(hours=1)))
    assert formats.time(at) == (
        '<time datetime="2026-03-02T06:00:00.000120Z" title="2026-03-02 06:00:00.00012 UTC">'
        "2026-03-02 06:00:00 UTC</time>"
    )
    assert 'datetime="0001-01-01T00:00:00.000000Z"' in formats.time(datetime.min.replace(tzinfo=UTC))
    assert formats.time(None) == '<span class="none">none</span>'
