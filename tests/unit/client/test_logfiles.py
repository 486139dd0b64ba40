"""What all log files have in common: bytes, encodings, gzip, the format's detection, and bounded memory."""

import bz2
import gzip
import json
import lzma
import sys
from io import BytesIO
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from logleap.client.logfiles import FORMATS, Limits, LogFile, LogFileError, ReadOptions

ENTRY = b'{"timestamp": "2026-03-02T06:00:00Z", "message": "m"}'
LINE = b"2026-03-02 06:00:00 Stra\xc3\x9fe\n"


def read(data: bytes, name: str = "-", **options: Any) -> list[str]:
    return [
        entry["message"]
        for entry in LogFile(BytesIO(data), name=name, options=ReadOptions(**options)).entries()
    ]


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
    options: Any = {"format": format, "encoding": encoding, "timestamp_format": timestamp_format}
    try:
        batches = list(LogFile(BytesIO(data), name=name, options=ReadOptions(**options)).batches())
    except LogFileError:
        return
    for batch in batches:
        assert len([json.loads(line) for line in batch.body.splitlines()]) == batch.entries > 0
        assert list(batch.starts) == sorted(batch.starts)
        assert batch.end_line >= batch.starts[-1]


def test_a_byte_order_mark_is_no_text() -> None:
    assert read(b"\xef\xbb\xbf" + LINE) == ["Straße"]
    assert read(b"\xef\xbb\xbf[]") == []


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_other_encodings_are_read_when_named(encoding: str) -> None:
    message = "ラベル" if encoding == "shift_jis" else "Straße"
    assert read(f"2026-03-02 06:00:00 {message}".encode(encoding), encoding=encoding) == [message]


@pytest.mark.parametrize("lines", [0, 1, 20_000])
def test_text_that_is_not_utf8_is_refused_with_its_line_and_the_remedy(lines: int) -> None:
    error = refusal(LINE * lines + b"2026-03-02 06:00:00 Stra\xdfe\n", name="app.log")
    assert str(error).startswith(f"app.log, line {lines + 1}: not UTF-8 text (")
    assert "0xdf" in str(error)
    assert ("--encoding cp1252" in str(error)) == (lines == 0)
    assert "--on-bad-line skip" in str(error)


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
    for data in (packed[:-9], packed[:20], damaged):
        assert "gzip file is damaged" in str(refusal(data))


def test_what_follows_the_end_of_gzip_is_left_out_and_told() -> None:
    file = LogFile(BytesIO(gzip.compress(LINE) + b"\0\0garbage"))
    assert len(list(file.entries())) == 1
    assert "what follows the end of the gzip data was left out" in file.report.notes


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_packed_files_are_told_by_their_first_bytes(pack: Any) -> None:
    data = pack(LINE * 100) + pack(LINE * 100_000)
    file = LogFile(BytesIO(data), name="app.log")
    assert sum(batch.entries for batch in file.batches()) == 100_100
    assert file.report.packing in {"gzip", "bzip2", "xz", "zstd"}
    assert "damaged" in str(refusal(data[:-9]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04" + b"x" * 50, "unzip -p app.log | logleap push -"),
        (b"\x04\x22\x4d\x18" + b"x" * 50, "lz4 -dc app.log"),
        (b"\xff\x06\x00\x00sNaPpY" + b"x" * 50, "packed by snappy"),
        (b"\x5d\x00\x00\x80\x00" + b"x" * 50, "packed by lzma"),
        (b"\x1f\x9d\x90" + b"x" * 50, "packed by compress"),
        (b"LPKSHHRH" + b"x" * 50, "journalctl --file app.log -o json"),
        (b"a.log" + b"\0" * 252 + b"ustar" + b"\0" * 250, "a tar archive"),
        (b"PAR1" + b"x" * 50, "a Parquet file"),
        (b"ElfFile\x00" + b"x" * 50, "a Windows event log"),
        ("2026-03-02 06:00:00 HELLO 42\n".encode("cp037"), "--encoding cp037"),
        (bytes(range(256)) * 20, "this is no text"),
        (b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n", "journalctl -o json"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_can_be_done(data: bytes, said: str) -> None:
    assert said in str(refusal(data, name="app.log"))


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_32_show_by_their_mark_or_their_pattern(encoding: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + "2026-03-02 06:00:00 Straße\r\n2026-03-02 06:00:01 ok\r\n"
    assert read(text.encode(encoding)) == ["Straße", "ok"]


def test_ebcdic_is_read_when_its_code_page_is_named() -> None:
    text = "2026-03-02 06:00:00 HELLO\x852026-03-02 06:00:01 WORLD\x85"
    assert read(text.encode("cp037"), encoding="cp037") == ["HELLO", "WORLD"]


def test_lines_in_another_encoding_are_left_out_with_those_below_and_named() -> None:
    data = LINE + b"2026-03-02 06:00:01 40 \xb0C\n below\n" + LINE + b" caf\xe9\n" + LINE
    file = LogFile(BytesIO(data), options=ReadOptions(on_bad_line="skip"))
    assert [entry["message"] for entry in file.entries()] == ["Straße"] * 3
    assert [skipped.line for skipped in file.report.skipped] == [2, 3, 5]


@pytest.mark.parametrize(
    ("others", "said", "unsaid"), [(b"", "--encoding cp1252", "no matter"), (LINE, "no matter", "cp1252")]
)
def test_the_remedy_for_another_encoding_would_not_fail_again(others: bytes, said: str, unsaid: str) -> None:
    error = str(refusal(others + b"2026-03-02 06:00:01 40 \xb0C\n"))
    assert said in error
    assert unsaid not in error


def test_standard_input_is_called_so() -> None:
    assert str(refusal(b"hello")).startswith("standard input, line 1: ")


def test_the_stream_stays_open() -> None:
    stream = BytesIO(LINE)
    assert len(list(LogFile(stream).entries())) == 1
    assert not stream.closed


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"[2026-03-02 06:00:00] {a}\n", "-", "{a}"),
        (b"2026-03-02 06:00:00 timestamp,message\n", "-", "timestamp,message"),
        (ENTRY, "app.log.gz", "m"),
        (b"timestamp,message\n2026-03-02 06:00:00,m\n", "export.txt", "m"),
        (b"2026-03-02 06:00:00 m\n", "export.txt", "m"),
    ],
)
def test_the_format_is_found_by_how_the_text_begins(data: bytes, name: str, message: str) -> None:
    assert read(data, name=name) == [message]


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
    batches = list(islice(LogFile(Endless(begin, more)).batches(Limits(100, 1 << 20)), 100))
    assert sum(batch.entries for batch in batches) == 10_000


@pytest.mark.parametrize(
    ("begin", "more", "reason", "module"),
    [
        (LINE, b"x", "a line of more than", "_text.log_text"),
        (LINE, b" more\n", "without a new time", "_formats.text.grouping"),
        (ENTRY + b"\n", b"x", "a line of more than", "_text.log_text"),
        (b'[{"timestamp": "', b"x y\n", "an object of more than", "_formats.json.texts"),
        (b'timestamp,message\n1772427600,"', b"x" * 99 + b"\n", "field larger than", "_formats.tables.table"),
    ],
    ids=["line", "plain", "ndjson", "array", "csv"],
)
def test_an_entry_without_end_is_refused(
    begin: bytes, more: bytes, reason: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"logleap.client.logfiles.{module}.MAX_ENTRY", 300_000)
    assert reason in str(refusal_of(Endless(begin, more)))


def refusal_of(stream: BytesIO) -> LogFileError:
    with pytest.raises(LogFileError) as caught:
        list(LogFile(stream).batches())
    return caught.value


@given(st.integers(1, 7), st.integers(1, 2000), st.integers(1, 40))
def test_the_batches_are_the_same_however_the_bytes_come(entries: int, size: int, lines: int) -> None:
    data = b"".join(LINE + b" below\n" * (number % 3) for number in range(lines))
    whole = LogFile(BytesIO(data)).batches(Limits(entries, size))
    pieces = LogFile(Slow(data)).batches(Limits(entries, size))
    found = list(whole)
    assert [(batch.body, batch.starts, batch.end_line) for batch in found] == [
        (batch.body, batch.starts, batch.end_line) for batch in pieces
    ]
    assert all(batch.entries <= entries for batch in found)
    assert all(len(batch.body) <= size or batch.entries == 1 for batch in found)
    assert [line for batch in found for line in batch.starts] == [
        number for number, line in enumerate(data.splitlines(), 1) if line != b" below"
    ]


class Slow(BytesIO):
    """Gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 7, 7))


def test_entries_on_the_first_lines_can_be_left_out() -> None:
    data = b"".join(LINE + b" below\n" for _ in range(10))
    file = LogFile(BytesIO(data), options=ReadOptions(skip_lines=6))
    [batch] = file.batches()
    assert list(batch.starts) == [7, 9, 11, 13, 15, 17, 19]
