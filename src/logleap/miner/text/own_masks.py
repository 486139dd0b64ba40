"""Masks of one's own, from TOML: expressions for values that do not begin with a digit.

    [masks]
    ticket = "[A-Z]{2,6}-[0-9]+"
    session = "sess_[a-z0-9]{8,32}"

The syntax is a part of what Python's `re`, RE2 and Rust's `regex` read alike, and what is matched in linear
time:

- ASCII characters; a backslash makes punctuation literal; `\\d` is `[0-9]`, `\\w` is `[A-Za-z0-9_]`.
- Sets of ASCII characters and ranges, `[a-z_]`, and their complement, `[^ ,]`, which never holds a line
  break.
- Alternatives in a group, `(?:a|b)`, without a quantifier after the group but `?`.
- `?`, `{n}` and `{m,n}`, up to 64, after a character or a set; `+` and `*` stand for `{1,64}` and `{0,64}`.
  What is repeated a varying number of times must not be able to begin what comes next: so there is one way to
  match.

There are no anchors, no look-around, no back-references, no `.`, and no expression that matches nothing.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from logleap.miner.errors import MasksRefused
from logleap.miner.text.mask import Masks
from logleap.miner.text.tokens import NEWLINE, PLACEHOLDER

LONGEST = 64
"""How often, at most, a character or a set is repeated."""

EXPRESSIONS = 50
CHARACTERS = 500

_ALL = frozenset(map(chr, range(128))) - {"\n", NEWLINE, PLACEHOLDER}
_DIGITS = frozenset("0123456789")
_CLASSES = {"d": _DIGITS, "w": _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_TIMES = re.compile(r"\{([0-9]{1,3})(?:,([0-9]{1,3}))?\}", re.ASCII)
_OTHER = "\u0100"  # stands in a set for all characters outside ASCII


def read(content: bytes) -> Masks:
    """The masks of a TOML file. Raises MasksRefused, which names the expression, the place and the remedy."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MasksRefused(f"The masks are not TOML: {error}.") from error
    found = document.get("masks")
    if not isinstance(found, dict) or set(document) != {"masks"}:
        raise MasksRefused("The masks must be one table, [masks], of names and expressions.")
    if len(found) > EXPRESSIONS:
        raise MasksRefused(f"There are {len(found)} masks; the most is {EXPRESSIONS}. Join some by `|`.")
    expressions = {}
    for name, expression in found.items():
        if not _NAME.fullmatch(name):
            raise MasksRefused(f"Mask {name!r}: a name is lower-case letters, digits and _, at most 32.")
        if not isinstance(expression, str) or not 0 < len(expression) <= CHARACTERS:
            raise MasksRefused(f"Mask {name}: an expression is a text of 1 to {CHARACTERS} characters.")
        expressions[name] = _Reader(name, expression).read()
    return Masks(expressions)


@dataclass(frozen=True)
class _Part:
    """A piece of an expression: as it is written for the engines, and what it can begin with and be."""

    written: str
    first: frozenset[str]
    empty: bool
    varying: frozenset[str] = frozenset()
    """What it can still go on with after it could have ended."""


class _Reader:
    """Reads one expression, by recursive descent."""

    def __init__(self, name: str, expression: str) -> None:
        self._name = name
        self._text = expression
        self._at = 0

    def read(self) -> str:
        """The expression as it is given to the engines."""
        found = self._alternatives(0)
        if self._at < len(self._text):
            self._refuse("this closes no group; write \\) for the character")
        if found.empty:
            self._at = 0
            self._refuse("the expression matches nothing at all; it must take a character")
        return f"(?:{found.written})"

    def _refuse(self, what: str) -> None:
        raise MasksRefused(f"Mask {self._name}, character {self._at + 1}: {what}.")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _alternatives(self, depth: int) -> _Part:
        if depth > 5:
            self._refuse("groups are nested more than five times")
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            start = self._at
            parts.append(self._sequence(depth))
            # Outside of groups nothing follows, and so no alternative is tried again for what failed later.
            if depth and any(part.empty or part.first & parts[-1].first for part in parts[:-1]):
                self._at = start
                self._refuse(
                    "alternatives in a group must each begin with other characters, and none be empty"
                )
        if depth and parts[-1].empty and len(parts) > 1:
            self._refuse("alternatives in a group must each begin with other characters, and none be empty")
        return _Part(
            "|".join(part.written for part in parts),
            frozenset().union(*(part.first for part in parts)),
            any(part.empty for part in parts),
            frozenset().union(*(part.varying for part in parts)),
        )

    def _sequence(self, depth: int) -> _Part:
        found = _Part("", frozenset(), True)
        while self._peek() not in ("", "|", ")"):
            start = self._at
            part = self._repeated(depth)
            if found.varying & part.first:
                self._at = start
                self._refuse(
                    "what comes before is repeated a varying number of times and could also take this; "
                    "repeat it a fixed number of times, or use sets that have no character in common"
                )
            found = _Part(
                found.written + part.written,
                found.first | part.first if found.empty else found.first,
                found.empty and part.empty,
                part.varying | found.varying if part.empty else part.varying,
            )
        return found

    def _repeated(self, depth: int) -> _Part:
        group = self._peek() == "("
        one = self._group(depth) if group else self._one()
        mark = self._peek()
        if mark == "?":
            self._at += 1
            found = _Part(one.written + "?", one.first, True, one.varying | one.first)
        elif mark not in ("+", "*", "{"):
            return one
        elif group:
            self._refuse("a group must not be repeated; only ? may follow it")
        else:
            found = self._times(one)
        if self._peek() in ("?", "+", "*", "{"):
            self._refuse("one quantifier follows another")
        return found

    def _times(self, one: _Part) -> _Part:
        if self._peek() in "+*":
            least, most = (1 if self._peek() == "+" else 0), LONGEST
            self._at += 1
        else:
            times = _TIMES.match(self._text, self._at)
            if times is None:
                self._refuse("after { comes a number, or two with a comma between, and }")
                raise AssertionError
            least, most = int(times[1]), int(times[2] or times[1])
            if not least <= most <= LONGEST or not most:
                self._refuse(f"a character is repeated up to {LONGEST} times, the smaller number first")
            self._at = times.end()
        written = f"{one.written}{{{least},{most}}}"
        return _Part(written, one.first, not least, one.first if least < most else frozenset())

    def _group(self, depth: int) -> _Part:
        if not self._text.startswith("(?:", self._at):
            self._refuse("a group begins with (?: ; write \\( for the character")
        self._at += 3
        found = self._alternatives(depth + 1)
        if self._peek() != ")":
            self._refuse("the group is not closed")
        self._at += 1
        return _Part(f"(?:{found.written})", found.first, found.empty, found.varying)

    def _one(self) -> _Part:
        character = self._peek()
        if character == "[":
            return self._set()
        if character == "\\":
            characters = self._escaped()
        elif character in ".^$*+?{}])":
            self._refuse(f"{character} is not part of the syntax here; write \\{character} for the character")
        else:
            characters = self._plain(character)
        return _Part(_written(characters), characters, False)

    def _plain(self, character: str) -> frozenset[str]:
        if character not in _ALL or not character.isprintable():
            self._refuse("only printable ASCII characters can be written")
        self._at += 1
        return frozenset(character)

    def _escaped(self) -> frozenset[str]:
        character = self._text[self._at + 1 : self._at + 2]
        if character in _CLASSES:
            characters = _CLASSES[character]
        elif character and character in _ALL and not character.isalnum() and character.isprintable():
            characters = frozenset(character)
        else:
            self._refuse("a backslash stands before punctuation, d or w")
            raise AssertionError
        self._at += 2
        return characters

    def _set(self) -> _Part:
        self._at += 1
        complement = self._peek() == "^"
        self._at += complement
        found: set[str] = set()
        while (character := self._peek()) != "]":
            if not character:
                self._refuse("the set is not closed")
            if character == "[":
                self._refuse("write \\[ for the character in a set")
            low = self._escaped() if character == "\\" else self._plain(character)
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                high = self._escaped() if self._peek() == "\\" else self._plain(self._peek())
                ends = (*low, *high)
                if len(ends) != 2 or ends[0] > ends[1]:
                    self._refuse("a range goes from a character to a later one")
                low = frozenset(map(chr, range(ord(ends[0]), ord(ends[1]) + 1)))
            found |= low
        self._at += 1
        characters = (_ALL - found) | {_OTHER} if complement else frozenset(found)
        if not characters:
            self._refuse("the set is empty")
        return _Part(_written(characters), characters, False)


def _written(characters: frozenset[str]) -> str:
    """A set as all engines read it: by the numbers of its characters, complements with the line break."""
    if _OTHER in characters:
        return "[^" + "".join(_ranges(frozenset(map(chr, range(128))) - characters)) + "]"
    if len(characters) == 1:
        (one,) = characters
        return one if one.isalnum() else f"\\x{ord(one):02x}"
    return "[" + "".join(_ranges(characters)) + "]"


def _ranges(characters: frozenset[str]) -> Iterator[str]:
    numbers = sorted(map(ord, characters))
    start = 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            low = numbers[start]
            yield f"\\x{low:02x}" if low == number else f"\\x{low:02x}-\\x{number:02x}"
            start = at + 1
