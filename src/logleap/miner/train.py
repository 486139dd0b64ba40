"""Trains a log model: reads the entries once, or twice where they are of too many kinds for memory."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain, compress, groupby, islice
from operator import itemgetter, not_
from typing import NamedTuple, Protocol, TypeVar, cast
from zlib import crc32

from logleap.miner.description.describe import Facts, Plan, filled, gather
from logleap.miner.description.spill import DistinctLines, OpenFile
from logleap.miner.description.timeline import Timeline, windows_of
from logleap.miner.match import Tree, are_variable, bare, keys, names, recipes, shape_of, tree_of
from logleap.miner.mine import mine
from logleap.miner.model import (
    VARIABLE,
    Example,
    Follower,
    LogModel,
    Parameters,
    Template,
    template_id,
)
from logleap.miner.relate import Relatives
from logleap.miner.repeats import Repeats
from logleap.miner.text.mask import Masks
from logleap.miner.text.tokens import PLACEHOLDER, Shape, Tokenizer

Item = TypeVar("Item")

BLOCK = 32_768
"""The most entries that are worked on at once."""

CHARACTERS = 16 << 20
"""About the most characters of their messages."""


class Block(Protocol):
    """Entries by column: `logleap.domain.entries.Entries` is one."""

    @property
    def micros(self) -> Sequence[int]:
        """Their times, microseconds since 1970 (UTC)."""

    @property
    def messages(self) -> Sequence[str]:
        """Their messages."""

    @property
    def contexts(self) -> Sequence[str | None]:
        """Their contexts, raw JSON text."""


class Limits:
    """How much is held in memory. The limits change the time that a training takes, never its result."""

    def __init__(
        self,
        kinds: int = 10_000,
        values: int = 300_000,
        characters: int = 12 << 20,
        entries: int = 1 << 20,
        block: int = BLOCK,
    ) -> None:
        """Up to so many masked messages (`kinds`) and values of their positions, one reading is enough.

        `characters`: of messages to be mined, `entries`: whose times are held; more of them wait in files.
        `block`: the most entries that are worked on at once.
        """
        self.kinds = kinds
        self.values = values
        self.characters = characters
        self.entries = entries
        self.block = block


def train(
    entries: Iterable[Block],
    *,
    masks: Masks,
    open_file: OpenFile,
    parameters: Parameters | None = None,
    baseline: LogModel | None = None,
    limits: Limits | None = None,
) -> LogModel:
    """The log model of these entries: the same for the same entries, whatever their order and blocks.

    `entries` must be able to be read twice, with the same entries in the same order of blocks each time.
    `open_file` opens temporary files. With a `baseline`, entries are of its templates where they match, and
    only the rest is mined. Raises ValueError if the baseline was made with other masks, or with another
    `max_tokens`.
    """
    parameters = parameters or Parameters()
    if baseline is not None and baseline.masks != masks.digest:
        raise ValueError("The baseline was trained with other masks: train it again with the present ones.")
    if baseline is not None and baseline.parameters.max_tokens != parameters.max_tokens:
        raise ValueError(
            "The baseline was trained with another max_tokens: train it again with the present one."
        )
    training = _Training(masks, open_file, parameters, baseline, limits or Limits())
    try:
        return training.run(entries)
    finally:
        training.close()


class _Training:
    def __init__(
        self,
        masks: Masks,
        open_file: OpenFile,
        parameters: Parameters,
        baseline: LogModel | None,
        limits: Limits,
    ) -> None:
        self._masks = masks
        self._open_file = open_file
        self._parameters = parameters
        self._baseline = baseline
        self._limits = limits
        self._tokenizer = Tokenizer(parameters.max_tokens)
        self._known = _Templates(baseline)
        self._lines = DistinctLines(open_file, limits.characters)
        self._timeline = Timeline(open_file, limits.entries, limits.entries // 4)

    def close(self) -> None:
        self._lines.close()
        self._timeline.close()

    def run(self, entries: Iterable[Block]) -> LogModel:
        kinds = self._read_kinds(entries)
        self._mine()
        if kinds is not None:
            facts, numbers = self._join(kinds)
        else:
            facts, numbers = self._read_templates(entries)
        return self._model(facts, numbers)

    def _read_kinds(self, entries: Iterable[Block]) -> "dict[str, _Kind] | None":
        """Read the entries: facts by masked message, or None where there are too many kinds of these."""
        kinds: dict[str, _Kind] = {}
        blocks = _blocks(entries, self._limits.block)
        repeats: Repeats[_Kind] = Repeats()
        for block in map(_in_order, blocks):
            if not self._read_block(kinds, repeats, block):
                break
        else:
            self._add_repeated(repeats)
            return kinds
        noted = set(kinds)
        del kinds, repeats
        for _, messages, contexts in chain([block], blocks):
            for key in set(keys(self._masks.mask(messages)[0], contexts)).difference(noted):
                noted.add(key)
                self._note(*shape_of(key, self._tokenizer))
            if len(noted) > 4 * self._limits.kinds:
                noted.clear()
        return None

    def _read_block(self, kinds: "dict[str, _Kind]", repeats: "Repeats[_Kind]", block: "_Block") -> bool:
        times, messages, contexts = block
        by_name = names(messages, contexts)
        known = repeats.find(by_name)
        done = True
        if known is None:
            done = self._read_new(kinds, repeats, by_name, block)
        elif None not in known:
            self._count(repeats, cast("list[int]", known), times)
        else:
            again = [at is not None for at in known]
            numbers = [at for at in known if at is not None]
            if numbers:
                self._count(repeats, numbers, list(compress(times, again)))
            new = list(map(not_, again))
            block = _Block(
                list(compress(times, new)), list(compress(messages, new)), list(compress(contexts, new))
            )
            done = self._read_new(kinds, repeats, list(compress(by_name, new)), block)
        repeats.seen(times[-1])
        return done

    def _count(self, repeats: "Repeats[_Kind]", known: Sequence[int], times: Sequence[int]) -> None:
        self._timeline.add(times, [kind.number for kind in repeats.count(known, times)])

    def _read_new(
        self,
        kinds: "dict[str, _Kind]",
        repeats: "Repeats[_Kind]",
        names: Sequence[Hashable],
        block: "_Block",
    ) -> bool:
        """Add entries whose messages are not known yet; False where that is too much for memory."""
        times, messages, contexts = block
        masked, values = self._masks.mask(messages)
        found = keys(masked, contexts)
        new = set(found).difference(kinds)
        if len(kinds) + len(new) > self._limits.kinds:
            return False
        for key in new:
            kinds[key] = self._kind(key, len(kinds))
        held = list(map(kinds.__getitem__, found))
        gather([kind.plan for kind in held], values, times, messages)
        self._timeline.add(times, [kind.number for kind in held])
        repeats.learn(names, messages, held)
        return self._held(kinds) <= self._limits.values

    def _add_repeated(self, repeats: "Repeats[_Kind]") -> None:
        for block in _batched(repeats, self._limits.block):
            values = iter(self._masks.mask([repeated.message for repeated in block])[1])
            for message, kind, count, first, last in block:
                facts = kind.plan.facts
                facts.add_repeated(message, count, first, last)
                for position, recipe in zip(facts.values, kind.plan.recipes, strict=True):
                    position.add_counted(filled(recipe, values), count)

    def _held(self, kinds: "dict[str, _Kind]") -> int:
        return sum(
            5 + len(values.counts) if values.counts is not None else 100
            for kind in kinds.values()
            for values in kind.plan.facts.values
        )

    def _kind(self, key: str, number: int) -> "_Kind":
        shape, severity = shape_of(key, self._tokenizer)
        self._note(shape, severity)
        facts = Facts(len(shape.recipes), self._parameters.exact_values)
        return _Kind(number, severity, shape, Plan(facts, shape.recipes, key.count(PLACEHOLDER)))

    def _note(self, shape: Shape, severity: str | None) -> None:
        """Have such messages mined, if they match no template of the baseline."""
        if self._known.find(severity, shape.tokens) is None:
            self._lines.add(f"{severity or '-'} {len(shape.tokens)} {' '.join(shape.tokens)}")

    def _mine(self) -> None:
        """Mine what was noted: at once if it is not too much, else by rounds, each of what is left."""
        while self._mine_some():
            pass
        if self._baseline is not None:
            self._known.relate()

    def _mine_some(self) -> bool:
        """Mine the messages that no template matches yet; True if there were too many of one length."""
        left = False
        most = self._parameters.mined_messages
        words: dict[str, str] = {}
        templates = []
        split = (line.split(" ", 2) for line in self._lines)
        for (written, _), group in groupby(split, key=itemgetter(0, 1)):
            severity = None if written == "-" else written
            chosen: list[tuple[int, tuple[str, ...]]] = []
            for *_, line in group:
                tokens = tuple([words.setdefault(token, token) for token in line.split(" ")])
                if self._known.find(severity, tokens) is None:
                    # Which ones are chosen depends on what they are, not on when they came.
                    chosen.append((crc32(line.encode("utf-8", "surrogatepass")), tokens))
                    if len(chosen) >= 2 * most:
                        left = True
                        chosen = sorted(chosen)[:most]
            if len(chosen) > most:
                left = True
                chosen = sorted(chosen)[:most]
            found = (
                mine(sorted([tokens for _, tokens in chosen]), self._parameters.max_templates)
                if chosen
                else []
            )
            templates += [(severity, template) for template in found]
            words.clear()
        for severity, template in templates:
            self._known.add(severity, template)
        return left

    def _join(self, kinds: "dict[str, _Kind]") -> tuple[dict[int, Facts], list[int]]:
        """Facts by template, from those by masked message, and the template of each kind's number."""
        facts: dict[int, Facts] = {}
        numbers: list[int] = []
        for kind in kinds.values():
            number = self._known.of(kind.severity, kind.shape)
            tokens = self._known.tokens[number]
            numbers.append(number)
            if number not in facts:
                facts[number] = Facts(tokens.count(VARIABLE), self._parameters.exact_values)
            own = iter(kind.plan.facts.values)
            found = [next(own) if token == VARIABLE else token for token in kind.shape.tokens]
            facts[number].merge(
                kind.plan.facts,
                [held for held, token in zip(found, tokens, strict=True) if token == VARIABLE],
            )
        return facts, numbers

    def _read_templates(self, entries: Iterable[Block]) -> tuple[dict[int, Facts], list[int]]:
        """Facts by template, from a second reading."""
        self._timeline.close()
        self._timeline = Timeline(self._open_file, self._limits.entries, self._limits.entries // 4)
        bound = self._bound(self._known.tokens)
        facts: dict[int, Facts] = {}
        variable = list(map(are_variable, self._known.tokens))
        plans: dict[str, tuple[int, Plan]] = {}
        for times, messages, contexts in map(_in_order, _blocks(entries, self._limits.block)):
            masked, values = self._masks.mask(messages)
            found = keys(masked, contexts)
            if len(plans) > 4 * self._limits.kinds:
                plans.clear()
            for key in set(found).difference(plans):
                shape, severity = shape_of(key, self._tokenizer)
                number = self._known.of(severity, shape)
                if number not in facts:
                    facts[number] = Facts(sum(variable[number]), bound)
                plans[key] = (
                    number,
                    Plan(facts[number], recipes(shape, variable[number]), key.count(PLACEHOLDER)),
                )
            held = list(map(plans.__getitem__, found))
            gather([plan for _, plan in held], values, times, messages)
            self._timeline.add(times, [number for number, _ in held])
        return facts, list(range(len(self._known.tokens)))

    def _bound(self, templates: Iterable[Sequence[str]]) -> int:
        """Up to how many distinct values of a position are counted exactly."""
        positions = sum(tokens.count(VARIABLE) for tokens in templates)
        most = self._parameters.exact_values
        return max(min(most, self._parameters.held_values // max(positions, 1)), min(most, 4))

    def _model(self, facts: dict[int, Facts], numbers: Sequence[int]) -> LogModel:
        parameters, span = self._parameters, self._timeline.span
        if span is None:
            return LogModel(self._masks.digest, 0, baseline=self._baseline_digest, parameters=parameters)
        ids = {number: self._known.id(number) for number in facts}
        order = sorted(facts, key=ids.__getitem__)
        rank = {number: at for at, number in enumerate(order)}
        windows = windows_of(*span, parameters.windows)
        frequent = sorted(facts, key=lambda number: (-facts[number].count, ids[number]))
        among, pairs = self._timeline.summary(
            [rank.get(number, 0) for number in numbers],
            windows,
            {rank[number] for number in frequent[: parameters.follower_templates]},
        )
        in_windows: dict[int, list[tuple[int, int]]] = {at: [] for at in range(len(order))}
        for (at, window), count in sorted(among.items()):
            in_windows[at].append((window, count))
        next_ones: dict[int, list[tuple[int, int]]] = {at: [] for at in range(len(order))}
        for (at, following), count in pairs.items():
            next_ones[at].append((-count, following))
        bound = self._bound(self._known.tokens)
        templates = []
        for number in frequent:
            found = facts[number]
            severity = self._known.severities[number]
            followers = sorted(next_ones[rank[number]])[: parameters.listed_followers]
            ends = [self._values(number, message) for message in (found.first[1], found.last[1])]
            templates.append(
                Template(
                    id=ids[number],
                    severity=severity,
                    tokens=self._known.text(number) or self._written(number, found.first[1]),
                    count=found.count,
                    first=found.first[0],
                    last=found.last[0],
                    windows=tuple(in_windows[rank[number]]),
                    examples=self._examples(found),
                    positions=tuple(
                        values.position(bound, parameters.listed_values, first, last)
                        for values, first, last in zip(found.values, *ends, strict=True)
                    ),
                    followers=tuple(Follower(ids[order[at]], -count) for count, at in followers),
                )
            )
        return LogModel(
            masks=self._masks.digest,
            entries=sum(found.count for found in facts.values()),
            first=span[0],
            last=span[1],
            windows=windows,
            templates=tuple(templates),
            baseline=self._baseline_digest,
            parameters=parameters,
        )

    @property
    def _baseline_digest(self) -> str | None:
        return self._baseline.digest if self._baseline else None

    def _examples(self, facts: Facts) -> tuple[Example, ...]:
        found = dict.fromkeys((facts.first, facts.last, facts.least[::-1]))
        return tuple(Example(time, self._short(message)) for time, message in found)

    def _short(self, message: str) -> str:
        most = self._parameters.example_length
        return message if len(message) <= most else message[:most] + "…"

    def _shape(self, message: str) -> tuple[Shape, Sequence[str]]:
        masked, values = self._masks.mask([message])
        return self._tokenizer.shape(masked[0]), values

    def _values(self, number: int, message: str) -> list[str]:
        shape, values = self._shape(message)
        held = iter(values)
        return [filled(recipe, held) for recipe in recipes(shape, are_variable(self._known.tokens[number]))]

    def _written(self, number: int, message: str) -> tuple[str, ...]:
        """A template's tokens with the blanks that a message of it has."""
        blanks = self._shape(message)[0].blanks
        return tuple(blank + token for blank, token in zip(blanks, self._known.tokens[number], strict=True))


class _Block(NamedTuple):
    times: Sequence[int]
    messages: Sequence[str]
    contexts: Sequence[str | None]


class _Kind:
    """Entries with the same masked message and severity."""

    __slots__ = ("number", "plan", "severity", "shape")

    def __init__(self, number: int, severity: str | None, shape: Shape, plan: Plan) -> None:
        self.number = number
        self.severity = severity
        self.shape = shape
        self.plan = plan


class _Templates:
    """The baseline's templates, and those mined: numbered, found first among the former."""

    def __init__(self, baseline: LogModel | None) -> None:
        self.severities: list[str | None] = []
        self.tokens: list[tuple[str, ...]] = []
        """Without blanks."""
        self._baseline = baseline.templates if baseline else ()
        self._old = tree_of(baseline) if baseline else Tree()
        self._new = Tree()
        self._same: dict[int, int] = {}
        for template in self._baseline:
            self.severities.append(template.severity)
            self.tokens.append(bare(template.tokens))

    def add(self, severity: str | None, tokens: tuple[str, ...]) -> None:
        """Add a mined one."""
        self._new.add(severity, tokens, len(self.tokens))
        self.severities.append(severity)
        self.tokens.append(tokens)

    def find(self, severity: str | None, tokens: Sequence[str]) -> int | None:
        """The number of the template of such a message, None if none matches."""
        found = self._old.find(severity, tokens)
        if found is None:
            found = self._new.find(severity, tokens)
        return self._same.get(found, found) if found is not None else None

    def relate(self) -> None:
        """Widen templates of the baseline to those mined ones that are the same event."""
        old = len(self._baseline)
        relatives = Relatives(zip(self.severities[:old], self.tokens[:old], strict=True))
        for number in range(old, len(self.tokens)):
            same = relatives.find(self.severities[number], self.tokens[number])
            if same is not None:
                self._same[number] = same
        for number, same in self._same.items():
            self.tokens[same] = tuple(
                [
                    own if own == other else VARIABLE
                    for own, other in zip(self.tokens[same], self.tokens[number], strict=True)
                ]
            )

    def of(self, severity: str | None, shape: Shape) -> int:
        """The same, of a message that was mined or matched."""
        found = self.find(severity, shape.tokens)
        assert found is not None  # noqa: S101 -- the entries would have changed between two readings
        return found

    def id(self, number: int) -> str:
        """The template's id."""
        if number < len(self._baseline):
            return self._baseline[number].id
        return template_id(self.severities[number], self.tokens[number])

    def text(self, number: int) -> tuple[str, ...] | None:
        """The tokens with their blanks, as the baseline has them; None of a mined one."""
        if number >= len(self._baseline):
            return None
        return tuple(
            [
                " " * written.startswith(" ") + token
                for written, token in zip(self._baseline[number].tokens, self.tokens[number], strict=True)
            ]
        )


def _in_order(block: _Block) -> _Block:
    """A block in the order of time."""
    times, messages, contexts = block
    if sorted(times) == times:
        return block
    order = sorted(range(len(times)), key=times.__getitem__)
    return _Block(
        list(map(times.__getitem__, order)),
        list(map(messages.__getitem__, order)),
        list(map(contexts.__getitem__, order)),
    )


def _batched(found: Iterable[Item], most: int) -> Iterator[list[Item]]:
    left = iter(found)
    while batch := list(islice(left, most)):
        yield batch


def _blocks(entries: Iterable[Block], most: int) -> Iterator[_Block]:
    """The entries in blocks that are neither small nor large."""
    times: list[int] = []
    messages: list[str] = []
    contexts: list[str | None] = []
    characters = 0
    for block in entries:
        for start in range(0, len(block.messages), most):
            part = block.messages[start : start + most]
            times += block.micros[start : start + most]
            messages += part
            contexts += block.contexts[start : start + most]
            characters += sum(map(len, part))
            if len(messages) >= most or characters >= CHARACTERS:
                yield _Block(times, messages, contexts)
                times, messages, contexts, characters = [], [], [], 0
    if messages:
        yield _Block(times, messages, contexts)
