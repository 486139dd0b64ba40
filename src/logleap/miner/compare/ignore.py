"""Which templates are known and not to be reported: by their ids, or by their text."""

from collections.abc import Iterable

from logleap.miner.model import Template


class Ignore:
    """Template ids (16 hexadecimal digits), and patterns of the whole text, in which `*` is any text.

    A pattern without `*` is the text itself. The time of a match grows with the lengths alone.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        given = [pattern for pattern in patterns if pattern]
        self._exact = frozenset(given)
        self._pieces = [pattern.split("*") for pattern in given if "*" in pattern]

    def __contains__(self, template: Template) -> bool:
        return (
            template.id in self._exact
            or template.text in self._exact
            or any(_matches(pieces, template.text) for pieces in self._pieces)
        )


def _matches(pieces: list[str], text: str) -> bool:
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        # The leftmost place is the best one: it leaves the most text for the pieces after it.
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
