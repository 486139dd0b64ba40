"""How well a miner groups the lines of a log, measured against the events that they truly are of."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence


def accuracy(groups: Sequence[Hashable], events: Sequence[Hashable]) -> float:
    """The share of lines whose group holds exactly the lines of their event (grouping accuracy)."""
    of_group, of_event = _lines(groups), _lines(events)
    return sum(of_group[group] == of_event[event] for group, event in zip(groups, events, strict=True)) / len(
        groups
    )


def _lines(labels: Iterable[Hashable]) -> dict[Hashable, frozenset[int]]:
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for line, label in enumerate(labels):
        found[label].append(line)
    return {label: frozenset(lines) for label, lines in found.items()}
