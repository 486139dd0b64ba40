"""The compiled reader of lines: it is there, gives what Python gives, touches no memory but the text's."""

import csv
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import Limits, LogFile, LogFileError, ReadOptions, named_zone
from logleap.client.logfiles._fast import readers as fast
from logleap.client.logfiles._text import log_text as text
from tools import sanitized

HERE = Path(__file__).parent
SOURCES = [Path(fast.__file__).with_name(f"{module}.c") for module in ("_lines", "_rows")]

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
            "INFO\tmain, a\t%Y-%m-%d %H:%M:%S",
            "INFO;[%d.%m.%Y %H:%M:%S]",
            "  %Y-%m-%d %H:%M:%S",
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


options_of_logs = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(ZONES),
        "on_bad_line": st.sampled_from(["refuse", "skip"]),
        "year": st.sampled_from([None, 2025]),
        "repeated_hour": st.sampled_from([None, "first"]),
        "skip_lines": st.sampled_from([0, 0, 5]),
        "latest": st.just(date(2026, 12, 1)),
    }
)


@pytest.mark.usefixtures("gcc")
@given(
    logs(),
    st.sampled_from([Limits(1, 1), Limits(2, 150), Limits(5, 500), Limits(1000, 1 << 22)]),
    options_of_logs,
    st.sampled_from([1 << 20, 200, 64]),
)
def test_it_gives_the_same_bytes_as_python(data: bytes, limits: Limits, options: Any, block: int) -> None:
    same_both_ways(data, limits, options, block)


def same_both_ways(data: bytes, limits: Limits, options: Any, block: int = 1 << 20) -> None:
    with mock.patch.object(text, "BLOCK", block), mock.patch.object(text, "SAMPLE", block):
        slow, slow_end = found(data, limits, options, compiled=False)
        quick, quick_end = found(data, limits, options, compiled=True)
    assert quick_end == slow_end
    if isinstance(slow_end, str):  # one of them may be an entry ahead of the error
        both = min(len(slow), len(quick))
        slow, quick = slow[:both], quick[:both]
    assert quick == slow


@pytest.mark.usefixtures("gcc")
def test_it_is_compiled_where_there_is_a_compiler() -> None:
    assert fast.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


OWN_FORMS = [  # as they are written with, and read with
    ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S"),
    ("%d. %b. %Y %Hh%M", "%d. %b %Y %Hh%M"),
    ("%b %d %Hh%M", "%b %d %Hh%M"),
    ("%d.%b.%y %Hh%M", "%d.%b.%y %Hh%M"),
    ("%A %d %B %Y, %I:%M:%S %p", "%A %d %B %Y, %I:%M:%S %p"),
    ("%Y-%m-%dT%H:%M:%S.%f", "%FT%T.%f"),
    ("%Y-%m-%d %H:%M:%S", "%F %T,%f"),
    ("[%d:%m:%y] <%H:%M:%S:43>", "[%d:%m:%y] <%H:%M:%S:%f>"),
    ("%H:%M %d.%m.%y +0100", "%H:%M %d.%m.%y %z"),
    ("%d.%m.%Y %H:%M CEST", "%d.%m.%Y %H:%M %Z"),
    ("%Y-%m-%d", "%Y-%m-%d"),
    ("%s", "%s"),
    ("%s.25", "%s.%f"),
    ("x %s", "%s"),
]
OWN_BELOW = [*BELOW, "Caused by: x 3:4", "info 20260302060000 x", "ERROR: x", "(20260302060000)", "errors 5"]


def own_form(time: datetime, written: str) -> str:
    return time.strftime(written.replace("%s", str(int(time.timestamp()))))


@st.composite
def logs_of_own_forms(draw: st.DrawFn) -> tuple[bytes, str]:
    """A log and the format of its times, with lines below, and now and then something unusual."""
    written, read = draw(st.sampled_from(OWN_FORMS))
    usual = draw(st.booleans())
    time = draw(st.sampled_from(BEGINNINGS))
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        time += timedelta(seconds=draw(st.sampled_from(STEPS)))
        text = own_form(time, written)
        if not usual and not draw(st.integers(0, 9)):
            text = draw(st.sampled_from([text[:-1], f"{text}.5", text.replace(" ", "\u00a0"), f"({text})"]))
        lines.append(f"{text} {draw(st.sampled_from(TEXTS[:2] if usual else TEXTS))}")
        lines += draw(st.lists(st.sampled_from(BELOW[:2] if usual else OWN_BELOW), max_size=2))
    return "\n".join([*lines, ""]).encode(), read


@pytest.mark.usefixtures("gcc")
@given(logs_of_own_forms(), options_of_logs)
def test_it_reads_a_form_of_ones_own_as_python_does(log: tuple[bytes, str], options: Any) -> None:
    data, form = log
    same_both_ways(data, Limits(1000, 1 << 22), {**options, "timestamp_format": form})


fields = st.sampled_from(
    [
        *(
            "started",
            "",
            " ",
            'a "b"',
            '"',
            "a,b;c\td",
            "one\ntwo",
            "\n",
            "\r\n",
            "x\r",
            "日本語",
            "\u00a0",
            "a\x00\x1fb",
        ),
        *("ÿþ", "x" * 300, "timestamp", "\\", "2026-03-02 06:00:00"),
    ]
)
unusual_rows = st.sampled_from(
    [
        *("", "\r", "timestamp,level,message", "2026-03-02 06:00:00,INFO", '2026-03-02 06:00:00,"a"b,c'),
        *("a\rb,c,d", '2026-03-02 06:00:00,INFO,"a', '"', "x,y,z", "1772427600,INFO,a", "a,b,c,d"),
        *(" 2026-03-02 06:00:00 , ,a", "2026-03-02T06:00:60Z,x,leap", '2026-03-02 06:00:00|,"",a""b'),
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A table, and the options that it is read with."""
    form = draw(st.sampled_from([form for form in FORMS if "\t" not in form(BEGINNINGS[0])]))
    usual = draw(st.booleans())
    delimiter = draw(st.sampled_from(",;\t|"))
    order = draw(
        st.permutations(["timestamp", "level", "message", *draw(st.sampled_from([[], ["context"]]))])
    )
    if "context" in order:
        order.remove("level")
    file = StringIO(newline="")
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(file, delimiter=delimiter, lineterminator=ends, quoting=draw(st.sampled_from([0, 1])))
    headed = draw(st.booleans())
    if draw(st.booleans()):
        file.write(f"sep={delimiter}{ends}")
    if headed:
        writer.writerow(order)
    time = draw(st.sampled_from(BEGINNINGS))
    for _ in range(draw(st.integers(1, 12))):
        time += timedelta(seconds=draw(st.sampled_from(STEPS)))
        if not usual and not draw(st.integers(0, 9)):
            file.write(draw(unusual_rows).replace(",", delimiter) + ends)
        row = {name: draw(fields) for name in order}
        row["message"] = "started" if usual else row["message"]
        writer.writerow([form(time) if name == "timestamp" else row[name] for name in order])
    options: dict[str, Any] = {}
    if not headed or draw(st.booleans()):
        options["columns"] = {
            name: (name if headed else str(order.index(name) + 1),) for name in ("timestamp", "message")
        }
        if draw(st.booleans()):
            options["columns"]["message"] += (order[0] if headed else "1",)
    return file.getvalue().encode(), options


@pytest.mark.usefixtures("gcc")
@given(
    tables(),
    st.sampled_from([Limits(1, 1), Limits(2, 150), Limits(5, 500), Limits(1000, 1 << 22)]),
    options_of_logs,
    st.sampled_from([1 << 20, 200, 64]),
)
def test_it_gives_the_same_bytes_of_tables(
    table: tuple[bytes, dict[str, Any]], limits: Limits, options: Any, block: int
) -> None:
    data, columns = table
    same_both_ways(data, limits, {**options, **columns, "format": "csv"}, block)


@pytest.mark.usefixtures("gcc")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form(BEGINNINGS[0]))
def test_it_takes_all_lines_of_the_usual_forms(form: Callable[[datetime], str]) -> None:
    line = "%s INFO [main] a.b - x\n" if form(BEGINNINGS[0])[:3] in {"174", "175"} else f"%s x\n{BELOW[0]}\n"
    assert taken_of(form, line) >= 990


@pytest.mark.usefixtures("gcc")
@pytest.mark.parametrize(("written", "read"), [own for own in OWN_FORMS if own[0] != "x %s"])
def test_it_takes_all_lines_of_a_form_of_ones_own(written: str, read: str) -> None:
    line = "%s INFO [main] a.b - x\n\tat a.b\njava.lang.X: 7\n"
    taken = taken_of(lambda time: own_form(time, written), line, timestamp_format=read)
    assert taken >= 990


@pytest.mark.usefixtures("gcc")
@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("form", FORMS[:3], ids=lambda form: form(BEGINNINGS[0]))
def test_it_takes_all_rows_of_usual_tables(form: Callable[[datetime], str], delimiter: str) -> None:
    row = 'INFO,%s,"one, ""two""\nthree",日本語\n'.replace(",", delimiter)
    columns = {"timestamp": ("2",), "message": ("4",)}
    assert taken_of(form, row, format="csv", columns=columns) == 1000


def taken_of(form: Callable[[datetime], str], line: str, **options: Any) -> int:
    """How many of a thousand entries that are written in this way the compiled readers take."""
    time = datetime(2026, 6, 16, 8)  # noqa: DTZ001 a local time
    data = "".join(line % form(time + timedelta(seconds=at)) for at in range(0, 9000, 9))
    counts: list[int] = []

    def counting(scan: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            answer = scan(*arguments)
            counts.append(len(answer[1]) // 8)
            return answer

        return SimpleNamespace(scan=counted)

    from logleap.client.logfiles._fast import _lines, _rows

    options |= {"timezone": ZoneInfo("Europe/Berlin"), "latest": date(2026, 12, 1)}
    with (
        mock.patch.object(fast, "_lines", counting(_lines.scan)),
        mock.patch.object(fast, "_rows", counting(_rows.scan)),
    ):
        file = LogFile(BytesIO(data.encode()), options=ReadOptions(**options))
        assert sum(batch.entries for batch in file.batches()) == 1000
    return sum(counts)


def test_no_text_makes_it_touch_foreign_memory_or_lose_its_own(gcc: str, tmp_path: Path) -> None:
    counted = sanitized.run(gcc, SOURCES, HERE / "garbled_lines.py", tmp_path, 30_000)
    assert 2_500 < counted["lines"] < 30_000
    assert counted["rows"] > 150
    assert counted["kept"] < 40_000  # 3,000 rounds would lose 90,000 at least
