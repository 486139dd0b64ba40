"""Which template a message is of: literally equal tokens first, then variable positions."""

from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from os import urandom
from typing import Generic, TypeVar

from logleap.miner import _fast
from logleap.miner.description.describe import filled
from logleap.miner.description.values import UNITS
from logleap.miner.model import VARIABLE, LogModel
from logleap.miner.text import severity as severities
from logleap.miner.text.mask import Masks
from logleap.miner.text.tokens import ROW, Shape, Tokenizer

_KNOWN = 100_000
_KNOWN_BYTES = 64 << 20

Plan = TypeVar("Plan")


class Plans(Generic[Plan]):
    """What was found out about keys; `make_room` forgets it where they are too many, or too long together."""

    def __init__(self, most: int) -> None:
        """`most`: keys, more or less."""
        self.known: dict[str, Plan] = {}
        self._most = most
        self._characters = 0

    def add(self, key: str, plan: Plan) -> Plan:
        """Remember it."""
        self.known[key] = plan
        self._characters += len(key)
        return plan

    def make_room(self) -> None:
        """Between two blocks."""
        if len(self.known) > self._most or self._characters > _KNOWN_BYTES:
            self.known.clear()
            self._characters = 0


class Tree:
    """Templates by severity, number of tokens and tokens. A template is found by the number it was added
    with.

    Where several match, the one wins whose first differing token is literal: so it does not matter in which
    order they were added.
    """

    def __init__(self) -> None:
        self._roots: dict[tuple[str | None, int], dict[str, object]] = {}

    def add(self, severity: str | None, tokens: Sequence[str], number: int) -> None:
        """Add a template (its tokens without blanks)."""
        node = self._roots.setdefault((severity, len(tokens)), {})
        for token in tokens[:-1]:
            node = node.setdefault(token, {})  # type: ignore[assignment]
        if tokens:
            node[tokens[-1]] = number

    def find(self, severity: str | None, tokens: Sequence[str]) -> int | None:
        """The number of the template that matches, None if none does."""
        length = len(tokens)
        root = self._roots.get((severity, length)) if self._roots else None
        if root is None:
            return None
        open_ends: list[tuple[int, dict[str, object]]] = [(0, root)]
        while open_ends:
            at, node = open_ends.pop()
            while True:
                literal = node.get(tokens[at])
                variable = node.get(VARIABLE)
                if literal is None or literal is variable:
                    found = variable
                else:
                    found = literal
                    if variable is not None and at + 1 < length:
                        open_ends.append((at + 1, variable))  # type: ignore[arg-type]
                at += 1
                if found is None:
                    break
                if at == length:
                    return found  # type: ignore[return-value]
                node = found  # type: ignore[assignment]
        return None


@dataclass(frozen=True, slots=True)
class Match:
    """A message's template, and the value at each of its variable positions."""

    template: str
    values: tuple[str, ...]


class Matcher:
    """Finds the templates of messages in one log model. It remembers masked messages: use one for many,
    but not in two threads at once.
    """

    def __init__(self, model: LogModel, masks: Masks, *, compiled: bool = True) -> None:
        """Raises ValueError if the model was made with other masks.

        `compiled`: the compiled part is used, if it is there; the answers are the same.
        """
        if model.masks != masks.digest:
            raise ValueError(
                "The log model was made with other masks: set those it was trained with, or train it again."
            )
        self._masks = masks
        self._tokenizer = Tokenizer(model.parameters.max_tokens)
        self._tree = tree_of(model)
        self._ids = [*[template.id for template in model.templates], None]  # the last one by -1: none
        self._variable = [are_variable(template.tokens) for template in model.templates]
        self._known: Plans[tuple[int, tuple[str, ...]]] = Plans(_KNOWN)
        self._scanner: _fast.Scanner | None = None
        if compiled and _fast.COMPILED and masks.built_in:
            templates = [(template.severity, bare(template.tokens)) for template in model.templates]
            self._scanner = matching(self._plan, 0, self._tokenizer, templates)

    def match(self, messages: Sequence[str], contexts: Sequence[str | None]) -> list[Match | None]:
        """For each message its template and values, None where no template matches."""
        scanner = self._ready_scanner()
        if scanner is not None:
            return [
                None if number < 0 else Match(self._ids[number] or "", values)
                for number, values in scanner.values(list(messages), severities.of_contexts(contexts))
            ]
        masked, values = self._masks.mask(messages) if messages else ([], ())
        found: list[Match | None] = []
        start = 0
        for key, (number, recipes) in zip(masked, self._plans(masked, contexts), strict=True):
            end = start + key.count("\0")
            if number < 0:
                found.append(None)
            elif recipes.count("\0") == len(recipes) == end - start:  # each value is a position's
                found.append(Match(self._ids[number] or "", tuple(values[start:end])))
            else:
                held = iter(values[start:end])
                found.append(
                    Match(self._ids[number] or "", tuple([filled(recipe, held) for recipe in recipes]))
                )
            start = end
        return found

    def templates(self, messages: Sequence[str], contexts: Sequence[str | None]) -> list[str | None]:
        """For each message the id of its template, None where none matches. Faster than `match`."""
        scanner = self._ready_scanner()
        if scanner is not None:
            numbers = array("q")
            numbers.frombytes(scanner.numbers(list(messages), severities.of_contexts(contexts)))
            return list(map(self._ids.__getitem__, numbers))
        masked = self._masks.mask(messages)[0] if messages else []
        return [self._ids[number] for number, _ in self._plans(masked, contexts)]

    def _ready_scanner(self) -> "_fast.Scanner | None":
        if self._scanner is not None and self._scanner.bytes > _KNOWN_BYTES:
            self._scanner.forget()
        return self._scanner

    def _plan(self, key: str) -> tuple[int, tuple[str, ...]]:
        """The number of the template, -1 for none, and how the values are put together."""
        shape, severity = shape_of(key, self._tokenizer)
        number = self._tree.find(severity, shape.tokens)
        return (-1, ()) if number is None else (number, recipes(shape, self._variable[number]))

    def _plans(
        self, masked: Sequence[str], contexts: Sequence[str | None]
    ) -> list[tuple[int, tuple[str, ...]]]:
        self._known.make_room()
        known = self._known.known
        return [
            known[key] if key in known else self._known.add(key, self._plan(key))
            for key in keys(masked, contexts)
        ]


def matching(
    plan_of: Callable[[str], tuple[int, tuple[str, ...]]],
    bound: int,
    tokenizer: Tokenizer,
    templates: Iterable[tuple[str | None, tuple[str, ...]]],
) -> "_fast.Scanner":
    """A compiled scanner that finds the template of a message by itself, in most cases.

    `plan_of` does in the others: it answers with a number in the order of `templates`, -1 for none.
    """
    scanner = _fast.Scanner(plan_of, bound, UNITS, urandom(16))
    scanner.tokenize(tokenizer.learn, severities.of_message, tuple(severities.WORDS), tokenizer.most, ROW)
    for severity, tokens in templates:
        scanner.template(severity, tokens)
    return scanner


def tree_of(model: LogModel) -> Tree:
    """The tree of a model's templates, numbered as they stand there."""
    tree = Tree()
    for number, template in enumerate(model.templates):
        tree.add(template.severity, bare(template.tokens), number)
    return tree


def are_variable(tokens: Iterable[str]) -> tuple[bool, ...]:
    """For each token of a template whether it is a variable one."""
    return tuple([token in (VARIABLE, f" {VARIABLE}") for token in tokens])


def bare(tokens: Iterable[str]) -> tuple[str, ...]:
    """Tokens without the blanks before them."""
    return tuple([token.removeprefix(" ") for token in tokens])


def keys(masked: Sequence[str], contexts: Sequence[str | None]) -> Sequence[str]:
    """The masked messages, each with the severity that its context tells, if any, after a line break."""
    if not any(contexts):
        return masked
    told = map(severities.of_context, [context or "" for context in contexts])
    return [f"{key}\n{severity}" if severity else key for key, severity in zip(masked, told, strict=True)]


def names(messages: Sequence[str], contexts: Sequence[str | None]) -> Sequence[Hashable]:
    """What the template of each entry depends on: its message, and what its context tells of its severity."""
    if not any(contexts):
        return messages
    return list(
        zip(messages, map(severities.of_context, [context or "" for context in contexts]), strict=True)
    )


def shape_of(key: str, tokenizer: Tokenizer) -> tuple[Shape, str | None]:
    """The tokens and the severity of a message, by its key."""
    masked, _, of_context = key.partition("\n")
    return tokenizer.shape(masked), severities.of_message(masked) or of_context or None


def recipes(shape: Shape, variable: Iterable[bool]) -> tuple[str, ...]:
    """How the values of a message of this shape are put together at a template's variable positions.

    `variable` tells for each of the template's tokens whether it is one.
    """
    if not shape.recipes:
        return tuple(compress(shape.tokens, variable))
    own = iter(shape.recipes)
    return tuple(compress([next(own) if token == VARIABLE else token for token in shape.tokens], variable))
