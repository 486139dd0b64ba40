"""Whether a template that was mined beside a baseline is an event of the baseline after all.

The baseline saw some values of a position only, perhaps one: then they are literal in its templates, and an
entry with another value matches none. Such entries are no new event, so what was mined from them is held
against the baseline's templates here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from logleap.miner.mine import HAPPENED, PUNCTUATION, looks
from logleap.miner.model import VARIABLE

SEGMENTS = 5
"""Templates are compared that have one of so many parts in common: as many as may differ, and one more."""

DIFFERENT = 4
"""How many words may differ, and how many may be variable in one of them alone."""

COMMON = {0: 0, 1: 2, 2: 4, 3: 12, 4: 16}
"""How many words must be common, by the number of those that differ, or are variable in one alone."""

_COMPARED = 200
_CAPITALS = re.compile("[A-Z_]{2,}", re.ASCII)


class Relatives:
    """The baseline's templates, to find the one that is the same event as a mined one."""

    def __init__(self, templates: Iterable[tuple[str | None, tuple[str, ...]]]) -> None:
        """`templates`: severity and tokens without blanks, the most frequent first."""
        self._tokens: list[tuple[str, ...]] = []
        self._by_segment: defaultdict[object, list[int]] = defaultdict(list)
        for number, (severity, tokens) in enumerate(templates):
            self._tokens.append(tokens)
            for segment in _segments(severity, tokens):
                self._by_segment[segment].append(number)

    def find(self, severity: str | None, tokens: tuple[str, ...]) -> int | None:
        """The number of the template that is most like these tokens; None if none is the same event."""
        near = {at for segment in _segments(severity, tokens) for at in self._by_segment[segment][:_COMPARED]}
        found = [
            (words, at) for at in near if (words := different_words(self._tokens[at], tokens)) is not None
        ]
        return min(found)[1] if found else None


def different_words(one: Sequence[str], other: Sequence[str]) -> int | None:
    """How many words differ in two templates of one length that are the same event; None if they are not.

    Words that tell what happened (`opened`, `closed`) or a state (`UP`, `DOWN`) never differ in one event,
    nor does the first word, unless it stands in brackets.
    """
    common = different = widened = 0
    for at, (word, another) in enumerate(zip(one, other, strict=True)):
        if word == another:
            common += word != VARIABLE and word not in PUNCTUATION
            continue
        if VARIABLE in (word, another):
            widened += 1
        elif at and _names(word) and _names(another):
            different += 1
        else:
            return None
        if max(different, widened) > DIFFERENT:
            return None
    return different if common >= max(COMMON[different], min(2, widened)) else None


def _names(word: str) -> bool:
    return word not in PUNCTUATION and looks(word) > HAPPENED and not _CAPITALS.fullmatch(word)


def _segments(severity: str | None, tokens: Sequence[str]) -> Iterable[object]:
    length = len(tokens)
    for segment in range(SEGMENTS):
        start, end = length * segment // SEGMENTS, length * (segment + 1) // SEGMENTS
        if start < end:
            yield severity, length, segment, tuple(tokens[start:end])
