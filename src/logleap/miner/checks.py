"""What is checked of the values at a template's positions: a choice among few, or a range of numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logleap.miner.compare import words
from logleap.miner.compare.positions import chance_beyond, has_range, is_choice
from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.description.describe import filled
from logleap.miner.description.values import Number, decimal, number_of, numbers_of
from logleap.miner.model import Numbers, Position, Template
from logleap.miner.text.tokens import PLACEHOLDER

NEW, VALUE = "new", "value"


@dataclass(frozen=True, slots=True)
class Finding:
    """What about one entry the model has never seen: `NEW` or `VALUE`, and a sentence."""

    kind: str
    detail: str


class Seen:
    """How many entries showed something, which one first, and of numbers how far they went."""

    __slots__ = ("count", "examples", "first", "highest", "lowest")

    def __init__(self) -> None:
        self.count = 0
        self.first = 0
        self.lowest: tuple[Number, int] | None = None
        self.highest: tuple[Number, int] | None = None
        self.examples: list[str] = []

    def add(self, index: int, value: "str | Beyond | None") -> None:
        """The entry of this index shows it, with this value, if it is one that does."""
        if not self.count or index < self.first:
            self.first = index
        self.count += 1
        if isinstance(value, str):
            if len(self.examples) < 3 and value not in self.examples:
                self.examples.append(value)
        elif value is not None and value.above:
            number, count = self.highest or (value.number, 0)
            self.highest = max(number, value.number), count + 1
        elif value is not None:
            number, count = self.lowest or (value.number, 0)
            self.lowest = min(number, value.number), count + 1


@dataclass(frozen=True, slots=True)
class Beyond:
    """A number outside a range."""

    number: Number
    above: bool


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A position that is a choice among few values."""

    template: Template
    position: int
    known: frozenset[str]
    listed: str

    def outside(self, column: Sequence[str]) -> Iterator[tuple[int, "str | Beyond"]]:
        """The places and values of those that are not known."""
        known = self.known
        if not known.issuperset(column):
            yield from ((at, value) for at, value in enumerate(column) if value not in known)

    def finding(self, value: "str | Beyond") -> Finding:
        """What is said of one entry with this value."""
        return Finding(VALUE, self._sentence(words.short(str(value))))

    def chance(self, seen: Seen, entries: int, thresholds: Thresholds) -> float | None:
        """None: an unseen value is a fact."""
        return None

    def summary(self, seen: Seen) -> str:
        """The sentence for all entries that were seen."""
        return self._sentence(words.short(", ".join(seen.examples)))

    def _sentence(self, shown: str) -> str:
        place = words.place_of(self.template, self.position)
        return f"Never seen before at {place}: {shown}. Known: {self.listed}."


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """Numbers of one unit at a position."""

    template: Template
    position: int
    numbers: Numbers
    low: Number
    high: Number

    def outside(self, column: Sequence[str]) -> Iterator[tuple[int, "str | Beyond"]]:
        """The places and numbers of those that are lower or higher than all of the model's."""
        low, high, unit = self.low, self.high, self.numbers.unit
        alike = numbers_of(column)
        if alike is not None:
            if alike[0] != unit or (low <= min(alike[1]) and max(alike[1]) <= high):
                return
            for at, number in enumerate(alike[1]):
                if not low <= number <= high:
                    yield at, Beyond(number, number > high)
            return
        for at, value in enumerate(column):
            written = number_of(value)
            if written is not None and written[0] == unit and not low <= written[1] <= high:
                yield at, Beyond(written[1], written[1] > high)

    def finding(self, value: "str | Beyond") -> Finding:
        """What is said of one entry with this value."""
        assert isinstance(value, Beyond)  # noqa: S101 -- for mypy: it is what `outside` gives
        return Finding(VALUE, self._sentence(decimal(value.number)))

    def chance(self, seen: Seen, entries: int, thresholds: Thresholds) -> float | None:
        """How probable the farthest numbers at either end are, and so many."""
        return min(
            chance_beyond(
                self.numbers,
                self.template,
                thresholds,
                found=float(found),
                outside=count,
                entries=max(entries, count),
            )
            for found, count in filter(None, (seen.lowest, seen.highest))
        )

    def summary(self, seen: Seen) -> str:
        """The sentence for all entries that were seen."""
        ends = [decimal(end[0]) for end in (seen.lowest, seen.highest) if end is not None]
        return self._sentence(" and ".join(ends))

    def _sentence(self, shown: str) -> str:
        unit = self.numbers.unit
        known = words.with_unit(f"{self.numbers.minimum} to {self.numbers.maximum}", unit)
        place = words.place_of(self.template, self.position)
        return f"Out of range at {place}: {words.with_unit(shown, unit)}. Known: {known}."


class Step:
    """One position's check, and where its value is among those masked in a message."""

    __slots__ = ("check", "literals", "needed", "offset", "recipe")

    def __init__(self, check: "Choice | Range", recipe: str, offset: int, needed: int) -> None:
        self.check = check
        self.recipe = recipe
        self.offset = offset
        self.needed = needed
        self.literals = tuple(recipe.split(PLACEHOLDER)) if needed == 1 else None

    def outside(self, values: Sequence[str], starts: Sequence[int]) -> "Iterator[tuple[int, str | Beyond]]":
        """Those of these entries whose value the model has never seen."""
        offset = self.offset
        if self.literals is None:
            if not self.needed:
                for _, value in self.check.outside([self.recipe]):
                    yield from ((at, value) for at in range(len(starts)))
                return
            end = offset + self.needed
            column = [filled(self.recipe, iter(values[at + offset : at + end])) for at in starts]
        else:
            before, after = self.literals
            column = [values[start + offset] for start in starts]
            if before or after:
                column = [before + value + after for value in column]
        yield from self.check.outside(column)


def checks_of(template: Template, thresholds: Thresholds) -> "tuple[Choice | Range, ...]":
    """All checks of a template's positions."""
    return tuple(
        check
        for at, position in enumerate(template.positions)
        for check in _checks_at(template, at, position, thresholds)
    )


def _checks_at(
    template: Template, at: int, position: Position, thresholds: Thresholds
) -> "Iterator[Choice | Range]":
    if is_choice(position, len(template.windows), thresholds):
        known = [value for value, _ in position.values]
        yield Choice(template, at, frozenset(known), words.short(", ".join(known)))
        return
    for numbers in position.numbers:
        if has_range(position, numbers, thresholds):
            low, high = number_of(numbers.minimum), number_of(numbers.maximum)
            if low is not None and high is not None:
                yield Range(template, at, numbers, low[1], high[1])
