"""From bytes to blocks of whole lines in UTF-8: one way for every encoding and every kind of line end."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from logleap.client.logfiles._errors import LogFileError, shown
from logleap.client.logfiles._text.encodings import Encoding, encoding_of, remedy
from logleap.client.logfiles._text.source import Unpacked

SAMPLE = 1 << 20
BLOCK = 1 << 20
MAX_ENTRY = 16 * 1024 * 1024
"""In bytes. No log entry is that long (the API takes 1 MiB unless told otherwise), a binary may be."""

UNDECODED = b"\xff"
"""Begins a line that is not text, what cannot be read being replaced; no byte of UTF-8."""

_COLOURS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Za-z])")
# A time, roughly: where a line may begin although only a carriage return or zero bytes stand before it.
_TIME = (
    rb"(?=[\[(<\"']?(?:\d{4}[-/.]?\d\d?[-/.]?\d\d?[T ]|\d\d?[-/.]\d\d?[-/.]\d{2,4},?[T ]"
    rb"|[A-Z][a-z]{2} +\d\d? +\d|\d\d[-/][A-Z][a-z]{2}[-/]\d{4}))"
)
_LONE_CR = re.compile(rb"\r+" + _TIME)
_NULS_BEFORE_TIME = re.compile(rb"(?<=[^\n\0])\0+" + _TIME)
_NULS = re.compile(rb"(?m)^\0+|\0+$")


class Block(NamedTuple):
    """Whole lines, each with its line feed (but the last of the file, perhaps); the number of the first."""

    data: bytes
    line: int


class LogText:
    """A log file as text in UTF-8, read once from front to back.

    Whatever the file's size, a few blocks and the line at hand are all that is held. `sample` is the text's
    beginning, of at least `SAMPLE` bytes where there are so many. `on_bad_line` is "skip" where lines that
    are no text are to be left out: such a line is then `UNDECODED`.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        name: str,
        encoding: str | None,
        skip: bool = False,
        most: int | None = None,
    ) -> None:
        self.name = name
        self.notes: list[str] = []
        self._skip = skip
        self._source = Unpacked(stream, name, most)
        self._chunks = self._source.chunks()
        begin = b""
        while len(begin) < 4096 and (chunk := next(self._chunks, b"")):
            begin += chunk
        self.encoding: Encoding = encoding_of(begin, encoding, name)
        self._begin = begin[len(self.encoding.mark) :]
        self.empty = not self._begin
        self.passed_sample = False
        self._cleaned: set[str] = set()
        self._pieces_of_text = self._utf8()
        head = b""
        while len(head) < SAMPLE and (piece := next(self._pieces_of_text, b"")):
            head += piece
        self.sample_is_all = len(head) < SAMPLE
        self._cr_ends = _ends_with_cr(head)
        head = self._ends(head)
        end = len(head) if self.sample_is_all else head.rfind(b"\n") + 1 or _whole_characters(head)
        self._sample = b"".join(block.data for block in self._checked(head[:end], 1))
        self._rest = head[end:]

    @property
    def packing(self) -> str | None:
        """The compression's name, if the file is packed."""
        return self._source.packing

    @property
    def note(self) -> str | None:
        """What was passed over at the end of a packed file."""
        return self._source.note

    def error(self, line: int | None, detail: str, *, left_out: bool = False) -> LogFileError:
        """The error to raise about a line of this file."""
        return LogFileError(self.name, line, detail, left_out=left_out)

    def sample(self) -> bytes:
        """The text's beginning, its lines cleaned."""
        return self.clean(self._sample)

    def raw_sample(self) -> bytes:
        """The text's beginning as it stands."""
        return self._sample

    def blocks(self, *, whole_lines: bool = True) -> Iterator[Block]:
        """The text as it stands, but for a byte order mark; CR alone is LF if no LF ends a line.

        The blocks are of about `BLOCK` bytes. With `whole_lines` each ends with a line.
        """
        line = 1
        data = self._sample
        if data.endswith(b"\n") or self.sample_is_all or not whole_lines:
            if data:
                yield Block(data, line)
            line += data.count(b"\n")
            data = b""
        self.passed_sample = True
        pending = [data, self._rest]
        size = len(data) + len(self._rest)
        for piece in self._pieces_of_text:
            pending.append(piece)
            size += len(piece)
            if size < BLOCK:
                continue
            data = self._ends(b"".join(pending))
            end = data.rfind(b"\n") + 1
            if not end and not whole_lines:
                end = _whole_characters(data)
            if end:
                yield from self._checked(data[:end], line)
                line += data.count(b"\n", 0, end)
            elif size > MAX_ENTRY:
                raise self.error(line, f"a line of more than {MAX_ENTRY:,} bytes: no text log?")
            pending, size = [data[end:]], len(data) - end
        if data := self._ends(b"".join(pending)):
            yield from self._checked(data, line)

    def clean_blocks(self) -> Iterator[Block]:
        """The text in lines that end with LF alone, without colours and the zero bytes of cut files."""
        added = 0
        for block in self.blocks():
            data = self.clean(block.data)
            yield Block(data, block.line + added)
            if b"\r" in block.data or b"\0" in block.data:
                added += data.count(b"\n") - block.data.count(b"\n")

    def lines(self) -> Iterator[tuple[int, str]]:
        """The cleaned lines, without their ends, and their numbers; `UNDECODED` is a lone surrogate."""
        for block in self.clean_blocks():
            data = block.data[:-1] if block.data.endswith(b"\n") else block.data
            yield from enumerate(data.decode("utf-8", "surrogateescape").split("\n"), block.line)

    def cleaned(self) -> list[str]:
        """What was taken out of the lines, for the report."""
        return sorted(self._cleaned)

    def clean(self, data: bytes) -> bytes:
        """The lines without carriage returns at their ends, colours, and the zero bytes of cut files."""
        if b"\r" in data:
            while b"\r\n" in data:
                data = data.replace(b"\r\n", b"\n")
            if b"\r" in data:
                data = data.rstrip(b"\r")
                data, lone = _LONE_CR.subn(b"\n", data)
                if lone:
                    self._cleaned.add("carriage returns alone between lines")
        if b"\x1b" in data:
            data, colours = _COLOURS.subn(b"", data)
            if colours:
                self._cleaned.add("colours (escape sequences)")
        if b"\0" in data:
            data = _NULS.sub(b"", _NULS_BEFORE_TIME.sub(b"\n", data))
            self._cleaned.add("zero bytes at the ends of lines")
        if b"\x1e" in data:
            data = re.sub(rb"(?m)^\x1e", b"", data)  # JSON text sequences, RFC 7464
        return data

    def _ends(self, data: bytes) -> bytes:
        if self._cr_ends and b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _utf8(self) -> Iterator[bytes]:
        """The bytes, in UTF-8 if they can be read as the encoding that they have."""
        if self.encoding.is_utf8:
            yield self._begin
            yield from self._chunks
            return
        decoder = codecs.getincrementaldecoder(self.encoding.name)("replace" if self._skip else "strict")
        ends = self.encoding.line_ends
        line = 1
        chunks = self._pieces()
        while True:
            chunk = next(chunks, b"")
            try:
                text = decoder.decode(chunk, final=not chunk)
                if ends:
                    text = text.replace(ends, "\n")
                piece = text.encode()  # utf-7 and a few more let half surrogate pairs through
            except UnicodeError as error:
                read = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
                raise self.error(
                    line + _line_ends(read, self.encoding.name), self._no_text(error), left_out=True
                ) from None
            line += piece.count(b"\n")
            if piece:
                yield piece
            if not chunk:
                return

    def _pieces(self) -> Iterator[bytes]:
        yield self._begin
        yield from self._chunks

    def _no_text(self, error: UnicodeError) -> str:
        return (
            f"not {self.encoding.name} text ({error}). Name the right encoding by --encoding: utf-8, cp1252, "
            "latin-1 …"
        )

    def _checked(self, data: bytes, line: int) -> Iterator[Block]:
        """The block, if it is UTF-8."""
        if not self.encoding.is_utf8:
            if self._skip and self.encoding.name[:4] not in {"utf-", "gb18"} and b"\xef\xbf\xbd" in data:
                data = re.sub(rb"(?m)^(?=.*\xef\xbf\xbd)", UNDECODED, data)
            yield Block(data, line)
            return
        if not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError as error:
                data = self._mend(data, line, error)
        yield Block(data, line)

    def _mend(self, data: bytes, line: int, error: UnicodeDecodeError) -> bytes:
        number = line + data.count(b"\n", 0, error.start)
        if self._skip:
            return b"\n".join(
                part if _is_utf8(part) else UNDECODED + part.decode(errors="replace").encode()
                for part in data.split(b"\n")
            )
        start = data.rfind(b"\n", 0, error.start) + 1
        end = data.find(b"\n", error.start)
        end = end if end >= 0 else len(data)
        others = data[:start][-SAMPLE:] + data[end : end + SAMPLE]
        others = b"\n".join(part for part in others.split(b"\n") if _is_utf8(part))
        bad = data[start:end]
        quoted = shown(bad.decode(errors="replace"))
        detail = f"not UTF-8 text ({error.reason}: {data[error.start]:#04x}): {quoted}. "
        raise self.error(number, f"{detail}{remedy(bad, other_text=others)}.", left_out=True)


def _ends_with_cr(data: bytes) -> bool:
    """Whether CR alone ends the lines of a text that begins like this."""
    return b"\r" in data and data.count(b"\n") == data.count(b"\r\n") < data.count(b"\r") / 20


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _line_ends(data: bytes, encoding: str) -> int:
    try:
        return data.decode(encoding, "ignore").count("\n")
    except UnicodeError:  # some decoders know no "ignore"
        return data.count(b"\n")


def _whole_characters(data: bytes) -> int:
    """How many bytes of UTF-8 are whole characters."""
    end = len(data)
    while end and len(data) - end < 4 and data[end - 1] & 0xC0 == 0x80:
        end -= 1
    return end - 1 if end and data[end - 1] >= 0xC0 else len(data)
