"""Logs in every form with any times, zones and texts: what was written is stored, or it is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.client.logfiles import LogFile, LogFileError, ReadOptions

Writer = Callable[[datetime, str], str]


def pattern(form: str, finest: str = "s") -> tuple[Writer, str]:
    return lambda time, text: f"{time.strftime(form)} {text}\n", finest


def milliseconds(form: str) -> tuple[Writer, str]:
    return lambda time, text: f"{time.strftime(form)}{time.microsecond // 1000:03d} {text}\n", "ms"


def hour12(form: str) -> tuple[Writer, str]:
    return lambda time, text: f"{time.strftime(form).replace(' 0', ' ')} {text}\n", "s"


def counted(time: datetime) -> int:
    """Milliseconds since 1970."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


FORMS: dict[str, tuple[Writer, str]] = {
    "ISO": pattern("%Y-%m-%d %H:%M:%S"),
    "ISO, microseconds": pattern("%Y-%m-%dT%H:%M:%S.%f", "us"),
    "ISO, comma": milliseconds("%Y-%m-%d %H:%M:%S,"),
    "ISO, offset": (lambda time, text: f"{time.isoformat(timespec='milliseconds')} {text}\n", "ms"),
    "ISO, offset behind a blank": pattern("%Y-%m-%d %H:%M:%S %z"),
    "ISO, abbreviation": pattern("%Y-%m-%d %H:%M:%S %Z"),
    "ISO, name of the zone": (
        lambda time, text: f"{time:%Y-%m-%d %H:%M:%S} {getattr(time.tzinfo, 'key', 'UTC')} {text}\n",
        "s",
    ),
    "ISO, AM and PM": pattern("%Y-%m-%d %I:%M:%S %p"),
    "ISO, brackets": pattern("[%Y-%m-%d %H:%M:%S]"),
    "ISO, level before": pattern("INFO %Y-%m-%d %H:%M:%S"),
    "ISO, blanks for zeros": (
        lambda time, text: f"{time:%Y-%m-%d} {time.hour:2d}:{time:%M:%S} {text}\n",
        "s",
    ),
    "slashes": pattern("%Y/%m/%d %H:%M:%S"),
    "day first": pattern("%d.%m.%Y %H:%M:%S"),
    "day first, two digits": pattern("%d.%m.%y %H:%M:%S"),
    "day or month first": pattern("%d/%m/%Y %H:%M:%S"),
    "month or day first": hour12("%m/%d/%Y %I:%M:%S %p"),
    "two digits each, year first": pattern("%y/%m/%d %H:%M:%S"),
    "two digits each, day first": pattern("%d/%m/%y %H:%M:%S"),
    "Apache, access": (lambda time, text: f'10.0.0.1 - - [{time:%d/%b/%Y:%H:%M:%S %z}] "{text}"\n', "s"),
    "Apache, errors": pattern("[%a %b %d %H:%M:%S.%f %Y]", "us"),
    "date": pattern("%a %b %e %H:%M:%S %Z %Y"),
    "Tomcat": milliseconds("%d-%b-%Y %H:%M:%S."),
    "java.util.logging": pattern("%b %d, %Y %I:%M:%S %p"),
    "syslog": pattern("%b %e %H:%M:%S"),
    "syslog, year": pattern("%b %e %H:%M:%S %Y"),
    "syslog, priority": pattern("<13>%b %e %H:%M:%S"),
    "RFC 5424": (lambda time, text: f"<165>1 {time.isoformat()} host app - - - {text}\n", "us"),
    "short-full": pattern("%a %Y-%m-%d %H:%M:%S %Z"),
    "klog": pattern("I%m%d %H:%M:%S.%f", "us"),
    "HDFS": pattern("%y%m%d %H%M%S"),
    "compact": pattern("%Y%m%d %H:%M:%S"),
    "Android": milliseconds("%m-%d %H:%M:%S."),
    "unpadded milliseconds": (
        lambda time, text: f"{time:%Y%m%d-%H:%M:%S}:{time.microsecond // 1000} {text}\n",
        "ms",
    ),
    "seconds": (lambda time, text: f"{counted(time) / 1000:.3f} {text}\n", "ms"),
    "milliseconds": (lambda time, text: f"{counted(time)} {text}\n", "ms"),
    "logfmt": (lambda time, text: f"time={time.isoformat()} level=info msg={json.dumps(text)}\n", "us"),
    "CRI": (lambda time, text: f"{time.isoformat()} stdout F {text}\n", "us"),
    "W3C": (lambda time, text: f"{time:%Y-%m-%d %H:%M:%S} {text.replace(' ', '+')}\n", "s"),
}
HEADERS = {"W3C": "#Fields: date time text\n"}
LEADS = {
    "ISO, level before": "INFO ",
    "klog": "I ",
    "RFC 5424": "host app - - - ",
    "Apache, access": "10.0.0.1 - - ",
}
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
]
ROUNDING = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}

steps = st.lists(
    st.sampled_from([0, 1, 59, 61, 600, 1800, 3600, 40_000, 86_400, 86_400 * 20])
    | st.integers(0, 10_000_000),
    min_size=1,
    max_size=12,
)
letters = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])
texts = st.text(letters | st.just(" ") | st.sampled_from('"\\[]:;,|'), max_size=20).map(
    lambda text: f"w{text}".rstrip()
)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30)
@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2026, 11, 1)),  # noqa: DTZ001 hypothesis wants it so
    steps,
    st.sampled_from(ZONES),
    st.data(),
)
def test_what_is_stored_is_what_was_written_or_it_is_refused(
    form: str, first: datetime, steps: list[int], zone: str, data: st.DataObject
) -> None:
    write, finest = FORMS[form]
    time = first.replace(tzinfo=UTC)
    log = HEADERS.get(form, "")
    written = []
    for step in steps:
        time += timedelta(seconds=step) if step < 10_000 or step % 100 == 0 else timedelta(microseconds=step)
        text = data.draw(texts)
        log += write(time.astimezone(ZoneInfo(zone)), text)
        written.append((time - (time - datetime(1970, 1, 1, tzinfo=UTC)) % ROUNDING[finest], text))
    options: Any = {"timezone": ZoneInfo(zone), "latest": time.astimezone(ZoneInfo(zone)).date()}
    file = LogFile(BytesIO(log.encode()), options=ReadOptions(**options))
    try:
        stored = [(datetime.fromisoformat(entry["timestamp"]), entry["message"]) for entry in file.entries()]
    except LogFileError:
        return
    expected = [(moment, as_stored(form, text)) for moment, text in written]
    assert stored == expected


def as_stored(form: str, text: str) -> str:
    if form == "W3C":
        return text.replace(" ", "+")
    if form == "Apache, access":
        text = f'"{text}"'
    return LEADS.get(form, "") + text
