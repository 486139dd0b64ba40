"""Masking: values give way to placeholders, so that messages that differ in values alone become equal.

The built-in mask is one expression: whatever begins at a digit, up to the next blank, quote, bracket, comma,
semicolon, equals sign, bar or the end of the sentence. What kind of value it was, and which letters before it
belong to it, is found later, once per distinct masked message (`tokens`), and once per position (`values`):
that is what makes masking cheap. The expression starts at a set of characters, which the `re` module searches
for fast, and never backtracks further than over the dots and colons at the end of one value.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256

from logleap.miner.text.tokens import NEWLINE, PLACEHOLDER

BLANK = " \\t\\n\\r\\f\\v\\x1c-\\x1f"
STOP = BLANK + "\"'=,;()\\[\\]{}<>|"
BUILT_IN = f"[0-9](?:[^{STOP}]*[^{STOP}.:])?"
"""It means the same to Python's `re` and to RE2: sets of ASCII characters, no look-around, leftmost first."""

Split = Callable[[str], Sequence[str]]
"""Cuts a text at what an expression matches: what lies between at even places, what matched at odd ones."""


class Masks:
    """The built-in mask, behind expressions of one's own, which come first.

    `expressions` by name: checked by `own_masks.read`. `split` does the work instead of the `re` module: it
    must answer alike.
    """

    def __init__(self, expressions: Mapping[str, str] | None = None, split: Split | None = None) -> None:
        self.expressions = dict(expressions or {})
        self.pattern = "|".join([*self.expressions.values(), BUILT_IN])
        self._split: Split = split or re.compile(f"({self.pattern})", re.ASCII).split

        self.built_in = not self.expressions and split is None
        """Whether it is the built-in mask alone, of which there is a compiled form."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the expressions and their names: part of the log model."""
        content = json.dumps([list(self.expressions.items()), BUILT_IN])
        return sha256(content.encode("ascii")).hexdigest()

    def mask(self, messages: Sequence[str]) -> tuple[list[str], Sequence[str]]:
        """The masked messages, and all values that they held, in order: one for each placeholder.

        In a masked message a line break is `NEWLINE`, so it holds none.
        """
        text = "\n".join(messages)
        if text.count("\n") >= len(messages):
            text = "\n".join([message.replace("\n", NEWLINE) for message in messages])
        if PLACEHOLDER in text:
            text = text.replace(PLACEHOLDER, "\ufffd")
        parts = self._split(text)
        return PLACEHOLDER.join(parts[::2]).split("\n"), parts[1::2]
