"""How well a comparison finds changes: planted ones, and in logs that nobody here wrote (of part `model`).

The logs are those of LogHub (github.com/logpai/loghub, 2,000 lines each, with their true events), which are
no part of this repository: `LOGHUB` names the folder with their `*_2k.log_structured.csv`.
"""

import csv
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.iterations import Iterations
from benchmarks.planted_pairs import FIRST, Block, Score, pair
from benchmarks.report.results import Findings, Table, Target, at_least, skipped
from logleap.client.sample.planted import PLANTS
from logleap.miner.compare import Changes, compare
from logleap.miner.match import Matcher
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train

FOLDER = "LOGHUB"
"""The environment variable with the folder of the logs."""

_PAIRS = 200
_SEEDS = 1000  # the first one: not those that were looked at while the comparison was written
_BLOCKS = (50, 100, 200)  # lines
_NEW_AIM, _CALM_AIM, _RECALL_AIM, _QUIET_AIM = 0.85, 0.95, 0.95, 0.9


def run(iterations: Iterations) -> Findings:
    """All of it."""
    planted = _planted(min(_PAIRS, iterations.many_entries // 25_000))
    real = _real()
    return Findings([*planted.targets, *real.targets], [*planted.tables, *real.tables])


def _planted(number: int) -> Findings:
    score = Score([pair(_SEEDS + at, at % 4) for at in range(number)])
    rows = [(name, *map(str, score.of(name))) for name in PLANTS]
    unchanged = Counter(len(pair.changes.changes) for pair in score.pairs if not pair.planted)
    spread = ", ".join(f"{count} × {changes}" for changes, count in sorted(unchanged.items()))
    return Findings(
        [
            at_least(f"planted changes among the first {FIRST}", score.recall, _RECALL_AIM),
            at_least("pairs without a change that report at most one", score.quiet, _QUIET_AIM),
        ],
        [
            Table(
                "Planted changes",
                ("change", "planted", "found"),
                rows,
                f"{number} pairs of weeks of the sample's application, the second with 0 to 3 changes. "
                f"Changes reported in the pairs without one (pairs × changes): {spread}.",
            )
        ],
    )


@dataclass(frozen=True)
class _Line:
    time: int
    message: str
    context: str | None
    event: str


def _real() -> Findings:
    folder = os.environ.get(FOLDER)
    files = sorted(Path(folder).glob("*_2k.log_structured.csv")) if folder else []
    if not files:
        why = f"{FOLDER} names no folder with LogHub's logs"
        return Findings(
            [
                skipped("templates without an alarm between blocks of one log", f"≥ {_CALM_AIM}", why),
                skipped("new templates of the second half, F1", f"≥ {_NEW_AIM}", why),
            ]
        )
    rows, calm, f1 = [], [], []
    for file in files:
        lines = _lines(file)
        shares = [_calm(lines, block) for block in _BLOCKS]
        found = _new(lines)
        calm += shares
        f1.append(found)
        name = file.name.partition("_")[0]
        rows.append((name, *[f"{share:.3f}" for share in shares], f"{found:.3f}"))
    targets: list[Target] = [
        at_least(
            "templates without an alarm between blocks of one log", min(calm), _CALM_AIM, "the worst of all"
        ),
        at_least("new templates of the second half, F1", mean(f1), _NEW_AIM, "mean of the logs"),
    ]
    header = ("log", *[f"calm, {block} lines" for block in _BLOCKS], "new, F1")
    note = (
        "Calm: the log is cut into blocks of so many lines, every second one is compared with those between; "
        "the share of the templates that are not reported as gone or shifted. New, F1: the second half of "
        "the log compared with the first; templates reported as new against events that are new."
    )
    return Findings(targets, [Table("Changes in LogHub's logs", header, rows, note)])


def _lines(file: Path) -> list[_Line]:
    with file.open(encoding="utf-8", newline="") as text:
        # The logs write times in sixteen ways, and some none: a line counts as a second.
        return [
            _Line(at * 1_000_000, row["Content"], _context(row.get("Level")), row["EventId"])
            for at, row in enumerate(csv.DictReader(text))
        ]


def _context(level: str | None) -> str | None:
    return f'{{"level":"{level}"}}' if level and level.isalnum() else None


def _calm(lines: Sequence[_Line], block: int) -> float:
    halves = [[line for at, line in enumerate(lines) if at // block % 2 == half] for half in (0, 1)]
    baseline, current, changes = _compared(*halves)
    alarms = sum(change.kind in ("gone", "shifted") for change in changes.changes)
    return 1 - alarms / len(baseline.by_id.keys() | current.by_id.keys())


def _new(lines: Sequence[_Line]) -> float:
    """F1 of the templates reported as new; 1 where there are none, rightly."""
    before, after = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    _, current, changes = _compared(before, after)
    truly_new = {line.event for line in after} - {line.event for line in before}
    templates = Matcher(current, Masks()).templates(
        [line.message for line in after], [line.context for line in after]
    )
    events: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    for template, line in zip(templates, after, strict=True):
        events[template][line.event] += 1
    # A template is of the event that most of its lines are of.
    reported = [
        events[change.template].most_common(1)[0][0] for change in changes.changes if change.kind == "new"
    ]
    if not reported and not truly_new:
        return 1.0
    right = sum(event in truly_new for event in reported)
    precision = right / len(reported) if reported else 0.0
    recall = len(truly_new.intersection(reported)) / len(truly_new) if truly_new else 0.0
    return 2 * precision * recall / (precision + recall) if right else 0.0


def _compared(before: Sequence[_Line], after: Sequence[_Line]) -> tuple[LogModel, LogModel, Changes]:
    baseline = _model(before, None)
    current = _model(after, baseline)
    return baseline, current, compare(baseline, current)


def _model(lines: Sequence[_Line], baseline: LogModel | None) -> LogModel:
    block = Block(
        [line.time for line in lines], [line.message for line in lines], [line.context for line in lines]
    )
    return train([block], masks=Masks(), open_file=tempfile.TemporaryFile, baseline=baseline)
