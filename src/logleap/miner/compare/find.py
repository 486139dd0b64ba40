"""Finds in the current entries those that show the changes: when first, and which."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from logleap.miner.compare.changes import Change, Changes, ExampleEntry, Reference, Where
from logleap.miner.description.values import number_of
from logleap.miner.match import Matcher
from logleap.miner.model import SEVERITIES, VARIABLE, LogModel, Template
from logleap.miner.text.mask import Masks

EXAMPLES = 3
"""The most example entries of a change."""

REPLACED = "\ufffd"
"""What masking puts where a message holds its placeholder."""

_MOST_WORDS = 10  # that messages are searched for; with more, it is faster to find the template of each


class Finder:
    """Reads the current entries, in any order: the result is the same. It needs little memory."""

    def __init__(self, changes: Changes, current: LogModel, masks: Masks, examples: int = EXAMPLES) -> None:
        """Raises ValueError if the model was made with other masks."""
        self._changes = changes
        self._matcher = Matcher(current, masks)
        self._longest = current.parameters.example_length
        self._sought = [_Sought(change, examples) for change in changes.changes]
        self._words = {template.id: _word(template) for template in current.templates}
        self._by_template: defaultdict[str, list[_Sought]] = defaultdict(list)
        for sought in self._sought:
            for template in _templates(sought.change, current):
                self._by_template[template].append(sought)

    def add(
        self,
        batch_id: str,
        start: int,
        times: Sequence[int],
        messages: Sequence[str],
        contexts: Sequence[str | None],
    ) -> None:
        """Entries of one batch: the first of them has the sequence `start`. Times are microseconds."""
        if not messages:
            return
        span = min(times), max(times)
        active = {
            template: wanted
            for template, all_of_it in self._by_template.items()
            if (wanted := [sought for sought in all_of_it if sought.wants_from(*span)])
        }
        places = self._candidates(active, messages)
        found = self._matcher.templates([messages[at] for at in places], [contexts[at] for at in places])
        to_check: list[tuple[int, _Sought]] = []
        for at, template in zip(places, found, strict=True):
            if template is None or template not in active:
                continue
            for sought in active[template]:
                if not sought.wants(times[at]):
                    continue
                if sought.change.where is None:
                    sought.take((times[at], messages[at], batch_id, start + at))
                else:
                    to_check.append((at, sought))
        if not to_check:
            return
        places = sorted({at for at, _ in to_check})
        matches = dict(
            zip(
                places,
                self._matcher.match([messages[at] for at in places], [contexts[at] for at in places]),
                strict=True,
            )
        )
        for at, sought in to_check:
            match, where = matches[at], sought.change.where
            if match is not None and where is not None and shows(match.values[where.position], where):
                sought.take((times[at], messages[at], batch_id, start + at))

    def _candidates(self, templates: Iterable[str], messages: Sequence[str]) -> Sequence[int]:
        """The places of the messages that can be of one of these templates: they have a word of it."""
        words = {self._words[template] for template in templates}
        if "" in words or len(words) > _MOST_WORDS:
            return range(len(messages))
        return sorted({at for word in words for at, message in enumerate(messages) if word in message})

    def changes(self) -> Changes:
        """The changes, with the examples found and when those of values were first seen."""
        return replace(self._changes, changes=tuple(sought.result(self._longest) for sought in self._sought))


def shows(value: str, where: Where) -> bool:
    """Whether a value shows the change."""
    if where.known is not None:
        return value not in where.known
    number = number_of(value)
    if number is None or number[0] != where.unit:
        return False
    above, below = (number_of(limit) if limit is not None else None for limit in (where.above, where.below))
    return (above is None or number[1] > above[1]) and (below is None or number[1] < below[1])


def _word(template: Template) -> str:
    """The longest word that every message of the template has; empty if there is none."""
    words = [word for token in template.tokens if (word := token.strip()) != VARIABLE and word.isprintable()]
    return max((word for word in words if REPLACED not in word), key=len, default="")


class _Sought:
    def __init__(self, change: Change, most: int) -> None:
        self.change = change
        self._most = most
        if change.kind == "new":
            self._most = min(most, int(change.numbers["after"]))
        self._begins = change.first if change.kind in ("shifted", "severity") else None
        self._found: list[tuple[int, str, str, int]] = []
        """The earliest: time, message, batch, sequence."""

    def wants_from(self, first: int, last: int) -> bool:
        """Whether an entry of that span can be."""
        return (self._begins is None or last >= self._begins) and (
            len(self._found) < self._most or first <= self._found[-1][0]
        )

    def wants(self, time: int) -> bool:
        """Whether an entry of that time can be among the earliest that show the change."""
        if self._begins is not None and time < self._begins:
            return False
        return len(self._found) < self._most or time <= self._found[-1][0]

    def take(self, entry: tuple[int, str, str, int]) -> None:
        """Keep it, if it is among the earliest."""
        self._found.append(entry)
        self._found.sort()
        del self._found[self._most :]

    def result(self, longest: int) -> Change:
        """The change with what was found; as it was if nothing was."""
        if not self._found:
            return self.change
        examples = tuple(
            ExampleEntry(
                time,
                message if len(message) <= longest else message[:longest] + "…",
                Reference(batch_id, sequence),
            )
            for time, message, batch_id, sequence in self._found
        )
        first = self._found[0][0] if self.change.kind == "value" else self.change.first
        return replace(self.change, first=first, examples=examples)


def _templates(change: Change, current: LogModel) -> Iterable[str]:
    """The templates of which an entry can show the change."""
    if change.kind == "gone":
        return ()
    if change.template is not None:
        return (change.template,)
    if change.severity == "warning":
        return [template.id for template in current.templates if template.severity == "warning"]
    errors = SEVERITIES[SEVERITIES.index("error") :]
    return [template.id for template in current.templates if template.severity in errors]
