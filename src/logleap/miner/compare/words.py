"""A change as a sentence."""

from datetime import UTC, datetime, timedelta

from logleap.miner.compare.positions import Finding
from logleap.miner.compare.sets import Difference
from logleap.miner.model import VARIABLE, Template

_LONGEST = 120
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new(template: Template) -> str:
    """Of a template that the baseline does not have."""
    when = f", first at {moment(template.first)}" if template.count > 1 else f", at {moment(template.first)}"
    return f"New{_level(template)}: {quoted(template)}, {entries(template.count)}{when}."


def gone(template: Template, difference: Difference) -> str:
    """Of one that the current set does not have."""
    return (
        f"Gone{_level(template)}: {quoted(template)}, {entries(difference.before)} in the baseline, "
        f"none where about {number(difference.expected)} were expected."
    )


def shifted(template: Template, difference: Difference) -> str:
    """Of one that comes more often, or less."""
    return (
        f"{_times(difference.ratio)} as often{_level(template)}: {quoted(template)}, "
        f"{entries(difference.after)} where about {number(difference.expected)} were expected."
    )


def severity(name: str, after: tuple[int, int], before: tuple[int, int]) -> str:
    """Of a larger share: each pair is the entries of that severity, and all entries."""
    return (
        f"More {name}: {_share(*after)} of the entries ({after[0]:,} of {after[1]:,}), "
        f"in the baseline {_share(*before)} ({before[0]:,} of {before[1]:,})."
    )


def value(template: Template, finding: Finding) -> str:
    """Of a position's values."""
    unit = finding.where.unit or ""
    place = f"{place_of(template, finding.number)} of {quoted(template)}"
    if finding.what == "unseen":
        return f"Never seen before at {place}: {short(finding.found)}. Known: {short(finding.baseline)}."
    if finding.what == "quantiles":
        return (
            f"Other numbers at {place}: the median is {with_unit(finding.found, unit)}, "
            f"in the baseline {with_unit(finding.baseline, unit)}."
        )
    end = "up to" if finding.what == "above" else "down to"
    return (
        f"Out of range at {place}: {end} {with_unit(finding.found, unit)}, "
        f"in the baseline {with_unit(finding.baseline, unit)}."
    )


def quoted(template: Template) -> str:
    """The beginning of its text."""
    return quote(template.text)


def quote(text: str) -> str:
    """The beginning of a text."""
    return f'"{short(text)}"'


def short(text: str) -> str:
    """The text, or its beginning, in one line and without what a terminal would obey."""
    shown = "".join([letter if letter.isprintable() else " " for letter in text[: _LONGEST + 1]])
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def moment(micros: int) -> str:
    """A time, RFC 3339 in UTC; beyond the years 1 to 9999 the microseconds."""
    try:
        found = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return f"{micros} µs since 1970"
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entries(count: int) -> str:
    """How many."""
    return "1 entry" if count == 1 else f"{count:,} entries"


def number(found: float) -> str:
    """A figure for reading: three digits that count."""
    if found >= 100:
        return f"{found:,.0f}"
    return f"{found:.1f}" if found >= 10 else f"{found:.2g}"


def _times(ratio: float) -> str:
    return f"{number(ratio)} times"


def _share(part: int, whole: int) -> str:
    return f"{number(100 * part / whole)} %" if part else "none"


def with_unit(figure: str, unit: str) -> str:
    """A figure, or a range of figures, as it is written with a unit."""
    return f"{figure} {unit}" if unit and unit != "%" else f"{figure}{unit}"


def _level(template: Template) -> str:
    return f" {template.severity}" if template.severity in _LOUD else ""


_LOUD = frozenset(["warning", "error", "critical", "alert", "emergency"])


def place_of(template: Template, at: int) -> str:
    """Which position it is: its number from 1, and the word before it."""
    before = ""
    seen = -1
    for token in template.tokens:
        if token.strip() == VARIABLE:
            seen += 1
            if seen == at:
                break
        elif any(letter.isalnum() for letter in token):
            before = token.strip()
    return f'position {at + 1} (after "{short(before)}")' if before else f"position {at + 1}"
