"""Finds in the current entries those that show the changes: when first, and which."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from logleap.miner.compare.changes import Change, Changes, ExampleEntry, Reference, Where
from logleap.miner.description.values import number_of
from logleap.miner.match import Matcher, names
from logleap.miner.model import SEVERITIES, VARIABLE, LogModel, Template
from logleap.miner.text.mask import Masks

EXAMPLES = 3
"""The most example entries of a change."""

REPLACED = "\ufffd"
"""What masking puts where a message holds its placeholder."""

_MOST_WORDS = 10  # that messages are searched for; with more, it is faster to find the template of each
_JUDGED = 50_000  # messages of which it is known what they show
_LONGEST = 1_000  # characters of such a message
_WORTH = 0.3  # the share of messages that must be known, once _JUDGED are


class Finder:
    """Reads the current entries, in any order: the result is the same. It needs little memory.

    A template's entries by window, which the model has, tell until when the earliest ones that show a change
    come: the entries after that are not looked at.
    """

    def __init__(self, changes: Changes, current: LogModel, masks: Masks, examples: int = EXAMPLES) -> None:
        """Raises ValueError if the model was made with other masks."""
        self._changes = changes
        self._matcher = Matcher(current, masks)
        self._longest = current.parameters.example_length
        self._words = {template.id: _word(template) for template in current.templates}
        self._sought: list[_Sought] = []
        self._by_template: defaultdict[str, list[_Sought]] = defaultdict(list)
        for change in changes.changes:
            templates = list(_templates(change, current))
            sought = _Sought(change, examples, [current.by_id[id] for id in templates], current)
            self._sought.append(sought)
            for template in templates:
                self._by_template[template].append(sought)
        self._judged: dict[Hashable, Sequence[_Sought]] = {}
        self._looked_up = self._known = 0

    def wants(self, first: int, last: int) -> bool:
        """Whether entries of that span can show a change: the others need not be added."""
        return any(sought.wants_from(first, last) for sought in self._sought)

    def add(
        self,
        batch_ids: Sequence[str],
        sequences: Sequence[int],
        times: Sequence[int],
        messages: Sequence[str],
        contexts: Sequence[str | None],
    ) -> None:
        """Entries by column, with where each stands. Times are microseconds."""
        if not messages:
            return
        span = min(times), max(times)
        active = {
            template: wanted
            for template, all_of_it in self._by_template.items()
            if (wanted := [sought for sought in all_of_it if sought.wants_from(*span)])
        }
        rows = self._candidates(active, span, times, messages)
        if not rows:
            return
        shown = self._shown([messages[row] for row in rows], [contexts[row] for row in rows])
        for row, all_of_it in zip(rows, shown, strict=True):
            for sought in all_of_it:
                if sought.wants(times[row]):
                    sought.take((times[row], messages[row], batch_ids[row], sequences[row]))

    def _candidates(
        self,
        active: dict[str, list["_Sought"]],
        span: tuple[int, int],
        times: Sequence[int],
        messages: Sequence[str],
    ) -> Sequence[int]:
        """The rows of the entries that can be of one of these templates, by their time and a word of it."""
        wanted = [sought for all_of_it in active.values() for sought in all_of_it]
        if not wanted:
            return ()
        first, last = min(sought.begins for sought in wanted), max(sought.ends for sought in wanted)
        rows: Sequence[int] = range(len(messages))
        if first > span[0] or last < span[1]:
            rows = [row for row, time in enumerate(times) if first <= time <= last]
        words = {self._words[template] for template in active}
        if "" in words or len(words) > _MOST_WORDS:
            return rows
        if len(words) == 1:
            (word,) = words
            return [row for row in rows if word in messages[row]]
        return sorted({row for word in words for row in rows if word in messages[row]})

    def _shown(
        self, messages: Sequence[str], contexts: Sequence[str | None]
    ) -> Sequence[Sequence["_Sought"]]:
        """For each message what it shows, whenever it comes. Messages that come again are judged once."""
        judged = self._judged
        if len(judged) >= _JUDGED and self._known < _WORTH * self._looked_up:
            return self._judge(messages, contexts)
        by = names(messages, contexts)
        new = {name: row for row, name in enumerate(by) if name not in judged}
        rows = list(new.values())
        found = self._judge([messages[row] for row in rows], [contexts[row] for row in rows])
        shown = dict(zip(new, found, strict=True))
        for name, what in shown.items():
            if len(judged) < _JUDGED and len(messages[new[name]]) <= _LONGEST:
                judged[name] = what
        if len(judged) >= _JUDGED:
            self._looked_up += len(by)
            self._known += len(by) - len(new)
        return [judged[name] if name in judged else shown[name] for name in by]

    def _judge(
        self, messages: Sequence[str], contexts: Sequence[str | None]
    ) -> Sequence[Sequence["_Sought"]]:
        shown: list[Sequence[_Sought]] = []
        to_check = []
        for at, template in enumerate(self._matcher.templates(messages, contexts)):
            shown.append(self._by_template.get(template or "", ()))
            if any(sought.change.where is not None for sought in shown[-1]):
                to_check.append(at)
        matches = self._matcher.match([messages[at] for at in to_check], [contexts[at] for at in to_check])
        for at, match in zip(to_check, matches, strict=True):
            shown[at] = [
                sought
                for sought in shown[at]
                if (where := sought.change.where) is None
                or (match is not None and shows(match.values[where.position], where))
            ]
        return shown

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
    def __init__(self, change: Change, most: int, templates: Sequence[Template], current: LogModel) -> None:
        self.change = change
        self._most = most
        if change.kind == "new":
            self._most = min(most, int(change.numbers["after"]))
        first = min((template.first for template in templates), default=0)
        onset = change.first if change.kind in ("shifted", "severity") else None
        self.begins = first if onset is None else max(first, onset)
        self.ends = max((template.last for template in templates), default=-1)
        """Nothing later is among the earliest. (Of no template: before it begins.)"""
        if change.where is None:
            self._shorten(first, templates, current)
        self._found: list[tuple[int, str, str, int]] = []
        """The earliest: time, message, batch, sequence."""

    def _shorten(self, first: int, templates: Sequence[Template], current: LogModel) -> None:
        """Let it end with the window until which enough entries came since it begins."""
        windows = current.windows
        found = 0
        for window, count in sorted(pair for template in templates for pair in template.windows):
            start = windows.start + window * windows.width
            if start >= self.begins or self.begins == first:
                found += count
            if found >= self._most:
                self.ends = min(self.ends, start + windows.width - 1)
                return

    def wants_from(self, first: int, last: int) -> bool:
        """Whether an entry of that span can be."""
        return (
            last >= self.begins
            and first <= self.ends
            and (len(self._found) < self._most or first <= self._found[-1][0])
        )

    def wants(self, time: int) -> bool:
        """Whether an entry of that time can be among the earliest that show the change."""
        return self.wants_from(time, time)

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
