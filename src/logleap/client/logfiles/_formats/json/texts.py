"""JSON files cut into the texts of their entries, which are held one at a time."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from logleap.client.logfiles._errors import LogFileError
from logleap.client.logfiles._reading import Reading
from logleap.client.logfiles._text.log_text import MAX_ENTRY, UNDECODED, Block

# Names under which exports keep their records.
WRAPPERS = (
    "entries",
    "events",
    "records",
    "logs",
    "items",
    "hits",
    "logEntries",
    "log_entries",
    "results",
    "messages",
)

_BLANK = re.compile(r"[ \t\r\n]+")
_DECODER = json.JSONDecoder()


class JsonText(NamedTuple):
    """The JSON of one entry, in a line of its own, and the lines of the file on which it stands."""

    line: int
    end: int
    text: bytes


def lines(reading: Reading) -> Iterator[JsonText]:
    """One entry a line; blank lines are passed over."""
    for block in reading.text.clean_blocks():
        yield from lines_of(reading, block)


def lines_of(reading: Reading, block: Block) -> Iterator[JsonText]:
    """The same of one block."""
    data = block.data.removesuffix(b"\n")
    for number, line in enumerate(data.split(b"\n"), block.line):
        reading.report.lines = number
        text = line.strip()
        if text.startswith(UNDECODED):
            reading.report.skip(number, text[1:].decode(), "it is not text in the file's encoding")
        elif text:
            yield JsonText(number, number, text)


def documents(reading: Reading) -> Iterator[JsonText]:
    """The entries of an array, an array in an object (`{"events": […]}`), or of objects one after another."""
    scanner = _Scanner(
        reading, (block.data.replace(UNDECODED, b"") for block in reading.text.blocks(whole_lines=False))
    )
    if scanner.next() == "[":
        yield from _array(scanner)
    else:
        while scanner.next() == "{":
            if scanner.wraps():
                yield from _wrapped(scanner)
            else:
                yield scanner.entry()
            if scanner.next() == ",":  # records one after another, as some exports write them
                scanner.skip(1)
    if scanner.next():
        raise scanner.error(f"{scanner.next()!r} where the file should end or an object begin.")
    reading.report.lines = scanner.line


def wraps(text: str) -> bool:
    """Whether a text begins with an object that has entries under one of the usual names."""
    found = re.match(
        r'\s*\{(?:\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[\d.eE+-]+|true|false|null)\s*,)*\s*"(\w+)"\s*:\s*[\[{]',
        text,
    )
    return found is not None and found[1] in WRAPPERS


def _array(scanner: "_Scanner") -> Iterator[JsonText]:
    scanner.expect("[")
    if scanner.next() != "]":
        while True:
            if scanner.next() != "{":
                raise scanner.error("an entry must be a JSON object.")
            yield scanner.entry()
            if scanner.next() != ",":
                break
            scanner.expect(",")
    scanner.expect("]")


def _wrapped(scanner: "_Scanner") -> Iterator[JsonText]:
    """The entries of the object that comes next; its other members are passed over."""
    found = False
    scanner.expect("{")
    while scanner.next() != "}":
        name = scanner.string()
        scanner.expect(":")
        if name in WRAPPERS and scanner.next() in {"[", "{"}:
            if found:
                raise scanner.error(f"{name!r} is the second member with entries: which are they?")
            found = True
            yield from _array(scanner) if scanner.next() == "[" else _wrapped(scanner)
        else:
            scanner.value()
        if scanner.next() == ",":
            scanner.expect(",")
        elif scanner.next() != "}":
            scanner.expect("}")
    scanner.expect("}")


class _Scanner:
    """Walks through a JSON text that is read piece by piece; holds no more of it than the value at hand."""

    def __init__(self, reading: Reading, pieces: Iterator[bytes]) -> None:
        self._reading = reading
        self._pieces = pieces
        self._text = ""
        self._at = 0
        self.line = 1

    def error(self, detail: str) -> LogFileError:
        """The error to raise about where the scanner stands."""
        return self._reading.text.error(self.line, detail)

    def next(self) -> str:
        """The next character that isn't blank, without moving on from it; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            if blank:
                self.skip(blank.end() - self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(1):
                return ""

    def wraps(self) -> bool:
        """Whether the object that comes next holds entries rather than being one."""
        while len(self._text) - self._at < 4096 and self._more(4096):
            pass
        return wraps(self._text[self._at : self._at + 4096])

    def skip(self, characters: int) -> None:
        """Moves on; the characters must have been read."""
        self.line += self._text.count("\n", self._at, self._at + characters)
        self._at += characters

    def expect(self, character: str) -> None:
        """Moves on behind the character, which must come next."""
        found = self.next()
        if found != character:
            what = repr(found) if found else "the end of the file"
            raise self.error(f"not JSON: {what} where {character!r} should stand.")
        self.skip(1)

    def string(self) -> str:
        """Moves on behind the string that comes next."""
        if self.next() != '"':
            raise self.error(f"not JSON: {self.next()!r} where a name should stand.")
        text = self.value()
        return str(json.loads(text))

    def entry(self) -> JsonText:
        """Moves on behind the object that comes next."""
        line = self.line
        text = self.value()
        # JSON's strings hold no line ends as they stand: they are between its values.
        return JsonText(line, self.line, re.sub(r"[\r\n]+\s*", " ", text).encode())

    def value(self) -> str:
        """Moves on behind the value that comes next, and returns its text."""
        self.next()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
                if end == len(self._text) and self._text[end - 1] not in '"}]' and self._more(1):
                    continue  # a number may go on
            except json.JSONDecodeError as error:  # perhaps only for lack of its end
                if len(self._text) - self._at > MAX_ENTRY:
                    raise self.error(f"an object of more than {MAX_ENTRY:,} characters.") from None
                if not self._more(len(self._text) - self._at):
                    line = self.line + self._text.count("\n", self._at, error.pos)
                    raise self._reading.text.error(line, f"not JSON: {error.msg}.") from None
            except (ValueError, RecursionError) as error:
                raise self.error(f"not usable JSON: {error}.") from None
            else:
                text = self._text[self._at : end]
                self.skip(end - self._at)
                return text

    def _more(self, wanted: int) -> bool:
        """Reads on, at least as much as wanted: a value that grows by doubling is parsed a few times only."""
        kept = [self._text[self._at :]]
        read = 0
        for piece in self._pieces:
            kept.append(piece.decode())
            read += len(kept[-1])
            if read >= wanted:
                break
        self._text, self._at = "".join(kept), 0
        return read > 0
