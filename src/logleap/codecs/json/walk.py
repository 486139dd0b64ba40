"""JSON text walked over exactly, without recursion: where each value begins and ends."""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_CONTEXT_DEPTH = 100  # arrays and objects in one another: more is no data, and breaks who reads it later

_BLANKS = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"

_BLANK = re.compile(_BLANKS)
_VALUE = re.compile(_BLANKS + b"(?:" + _STRING + b"|" + _NUMBER + rb"|true|false|null|([\[{]))")
_KEY = re.compile(_BLANKS + b"(" + _STRING + b")" + _BLANKS + b":")
_NEXT = re.compile(_BLANKS + rb"([,\]}])")
_CLOSER = {b"[": b"]", b"{": b"}"}

# Text in which each \u escape of half a surrogate pair is followed, or preceded, by the other half.
_WHOLE = rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)*+"
_PAIRED = re.compile(_WHOLE, re.DOTALL)
_LONE = re.compile(rb"(" + _WHOLE + rb")\\u[dD][89a-fA-F][0-9a-fA-F]{2}", re.DOTALL)


class Malformed(ValueError):
    """Text that is not JSON (RFC 8259).

    `position` is the byte at which it goes wrong; `trailing`: up to there it is.
    """

    def __init__(self, data: bytes, position: int, expected: str, *, trailing: bool = False) -> None:
        position = _skip_blanks(data, position)
        found = data[position : position + 20].decode(errors="replace")
        super().__init__(f"expected {expected}, found {found!r}" if found else f"it ends before {expected}")
        self.position = position
        self.trailing = trailing


class TooDeep(ValueError):
    """A value that begins at byte `start` (from 0) nests more arrays and objects than are walked over."""

    def __init__(self, start: int) -> None:
        super().__init__(f"the value at byte {start + 1} is nested too deeply")
        self.start = start


class TooLong(ValueError):
    """A value that has more bytes than are walked over."""


class Span(NamedTuple):
    """Where a value stands, and how many arrays and objects are nested in it (0: it is neither)."""

    start: int
    end: int
    depth: int


class JsonWalk:
    """A walk over JSON text in UTF-8. Each step raises Malformed where JSON ends.

    It does not go on within a value that nests more than `deepest` arrays and objects (TooDeep), or that has
    more than `largest` bytes (TooLong): each step takes about a microsecond, and a body has millions.
    """

    def __init__(self, data: bytes, *, deepest: int = MAX_CONTEXT_DEPTH, largest: int | None = None) -> None:
        self._data = data
        self._position = 0
        self._deepest = deepest
        self._largest = len(data) if largest is None else largest

    @property
    def position(self) -> int:
        """The byte, counted from 0, at which the next step begins."""
        return self._position

    def upcoming(self) -> bytes:
        """The first byte of what follows; empty at the end."""
        self._position = _skip_blanks(self._data, self._position)
        return self._data[self._position : self._position + 1]

    def value(self) -> Span:
        """The next value, of any kind. Raises TooDeep, TooLong."""
        start = _skip_blanks(self._data, self._position)
        closers: list[bytes] = []  # what will close the arrays and objects that are open
        depth = 0
        while True:
            opener = self._step(_VALUE, "a JSON value")
            if opener:
                closers.append(_CLOSER[opener])
                depth = max(depth, len(closers))
                if depth > self._deepest:
                    raise TooDeep(start)
                if self.upcoming() != closers[-1]:
                    if opener == b"{":
                        self._step(_KEY, "a field's name in double quotes and ':'")
                    continue
                self._position += 1
                closers.pop()
            while closers and self._closes(closers[-1]):
                closers.pop()
            if self._position - start > self._largest:
                raise TooLong
            if not closers:
                return Span(start, self._position, depth)
            if closers[-1] == b"}":
                self._step(_KEY, "a field's name in double quotes and ':'")

    def items(self) -> Iterator[Span]:
        """The values of the array that comes next."""
        self._step(_VALUE, "an array")
        if self.upcoming() == b"]":
            self._position += 1
            return
        while True:
            yield self.value()
            if self._closes(b"]"):
                return

    def members(self) -> Iterator[tuple[bytes, Span]]:
        """The names (JSON strings, as sent) and values of the object that comes next, repeated ones too."""
        for name in self.names():
            yield name, self.value()

    def names(self) -> Iterator[bytes]:
        """The names of the object that comes next. After each the caller walks over its value."""
        self._step(_VALUE, "an object")
        if self.upcoming() == b"}":
            self._position += 1
            return
        while True:
            yield self._step(_KEY, "a field's name in double quotes and ':'")
            if self._closes(b"}"):
                return

    def finish(self) -> None:
        """The end of the text."""
        if self.upcoming():
            raise Malformed(self._data, self._position, "the end", trailing=True)

    def _step(self, pattern: re.Pattern[bytes], expected: str) -> bytes:
        found = pattern.match(self._data, self._position)
        if found is None:
            raise Malformed(self._data, self._position, expected)
        self._position = found.end()
        return found[1] or b""

    def _closes(self, closer: bytes) -> bool:
        """Whether what comes next closes the array or object; if not, it is a comma."""
        expected = f"',' or '{closer.decode()}'"
        before = self._position
        mark = self._step(_NEXT, expected)
        if mark not in (b",", closer):
            raise Malformed(self._data, before, expected)
        return mark == closer


def has_lone_surrogate(value: bytes) -> bool:
    r"""Whether a JSON value escapes half of a surrogate pair without the other, as "\ud83d" does."""
    return b"\\u" in value and _PAIRED.fullmatch(value) is None


def lone_surrogates_replaced(text: bytes, escape: bytes) -> bytes:
    r"""JSON text with `escape`, such as `\ufffd`, in place of each escaped half of a surrogate pair alone."""
    pieces, at = [], 0
    while found := _LONE.match(text, at):  # not `sub`, which would try again at each byte of the rest
        pieces += [found[1], escape]
        at = found.end()
    return b"".join([*pieces, text[at:]])


def _skip_blanks(data: bytes, position: int) -> int:
    found = _BLANK.match(data, position)
    return found.end() if found else position
