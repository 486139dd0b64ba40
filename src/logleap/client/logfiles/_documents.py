"""NDJSON and JSON files. Their values go on as they are; what isn't the shape of an entry is an error.

Whole numbers in a context are exact, fractions are 64-bit floats. What such a reading would lose or change
(a name twice in one object, NaN, a fraction beyond the floats, half a surrogate pair) is an error.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

from logleap.client.logfiles._entries import LogEntry
from logleap.client.logfiles._text import MAX_ENTRY, LogText

FIELDS = {"timestamp", "message", "context"}

_ENTRIES = re.compile(r'\s*\{\s*"entries"\s*:\s*')


def is_ndjson(start: str) -> bool:
    """Whether a text that starts like this has a whole entry on its first line."""
    first_line, _, more = start.partition("\n")
    whole = first_line.rstrip().endswith("}") or not more
    return first_line.startswith("{") and whole and not _ENTRIES.match(start)


def read_ndjson(text: LogText) -> Iterator[LogEntry]:
    """One entry a line; blank lines are skipped."""
    for number, line in enumerate(text.lines(), 1):
        document = line.strip()
        if not document:
            continue
        try:
            value = _DECODER.decode(document)
            _refuse_half_characters(document, value)
        except json.JSONDecodeError as error:
            raise text.error(number, f"not JSON: {error.msg} (character {error.pos + 1}).") from None
        except (ValueError, RecursionError) as error:
            raise text.error(number, f"not usable JSON: {error}.") from None
        yield _entry(text, number, value)


def read_json(text: LogText) -> Iterator[LogEntry]:
    """An array of entries, `{"entries": […]}`, or one entry or several in a row; one is held at a time."""
    scanner = _Scanner(text)
    wrapped = _ENTRIES.match(text.head)
    if wrapped:
        scanner.skip(wrapped.end())
    if wrapped or scanner.next() == "[":
        yield from _array(text, scanner)
        if wrapped:
            scanner.expect("}")
    else:
        while scanner.next() == "{":
            yield _entry(text, scanner.line, scanner.value())
    if scanner.next():
        raise text.error(scanner.line, f"{scanner.next()!r} where the file should end or an object begin.")


def _array(text: LogText, scanner: "_Scanner") -> Iterator[LogEntry]:
    scanner.expect("[")
    if scanner.next() != "]":
        while True:
            if scanner.next() != "{":
                raise text.error(scanner.line, "an entry must be a JSON object.")
            yield _entry(text, scanner.line, scanner.value())
            if scanner.next() != ",":
                break
            scanner.expect(",")
    scanner.expect("]")


def _entry(text: LogText, line: int, value: object) -> LogEntry:
    if not isinstance(value, dict):
        raise text.error(line, "an entry must be a JSON object. For an array of them: --format json.")
    unknown = sorted(value.keys() - FIELDS)
    if unknown:
        names = ", ".join(json.dumps(name) for name in unknown)
        raise text.error(
            line, f"unknown: {names}. An entry has timestamp, message, context; move it into context."
        )
    timestamp, message = value.get("timestamp"), value.get("message")
    if not isinstance(timestamp, str):
        raise text.error(line, 'an entry needs a "timestamp" that is a string: "2026-03-02T06:00:00Z".')
    if not isinstance(message, str):
        raise text.error(line, 'an entry needs a "message" that is a string.')
    return LogEntry(timestamp, message, value.get("context"), line)


class _Scanner:
    """Walks through a JSON text that is read piece by piece; holds no more of it than the value at hand."""

    def __init__(self, text: LogText) -> None:
        self._file = text
        self._pieces = text.pieces()
        self._text = ""
        self._at = 0
        self.line = 1

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

    def skip(self, characters: int) -> None:
        """Moves on; the characters must have been read."""
        while len(self._text) < self._at + characters and self._more(characters):
            pass
        self.line += self._text.count("\n", self._at, self._at + characters)
        self._at += characters

    def expect(self, character: str) -> None:
        """Moves on behind the character, which must come next."""
        found = self.next()
        if found != character:
            what = repr(found) if found else "the end of the file"
            raise self._file.error(self.line, f"not JSON: {what} where {character!r} should stand.")
        self.skip(1)

    def value(self) -> object:
        """Moves on behind the object that comes next, and returns it."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                _refuse_half_characters(self._text[self._at : end], value)
            except json.JSONDecodeError as error:  # perhaps only for lack of its end
                if len(self._text) - self._at > MAX_ENTRY:
                    raise self._file.error(
                        self.line, f"an object of more than {MAX_ENTRY:,} characters."
                    ) from None
                if not self._more(len(self._text) - self._at):
                    line = self.line + self._text.count("\n", self._at, error.pos)
                    raise self._file.error(line, f"not JSON: {error.msg}.") from None
            except (ValueError, RecursionError) as error:
                raise self._file.error(self.line, f"not usable JSON: {error}.") from None
            else:
                self.skip(end - self._at)
                return value

    def _more(self, wanted: int) -> bool:
        """Reads on, at least as much as wanted: a value that grows by doubling is parsed a few times only."""
        kept = [self._text[self._at :]]
        read = 0
        for piece in self._pieces:
            kept.append(piece)
            read += len(piece)
            if read >= wanted:
                break
        self._text, self._at = "".join(kept), 0
        return read > 0


_BLANK = re.compile(r"[ \t\r\n]+")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{json.dumps(twice)} stands twice in one object")
    return members


def _fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is beyond the 64-bit floats")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _refuse_half_characters(document: str, value: object) -> None:
    """The text of the file is sound; only an escape can bring in half a surrogate pair."""
    if "\\u" in document:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a \\u escape is half a surrogate pair, and no character") from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_fraction, parse_constant=_no_constant)
