"""What is known of the entries of each template, gathered block by block."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import TypeVar

from logleap.miner.description.values import Sketches, Values
from logleap.miner.text.tokens import PLACEHOLDER

Gathered = tuple[
    int, tuple[int, str], tuple[int, str], tuple[str, int], Sequence[Mapping[str, int] | tuple[int, Sketches]]
]
"""Facts as the compiled part gathers them: count, first, last, least, and the values of each position."""


class Facts:
    """Of some entries: how many, the example entries, and the values of each position."""

    __slots__ = ("count", "first", "last", "least", "values")

    def __init__(self, positions: int, bound: int) -> None:
        self.count = 0
        self.first: tuple[int, str] = (0, "")
        """The earliest entry; of several the one whose message comes first in the order of text."""
        self.last: tuple[int, str] = (0, "")
        """The latest one; of several the one whose message comes last."""
        self.least: tuple[str, int] = ("", 0)
        """The message that comes first in the order of text, and its earliest time."""
        self.values = [Values(bound) for _ in range(positions)]

    @classmethod
    def of(cls, bound: int, gathered: Gathered) -> "Facts":
        """Facts that were gathered elsewhere."""
        facts = cls(0, bound)
        facts.count, facts.first, facts.last, facts.least, positions = gathered
        facts.values = [Values.of(bound, of_position) for of_position in positions]
        return facts

    def add(self, times: Sequence[int], messages: Sequence[str]) -> None:
        """Count entries, one or more, and keep the examples. Their values are added by themselves."""
        early, late, least = min(times), max(times), min(messages)
        if not self.count or early <= self.first[0]:
            found = (early, min(_at(early, times, messages)))
            self.first = min(self.first, found) if self.count else found
        if not self.count or late >= self.last[0]:
            found = (late, max(_at(late, times, messages)))
            self.last = max(self.last, found) if self.count else found
        if not self.count or least <= self.least[0]:
            first = (least, min(_at(least, messages, times)))
            self.least = min(self.least, first) if self.count else first
        self.count += len(times)

    def add_repeated(self, message: str, count: int, first: int, last: int) -> None:
        """Count so many entries of one message. Their values are added by themselves."""
        if not self.count:
            self.first, self.last, self.least = (first, message), (last, message), (message, first)
        else:
            self.first = min(self.first, (first, message))
            self.last = max(self.last, (last, message))
            self.least = min(self.least, (message, first))
        self.count += count

    def merge(self, other: "Facts", values: Iterable[Values | str]) -> None:
        """Add what the other one holds. `values`: for each position its values, or one that all have."""
        if not self.count:
            self.first, self.last, self.least = other.first, other.last, other.least
        else:
            self.first = min(self.first, other.first)
            self.last = max(self.last, other.last)
            self.least = min(self.least, other.least)
        self.count += other.count
        for own, more in zip(self.values, values, strict=True):
            if isinstance(more, str):
                own.add_counted(more, other.count)
            else:
                own.merge(more)


Sought = TypeVar("Sought")
Found = TypeVar("Found")


def _at(sought: Sought, among: Sequence[Sought], found: Sequence[Found]) -> Sequence[Found]:
    """Of `found` those whose places in `among` hold what is sought."""
    if among.count(sought) == 1:
        return (found[among.index(sought)],)
    return [one for one, held in zip(found, among, strict=True) if held == sought]


class Plan:
    """Where the entries with one key go: to which facts, and the recipes of the values of each position."""

    __slots__ = ("facts", "recipes", "width")

    def __init__(self, facts: Facts, recipes: Sequence[str], width: int) -> None:
        """`width`: how many values such an entry's message holds."""
        self.facts = facts
        self.recipes = recipes
        self.width = width


def gather(
    plans: Sequence[Plan], values: Sequence[str], times: Sequence[int], messages: Sequence[str]
) -> None:
    """Add a block's entries, in order, each by its plan. `values` holds what was masked in all of them."""
    rows: defaultdict[Facts, list[int]] = defaultdict(list)
    for row, plan in enumerate(plans):
        rows[plan.facts].append(row)
    starts = [0, *accumulate([plan.width for plan in plans])]
    for facts, places in rows.items():
        own = [plans[place] for place in places]
        origins = [starts[place] for place in places]
        facts.add([times[place] for place in places], [messages[place] for place in places])
        if not facts.values:
            continue
        if own.count(own[0]) == len(own):
            offset = 0
            for held, recipe in zip(facts.values, own[0].recipes, strict=True):
                literals = recipe.split(PLACEHOLDER)
                held.add(_column(values, origins, offset, literals))
                offset += len(literals) - 1
        else:
            for held, column in zip(
                facts.values, zip(*_filled(values, origins, own), strict=True), strict=True
            ):
                held.add(column)


def filled(recipe: str, values: Iterator[str]) -> str:
    """The value that a recipe makes, which takes as many of the values as it needs."""
    needed = recipe.count(PLACEHOLDER)
    if needed < 2:
        return recipe.replace(PLACEHOLDER, next(values)) if needed else recipe
    first, *rest = recipe.split(PLACEHOLDER)
    return first + "".join([value + literal for literal, value in zip(rest, values, strict=False)])


def _filled(values: Sequence[str], origins: Sequence[int], plans: Sequence[Plan]) -> Iterator[Sequence[str]]:
    """The values of each entry."""
    for origin, plan in zip(origins, plans, strict=True):
        if plan.width:
            own = iter(values[origin : origin + plan.width])
            yield [filled(recipe, own) for recipe in plan.recipes]
        else:
            yield plan.recipes


def _column(
    values: Sequence[str], origins: Sequence[int], offset: int, literals: Sequence[str]
) -> Sequence[str]:
    """A position's value in each of the entries whose values begin at `origins`."""
    if len(literals) == 1:
        return list(literals) * len(origins)
    before, after = literals[0], literals[1]
    if len(literals) > 2:
        width = len(literals) - 1
        return [
            before + "".join(chain.from_iterable(zip(values[at : at + width], literals[1:], strict=True)))
            for at in [origin + offset for origin in origins]
        ]
    if before or after:
        return [before + values[at + offset] + after for at in origins]
    return [values[at + offset] for at in origins]
