"""The two sets side by side: how much larger the current one is, and how much each count varies by itself."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, log

from logleap.miner.compare.ignore import Ignore
from logleap.miner.compare.statistics import FEWEST_SUMS, compare_rates, dispersion, onset
from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.model import LogModel, Template, Windows

_RATIO_VARIANCE = 0.1
"""Of a ratio's logarithm, beside what chance adds: templates of many entries weigh no more than ten times as
much as one of two entries on each side."""


class Counts:
    """A set's entries over time. Templates that are ignored count as if they had no entries."""

    def __init__(self, model: LogModel, ignore: Ignore) -> None:
        self.model = model
        self.templates = {template.id: template for template in model.templates if template not in ignore}
        self.entries = sum(template.count for template in self.templates.values())

    @cached_property
    def totals(self) -> list[int]:
        """Entries in each window."""
        return self.in_windows(self.templates.values())

    @cached_property
    def room(self) -> list[float]:
        """How much of each window the span of the entries covers, as a part of a window's width."""
        windows, first, last = self.model.windows, self.model.first, self.model.last
        if first is None or last is None:
            return []
        return [
            max(0, min(last + 1, start + windows.width) - max(first, start)) / windows.width
            for start in _starts(windows)
        ]

    def in_windows(self, templates: Iterable[Template]) -> list[int]:
        """The entries of these templates in each window."""
        found = Counter[int]()
        for template in templates:
            found.update(dict(template.windows))
        return [found[at] for at in range(self.model.windows.count)]

    def dispersion(self, counts: Sequence[int], thresholds: Thresholds, *, neighbours: bool) -> float:
        """How many times as much these counts vary from window to window as independent entries would.

        Compared with an even flow, and with the flow of all other entries; what explains the counts better
        counts. So days that are busier than nights are no burst, and neither is a steady message in them.
        """
        if len(counts) < FEWEST_SUMS:
            return thresholds.unknown_dispersion
        significance = thresholds.burst_significance
        even = dispersion(counts, self.room, significance, neighbours=neighbours)
        if even == 1.0:
            return even
        others = [
            total - count + room / 2
            for total, count, room in zip(self.totals, counts, self.room, strict=True)
        ]
        return min(even, dispersion(counts, others, significance, neighbours=neighbours))


class Sets:
    """The baseline and the current set."""

    def __init__(self, baseline: LogModel, current: LogModel, ignore: Ignore, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.before = Counts(baseline, ignore)
        self.after = Counts(current, ignore)
        self.size, self.size_by = _size(self.before, self.after, thresholds)

    def differ(
        self, before: Sequence[Template], after: Sequence[Template], *, spread: bool = False
    ) -> "Difference":
        """How the rate of these templates together differs between the sets.

        The dispersion is found out where it decides about their rate, or always (`spread`).
        """
        found = Difference(
            sum(template.count for template in before), sum(template.count for template in after), self.size
        )
        if not found.before or (found.p > self.thresholds.false_discoveries and not spread):
            return found  # bursts would only make it less significant; and what is new is new
        # How long a burst can be the baseline tells. In the current set only what is within a window is one:
        # a change that begins in its middle and stays must not pass for a burst.
        dispersion = max(
            counted.dispersion(counted.in_windows(templates), self.thresholds, neighbours=neighbours)
            for counted, templates, neighbours in ((self.before, before, True), (self.after, after, False))
        )
        return replace(found, dispersion=dispersion)

    def onset(self, templates: Iterable[Template], expected: float) -> int | None:
        """When the counts of these templates in the current set begin to differ from so many in all."""
        counts, room, first = self.after.in_windows(templates), self.after.room, self.after.model.first
        if first is None:
            return None
        whole = sum(room)
        at = onset(counts, [expected * part / whole for part in room])
        return max(first, _starts(self.after.model.windows)[at])


@dataclass(frozen=True)
class Difference:
    """Two counts, where the current set is `size` times as large as the baseline, and each count varies
    `dispersion` times as much as chance alone would let it.
    """

    before: int
    after: int
    size: float
    dispersion: float = 1.0

    @cached_property
    def p(self) -> float:
        """How often chance alone would make such a difference. Bursts count as fewer entries."""
        return compare_rates(self.before / self.dispersion, self.after / self.dispersion, self.size)

    @property
    def expected(self) -> float:
        """The entries that the current set would have, were the rate that of the baseline."""
        return self.before * self.size

    @property
    def ratio(self) -> float:
        """How many times as many it has. There are some in the baseline."""
        return self.after / self.expected


def _starts(windows: Windows) -> range:
    return range(windows.start, windows.start + windows.width * windows.count, windows.width)


def _size(before: Counts, after: Counts, thresholds: Thresholds) -> tuple[float, str]:
    """How many times as large the current set is: the median of the ratios of the common templates.

    So a flood of one message does not make all others rarer. Each weighs by how well its ratio is known.
    """
    if not (before.entries and after.entries):
        return 1.0, "entries"
    common = [
        (template.count, after.templates[template.id].count)
        for template in before.templates.values()
        if template.id in after.templates
    ]
    if len(common) < thresholds.fewest_common:
        return after.entries / before.entries, "entries"
    weighed = sorted(
        (log(late / early), 1 / (1 / early + 1 / late + _RATIO_VARIANCE)) for early, late in common
    )
    half = sum(weight for _, weight in weighed) / 2
    below = 0.0
    for at, (ratio, weight) in enumerate(weighed):
        below += weight
        if below > half * (1 + 1e-12):
            return exp(ratio), "templates"
        if below >= half * (1 - 1e-12):  # exactly in the middle: the mean of the two
            return exp((ratio + weighed[at + 1][0]) / 2), "templates"
    raise AssertionError("the weights add up to more than half of them")
