"""What a part of the benchmark found, and how it reads in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is to be reached. `measured` is None where it could not be measured: `note` says why."""

    name: str
    aim: str
    measured: float | None
    met: bool
    unit: str = ""
    note: str = ""

    def row(self) -> Sequence[str]:
        """Its row in the table of targets."""
        if self.measured is None:
            return self.name, self.aim, "–", "not measured", self.note
        return (
            self.name,
            self.aim,
            f"{figure(self.measured)}{self.unit}",
            "yes" if self.met else "**no**",
            self.note,
        )


def at_least(name: str, measured: float, aim: float, note: str = "", unit: str = "") -> Target:
    """A target from below."""
    return Target(name, f"≥ {aim:g}{unit}", measured, measured >= aim, unit, note)


def at_most(name: str, measured: float, aim: float, note: str = "", unit: str = "") -> Target:
    """A target from above."""
    return Target(name, f"≤ {aim:g}{unit}", measured, measured <= aim, unit, note)


def skipped(name: str, aim: str, why: str) -> Target:
    """A target that could not be measured here."""
    return Target(name, aim, None, met=False, note=why)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a line on how to read it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """It, with its title as a heading."""
        return "\n\n".join(filter(None, [f"### {self.title}", self.note, table(self.header, self.rows)]))


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one part: the targets it decides, and its tables."""

    targets: Sequence[Target] = ()
    tables: Sequence[Table] = field(default_factory=list)


TARGETS_HEADER = ("what", "target", "measured", "met", "")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first to the right, except a last one without a heading."""
    ruler = ["---"] + ["--:" if name else "---" for name in header[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ruler, *rows))


def figure(value: float) -> str:
    """Three digits that count, with a comma for the thousands."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{figure(ratio)} ×"


def milliseconds(seconds: float) -> str:
    """A time."""
    return f"{figure(seconds * 1e3)} ms"


def mebibytes(size: float) -> str:
    """A size."""
    return f"{size / (1 << 20):,.0f} MiB"
