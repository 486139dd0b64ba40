"""What stands behind a file's clock times: parts of the time, or the text's first words. The sample tells."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._times.forms import Behind
from logleap.client.logfiles._times.zones import ABBREVIATIONS, is_offset_in_use, offset_minutes

# Of the lines with a time: from MOST on, it belongs to the time; up to FEW it is text; between them nobody
# can tell.
MOST, FEW = 0.9, 0.1

_FOUR = re.compile(r" [+-]\d{4}")
_TWO = re.compile(r" [+-]\d\d")

_WHAT = {
    "ampm": ("AM/PM", "%p"),
    "abbreviation": ("a time zone", "%Z"),
    "four_digits": ("an offset", "%z"),
    "two_digits": ("an offset", "%z"),
    "year": ("a year", "%Y"),
}


KINDS = tuple(_WHAT)


@dataclass(slots=True)
class _Kind:
    """The texts of one kind that were seen, and the first line with one."""

    texts: Counter[str] = field(default_factory=Counter)
    line: int = 0
    shown: str = ""


class Seen:
    """Counts what stands behind the times of a sample's lines."""

    def __init__(self) -> None:
        self._kinds = {name: _Kind() for name in _WHAT}
        self._lines = 0

    def add(self, found: "re.Match[str]", number: int) -> None:
        """One line's time, found with all that may stand behind it."""
        self._lines += 1
        for name in kinds_of(found):
            kind = self._kinds[name]
            text = found["p"] if name == "ampm" else found["year"] if name == "year" else found["z"]
            kind.texts[text.strip()] += 1
            if not kind.line:
                kind.line, kind.shown = number, found["time"]

    def decide(self) -> tuple[Behind, frozenset[str]]:
        """What belongs to the time, and of which kinds none was seen. Raises `Undecided`."""
        chosen = {name: self._belongs(name, kind) for name, kind in self._kinds.items()}
        return Behind(**chosen), frozenset(name for name, kind in self._kinds.items() if not kind.line)

    def _belongs(self, name: str, kind: _Kind) -> bool:
        share = kind.texts.total() / self._lines if self._lines else 0
        if share <= FEW:
            return False
        if name in {"four_digits", "two_digits"}:
            offsets = {offset_minutes_or_none(text) for text in kind.texts}
            if None in offsets:
                return False  # one of them cannot be an offset: then none is
            if len(offsets) > 2:
                raise Undecided(name, kind.line, kind.shown, "they differ too much for offsets")
        if name == "year" and len(kind.texts) > 20:
            raise Undecided(name, kind.line, kind.shown, "they differ too much for years")
        if share < MOST:
            raise Undecided(name, kind.line, kind.shown, "only some of the lines have it")
        return True


def offset_minutes_or_none(text: str) -> int | None:
    """The minutes of an offset that is in use somewhere."""
    try:
        minutes = offset_minutes(text)
    except ValueError:
        return None
    return minutes if is_offset_in_use(minutes) else None


class Undecided(BadLine):
    """Whether something belongs to the time cannot be told."""

    def __init__(self, kind: str, line: int, time: str, why: str) -> None:
        self.line = line
        what, directive = _WHAT[kind]
        super().__init__(
            f"in {time!r} {what} ({directive}) may stand behind the time, or text: {why}. Name the form with "
            f"--timestamp-format, with {directive} or without"
        )


def kinds_of(found: "re.Match[str]") -> Sequence[str]:
    """Which of the doubtful kinds stand behind a time."""
    groups = found.re.groupindex
    kinds = []
    if "p" in groups and found["p"]:
        kinds.append("ampm")
    if "year" in groups and found["year"]:
        kinds.append("year")
    zone = found["z"] if "z" in groups else None
    if zone:
        if zone.strip() in ABBREVIATIONS:
            kinds.append("abbreviation")
        elif _FOUR.fullmatch(zone):
            kinds.append("four_digits")
        elif _TWO.fullmatch(zone):
            kinds.append("two_digits")
    return kinds


def first_seen(kind: str, time: str) -> BadLine:
    """What to say of a line that is the first to have something behind its time."""
    what, directive = _WHAT[kind]
    return BadLine(
        f"in {time!r} {what} may stand behind the time, which no line at the file's beginning has. Name the "
        f"form with --timestamp-format, with {directive} or without"
    )
