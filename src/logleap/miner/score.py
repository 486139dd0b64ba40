"""Judges entries by a log model: the template of each, and what about it the model has never seen.

Entry by entry this finds messages of no template (`new`), and values that the model's entries never had
(`value`): another one at a position that is a choice among few, a number outside the range. Which positions
are such is decided as for changes (`compare.positions`). How often that is chance is only decided for all
entries together (`Scoring.warnings`): a range of a hundred numbers does not hold the next one hundred.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from logleap.miner.checks import NEW, VALUE, Choice, Finding, Range, Seen, Step, checks_of
from logleap.miner.compare import words
from logleap.miner.compare.statistics import benjamini_hochberg
from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.match import Tree, are_variable, keys, recipes, shape_of, tree_of
from logleap.miner.mine import mine
from logleap.miner.model import VARIABLE, LogModel, Parameters, Template
from logleap.miner.text.mask import Masks
from logleap.miner.text.tokens import PLACEHOLDER, Shape, Tokenizer

_KNOWN = 100_000  # masked messages that are remembered
_KNOWN_CHARACTERS = 16 << 20  # of them
_SHAPES = 10_000  # distinct messages of no template that are told apart in one scoring
_CHARACTERS = 8 << 20  # of them
_TEXT = 200  # characters of a text in a finding


@dataclass(frozen=True, slots=True)
class Judged:
    """Some entries: the id of each one's template (None: of none), and by their places the findings."""

    templates: Sequence[str | None]
    findings: Mapping[int, Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning for all entries that show the same: how many do, and which of them is the first.

    `template` is None for a new one. `text` is that of the template, new or not.
    """

    kind: str
    severity: str | None
    text: str
    count: int
    first: int
    detail: str
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Warnings:
    """The most frequent of each kind, `NEW` first; `unlisted` is how many entries are in none of them.

    These are entries of new templates beyond the bounds.
    """

    listed: Sequence[Warned]
    unlisted: int


class Scorer:
    """Judges by one log model. Several threads may use it at once; each call has a `Scoring` of its own."""

    def __init__(self, model: LogModel, masks: Masks, thresholds: Thresholds | None = None) -> None:
        """Raises ValueError if the model was made with other masks."""
        if model.masks != masks.digest:
            raise ValueError(
                "The log model was made with other masks: set those it was trained with, or train it again."
            )
        self.thresholds = thresholds or Thresholds()
        self.parameters: Parameters = model.parameters
        self._masks = masks
        self._tokenizer = Tokenizer(model.parameters.max_tokens)
        self._tree = tree_of(model)
        self._variable = [are_variable(template.tokens) for template in model.templates]
        self._checks = [checks_of(template, self.thresholds) for template in model.templates]
        self._ids = [template.id for template in model.templates]
        self._words = {template.id: _common_word(template) for template in model.templates}
        self._known: dict[str, _Plan] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def has(self, template: str) -> bool:
        """Whether the model has a template of this id."""
        return template in self._words

    def common_word(self, template: str) -> str:
        """A text that the message of every entry of the template contains; empty if none is known."""
        return self._words[template]

    def templates(self, messages: Sequence[str], contexts: Sequence[str | None]) -> list[str | None]:
        """The id of each entry's template, None where none matches."""
        if not messages:
            return []
        return [plan.template for plan in self._plans(self._masks.mask(messages)[0], contexts)]

    def _plans(self, masked: Sequence[str], contexts: Sequence[str | None]) -> "list[_Plan]":
        found = keys(masked, contexts)
        plans = list(map(self._known.get, found))
        if None not in plans:
            return plans  # type: ignore[return-value]
        with self._lock:
            if len(self._known) > _KNOWN or self._characters > _KNOWN_CHARACTERS:
                self._known = {}
                self._characters = 0
                self._tokenizer = Tokenizer(self.parameters.max_tokens)  # which remembers words
            known = self._known
            for plan, key in zip(plans, found, strict=True):
                if plan is None and key not in known:
                    known[key] = self._plan(key)
                    self._characters += len(key)
            return [plan or known[key] for plan, key in zip(plans, found, strict=True)]

    def _plan(self, key: str) -> "_Plan":
        shape, severity = shape_of(key, self._tokenizer)
        width = key.count(PLACEHOLDER)
        number = self._tree.find(severity, shape.tokens)
        if number is None:
            return _Plan(None, width, (), _Unmatched(severity, shape))
        steps = []
        own = recipes(shape, self._variable[number])
        offsets = [0, *accumulate([recipe.count(PLACEHOLDER) for recipe in own])]
        for check in self._checks[number]:
            at = check.position
            steps.append(Step(check, own[at], offsets[at], offsets[at + 1] - offsets[at]))
        return _Plan(self._ids[number], width, tuple(steps), None)


class Scoring:
    """One reading of entries, in order, with what all of them together show."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._unmatched: dict[_Unmatched, Seen] = {}
        self._characters = 0
        self._mined: _Mined | None = None
        """Once there are too many: the templates of those until then. Later messages count if they match."""
        self._values: dict[Choice | Range, Seen] = {}
        self.templates: Counter[str | None] = Counter()
        """How many entries each template has; None: of none."""
        self.values = 0
        """How many entries have a finding of the kind `VALUE`."""

    def add(self, messages: Sequence[str], contexts: Sequence[str | None], indexes: Sequence[int]) -> Judged:
        """Judge these entries, which have these indexes among all."""
        if not messages:
            return Judged((), {})
        scorer = self._scorer
        masked, values = scorer._masks.mask(messages)
        plans = scorer._plans(masked, contexts)
        templates = [plan.template for plan in plans]
        self.templates.update(templates)
        findings: dict[int, list[Finding]] = {}
        rows: defaultdict[_Plan, list[int]] = defaultdict(list)
        for row, plan in enumerate(plans):
            if plan.special:
                rows[plan].append(row)
        starts = [0, *accumulate([plan.width for plan in plans])] if rows else []
        for plan, places in rows.items():
            if plan.unmatched is not None:
                self._note(plan.unmatched, [indexes[row] for row in places])
                for row in places:
                    findings[row] = [plan.unmatched.finding]
                continue
            for step in plan.steps:
                for at, outside in step.outside(values, [starts[row] for row in places]):
                    row = places[at]
                    found = step.check.finding(outside)
                    self._values.setdefault(step.check, Seen()).add(indexes[row], outside)
                    findings.setdefault(row, []).append(found)
        self.values += sum(found[0].kind == VALUE for found in findings.values())
        return Judged(templates, findings)

    def _note(self, unmatched: "_Unmatched", indexes: Sequence[int]) -> None:
        seen = self._unmatched.get(unmatched)
        if seen is None:
            shape = unmatched.shape
            size = sum(map(len, shape.tokens)) + sum(map(len, shape.recipes))
            full = len(self._unmatched) >= _SHAPES or self._characters + size > _CHARACTERS
            if full and self._mined is None:
                self._mined = self._mine()
            if self._mined is not None:
                template = self._mined.find(unmatched)
                if template is None:
                    return
                seen = template.seen
            else:
                self._characters += size
                seen = self._unmatched[unmatched] = Seen()
        for index in indexes:
            seen.add(index, None)

    def _mine(self) -> "_Mined":
        return _Mined(list(self._unmatched), self._scorer.parameters.max_templates)

    def warnings(self) -> Warnings:
        """One for each new template, and one for each position with values that chance does not explain."""
        most = self._scorer.thresholds.listed
        new = sorted(self._new(), key=lambda warned: (-warned.count, warned.first))[:most]
        values = sorted(self._of_values(), key=lambda warned: (-warned.count, warned.first))[:most]
        listed = sum(warned.count for warned in new)
        return Warnings([*new, *values], self.templates[None] - listed)

    def _new(self) -> Iterator[Warned]:
        """Messages of no template, mined into templates of their own."""
        mined = self._mined or self._mine()
        for template in mined.templates:
            every = [(self._unmatched[member], member) for member in template.members]
            seen, first = min(every, key=lambda pair: pair[0].first)
            text = _cut(_written(template.tokens, first.shape.blanks))
            count = template.seen.count + sum(seen.count for seen, _ in every)
            yield Warned(
                NEW,
                template.severity,
                text,
                count,
                seen.first,
                f"No template of the log model matches: {words.quote(text)}, {words.entries(count)}.",
            )

    def _of_values(self) -> Iterator[Warned]:
        judged = [
            (check, seen, check.chance(seen, self.templates[check.template.id], self._scorer.thresholds))
            for check, seen in self._values.items()
        ]
        tested = [pair for pair in judged if pair[2] is not None]
        significant = benjamini_hochberg(
            [p or 0.0 for *_, p in tested], self._scorer.thresholds.false_discoveries
        )
        chance = {id(check) for (check, *_), counts in zip(tested, significant, strict=True) if not counts}
        for check, seen, _ in judged:
            if id(check) not in chance:
                template = check.template
                detail = check.summary(seen)
                yield Warned(
                    VALUE, template.severity, _cut(template.text), seen.count, seen.first, detail, template.id
                )


class _Plan:
    """What is done with the entries of one masked message."""

    __slots__ = ("special", "steps", "template", "unmatched", "width")

    def __init__(
        self, template: str | None, width: int, steps: "tuple[Step, ...]", unmatched: "_Unmatched | None"
    ) -> None:
        self.template = template
        self.width = width
        self.steps = steps
        self.unmatched = unmatched
        self.special = bool(steps) or unmatched is not None


class _Unmatched:
    """Messages of no template that are equal but for what was masked."""

    __slots__ = ("finding", "length", "shape")

    def __init__(self, severity: str | None, shape: Shape) -> None:
        self.shape = shape
        self.length = severity or "", len(shape.tokens)
        text = words.quote(_cut(_written(shape.tokens, shape.blanks)))
        self.finding = Finding(NEW, f"No template of the log model matches: {text}.")


class _New:
    """A new template: its members, and how many entries it has besides theirs."""

    __slots__ = ("members", "seen", "severity", "tokens")

    def __init__(self, severity: str | None, tokens: Sequence[str]) -> None:
        self.severity = severity
        self.tokens = tokens
        self.members: list[_Unmatched] = []
        self.seen = Seen()


class _Mined:
    """Templates of messages of none."""

    def __init__(self, unmatched: Sequence[_Unmatched], most: int) -> None:
        """`most`: templates of messages of one length."""
        self._by_number: list[_New] = []
        self._tree = Tree()
        alone = []
        ordered = sorted(unmatched, key=lambda one: one.length)
        for (severity, _), group in groupby(ordered, key=lambda one: one.length):
            alike = list(group)
            for tokens in mine(sorted({one.shape.tokens for one in alike}), most):
                self._tree.add(severity or None, tokens, len(self._by_number))
                self._by_number.append(_New(severity or None, tokens))
            for one in alike:
                found = self.find(one)
                if found is None:
                    found = _New(severity or None, one.shape.tokens)
                    alone.append(found)
                found.members.append(one)
        # One whose messages are all of a closer template says nothing.
        self.templates = [template for template in [*self._by_number, *alone] if template.members]

    def find(self, unmatched: _Unmatched) -> _New | None:
        """The template of such a message, None if there is none."""
        number = self._tree.find(unmatched.length[0] or None, unmatched.shape.tokens)
        return None if number is None else self._by_number[number]


def _common_word(template: Template) -> str:
    """The longest word that every message of the template has; empty if there is none."""
    found = [word for token in template.tokens if (word := token.strip()) != VARIABLE and word.isprintable()]
    return max((word for word in found if "\ufffd" not in word), key=len, default="")


def _written(tokens: Sequence[str], blanks: Sequence[str]) -> str:
    return "".join([blank + token for blank, token in zip(blanks, tokens, strict=True)])


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
