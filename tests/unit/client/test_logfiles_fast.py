"""The compiled reader of lines: it is there, gives what Python gives, touches no memory but the text's."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import Limits, LogFile, LogFileError, ReadOptions, named_zone
from logleap.client.logfiles import _fast as fast
from logleap.client.logfiles import _text as text

HERE = Path(__file__).parent
SOURCE = Path(fast.__file__).with_name("_lines.c")
SANITIZERS = ("address", "undefined")

FORMS: list[Callable[[datetime], str]] = [
    *(
        lambda time, form=form: time.strftime(form)
        for form in [
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%dT%H:%M:%S.%f",
            "%Y-%m-%dT%H:%M:%SZ",
            "%Y-%m-%dT%H:%M:%S+01:00",
            "%Y-%m-%d %H:%M:%S +0100",
            "[%Y-%m-%d %H:%M:%S]",
            "[%Y-%m-%d %H:%M:%S",
            "%Y/%m/%d %H:%M:%S",
            "%d.%m.%Y %H:%M:%S",
            "%d-%b-%Y %H:%M:%S.%f",
            "%b %e %H:%M:%S",
            "<13>%b %e %H:%M:%S",
            "<165>1 %Y-%m-%dT%H:%M:%SZ",
            "%a %b %d %H:%M:%S %Y",
            "[%a %b %d %H:%M:%S.%f %Y]",
            "%b %d, %Y %I:%M:%S %p",
            "%m/%d/%Y %I:%M:%S %p",
            "%d/%b/%Y:%H:%M:%S +0100",
            "10.0.0.1 - - [%d/%b/%Y:%H:%M:%S +0100]",
            "INFO %Y-%m-%d %H:%M:%S",
            "%Y-%m-%d %H:%M:%S CEST",
            "%Y-%m-%d %H:%M:%S Europe/Berlin",
            "%m-%d %H:%M:%S.%f",
            "%y%m%d %H%M%S",
            "%Y%m%d-%H:%M:%S:7",
            "%Y%m%dT%H%M%SZ",
            "I%m%d %H:%M:%S.%f",
        ]
    ),
    lambda time: str(int(time.timestamp())),
    lambda time: f"{time.timestamp():.3f}",
    lambda time: str(int(time.timestamp() * 1000)),
]
SEPARATORS = [" ", " - ", "|", "; ", ": ", "\t", "", "  ", " -", ":", ",", ": \u00a0"]
TEXTS = [
    "INFO started",
    'ERROR [main] x: "quoted" \\ back',
    "",
    "   ",
    "am Tor",
    "CET x",
    "UTC y",
    "+0100 z",
    "-03 q",
    "2026 z",
    "[UTC] a",
    "[a/b] c",
    "(CET) y",
    "Europe/Berlin z",
    "Größe ß",
    "日本語",
    "a\tb\x01c\x1f",
    "\u00a0nb",
    "12:34 x",
    "AM x",
    "PMx",
    "Z",
    "EST",
    "x" * 200,
    "Mon foo",
    "20260302 06:00:00",
]
BELOW = [
    "\tat x.y.Z(Z.java:12)",
    "java.lang.X: boom",
    "  2026-03-02 06:00:00 x",
    "",
    "  ",
    "Caused by: 12:34",
    "-- Boot 4f1c2d --",
    "==> x <==",
    "<xml>",
    "2026-13-02 06:00:00 bad",
    "1772427600 n",
    "at 2026-03-02 06:00:00 z",
    "INFO 2026-03-02 06:00:01 b",
    "May 5 10:00:00 y",
    "\u00a0",
    "é",
    "260302 060000 w",
    "-",
    "2026-03-02T06:00:60Z leap",
    "2026-03-02 24:00:00",
    "02.03.2026 06:00:00 other",
    "::1 x:1:22 y",
]
STEPS = [0, 0.5, 1, 10, 60, 600, 3600, 86400 * 3, -0.5, -30, -4000]
BEGINNINGS = [
    datetime(2025, 6, 1, 8),  # noqa: DTZ001 local times
    datetime(2025, 12, 31, 23, 50),  # noqa: DTZ001
    datetime(2026, 10, 25, 1, 50),  # noqa: DTZ001
    datetime(2026, 3, 29, 1, 50),  # noqa: DTZ001
]
ZONES = [None, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), named_zone("+05:30")]


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A log of mostly one form, with lines below, and now and then something unusual."""
    form = draw(st.sampled_from(FORMS))
    usual = draw(st.booleans())
    time = draw(st.sampled_from(BEGINNINGS))
    lines = []
    for _ in range(draw(st.integers(1, 20))):
        time += timedelta(seconds=draw(st.sampled_from(STEPS)))
        now = form if usual or draw(st.integers(0, 20)) else draw(st.sampled_from(FORMS))
        separator = " " if usual else draw(st.sampled_from(SEPARATORS))
        lines.append(now(time) + separator + draw(st.sampled_from(TEXTS[:2] if usual else TEXTS)))
        lines += draw(st.lists(st.sampled_from(BELOW[:2] if usual else BELOW), max_size=2))
    return ("\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n"]))).encode()


def found(data: bytes, limits: Limits, options: Any, *, compiled: bool) -> tuple[list[Any], Any]:
    """The batches, and the report or the error."""
    batches: list[Any] = []
    with mock.patch.object(fast, "COMPILED", compiled):
        file = LogFile(BytesIO(data), options=ReadOptions(**options))
        try:
            batches.extend(
                (batch.body, batch.starts.tolist(), batch.end_line) for batch in file.batches(limits)
            )
        except LogFileError as error:
            return batches, str(error)
    return batches, file.report.to_json()


@given(
    logs(),
    st.sampled_from([Limits(1, 1), Limits(2, 150), Limits(5, 500), Limits(1000, 1 << 22)]),
    st.fixed_dictionaries(
        {
            "timezone": st.sampled_from(ZONES),
            "on_bad_line": st.sampled_from(["refuse", "skip"]),
            "year": st.sampled_from([None, 2025]),
            "repeated_hour": st.sampled_from([None, "first"]),
            "latest": st.just(date(2026, 12, 1)),
        }
    ),
    st.sampled_from([1 << 20, 200, 64]),
)
def test_it_gives_the_same_bytes_as_python(data: bytes, limits: Limits, options: Any, block: int) -> None:
    compiler()
    with mock.patch.object(text, "BLOCK", block):
        slow, slow_end = found(data, limits, options, compiled=False)
        quick, quick_end = found(data, limits, options, compiled=True)
    assert quick_end == slow_end
    if isinstance(slow_end, str):  # one of them may be an entry ahead of the error
        both = min(len(slow), len(quick))
        slow, quick = slow[:both], quick[:both]
    assert quick == slow


def compiler() -> str:
    gcc = shutil.which("gcc")
    if gcc is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs gcc: the compiled reader is what customers use.")
        pytest.skip("gcc is missing: lines are read by Python here.")
    return gcc


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    compiler()
    assert fast.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form(BEGINNINGS[0]))
def test_it_takes_all_lines_of_the_usual_forms(form: Callable[[datetime], str]) -> None:
    compiler()
    time = datetime(2026, 6, 16, 8)  # noqa: DTZ001 a local time
    data = "".join(
        f"{form(time + timedelta(seconds=at))} INFO [main] a.b - x\n\tat a.b\n" for at in range(0, 9000, 9)
    )
    if form(time)[:3] in {"177", "178"}:
        data = data.replace("\tat a.b\n", "")  # a number is a time only if all lines have it
    from logleap.client.logfiles import _lines

    counts: list[int] = []
    real = _lines.scan

    def counting(*arguments: Any) -> Any:
        answer = real(*arguments)
        counts.append(len(answer[1]) // 8)
        return answer

    options: Any = {"timezone": ZoneInfo("Europe/Berlin"), "latest": date(2026, 12, 1)}
    with mock.patch.object(fast, "_lines", SimpleNamespace(scan=counting)):
        file = LogFile(BytesIO(data.encode()), options=ReadOptions(**options))
        assert sum(batch.entries for batch in file.batches()) == 1000
    assert sum(counts) >= 990


def test_no_text_makes_it_touch_foreign_memory_or_lose_its_own(tmp_path: Path) -> None:
    gcc = compiler()
    headers = sysconfig.get_paths()["include"]
    build = ["-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{headers}"]
    sanitize = [f"-fsanitize={','.join(SANITIZERS)}", "-fno-sanitize-recover=all"]
    subprocess.run([gcc, *build, *sanitize, SOURCE, "-o", tmp_path / "_lines.so"], check=True)
    libraries = [
        subprocess.check_output([gcc, f"-print-file-name=lib{short}.so"], text=True).strip()
        for short in ("asan", "ubsan")
    ]
    done = subprocess.run(
        [sys.executable, HERE / "garbled_lines.py", tmp_path, "60000"],
        env={"LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert 10_000 < counted["taken"] < 60_000
    assert counted["kept"] < 10_000
