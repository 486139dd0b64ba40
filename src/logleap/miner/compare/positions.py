"""Changes of the values at one variable position: never-seen ones, and numbers that lie elsewhere.

Identifiers, counters and times are recognised and never reported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, log

from logleap.miner.compare.changes import Where
from logleap.miner.compare.statistics import distribution_distance, exceedances
from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.description.values import type_of
from logleap.miner.model import VARIABLE, Numbers, Position, Template

_TIMELESS = frozenset(["number", "ip", "hex", "url", "path", "list", "word", "text"])
"""Types of which a position can be a choice among few. Not `uuid` and `time`."""

_WIDTH = 1 + 1 / 128
"""A quantile of the model is at most so many times smaller than the exact one."""

_LOWEST, _HIGHEST = 0.0, 1.0
_MANY = 200  # numbers, of which the tail is ten
_SLOWER = 1.25  # how many times as fast as the body's the numbers of the tail grow with their rarity
_TESTS = 5  # of the numbers of one unit: two ends, each in two ways, and how they lie


@dataclass(frozen=True, slots=True)
class Finding:
    """What is different at a position. `p` is None where no test decides: an unseen value is a fact."""

    number: int
    what: str
    where: Where
    p: float | None
    numbers: Mapping[str, int | str]
    found: str
    baseline: str


def findings(before: Template, after: Template, thresholds: Thresholds) -> Iterator[Finding]:
    """What is different at the positions of a template, at most one finding for each. Those with a `p` are
    all that were tested, so that it can be told which of them are significant.
    """
    for at, (old, new) in enumerate(_aligned(before, after)):
        unseen = _unseen(at, old, new, len(before.windows), thresholds)
        if unseen is not None:
            yield unseen
            continue
        by_unit = {numbers.unit: numbers for numbers in new.numbers}
        tested = [
            found
            for numbers in old.numbers
            if numbers.unit in by_unit
            and (
                found := _numbers(at, (old, numbers, before), (new, by_unit[numbers.unit], after), thresholds)
            )
        ]
        if tested:
            found = min(tested, key=lambda found: found.p or 0.0)
            # Of many units the least probable one looks more surprising than it is (Bonferroni).
            yield replace(found, p=min(1.0, (found.p or 0.0) * len(tested)))


def _aligned(before: Template, after: Template) -> Iterator[tuple[Position, Position]]:
    """The positions of both. What was the same in all of the baseline's entries can be variable now."""
    old, new = iter(before.positions), iter(after.positions)
    for token, later in zip(before.tokens, after.tokens, strict=True):
        if later.strip() == VARIABLE:
            word = token.strip()
            literal = Position({type_of(word): before.count}, True, 1, ((word, before.count),))
            yield next(old) if word == VARIABLE else literal, next(new)


def _unseen(at: int, old: Position, new: Position, windows: int, thresholds: Thresholds) -> Finding | None:
    """`windows`: of the baseline, in how many the template has entries."""
    if not is_choice(old, windows, thresholds):
        return None
    known = {value for value, _ in old.values}
    if new.exact:
        unseen = [(value, count) for value, count in new.values if value not in known]
        if not unseen:
            return None
        shown = ", ".join(value for value, _ in unseen[:3]) + (", …" if len(unseen) > 3 else "")
        entries_with = sum(count for _, count in unseen)
    else:
        shown, entries_with = f"more than {new.distinct - 1} values", new.distinct - old.distinct
    return Finding(
        number=at,
        what="unseen",
        where=Where(at, known=tuple(sorted(known))),
        p=None,
        numbers={"unseen": entries_with, "known": old.distinct},
        found=shown,
        baseline=", ".join(value for value, _ in old.values),
    )


def is_choice(position: Position, windows: int, thresholds: Thresholds) -> bool:
    """Whether the position is a choice among few values, each seen often enough in so many windows."""
    return (
        position.complete
        and 0 < position.distinct <= thresholds.few_values
        and all(count >= thresholds.seen_each for _, count in position.values)
        and windows * thresholds.values_per_window >= thresholds.seen_each
        and _TIMELESS.issuperset(position.types)
    )


def has_range(position: Position, numbers: Numbers, thresholds: Thresholds) -> bool:
    """Whether these numbers are enough to judge others by, and no identifiers and no counter."""
    return numbers.count >= thresholds.fewest_values and not any(
        recognised(position, numbers, thresholds) for recognised in (is_identifier, is_counter)
    )


def _independent(count: int, template: Template, thresholds: Thresholds) -> float:
    """As how many independent values so many of a template's count."""
    return min(float(count), float(thresholds.values_per_window * len(template.windows)))


def is_identifier(position: Position, numbers: Numbers, thresholds: Thresholds) -> bool:
    """Whether these are whole numbers without a unit of which nearly every entry has one of its own."""
    return (
        not numbers.unit
        and "." not in numbers.minimum + numbers.maximum
        and position.exact
        and position.distinct >= thresholds.fewest_values * thresholds.unique_share
        and position.distinct >= thresholds.unique_share * sum(position.types.values())
    )


def is_counter(position: Position, numbers: Numbers, thresholds: Thresholds) -> bool:
    """Whether these numbers grow with time: the earliest is about the least, the latest the greatest, which
    is not alone there.
    """
    if numbers.first is None or numbers.last is None or position.distinct < thresholds.few_values:
        return False
    least, most = float(numbers.minimum), float(numbers.maximum)
    margin = (most - least) * thresholds.counter_margin
    return (
        float(numbers.first) - least <= margin
        and most - float(numbers.last) <= margin
        and float(numbers.quantiles["0.95"]) >= (least + most) / 2
    )


def _numbers(
    at: int,
    old: tuple[Position, Numbers, Template],
    new: tuple[Position, Numbers, Template],
    thresholds: Thresholds,
) -> Finding | None:
    before, after = old[1], new[1]
    if not has_range(old[0], before, thresholds):
        return None
    sizes = [_independent(numbers.count, template, thresholds) for _, numbers, template in (old, new)]
    least, most = float(before.minimum), float(before.maximum)
    early, late = _quantiles(before), _quantiles(after)
    tests = {
        "above": _outside(early, late, sizes, before.count, after.count),
        "below": _outside(_mirrored(early), _mirrored(late), sizes, before.count, after.count),
    }
    distance, rises = _distance(early, late)
    if distance >= thresholds.smallest_distance:
        tests["quantiles"] = distribution_distance(distance, *sizes)
    what = min(tests, key=lambda name: (tests[name], name))
    # Where both say the same, the range is the plainer statement.
    for side, beyond in (("above", float(after.maximum) > most), ("below", float(after.minimum) < least)):
        if what == "quantiles" and beyond and (side == "above") == rises and _all_but(late, early, side):
            what = side
    p = min(1.0, _TESTS * min(tests.values()))
    where, found, baseline = {
        "above": (
            Where(at, unit=before.unit, above=before.maximum),
            after.maximum,
            f"{before.minimum} to {before.maximum}",
        ),
        "below": (
            Where(at, unit=before.unit, below=before.minimum),
            after.minimum,
            f"{before.minimum} to {before.maximum}",
        ),
        "quantiles": (
            Where(at, unit=before.unit, above=before.quantiles["0.75"])
            if rises
            else Where(at, unit=before.unit, below=before.quantiles["0.25"]),
            after.quantiles["0.5"],
            before.quantiles["0.5"],
        ),
    }[what]
    return Finding(
        number=at,
        what=what,
        where=where,
        p=p,
        numbers={
            "baselineMinimum": before.minimum,
            "baselineMedian": before.quantiles["0.5"],
            "baselineMaximum": before.maximum,
            "minimum": after.minimum,
            "median": after.quantiles["0.5"],
            "maximum": after.maximum,
            "baselineNumbers": before.count,
            "numbers": after.count,
            "distance": f"{distance:.2f}",
            "unit": before.unit,
        },
        found=found,
        baseline=baseline,
    )


_Quantiles = list[tuple[float, float]]


def _quantiles(numbers: Numbers) -> _Quantiles:
    """Fractions and what lies there, the extremes included."""
    inner = sorted((float(name), float(value)) for name, value in numbers.quantiles.items())
    return [(_LOWEST, float(numbers.minimum)), *inner, (_HIGHEST, float(numbers.maximum))]


def _mirrored(quantiles: _Quantiles) -> _Quantiles:
    return [(1 - fraction, -value) for fraction, value in reversed(quantiles)]


def _exceeds(value: float, other: float) -> bool:
    """Whether it does for certain, given how exact the quantiles are."""
    return value > other + abs(other) * (_WIDTH - 1)


def _outside(early: _Quantiles, late: _Quantiles, sizes: list[float], before: int, after: int) -> float:
    """How probable it is that values lie so far above the greatest of the baseline."""
    greatest, found = early[-1][1], late[-1][1]
    if found <= greatest:
        return 1.0
    # Several of them: by their number alone, whatever the distribution.
    share = max((1 - fraction for fraction, value in late[:-1] if _exceeds(value, greatest)), default=0.0)
    many = exceedances(int(share * sizes[1]), int(sizes[1]), int(sizes[0])) if share * sizes[1] >= 1 else 1.0
    return min(many, 1.0, after / before * far_beyond(early, found, before))


def chance_beyond(
    numbers: Numbers, template: Template, thresholds: Thresholds, *, found: float, outside: int, entries: int
) -> float:
    """How probable it is that `outside` of `entries` later numbers lie beyond all of these of the template,
    at the end where `found` does, which is the farthest one. The later ones depend on each other as these.
    """
    early = _quantiles(numbers)
    if found < early[0][1]:
        early, found = _mirrored(early), -found
    independent = _independent(numbers.count, template, thresholds)
    size = min(float(entries), independent)
    beyond = int(size * outside / entries)
    many = exceedances(beyond, int(size), int(independent)) if beyond else 1.0
    return min(1.0, _TESTS * min(many, entries / numbers.count * far_beyond(early, found, numbers.count)))


def far_beyond(early: _Quantiles, found: float, before: int) -> float:
    """How probable it is that a number beyond the greatest of `before` ones is as great as `found`."""
    # By how the tail thins out, exponentially or (as its ends tell) more slowly.
    greatest = early[-1][1]
    by_fraction = {round(fraction, 2): value for fraction, value in early}
    median, high = by_fraction[0.5], by_fraction[0.95]
    body = (high - median) / log(10)
    tail = (greatest - high) / log(max(0.05 * before, 2))
    least = max((greatest - early[0][1]) / 20, abs(greatest) * (_WIDTH - 1))
    if before >= _MANY:
        body /= 2  # the tail is known well: the body only says how short it cannot be
    scale = max(body, tail, least)
    far = exp(-min((found - greatest) / scale, 700)) if scale else 0.0
    if tail > _SLOWER * body and median > 0:
        # It thins out as a power does (Pareto), or nearly (log-normal): by the logarithms.
        slow = max(log(greatest / high) / log(max(0.05 * before, 2)), log(high / median) / log(10) / 2)
        far = max(far, exp(-log(found / greatest) / slow))
    return far


def _distance(early: _Quantiles, late: _Quantiles) -> tuple[float, bool]:
    """The least distance between the distribution functions that the quantiles prove, and whether the later
    numbers are the larger ones.
    """
    up = down = 0.0
    for fraction, value in early:
        for other, later in late:
            if fraction - other > up and _exceeds(later, value):
                up = fraction - other
            if other - fraction > down and _exceeds(value, later):
                down = other - fraction
    return max(up, down), up >= down


def _all_but(late: _Quantiles, early: _Quantiles, side: str) -> bool:
    """Whether at least half of the later numbers are outside the earlier ones."""
    median = next(value for fraction, value in late if fraction == 0.5)
    return median > early[-1][1] if side == "above" else median < early[0][1]
