"""Trains a log model: reads the entries once, or again where they are of too many kinds for memory."""

from collections.abc import Iterable, Sequence
from itertools import chain

from logleap.miner.blocks import BLOCK, Block, Columns, in_blocks
from logleap.miner.collect import Collector, PlanOf, Settings, Templates, collector
from logleap.miner.description.describe import Facts, filled
from logleap.miner.description.spill import DistinctLines, OpenFile
from logleap.miner.description.timeline import Timeline, windows_of
from logleap.miner.description.values import weight_of
from logleap.miner.errors import BaselineUnusable
from logleap.miner.known_templates import KnownTemplates
from logleap.miner.lines import chosen, line_of, tokens_of
from logleap.miner.match import are_variable, recipes, shape_of
from logleap.miner.mine import mine
from logleap.miner.model import (
    VARIABLE,
    Example,
    Follower,
    LogModel,
    Parameters,
    Template,
)
from logleap.miner.text.mask import Masks
from logleap.miner.text.tokens import Shape, Tokenizer


class Limits:
    """How much is held in memory. The limits change the time that a training takes, never its result."""

    def __init__(
        self,
        kinds: int = 10_000,
        values: int = 300_000,
        characters: int = 48 << 20,
        entries: int = 1 << 20,
        block: int = BLOCK,
        *,
        compiled: bool = True,
    ) -> None:
        """Up to so many masked messages (`kinds`) and values of their positions, one reading is enough.

        A long one counts for more, one for every 1,000 characters.

        `characters`: of messages to be mined, `entries`: whose times are held; more of them wait in files.
        `block`: the most entries that are worked on at once. `compiled`: the compiled part is used, if there.
        """
        self.kinds = kinds
        self.values = values
        self.characters = characters
        self.entries = entries
        self.block = block
        self.compiled = compiled


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

    `entries` must be able to be read again, with the same entries in the same order of blocks each time: once
    as a rule, and once more for every `mined_messages` distinct messages of one length that do not match.
    `open_file` opens temporary files. With a `baseline`, entries are of its templates where they match, and
    only the rest is mined. Raises BaselineUnusable if it was made with other masks, or with another
    `max_tokens`.
    """
    parameters = parameters or Parameters()
    if baseline is not None and baseline.masks != masks.digest:
        raise BaselineUnusable(
            "The baseline was trained with other masks: train it again with the present ones."
        )
    if baseline is not None and baseline.parameters.max_tokens != parameters.max_tokens:
        raise BaselineUnusable(
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
        self._known = KnownTemplates(baseline)
        self._kinds: list[tuple[str | None, Shape]] = []
        self._weight = 0  # of their keys
        self._lines = self._new_lines()
        self._timeline = self._new_timeline()

    def close(self) -> None:
        self._lines.close()
        self._timeline.close()

    def run(self, entries: Iterable[Block]) -> LogModel:
        found = self._read_kinds(entries)
        self._mine()
        while (read := self._join(found) if found is not None else self._read_templates(entries)) is None:
            if not self._mine():
                raise RuntimeError("What was mined does not match the messages that it was mined from.")
        return self._model(*read)

    def _read_kinds(self, entries: Iterable[Block]) -> Collector | None:
        """Read the entries: facts by masked message, or None where there are too many kinds of these."""
        found = self._collector(self._kind, self._parameters.exact_values, repeats=True)
        blocks = in_blocks(entries, self._limits.block)
        for block in blocks:
            try:
                numbers = found.add(*block)
            except _TooManyKinds:
                break
            self._timeline.add(block.times, numbers)
            if found.held > self._limits.values:
                break
        else:
            return found
        self._kinds.clear()
        del found
        self._note_all(chain([block], blocks))
        return None

    def _note_all(self, blocks: Iterable[Columns]) -> None:
        """Have all messages mined that match no template yet."""
        noting = self._collector(self._kind, 0, self._templates(self._known.listed()))
        for _, messages, contexts in blocks:
            lines, others = noting.lines(messages, contexts, self._parameters.mined_messages)
            self._lines.add(lines)
            for key in others:
                self._note(*shape_of(key, self._tokenizer))

    def _templates(self, listed: Sequence[tuple[str | None, tuple[str, ...]]]) -> Templates:
        return Templates(self._tokenizer, listed)

    def _new_timeline(self) -> Timeline:
        limits = self._limits
        return Timeline(self._open_file, limits.entries, limits.entries // 4, compiled=limits.compiled)

    def _new_lines(self) -> DistinctLines:
        return DistinctLines(self._open_file, self._limits.characters)

    def _collector(
        self, plan_of: PlanOf, bound: int, templates: Templates | None = None, *, repeats: bool = False
    ) -> Collector:
        settings = Settings(self._masks, 4 * self._limits.kinds, self._limits.compiled)
        return collector(settings, plan_of, bound, templates, repeats=repeats)

    def _kind(self, key: str) -> tuple[int, tuple[str, ...]]:
        """A masked message is facts of its own until the templates are known."""
        self._weight += weight_of(key)
        if self._weight > self._limits.kinds:
            raise _TooManyKinds
        shape, severity = shape_of(key, self._tokenizer)
        self._note(shape, severity)
        self._kinds.append((severity, shape))
        return len(self._kinds) - 1, shape.recipes

    def _note(self, shape: Shape, severity: str | None) -> None:
        """Have such messages mined, if they match no template yet."""
        if self._known.find(severity, shape.tokens) is None:
            self._lines.add((line_of(severity, shape.tokens),))

    def _mine(self) -> bool:
        """Mine some of what was noted. What then matches no template is noted by the next reading.

        False: no new template was found.
        """
        parameters, new = self._parameters, False
        for severity, lines in chosen(self._lines.blocks(), parameters.mined_messages):
            messages = tokens_of(lines, compiled=self._limits.compiled)
            for template in mine(sorted(messages), parameters.max_templates):
                new = self._known.add(severity, template) or new
        self._known.settle()
        self._lines.close()
        self._lines = self._new_lines()
        return new

    def _join(self, found: Collector) -> tuple[dict[int, Facts], list[int]] | None:
        """Facts by template, from those by masked message, and the template of each kind's number.

        None where some match no template yet.
        """
        numbers: list[int] = []
        for severity, shape in self._kinds:
            number = self._known.find(severity, shape.tokens)
            if number is None:
                self._note(shape, severity)
            else:
                numbers.append(number)
        if len(numbers) < len(self._kinds):
            return None
        facts: dict[int, Facts] = {}
        for at, (number, (_, shape)) in enumerate(zip(numbers, self._kinds, strict=True)):
            tokens = self._known.tokens[number]
            of_kind = found.take(at)
            if of_kind is None:
                continue
            if number not in facts:
                facts[number] = Facts(tokens.count(VARIABLE), self._parameters.exact_values)
            own = iter(of_kind.values)
            held = [next(own) if token == VARIABLE else token for token in shape.tokens]
            facts[number].merge(
                of_kind, [one for one, token in zip(held, tokens, strict=True) if token == VARIABLE]
            )
        return facts, numbers

    def _read_templates(self, entries: Iterable[Block]) -> tuple[dict[int, Facts], list[int]] | None:
        """Facts by template, from another reading; None where some messages match no template yet."""
        self._timeline.close()
        self._timeline = self._new_timeline()
        variable = list(map(are_variable, self._known.tokens))
        order = self._known.order
        place = {number: at for at, number in enumerate(order)}

        def plan_of(key: str) -> tuple[int, tuple[str, ...]]:
            shape, severity = shape_of(key, self._tokenizer)
            number = self._known.find(severity, shape.tokens)
            if number is None:
                raise _Unmatched
            return place[number], recipes(shape, variable[number])

        bound = self._bound(self._known.tokens)
        found = self._collector(plan_of, bound, self._templates(self._known.listed()))
        blocks = in_blocks(entries, self._limits.block)
        for block in blocks:
            try:
                self._timeline.add(block.times, found.add(*block))
            except _Unmatched:
                break
        else:
            facts = {
                number: of_it for at, number in enumerate(order) if (of_it := found.take(at)) is not None
            }
            return facts, order
        del found
        self._note_all(chain([block], blocks))
        return None

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


class _TooManyKinds(Exception):
    """There are more masked messages than fit into memory."""


class _Unmatched(Exception):
    """A message matches no template yet."""
