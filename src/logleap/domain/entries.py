"""Entries, the receipts that acknowledge them, and the manifest that a training reads through."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, overload

from logleap.domain.errors import EntryError
from logleap.domain.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry.

    `timestamp` is in UTC, to the microsecond, within the years 1 to 9999 (BigQuery's TIMESTAMP:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#timestamp_type).
    `message` is never empty. `context` is text: as sent if it was a string, else JSON text.
    """

    timestamp: datetime
    message: str
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Entries(Sequence[Entry]):
    """Many entries, by column, all of equal length. As a sequence, it is one of `Entry`.

    An object for each entry would cost more than all else that is done with it on its way to the store.
    """

    micros: "array[int]"
    """The timestamps, in microseconds since 1970 (UTC), of type code `q`: as BigQuery has them."""
    messages: list[str]
    contexts: list[str | None]
    known_ends: tuple[int, int] | None = field(default=None, repr=False, compare=False)
    """What `ends` answers, where whoever made the columns has found it on the way."""

    def ends(self) -> tuple[int, int]:
        """The times of the earliest and the latest entry. Raises IndexError if there are none."""
        if self.known_ends is None:
            ordered = sorted(self.micros)  # two thirds quicker than min and max, as most logs are in order
            object.__setattr__(self, "known_ends", (ordered[0], ordered[-1]))
        assert self.known_ends is not None  # noqa: S101 -- for mypy
        return self.known_ends

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Entries":
        """The same entries by column: without copying, if they are already."""
        if isinstance(entries, cls):
            return entries
        return cls(
            array("q", [to_micros(entry.timestamp) for entry in entries]),
            [entry.message for entry in entries],
            [entry.context for entry in entries],
        )

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry, map(from_micros, self.micros), self.messages, self.contexts)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> "Entries": ...
    def __getitem__(self, at: int | slice) -> "Entry | Entries":
        if isinstance(at, slice):
            return Entries(self.micros[at], self.messages[at], self.contexts[at])
        return Entry(from_micros(self.micros[at]), self.messages[at], self.contexts[at])


NO_TEXT = -1
"""In place of a span."""


class PackedEntries(Entries):
    """The same, its texts still UTF-8 in one piece of memory: each list is made when it is first wanted.

    So entries pass from the store to whoever writes them down without an object for each.
    """

    __slots__ = ("context_spans", "message_spans", "ordered", "texts")

    texts: bytes
    message_spans: "array[int]"
    """Of type code `q`: the place of a text's first byte in `texts`, shifted by 32 bits, and its bytes."""
    context_spans: "array[int]"
    """The same; NO_TEXT where there is none."""
    ordered: bool
    """Whether they are known to be in the time order."""

    def __init__(
        self,
        micros: "array[int]",
        texts: bytes,
        message_spans: "array[int]",
        context_spans: "array[int]",
        *,
        ordered: bool = False,
    ) -> None:
        for name, value in (
            ("micros", micros),
            ("texts", texts),
            ("message_spans", message_spans),
            ("context_spans", context_spans),
            ("ordered", ordered),
            ("known_ends", (micros[0], micros[-1]) if ordered and micros else None),
        ):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> list[str] | list[str | None]:
        """`messages` and `contexts` as lists, which are kept."""
        if name == "messages":
            texts = self._texts(self.message_spans)
        elif name == "contexts":
            texts = self._texts(self.context_spans)
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, texts)
        return texts

    def _texts(self, spans: "array[int]") -> list[str] | list[str | None]:
        return [self._text(span) for span in spans]

    def _text(self, span: int) -> Any:
        if span == NO_TEXT:
            return None
        start = span >> 32
        return self.texts[start : start + (span & 0xFFFFFFFF)].decode()

    def __len__(self) -> int:
        return len(self.micros)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> "PackedEntries": ...
    def __getitem__(self, at: int | slice) -> "Entry | PackedEntries":
        if isinstance(at, slice):
            spans = self.message_spans[at], self.context_spans[at]
            ordered = self.ordered and (at.step or 1) > 0
            return type(self)(self.micros[at], self.texts, *spans, ordered=ordered)
        message, context = self._text(self.message_spans[at]), self._text(self.context_spans[at])
        return Entry(from_micros(self.micros[at]), message, context)

    @staticmethod
    def merged(parts: "Sequence[PlacedEntries]") -> "PlacedEntries | None":
        """The entries of all parts, each of packed entries in the time order, together in it, each once.

        None: here there is no quicker way than by the lists.
        """
        return None


def in_columns(rows: "Iterable[Row]", size: int = 1_000) -> Iterator[Entries]:
    """The entries of rows by column, `size` at a time."""
    entries = (row.entry for row in rows)
    while part := list(islice(entries, size)):
        yield Entries.of(part)


class BodyPart(NamedTuple):
    """Some entries of a body as they were read, good and bad: the first of all has the index `start`."""

    start: int
    entries: Sequence[Entry]
    errors: Sequence[EntryError]


class Row(NamedTuple):
    """An entry where it stands: the `sequence`-th entry (from 0) of the batch `batch_id`."""

    batch_id: str
    sequence: int
    entry: Entry


Wanted = Callable[[int, int], bool]
"""Whether entries from one time to another (microseconds since 1970, both included) are of use."""


@dataclass(frozen=True, slots=True)
class PlacedEntries:
    """Entries by column, and where each stands: in which batch, and with which sequence number."""

    entries: Entries
    batch_ids: Sequence[str]
    sequences: Sequence[int]

    @classmethod
    def of_batch(cls, batch_id: str, first: int, entries: Entries) -> "PlacedEntries":
        """Entries that follow one another in a batch, from the sequence number `first` on."""
        return cls(entries, [batch_id] * len(entries), range(first, first + len(entries)))

    @classmethod
    def joined(cls, parts: Sequence["PlacedEntries"]) -> "PlacedEntries":
        """All entries of the parts, in their order: without copying, if there is one part."""
        if len(parts) == 1:
            return parts[0]
        entries = Entries(array("q"), [], [])
        batch_ids: list[str] = []
        sequences: list[int] = []
        for part in parts:
            entries.micros.extend(part.entries.micros)
            entries.messages.extend(part.entries.messages)
            entries.contexts.extend(part.entries.contexts)
            batch_ids.extend(part.batch_ids)
            sequences.extend(part.sequences)
        return cls(entries, batch_ids, sequences)

    @classmethod
    def in_blocks(cls, rows: Iterable[Row], size: int = 1_000) -> Iterator["PlacedEntries"]:
        """Rows by column, `size` at a time."""
        rows = iter(rows)
        while part := list(islice(rows, size)):
            yield cls.of_rows(part)

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> "PlacedEntries":
        """These rows by column."""
        entries = Entries.of([row.entry for row in rows])
        return cls(entries, [row.batch_id for row in rows], [row.sequence for row in rows])

    def __len__(self) -> int:
        return len(self.batch_ids)

    def part(self, start: int, end: int) -> "PlacedEntries":
        """Those from `start` to before `end`: without copying, if these are all."""
        if start == 0 and end == len(self.batch_ids):
            return self
        return PlacedEntries(self.entries[start:end], self.batch_ids[start:end], self.sequences[start:end])

    def picked(self, indexes: Sequence[int]) -> "PlacedEntries":
        """Those at these indexes, in their order."""
        entries = self.entries
        return PlacedEntries(
            Entries(
                array("q", map(entries.micros.__getitem__, indexes)),
                list(map(entries.messages.__getitem__, indexes)),
                list(map(entries.contexts.__getitem__, indexes)),
            ),
            list(map(self.batch_ids.__getitem__, indexes)),
            list(map(self.sequences.__getitem__, indexes)),
        )

    def rows(self) -> Iterator[Row]:
        """One by one."""
        return map(Row, self.batch_ids, self.sequences, self.entries)


@dataclass(frozen=True, slots=True)
class Batch:
    """The entries of one upload request share a batch; its id is made anew for each request."""

    dataset_id: str
    owner: str
    batch_id: str


class TimeRange(NamedTuple):
    """From the earliest to the latest entry of some, both included, in UTC."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a batch is in the data set: it exists exactly for the batches that are.

    `key` is the client's idempotency key, or the batch's id where it sent none: unique in a data set.
    `sha256` (hex) is the digest of the decoded body, to tell a retry from a key used twice. `times` are those
    of its entries: for `ReceiptLedger.times`, and no part of the proof, so a ledger need not give it back.
    """

    dataset_id: str
    batch_id: str
    key: str
    entries: int
    sha256: str
    created_at: datetime
    times: TimeRange | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a data set's receipts add up to."""

    entries: int
    batches: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The batches that make up a data set, with the number of entries of each, as its receipts tell."""

    dataset_id: str
    batches: Mapping[str, int]

    @property
    def entries(self) -> int:
        """The number of entries that the receipts acknowledge."""
        return sum(self.batches.values())
