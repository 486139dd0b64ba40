"""What is different between two sets of entries, of which the second was trained with the first as baseline.

`compare` decides from the two log models alone; `find` then reads the current entries for when a change was
first seen and for examples. Five kinds of change, in one list, most surprising first.

The score of a change, by which they are ordered, adds up: 10 for `new`, 5 for `gone` and `value`, 3 for
`severity`, 0 for `shifted`; 20 where the template is an error or worse, 10 where it is a warning (half as
much if it is gone, or rarer: that is better news); and how improbable it is that chance made it: minus the
decimal logarithm of p, 20 at most; 10 for an unseen value, which no test judges. Of changes that are alike
(of one kind and severity, and whose texts are the same up to the first variable position) each loses 3 for
every one before it, 15 at most, so that one event that shows in many templates does not hide the others.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from math import log10

from logleap.miner.compare import positions, words
from logleap.miner.compare.changes import KINDS, Change, Changes, ExampleEntry, Reference, Side, Where
from logleap.miner.compare.ignore import Ignore
from logleap.miner.compare.sets import Difference, Sets
from logleap.miner.compare.statistics import benjamini_hochberg, compare_shares
from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.model import SEVERITIES, VARIABLE, LogModel, Template

__all__ = [
    "Change",
    "Changes",
    "ExampleEntry",
    "Reference",
    "Side",
    "Thresholds",
    "Where",
    "compare",
]

_BY_KIND = {"new": 10.0, "gone": 5.0, "value": 5.0, "severity": 3.0, "shifted": 0.0}
_BY_SEVERITY = {"error": 20.0, "warning": 10.0, "other": 0.0}
_MOST_IMPROBABLE = 20.0
_UNSEEN = 1e-10
_FOR_EACH_ALIKE, _MOST_FOR_ALIKE = 3.0, 15.0

ERRORS = frozenset(SEVERITIES[SEVERITIES.index("error") :])
"""The severities of an error or worse."""


def compare(
    baseline: LogModel,
    current: LogModel,
    ignore: Iterable[str] = (),
    thresholds: Thresholds | None = None,
) -> Changes:
    """The changes since the baseline.

    `ignore`: ids of templates, or patterns of their text with `*` for any text; these templates count as if
    neither set had their entries. Raises ValueError if `current` was not trained with this baseline: of
    templates that were mined apart the names say nothing.
    """
    if current.baseline != baseline.digest:
        raise ValueError(
            "The current log model was not trained with this baseline: train it again, with the baseline."
        )
    thresholds = thresholds or Thresholds()
    ignored = tuple(sorted(set(ignore)))
    sets = Sets(baseline, current, Ignore(ignored), thresholds)
    found = [*_new(sets), *_rates(sets), *_values(sets), *_severities(sets)]
    found = _ranked(found)
    return Changes(
        baseline=Side(baseline.digest, baseline.entries, baseline.first, baseline.last),
        current=Side(current.digest, current.entries, current.first, current.last),
        size=_decimal(sets.size),
        size_by=sets.size_by,
        changes=tuple(found[: thresholds.listed]),
        counts={kind: sum(change.kind == kind for change in found) for kind in KINDS},
        first_error=_first_error(sets, found),
        ignored=ignored,
        thresholds=thresholds,
    )


def _ranked(changes: list[Change]) -> list[Change]:
    alike = Counter[tuple[str, str | None, str]]()
    found = []
    for change in sorted(changes, key=_order):
        like = change.kind, change.severity, (change.text or "").partition(VARIABLE)[0]
        less = min(_FOR_EACH_ALIKE * alike[like], _MOST_FOR_ALIKE)
        alike[like] += 1
        found.append(replace(change, score=f"{float(change.score) - less:.2f}"))
    return sorted(found, key=_order)


def _order(change: Change) -> tuple[float, str, str, str]:
    return -float(change.score), change.kind, change.template or "", change.sentence


def _new(sets: Sets) -> Iterator[Change]:
    known = {_without_lists(template) for template in sets.before.templates.values()}
    for template in sets.after.templates.values():
        if template.id not in sets.before.templates and _without_lists(template) not in known:
            difference = sets.differ((), (template,))
            yield _of_template(
                "new",
                template,
                p=difference.p,
                sentence=words.new(template),
                numbers={"before": 0, "after": template.count},
                first=template.first,
            )


def _without_lists(template: Template) -> tuple[str | None, tuple[str, ...]]:
    """Severity and tokens, neighbouring variable positions as one: lists of another length are not new."""
    bare = [token.strip() for token in template.tokens]
    return template.severity, tuple(
        token for at, token in enumerate(bare) if not (at and token == VARIABLE == bare[at - 1])
    )


def _rates(sets: Sets) -> Iterator[Change]:
    """Templates that are gone or shifted: one family of tests."""
    others = _of_other_lengths(sets)
    tested: list[tuple[Template, tuple[Template, ...], Difference]] = []
    for template in sets.before.templates.values():
        own = sets.after.templates.get(template.id)
        later = (() if own is None else (own,)) + others.get(template.id, ())
        if template.count + sum(one.count for one in later) >= sets.thresholds.fewest_entries:
            tested.append((template, later, sets.differ((template,), later)))
    significant = benjamini_hochberg(
        [difference.p for *_, difference in tested], sets.thresholds.false_discoveries
    )
    for (template, later, difference), counts in zip(tested, significant, strict=True):
        least = sets.thresholds.smallest_ratio
        if not counts or 1 / least < difference.ratio < least:
            continue
        numbers: dict[str, int | str] = {
            "before": difference.before,
            "after": difference.after,
            "expected": _decimal(difference.expected),
            "dispersion": _decimal(difference.dispersion),
            "p": _probability(difference.p),
        }
        if not later:
            yield _of_template(
                "gone",
                template,
                p=difference.p,
                good_news=True,
                sentence=words.gone(template, difference),
                numbers=numbers,
                first=sets.after.model.first,
            )
        else:
            yield _of_template(
                "shifted",
                later[0],
                p=difference.p,
                good_news=difference.ratio < 1,
                sentence=words.shifted(template, difference),
                numbers={**numbers, "ratio": _decimal(difference.ratio)},
                first=sets.onset(later, difference.expected),
            )


def _of_other_lengths(sets: Sets) -> dict[str, tuple[Template, ...]]:
    """By the id of a template of the baseline: those of the current set that differ from it only by how long
    a list is. They count as its entries. Of several in the baseline it is the most frequent one.
    """
    home: dict[tuple[str | None, tuple[str, ...]], str] = {}
    for template in sorted(sets.before.templates.values(), key=lambda one: (-one.count, one.id)):
        home.setdefault(_without_lists(template), template.id)
    found: defaultdict[str, tuple[Template, ...]] = defaultdict(tuple)
    for template in sorted(sets.after.templates.values(), key=lambda one: (-one.count, one.id)):
        known = home.get(_without_lists(template))
        if known is not None and template.id not in sets.before.templates:
            found[known] += (template,)
    return found


def _values(sets: Sets) -> Iterator[Change]:
    """Positions with other values: what is tested is one family of tests."""
    found = [
        (later, finding)
        for template in sets.before.templates.values()
        if (later := sets.after.templates.get(template.id)) is not None
        for finding in positions.findings(template, later, sets.thresholds)
    ]
    tested = [at for at, (_, finding) in enumerate(found) if finding.p is not None]
    significant = benjamini_hochberg(
        [found[at][1].p or 0.0 for at in tested], sets.thresholds.false_discoveries
    )
    chance = {at for at, counts in zip(tested, significant, strict=True) if not counts}
    for at, (template, finding) in enumerate(found):
        if at in chance:
            continue
        shown = {} if finding.p is None else {"p": _probability(finding.p)}
        yield _of_template(
            "value",
            template,
            p=_UNSEEN if finding.p is None else finding.p,
            sentence=words.value(template, finding),
            numbers={
                "before": sets.before.templates[template.id].count,
                "after": template.count,
                **finding.numbers,
                **shown,
            },
            where=finding.where,
        )


def _severities(sets: Sets) -> Iterator[Change]:
    """A larger share of warnings, or of errors: one family of tests."""
    whole, later_whole = sets.before.entries, sets.after.entries
    if not (whole and later_whole):
        return
    tested = []
    for least, name, chosen in (
        ("warning", "warnings", lambda severity: severity == "warning"),
        ("error", "errors", lambda severity: severity in ERRORS),
    ):
        before = _with_severity(sets.before.templates.values(), chosen)
        after = _with_severity(sets.after.templates.values(), chosen)
        spread = sets.differ(before, after, spread=True)
        counts = spread.before, spread.after
        p = compare_shares(
            counts[0] / spread.dispersion,
            whole / spread.dispersion,
            counts[1] / spread.dispersion,
            later_whole / spread.dispersion,
        )
        tested.append((least, name, after, spread, p))
    significant = benjamini_hochberg([p for *_, p in tested], sets.thresholds.false_discoveries)
    for (least, name, after, spread, p), counts_as in zip(tested, significant, strict=True):
        ratio = sets.thresholds.severity_ratio
        expected = spread.before * later_whole / whole
        if (
            counts_as
            and spread.before + spread.after >= sets.thresholds.fewest_entries
            # As a share of the entries, and beside the templates that both sets have: where a frequent
            # message is gone, the share of all others grows without any of them being more frequent.
            and spread.after >= ratio * expected
            and spread.after >= ratio * spread.expected
        ):
            yield Change(
                kind="severity",
                score=_score("severity", least, p),
                sentence=words.severity(name, (spread.after, later_whole), (spread.before, whole)),
                numbers={
                    "before": spread.before,
                    "after": spread.after,
                    "baselineEntries": whole,
                    "entries": later_whole,
                    "dispersion": _decimal(spread.dispersion),
                    "p": _probability(p),
                },
                severity=least,
                first=sets.onset(after, spread.expected),
                examples=_examples(after[0]) if after else (),
            )


def _with_severity(
    templates: Iterable[Template], chosen: Callable[[str | None], bool]
) -> tuple[Template, ...]:
    return tuple(template for template in templates if chosen(template.severity))


def _first_error(sets: Sets, changes: Iterable[Change]) -> int | None:
    errors = [
        change.first
        for change in changes
        if change.template in sets.after.templates
        and change.severity in ERRORS
        and change.first is not None
        and not (change.kind == "shifted" and float(change.numbers["ratio"]) < 1)
    ]
    if not errors:
        errors = [template.first for template in sets.after.templates.values() if template.severity in ERRORS]
    return min(errors, default=None)


def _of_template(
    kind: str,
    template: Template,
    *,
    p: float,
    sentence: str,
    numbers: dict[str, int | str],
    good_news: bool = False,
    first: int | None = None,
    where: Where | None = None,
) -> Change:
    return Change(
        kind=kind,
        score=_score(kind, template.severity, p, good_news=good_news),
        sentence=sentence,
        numbers=numbers,
        template=template.id,
        text=template.text,
        severity=template.severity,
        first=first,
        where=where,
        examples=() if where else _examples(template),
    )


def _examples(template: Template) -> tuple[ExampleEntry, ...]:
    """The model's: of `gone` those of the baseline. Of a value the entries must be read."""
    return tuple(ExampleEntry(example.timestamp, example.message) for example in template.examples)


def _score(kind: str, severity: str | None, p: float, *, good_news: bool = False) -> str:
    level = "error" if severity in ERRORS else "warning" if severity == "warning" else "other"
    improbable = min(-log10(p), _MOST_IMPROBABLE) if p > 0 else _MOST_IMPROBABLE
    return f"{_BY_KIND[kind] + _BY_SEVERITY[level] * (0.5 if good_news else 1) + improbable:.2f}"


def _decimal(figure: float) -> str:
    """With four decimals, below 1 with four digits that count."""
    if 0 < figure < 1:
        return f"{Decimal(f'{figure:.4g}'):f}"
    return f"{figure:.4f}".rstrip("0").rstrip(".")


def _probability(p: float) -> str:
    return f"{p:.2e}"
