"""Two weeks of the sample's application, the second with changes planted: which ones a comparison finds."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from logleap.client.sample.orderline import Line, order_line
from logleap.client.sample.planted import PLANTS, Planted, plant
from logleap.miner.compare import Change, Changes, compare
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train

FIRST = 10
"""Among so many changes a planted one must be."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Block:
    """A log's entries by column."""

    micros: Sequence[int]
    messages: Sequence[str]
    contexts: Sequence[str | None]


@dataclass(frozen=True)
class Pair:
    """What was planted, and what was found."""

    seed: int
    planted: Sequence[Planted]
    changes: Changes

    @property
    def found(self) -> Sequence[Planted]:
        """What was planted and is among the first changes."""
        first = self.changes.changes[:FIRST]
        return [planted for planted in self.planted if any(shows(change, planted) for change in first)]


def shows(change: Change, planted: Planted) -> bool:
    """Whether the change is that which was planted."""
    if change.kind != planted.kind:
        return False
    if change.kind == "severity":
        return change.severity == planted.severity
    # Of the message up to where it may be variable.
    beginning = (change.text or "").partition("<*>")[0]
    return change.severity == planted.severity and (
        planted.message.startswith(beginning) or beginning.startswith(planted.message)
    )


def model_of(line: Line, baseline: LogModel | None = None) -> LogModel:
    """The log model of what the application logged."""
    entries = list(line.entries())
    micros = [(when - _EPOCH) // timedelta(microseconds=1) for when, _ in entries]
    block = Block(micros, [message for _, message in entries], [None] * len(entries))
    return train([block], masks=Masks(), open_file=tempfile.TemporaryFile, baseline=baseline)


def pair(seed: int, number: int, baseline: LogModel | None = None) -> Pair:
    """The pair of this seed, with so many changes, all of different names. Its first week is that of the
    `baseline`, if there is one already.
    """
    chosen = sorted(PLANTS)
    Random(seed).shuffle(chosen)
    if baseline is None:
        baseline = model_of(order_line(2 * seed))
    line, planted = plant(chosen[:number], 2 * seed + 1)
    return Pair(seed, planted, compare(baseline, model_of(line, baseline)))


@dataclass(frozen=True)
class Score:
    """Of many pairs."""

    pairs: Sequence[Pair]

    @property
    def recall(self) -> float:
        """The share of what was planted that is among the first changes."""
        return sum(len(pair.found) for pair in self.pairs) / sum(len(pair.planted) for pair in self.pairs)

    @property
    def quiet(self) -> float:
        """Of the pairs without a change, the share that reports at most one."""
        unchanged = [pair for pair in self.pairs if not pair.planted]
        return sum(len(pair.changes.changes) <= 1 for pair in unchanged) / len(unchanged)

    def of(self, name: str) -> tuple[int, int]:
        """How many changes of that name were planted, and how many of these found."""
        planted = sum(planted.name == name for pair in self.pairs for planted in pair.planted)
        return planted, sum(found.name == name for pair in self.pairs for found in pair.found)
