"""What a report tells about a data set's entries, and its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LISTED = 10
"""How many gaps, messages and entries each list of a report has at most."""

TEXT = 200
"""How many characters of a text a report shows."""


def excerpt(text: str) -> str:
    """The text, or its first 200 characters and "…" if it is longer. 201 characters are enough to tell."""
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"


@dataclass(frozen=True, slots=True)
class Gap:
    """Two times between which there is no entry, while there is one at each."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Span:
    """How many entries there are from `start` on, until as long afterwards as the histogram's spans are."""

    start: datetime
    entries: int


@dataclass(frozen=True, slots=True)
class FrequentMessage:
    """An excerpt of a message, and how many entries have this message."""

    text: str
    entries: int


@dataclass(frozen=True, slots=True)
class LargeEntry:
    """An entry where it stands. `size` is that of message and context, in bytes of UTF-8."""

    size: int
    batch_id: str
    sequence: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a person wants to know of a data set before paying for its training. Times are UTC.

    `gaps` are the longest, longest first, of all that are longer than `gap_resolution`.
    `out_of_order` counts the entries that are earlier than the one before them in their batch.
    `duplicates` counts the entries without which no two would agree in timestamp, message and context. If
    they are not `duplicates_complete`, there may be more.
    `frequent` are the messages of the most entries, most first. Each may be in up to `frequent_missed` more
    entries than told, and so may a message that is not listed.
    `largest` are the largest entries, largest first.
    `histogram` has the spans of `histogram_width` that have entries, in ascending order.
    """

    entries: int
    first: datetime | None
    last: datetime | None
    gaps: Sequence[Gap]
    gap_resolution: timedelta
    out_of_order: int
    duplicates: int
    duplicates_complete: bool
    frequent: Sequence[FrequentMessage]
    frequent_missed: int
    largest: Sequence[LargeEntry]
    histogram: Sequence[Span]
    histogram_width: timedelta
