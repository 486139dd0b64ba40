"""What all log files have in common: bytes, encodings, gzip, the format's detection, and bounded memory."""

import gzip
import json
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client.logfiles import FORMATS, LogEntry, LogFileError, _documents, _plain, _text, read_log

LINE = b"2026-03-02 06:00:00 Stra\xc3\x9fe\n"


def read(data: bytes, **options: Any) -> list[LogEntry]:
    return list(read_log(BytesIO(data), **options))


def refusal(data: bytes, **options: Any) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        read(data, **options)
    return caught.value


times = [
    "2026-03-02 06:00:00",
    "Mar  2 06:00:00",
    "1772427600",
    "260302 060000",
    "9",
    "-",
    "+01:00",
    ".",
    ":",
]
marks = [
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    " ",
    "\x00",
    "\ufeff",
    "ß",
    "\\ud800",
    "null",
    "1e999",
]
names_in_json = [
    '"timestamp":',
    '"message":',
    '"context":',
    '"entries":',
    '{"timestamp": "t", "message": "m"}',
]
fragments = st.sampled_from([*times, *marks, *names_in_json, "timestamp,message\n"])
sound = st.sampled_from(
    [
        LINE + b"  more\n" + LINE,
        b"".join(b'{"timestamp": "t", "message": "m", "context": [1.5, {"a": null}]}\n' for _ in range(3)),
        b'{"entries": [{"timestamp": "t", "message": "\\u00df"}, {"timestamp": "t", "message": "m"}]}',
        b'[{"timestamp": "t", "message": "m"}, {"timestamp": "t", "message": "n"}]',
        b'timestamp;message;context\n1772427600;"a\nb";c\n1772427601;d;\n',
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound file in which a stretch is replaced."""
    file = draw(sound)
    begin = draw(st.integers(0, len(file)))
    return (
        file[:begin]
        + draw(st.binary(max_size=3) | fragments.map(str.encode))
        + file[begin + draw(st.integers(0, 9)) :]
    )


files = st.one_of(
    damaged(),
    st.binary(),
    st.lists(fragments, max_size=30).map(lambda parts: "".join(parts).encode()),
    st.binary().map(lambda data: gzip.compress(data)[:-3] + data[:3]),
    st.binary().map(lambda data: gzip.compress(LINE + data)),
)
names = st.sampled_from(["-", "a.log", "a.json", "a.ndjson.gz", "a.csv"])
encodings = st.sampled_from(["utf-8", "utf-16", "utf-32", "latin-1", "cp1252", "shift_jis", "utf-7", "idna"])


@given(
    files,
    names,
    st.sampled_from(FORMATS),
    encodings,
    st.none() | st.sampled_from(["%d.%m. %H", "%Y%m%d", "%"]),
)
def test_any_bytes_give_entries_or_an_error(
    data: bytes, name: str, format: str, encoding: str, timestamp_format: str | None
) -> None:
    options = {"format": format, "encoding": encoding, "timestamp_format": timestamp_format}
    try:
        entries = read(data, name=name, **options)
    except LogFileError:
        return
    json.dumps([entry.to_json() for entry in entries], ensure_ascii=False, allow_nan=False).encode()
    assert [entry.line for entry in entries] == sorted(entry.line for entry in entries)


def test_a_byte_order_mark_is_no_text() -> None:
    assert [entry.message for entry in read(b"\xef\xbb\xbf" + LINE)] == ["Straße"]
    assert read(b"\xef\xbb\xbf[]") == []


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_other_encodings_are_read_when_named(encoding: str) -> None:
    message = "ラベル" if encoding == "shift_jis" else "Straße"
    assert [
        entry.message for entry in read(f"2026-03-02 06:00:00 {message}".encode(encoding), encoding=encoding)
    ] == [message]


@pytest.mark.parametrize("lines", [0, 1, 20_000])
def test_text_that_is_not_utf8_is_refused_with_its_line_and_the_remedy(lines: int) -> None:
    error = refusal(LINE * lines + b"2026-03-02 06:00:00 Stra\xdfe\n", name="app.log")
    assert str(error).startswith(f"app.log, line {lines + 1}: not utf-8 text (")
    assert "0xdf" in str(error)
    assert "--encoding cp1252" in str(error)


def test_half_a_character_is_refused_whatever_the_encoding() -> None:
    assert "surrogates not allowed" in str(refusal(b"2026-03-02 06:00:00 +2AA-\n", encoding="utf-7"))


def test_text_that_breaks_off_in_a_character_is_refused() -> None:
    assert refusal(LINE + LINE[:-3]).line == 2


@pytest.mark.parametrize("encoding", ["klingon", "base64", "ut\0f"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    assert f"--encoding {encoding!r} is unknown" in str(refusal(LINE, encoding=encoding))


def test_gzip_is_read_whatever_the_name_and_in_several_members() -> None:
    assert len(read(gzip.compress(LINE) + gzip.compress(LINE * 10_000), name="app.log")) == 10_001


def test_a_gzip_file_is_refused_if_cut_or_damaged() -> None:
    packed = gzip.compress(LINE * 1000)
    damaged = packed[:-8] + b"\0\0\0\0" + packed[-4:]
    for data in (packed[:-9], packed[:20], damaged, packed + b"more"):
        assert "gzip file is damaged or cut off" in str(refusal(data))


def test_standard_input_is_called_so() -> None:
    assert str(refusal(b"hello")).startswith("standard input, line 1: ")


def test_the_stream_stays_open() -> None:
    stream = BytesIO(LINE)
    assert len(list(read_log(stream))) == 1
    assert not stream.closed


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"[2026-03-02 06:00:00] {a}\n", "-", "{a}"),
        (b"2026-03-02 06:00:00 timestamp,message\n", "-", "timestamp,message"),
        (b'{"timestamp": "t", "message": "m"}', "app.log.gz", "m"),
        (b"timestamp,message\n2026-03-02 06:00:00,m\n", "export.txt", "m"),
        (b"2026-03-02 06:00:00 m\n", "export.txt", "m"),
    ],
)
def test_the_format_is_found_by_how_the_text_begins(data: bytes, name: str, message: str) -> None:
    assert [entry.message for entry in read(data, name=name)] == [message]


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.jsonl.gz", "A.JSON"])
def test_a_suffix_that_names_a_format_is_believed(name: str) -> None:
    with pytest.raises(LogFileError):
        read(LINE, name=name)


def test_a_given_format_wins_over_the_suffix() -> None:
    assert len(read(LINE, name="a.csv", format="plain")) == 1


class Endless(BytesIO):
    """A file that begins like this, and goes on like that for ever."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        super().__init__(begin)
        self.more = more
        self.given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0, "nobody reads a file without end to its end"
        start = self.given % len(self.more)
        begun = super().read(size)
        if begun:
            return begun
        self.given += size
        return (self.more * (size // len(self.more) + 2))[start : start + size]


ENTRY = b'{"timestamp": "t", "message": "m"}'


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (LINE, LINE),
        (ENTRY + b"\n", ENTRY + b"\n"),
        (b"[" + ENTRY, b"," + ENTRY),
        (b'{"entries": [' + ENTRY, b"," + ENTRY),
        (b"timestamp,message\n", b"1772427600,m\n"),
    ],
    ids=["plain", "ndjson", "array", "wrapped", "csv"],
)
def test_entries_come_before_the_end_of_the_file(begin: bytes, more: bytes) -> None:
    entries = list(islice(read_log(Endless(begin, more)), 10_000))
    assert len(entries) == 10_000


@pytest.mark.parametrize(
    ("begin", "more", "reason"),
    [
        (b"", b"x", "a line of more than"),
        (LINE, b" more\n", "without a new time"),
        (ENTRY + b"\n", b"x", "a line of more than"),
        (b'[{"timestamp": "', b"x", "an object of more than"),
        (b'timestamp,message\n1772427600,"', b"x" * 99 + b"\n", "field larger than field limit"),
    ],
    ids=["line", "plain", "ndjson", "array", "csv"],
)
def test_an_entry_without_end_is_refused(begin: bytes, more: bytes, reason: str) -> None:
    limit = 300_000
    with (
        mock.patch.object(_text, "MAX_ENTRY", limit),
        mock.patch.object(_plain, "MAX_ENTRY", limit),
        mock.patch.object(_documents, "MAX_ENTRY", limit),
    ):
        assert reason in str(refusal_of(Endless(begin, more)))


def refusal_of(stream: BytesIO) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        list(read_log(stream))
    return caught.value


def test_an_entry_is_posted_as_json_values() -> None:
    moment = datetime(2026, 3, 2, 6, tzinfo=UTC)
    assert LogEntry(moment, "m", None, 1).to_json() == {
        "timestamp": "2026-03-02T06:00:00+00:00",
        "message": "m",
    }
    assert LogEntry("t", "m", {"a": 1}, 1).to_json() == {
        "timestamp": "t",
        "message": "m",
        "context": {"a": 1},
    }
