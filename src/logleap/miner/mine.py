"""Templates from distinct masked messages, whatever order they came in.

All messages of one number of tokens are divided, top down: at the position whose words tell most about the
words elsewhere, by its words, until what differs in a part are values alone. A position holds values where it
has many words compared with the number of messages, or where most of the message is alike and the words look
like names rather than like another event (`_most_words`). Every decision is made by sets and counts, so
nothing depends on the order or on how often a message came.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

from logleap.miner.model import VARIABLE

Tokens = tuple[str, ...]

FEW = 8
"""Up to so many words, a position may tell events apart, whatever the number of messages."""

MANY = 256
"""With more words, a position holds values."""

SHARE = 0.3
"""With more words than this share of the messages (and than `FEW`), a position holds values."""

PUNCTUATION = frozenset("\"'=,;:()[]{}<>|")
_LEADING = frozenset(
    [
        "for",
        "from",
        "to",
        "by",
        "of",
        "in",
        "on",
        "at",
        "with",
        "as",
        "via",
        "into",
        "class",
        "container",
        "host",
        "node",
        "user",
        "service",
        "named",
        "called",
        "name",
        "is",
        "-",
    ]
)
_PROCESS = re.compile(r"[A-Za-z]*(?:ed|ing)[.!]?", re.ASCII)
_JOINED = re.compile(r".*[A-Za-z0-9*][._/\\@$#~-][A-Za-z0-9*].*|.*[_$/\\@].*", re.ASCII | re.DOTALL)
_CAMEL = re.compile(r".*[a-z][A-Z].*", re.ASCII | re.DOTALL)

# How much a word looks like a value: what happened, any word, a name of code, a name with a path or a domain.
HAPPENED, _WORD, _CODE, _NAME = 0, 2, 3, 4

_COMPARED = 500  # messages, when positions are compared
_CANDIDATES = 4  # positions that are compared with others, and with how many others
_OTHERS = 16


def mine(messages: Sequence[Tokens], max_templates: int) -> list[Tokens]:
    """The templates of these messages, which are sorted, distinct, and all of one number of tokens.

    Where there would be more than `max_templates`, parts of few messages are not divided.
    """
    undivided = 1
    while (found := _divide(messages, undivided, max_templates)) is None:
        undivided *= 4
    return sorted(found)


def _divide(messages: Sequence[Tokens], undivided: int, most: int) -> set[Tokens] | None:
    found: set[Tokens] = set()
    parts: list[Sequence[Tokens]] = [messages]
    while parts:
        part = parts.pop()
        if len(part) == 1:
            found.add(part[0])
        else:
            columns = [set(map(itemgetter(at), part)) for at in range(len(part[0]))]
            at = _telling(part, columns) if len(part) > undivided else None
            if at is None:
                found.add(tuple(next(iter(words)) if len(words) == 1 else VARIABLE for words in columns))
            else:
                by_word: defaultdict[str, list[Tokens]] = defaultdict(list)
                for message in part:
                    by_word[message[at]].append(message)
                parts.extend(by_word.values())
        if len(found) > most and undivided < len(messages):
            return None
    return found


def _telling(part: Sequence[Tokens], columns: Sequence[set[str]]) -> int | None:
    """The position to divide by; None if only values differ."""
    differing = [at for at, words in enumerate(columns) if len(words) > 1]
    common = sum(
        len(words) == 1 and PUNCTUATION.isdisjoint(words) and VARIABLE not in words for words in columns
    )
    found = []
    for at in differing:
        words = columns[at]
        number = len(words)
        if number > MANY or (number > FEW and number > SHARE * len(part)):
            continue
        if common >= len(differing) and (
            VARIABLE in words or number > _most_words(part[0], columns, at, common // len(differing))
        ):
            continue
        found.append((VARIABLE in words, number, at))
    if len(found) < 2:
        return found[0][2] if found else None
    found.sort()
    if not found[0][0]:
        found = [candidate for candidate in found if not candidate[0]]
    sample = part[:: len(part) // _COMPARED + 1]
    cells = {at: list(map(itemgetter(at), sample)) for at in differing}
    others = differing[:_OTHERS]
    # The fewest distinct words that are left in all parts together: the number of distinct pairs.
    return min(
        (
            sum(len(set(zip(cells[at], cells[other], strict=True))) for other in others if other != at),
            number,
            at,
        )
        for _, number, at in found[:_CANDIDATES]
    )[2]


def _most_words(message: Tokens, columns: Sequence[set[str]], at: int, common: int) -> int:
    """How many words there may be at a position that tells events apart, in messages that are mostly alike.

    `common` is the number of words that all have in common, for each position where they differ.
    """
    words = columns[at]
    average = sum(map(looks, words)) / len(words)
    if average >= 3.6:
        most = 2
    elif average >= 2.8 and at:
        most = 3
    elif average <= 1:
        most = FEW
    else:
        most = max(3, min(5, 7 - common))
    if at and len(columns[at - 1]) == 1:
        before = message[at - 1]
        enclosed = before in ("(", "[") and message[at + 1 : at + 2] in ((")",), ("]",))
        if enclosed or before in _LEADING:
            return min(most, 3)
    return most


@lru_cache(100_000)
def looks(word: str) -> int:
    """How much a word looks like a value: from `HAPPENED`, least, to a path or a name with dots."""
    if len(word) > 200:
        return _NAME
    if _PROCESS.fullmatch(word):
        return HAPPENED
    if _JOINED.fullmatch(word):
        return _NAME
    return _CODE if _CAMEL.fullmatch(word) else _WORD
