"""From a masked message to the tokens that templates are made of, and to what its variable positions hold."""

import re
from itertools import groupby, islice
from typing import NamedTuple

from logleap.miner.model import VARIABLE

PLACEHOLDER = "\0"
"""What masking puts where a value was."""

NEWLINE = "\x1d"
"""Stands for a line break inside a message, so that the messages of a block can be joined by line breaks."""

_BLANK = " \\t\\r\\f\\v\\x1c-\\x1f"
_STOP = _BLANK + "\"'=,;()\\[\\]{}<>|"

_TOKEN = re.compile(
    rf"[{_BLANK}]*(?:"
    rf"[A-Za-z][A-Za-z0-9+.\-]{{0,20}}://[^{_BLANK}\"'<>|]+"  # an address, with what its query holds
    rf"|<\0[^{_STOP}]*(?![^<>]{{0,100}}>)"  # less than a number
    r'|"[^"]{0,1000}"'  # a quotation
    rf"|'[^'{_BLANK}]{{1,200}}'"
    rf"|[^{_STOP}:]+(?::+[^{_STOP}:]+)*"  # a word
    rf"|[^{_BLANK}])",
    re.ASCII,
)
_REQUEST = re.compile(r'"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|PROPFIND) (.*)"')
_KEY = re.compile(r"([A-Za-z][A-Za-z_]*):+(.+)", re.DOTALL)
_VALUE = re.compile(
    r"""
    [A-Za-z][A-Za-z0-9+.-]*://.*                                      # an address
    | (?:~|\.\.?)?/[^/]+/.*  | [A-Za-z]:\\.*  | \\\\.*                # a path
    | [^@]+@[^@]+                                                     # a mailbox
    | (?:[A-Za-z-]+\.)+                                               # a host
      (?:com|net|org|edu|gov|io|de|uk|fr|cn|jp|ru|local|lan|internal|localdomain)[.]?
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_UNITS = frozenset(
    [
        "B",
        "KB",
        "MB",
        "GB",
        "TB",
        "kB",
        "KiB",
        "MiB",
        "GiB",
        "TiB",
        "ms",
        "us",
        "µs",
        "ns",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "min",
        "mins",
        "minute",
        "minutes",
        "hour",
        "hours",
        "day",
        "days",
    ]
)
_NAMED = frozenset(["user", "username", "ruser", "hostname"])
ROW = 6
"""So many variable tokens in a row, or more, are one: a list, whose length would tell templates apart."""

_LISTING = frozenset(",;")
_ALERT = _NAMED | _LISTING | {"=", VARIABLE}
_KNOWN = 200_000

_Piece = tuple[str, str | None, str]  # a token, its recipe if it is variable, the blank before it

_CONSTANTS = frozenset(
    ["true", "false", "True", "False", "TRUE", "FALSE", "null", "NULL", "None", "nil", "undefined"]
)
_SPECIAL = _NAMED | _CONSTANTS
_PLAIN = re.compile("[A-Za-z]+(?: [A-Za-z]+)*", re.ASCII)
_PUNCTUATION = frozenset("\"'=,;:()[]{}<>|")


class Shape(NamedTuple):
    """What a masked message is: its tokens, and for each variable one how its value is put together.

    In a recipe each placeholder stands for the next value that was masked; all else is literal. `blanks`
    holds for each token the blank before it, if any.
    """

    tokens: tuple[str, ...]
    recipes: tuple[str, ...]
    blanks: tuple[str, ...]


def _without_rows(shape: Shape) -> Shape:
    tokens: list[str] = []
    recipes: list[str] = []
    blanks: list[str] = []
    own = iter(shape.recipes)
    at = 0
    for variable, row in groupby(shape.tokens, VARIABLE.__eq__):
        words = list(row)
        before = shape.blanks[at : at + len(words)]
        found = list(islice(own, len(words))) if variable else []
        if len(found) >= ROW:
            words, found = (
                [VARIABLE],
                [
                    found[0]
                    + "".join([blank + recipe for blank, recipe in zip(before[1:], found[1:], strict=True)])
                ],
            )
        tokens += words
        recipes += found
        blanks += before[: len(words)]
        at += len(before)
    return Shape(tuple(tokens), tuple(recipes), tuple(blanks))


class Tokenizer:
    """Cuts masked messages into tokens. It remembers what it found for words: use one for many messages."""

    def __init__(self, max_tokens: int) -> None:
        self._max = max_tokens
        self._known: dict[str, tuple[str, tuple[_Piece, ...]]] = {}

    def shape(self, masked: str) -> Shape:  # noqa: PLR0912 -- one loop, for speed
        """The tokens of a masked message."""
        line, broken, rest = masked.partition(NEWLINE)
        if _PLAIN.fullmatch(masked):
            words = masked.split(" ")
            if len(words) <= self._max and _SPECIAL.isdisjoint(words):
                return Shape(tuple(words), (), ("", *" " * (len(words) - 1)))
        tokens: list[str] = []
        recipes: list[str] = []
        blanks: list[str] = []
        known, most = self._known, self._max
        before = blank_before = ""
        alert = False  # whether the token before says something of the next one
        pieces = _TOKEN.findall(line)
        for at, piece in enumerate(pieces):
            plain, found = known.get(piece) or self._learn(piece)
            if plain and not alert:
                tokens.append(plain)
                blanks.append(found[0][2])
                if len(tokens) < most:
                    continue
            else:
                for token, recipe, blank in found:
                    if recipe is None:
                        if token not in _PUNCTUATION:
                            if (before == "=" and (blank_before or not blank)) or before in _NAMED:
                                token, recipe = VARIABLE, token  # noqa: PLW2901 -- it is a value here
                            elif before == VARIABLE and token in _UNITS:
                                recipes[-1] += blank + token
                                continue
                    elif before in _LISTING and len(tokens) > 1 and tokens[-2] == VARIABLE:
                        recipes[-1] += blanks.pop() + tokens.pop() + blank + recipe
                        before, blank_before = token, blank
                        continue
                    tokens.append(token)
                    blanks.append(blank)
                    if recipe is not None:
                        recipes.append(recipe)
                    before, blank_before = token, blank
                alert = before in _ALERT
            if len(tokens) >= most and at + 1 < len(pieces):
                rest = "".join(pieces[at + 1 :]) + broken + rest
                broken = " "
                break
        if not tokens and not broken:
            return Shape(("",), (), ("",))
        if broken:
            tokens.append(VARIABLE)
            blanks.append(" ")
            recipes.append(rest.replace(NEWLINE, "\n"))
        shape = Shape(tuple(tokens), tuple(recipes), tuple(blanks))
        return _without_rows(shape) if len(recipes) >= ROW else shape

    def learn(self, piece: str) -> tuple[bool, tuple[tuple[str, str | None, bool, int], ...]]:
        """What a piece is, for the compiled part: whether it is a plain word, and its tokens.

        Each with its recipe, whether a blank is before it, and what it means for its neighbours.
        """
        plain, found = _tokens_of(piece)
        return bool(plain), tuple(
            [(token, recipe, bool(blank), _meaning(token)) for token, recipe, blank in found]
        )

    @property
    def most(self) -> int:
        """The most tokens of a message; the rest is one more."""
        return self._max

    def _learn(self, piece: str) -> "tuple[str, tuple[_Piece, ...]]":
        if len(self._known) > _KNOWN:
            self._known.clear()
        self._known[piece] = _tokens_of(piece)
        return self._known[piece]


def _meaning(token: str) -> int:
    """As the numbers in `_fast/_tokens.h`."""
    kinds = (_PUNCTUATION, _NAMED, _LISTING, "=", VARIABLE, _UNITS)
    return sum(
        1 << bit
        for bit, kind in enumerate(kinds)
        if (token == kind if isinstance(kind, str) else token in kind)
    )


def _tokens_of(piece: str) -> "tuple[str, tuple[_Piece, ...]]":
    """What a piece is, and the word, if it is a plain one: then nothing depends on it."""
    word = piece.lstrip(" \t\r\f\v\x1c\x1d\x1e\x1f")
    blank = " " if len(word) < len(piece) else ""
    found: tuple[_Piece, ...]
    if len(word) == 1 and word != PLACEHOLDER:
        found = ((word, None, blank),)
    elif request := _REQUEST.fullmatch(word):
        found = (('"', None, blank), (request[1], None, ""), (VARIABLE, request[2], " "), ('"', None, ""))
    elif word[0] in "\"'":
        found = ((VARIABLE, word, blank),)
    elif PLACEHOLDER in word:
        key = _KEY.fullmatch(word)
        if key and PLACEHOLDER not in key[1] and "://" not in word:
            found = ((key[1], None, blank), (":", None, ""), (VARIABLE, key[2], ""))
        else:
            found = ((VARIABLE, word, blank),)
    elif word in _CONSTANTS or _VALUE.fullmatch(word):
        found = ((VARIABLE, word, blank),)
    else:
        found = ((word, None, blank),)
    token, recipe, _ = found[0]
    plain = len(found) == 1 and recipe is None and token not in _ALERT and token not in _PUNCTUATION
    return (token if plain else ""), found
