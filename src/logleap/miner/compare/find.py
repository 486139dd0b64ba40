"""Finds in the current entries those that show the changes: when first, and which."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from logleap.miner.compare.changes import Change, Changes, ExampleEntry, Reference, Where
from logleap.miner.mask import Masks
from logleap.miner.match import Matcher
from logleap.miner.model import SEVERITIES, LogModel
from logleap.miner.values import number_of

EXAMPLES = 3
"""The most example entries of a change."""


class Finder:
    """Reads the current entries, in any order: the result is the same. It needs little memory."""

    def __init__(self, changes: Changes, current: LogModel, masks: Masks, examples: int = EXAMPLES) -> None:
        """Raises ValueError if the model was made with other masks."""
        self._changes = changes
        self._matcher = Matcher(current, masks)
        self._longest = current.parameters.example_length
        self._sought = [_Sought(change, examples) for change in changes.changes]
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
        by_template = self._by_template
        if not by_template or not messages:
            return
        to_check: list[tuple[int, _Sought]] = []
        for at, template in enumerate(self._matcher.templates(messages, contexts)):
            if template is not None and template in by_template:
                for sought in by_template[template]:
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


class _Sought:
    def __init__(self, change: Change, most: int) -> None:
        self.change = change
        self._most = most
        self._begins = change.first if change.kind in ("shifted", "severity") else None
        self._found: list[tuple[int, str, str, int]] = []
        """The earliest: time, message, batch, sequence."""

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
