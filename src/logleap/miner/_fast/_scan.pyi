from array import array
from collections.abc import Callable

from logleap.miner.description.describe import Gathered

class Scanner:
    """Masks messages, by the built-in mask, and gathers what their plans say.

    A message's key is its masked text and, after a line break, the severity that its context tells, if any.
    `plan_of` is called with each new key, and answers with the number of the facts (below 0: none) and the
    recipes of the values of their positions.
    """

    def __init__(
        self,
        plan_of: Callable[[str], tuple[int, tuple[str, ...]]],
        bound: int,
        units: tuple[str, ...],
        seed: bytes,
    ) -> None:
        """`bound`: distinct values of a position that are counted; `units` of numbers; `seed`: 16 bytes."""
    def add(self, times: array[int], messages: list[str], severities: list[str | None] | None) -> bytes:
        """Add entries to their facts; the numbers of these facts, as 64-bit integers.

        Of a key that no template matches `plan_of` is asked, and must raise an exception.
        """
    def numbers(self, messages: list[str], severities: list[str | None] | None) -> bytes:
        """The same numbers, and nothing is added."""
    def values(
        self, messages: list[str], severities: list[str | None] | None
    ) -> list[tuple[int, tuple[str, ...]]]:
        """The numbers, each with the message's values; nothing is added."""
    def tokenize(
        self,
        learn: Callable[[str], tuple[bool, tuple[tuple[str, str | None, bool, int], ...]]],
        severity_of: Callable[[str], str | None],
        levels: tuple[str, ...],
        most: int,
        row: int,
    ) -> None:
        """Cut messages into tokens from now on, up to `most`, and match them.

        `plan_of` is called only for those with `row` variable tokens or more. `levels` are the words that
        `severity_of` can answer by.
        """
    def template(self, severity: str | None, tokens: tuple[str, ...]) -> None:
        """Add a template, whose number is that of those before it. No message must have been seen."""
    def lines(
        self, messages: list[str], severities: list[str | None] | None, most: int
    ) -> tuple[list[str], list[str]]:
        """The lines (`miner/lines.py`) of keys that match no template.

        And the keys that must be cut into tokens elsewhere. Only of a scanner that has no plans.
        """
    def forget(self) -> None:
        """Forget all keys and plans; the facts stay."""
    def take(self, number: int) -> Gathered | None:
        """Facts, which are then forgotten. None: no entry was added to them."""
    @property
    def held(self) -> int:
        """About how many values all facts hold."""
    @property
    def bytes(self) -> int:
        """About how much memory keys and plans take."""

def cut(lines: list[str], seed: bytes) -> list[tuple[str, ...]]:
    """The tokens of lines (`miner/lines.py`). Each word is held once. `seed`: 16 bytes."""

def order(
    parts: list[tuple[array[int], array[int]]], ranks: array[int], ends: array[int], followed: bytes
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int], int, int]:
    """Put entries (times, numbers) in the order of time and rank, and count them.

    By rank and window, of which `ends` are the ends; by rank and next rank, where `followed` has a one for
    both; and the first and the last rank, -1 without entries.
    """

def ordered(numbers: array[int]) -> bool:
    """Whether they never fall."""
