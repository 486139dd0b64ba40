"""Two weeks of the sample's application, the second with changes planted: which ones a comparison finds."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from logleap.client.sample.orderline import Line, order_line
from logleap.client.sample.planted import PLANTS, Planted, plant
from logleap.miner.compare import Change, Changes, compare
from logleap.miner.mask import Masks
from logleap.miner.model import LogModel
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


def pair(seed: int, number: int) -> Pair:
    """The pair of this seed, with so many changes, all of different names."""
    chosen = sorted(PLANTS)
    Random(seed).shuffle(chosen)
    baseline = model_of(order_line(2 * seed))
    line, planted = plant(chosen[:number], 2 * seed + 1)
    return Pair(seed, planted, compare(baseline, model_of(line, baseline)))
