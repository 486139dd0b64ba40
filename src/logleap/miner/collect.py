"""Gathers the facts of entries by what their masked messages are: compiled, or in Python, with one result."""

from array import array
from collections.abc import Callable, Sequence
from itertools import compress, islice
from operator import not_
from os import urandom
from typing import NamedTuple, Protocol, cast

from logleap.miner import _fast
from logleap.miner.description.describe import Facts, Plan, filled, gather
from logleap.miner.description.values import UNITS, weight_of
from logleap.miner.match import Plans, keys, matching, names
from logleap.miner.repeats import Repeats
from logleap.miner.text.mask import Masks
from logleap.miner.text.severity import of_contexts
from logleap.miner.text.tokens import PLACEHOLDER, Tokenizer

PlanOf = Callable[[str], tuple[int, tuple[str, ...]]]
"""Of a key (a masked message, with what its context tells of its severity) the number of the facts that the
entry belongs to, and the recipes of the values of their positions."""


class Collector(Protocol):
    """Gathers the facts of entries, each under the number that `plan_of` gives to its key."""

    def add(self, times: "array[int]", messages: list[str], contexts: Sequence[str | None]) -> "array[int]":
        """Add entries, in the order of time; the numbers of their facts. What `plan_of` raises comes out."""

    def lines(
        self, messages: list[str], contexts: Sequence[str | None], most: int
    ) -> tuple[Sequence[str], Sequence[str]]:
        """What of these messages is to be mined, as lines, and keys of which it must be found out.

        Without most of what was answered before, and of what is not among the first `most` of its group.
        """

    def take(self, number: int) -> Facts | None:
        """These facts, which are then forgotten: after the last entry was added. None: there are none."""

    @property
    def held(self) -> int:
        """About how many values all facts hold."""


class Templates(NamedTuple):
    """Templates by severity and tokens (without blanks), numbered as they come, the later of two that are
    equal first; and what cuts messages into tokens.
    """

    tokenizer: Tokenizer
    listed: Sequence[tuple[str | None, tuple[str, ...]]]


class Settings(NamedTuple):
    """How facts are collected."""

    masks: Masks
    most_keys: int
    """The plans of so many keys, or more, are remembered."""
    compiled: bool
    """The compiled part is used, if it is there."""


def collector(
    settings: Settings,
    plan_of: PlanOf,
    bound: int,
    templates: Templates | None = None,
    *,
    repeats: bool = False,
) -> Collector:
    """A collector that counts up to `bound` distinct values of a position exactly.

    `templates`: those among which `plan_of` finds the number of a key, so that it need be asked only of
    entries that none of them matches.
    `repeats`: it pays to know messages that come again.
    """
    if settings.compiled and _fast.COMPILED and settings.masks.built_in:
        return _Compiled(plan_of, bound, settings.most_keys, templates)
    return _Plain(settings.masks, plan_of, bound, settings.most_keys, repeats=repeats)


class _Compiled:
    def __init__(self, plan_of: PlanOf, bound: int, most_keys: int, templates: Templates | None) -> None:
        self._scanner = (
            _fast.Scanner(plan_of, bound, UNITS, urandom(16))
            if templates is None
            else matching(plan_of, bound, *templates)
        )
        self._bound = bound
        self._most = most_keys * _KEY

    def add(self, times: "array[int]", messages: list[str], contexts: Sequence[str | None]) -> "array[int]":
        if self._scanner.bytes > self._most:
            self._scanner.forget()
        numbers = array("q")
        numbers.frombytes(self._scanner.add(times, messages, of_contexts(contexts)))
        return numbers

    def lines(
        self, messages: list[str], contexts: Sequence[str | None], most: int
    ) -> tuple[Sequence[str], Sequence[str]]:
        if self._scanner.bytes > self._most:
            self._scanner.forget()
        return self._scanner.lines(messages, of_contexts(contexts), most)

    def take(self, number: int) -> Facts | None:
        taken = self._scanner.take(number)
        return Facts.of(self._bound, taken) if taken is not None else None

    @property
    def held(self) -> int:
        return self._scanner.held


_KEY = 1000  # bytes that a key and its plan take, at most in most cases


class _Plain:
    def __init__(self, masks: Masks, plan_of: PlanOf, bound: int, most_keys: int, *, repeats: bool) -> None:
        self._masks = masks
        self._plan_of = plan_of
        self._bound = bound
        self._plans: Plans[tuple[int, Plan]] = Plans(most_keys)
        self._facts: dict[int, Facts] = {}
        self._seen: Plans[None] = Plans(most_keys)
        self._repeats: Repeats[tuple[int, Plan]] | None = Repeats() if repeats else None

    def add(self, times: "array[int]", messages: list[str], contexts: Sequence[str | None]) -> "array[int]":
        repeats = self._repeats
        if repeats is None:
            return array("q", [number for number, _ in self._add(times, messages, contexts)])
        by = names(messages, contexts)
        known = repeats.find(by)
        if known is None:
            found = self._add(times, messages, contexts)
            repeats.learn(by, messages, found)
        elif None not in known:
            found = repeats.count(cast("list[int]", known), times)
        else:
            again = [at is not None for at in known]
            new = list(map(not_, again))
            rest = list(compress(messages, new))
            added = self._add(list(compress(times, new)), rest, list(compress(contexts, new)))
            repeats.learn(list(compress(by, new)), rest, added)
            numbers = [at for at in known if at is not None]
            counted = iter(repeats.count(numbers, list(compress(times, again))) if numbers else ())
            others = iter(added)
            found = [next(counted) if one else next(others) for one in again]
        repeats.seen(times[-1])
        return array("q", [number for number, _ in found])

    def lines(
        self, messages: list[str], contexts: Sequence[str | None], most: int
    ) -> tuple[Sequence[str], Sequence[str]]:
        self._seen.make_room()
        found = set(keys(self._masks.mask(messages)[0], contexts)).difference(self._seen.known)
        for key in found:
            self._seen.add(key, None)
        return (), list(found)

    def take(self, number: int) -> Facts | None:
        if self._repeats is not None:
            self._add_repeated(self._repeats)
            self._repeats = None
        return self._facts.pop(number, None)

    @property
    def held(self) -> int:
        return sum(
            5 + values.weight if values.counts is not None else 100
            for facts in self._facts.values()
            for values in facts.values
        ) + sum(
            weight_of(message) - 1
            for facts in self._facts.values()
            for message in (facts.first[1], facts.last[1], facts.least[0])
        )

    def _add(
        self, times: Sequence[int], messages: Sequence[str], contexts: Sequence[str | None]
    ) -> "list[tuple[int, Plan]]":
        masked, values = self._masks.mask(messages)
        found = keys(masked, contexts)
        self._plans.make_room()
        for key in set(found).difference(self._plans.known):
            number, recipes = self._plan_of(key)
            if number not in self._facts:
                self._facts[number] = Facts(len(recipes), self._bound)
            self._plans.add(key, (number, Plan(self._facts[number], recipes, key.count(PLACEHOLDER))))
        held = list(map(self._plans.known.__getitem__, found))
        gather([plan for _, plan in held], values, times, messages)
        return held

    def _add_repeated(self, repeats: "Repeats[tuple[int, Plan]]") -> None:
        """Those messages are masked once."""
        counted = iter(repeats)
        while block := list(islice(counted, _BLOCK)):
            values = iter(self._masks.mask([repeated.message for repeated in block])[1])
            for message, (_, plan), count, first, last in block:
                plan.facts.add_repeated(message, count, first, last)
                for position, recipe in zip(plan.facts.values, plan.recipes, strict=True):
                    position.add_counted(filled(recipe, values), count)


_BLOCK = 32_768
