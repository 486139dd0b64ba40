"""Entries as Polars' columns."""

from array import array
from collections.abc import Callable, Sequence
from itertools import chain

import polars as pl
from nanoarrow import c_array_from_buffers, int64, string

from logleap.codecs.packed.columns import arrow_buffers
from logleap.domain.entries import Entries, PackedEntries


def times_of(parts: Sequence[Entries]) -> pl.Series:
    """The times, in microseconds since 1970."""
    micros = array("q")
    for entries in parts:
        micros.extend(entries.micros)
    return pl.Series(c_array_from_buffers(int64(), len(micros), [None, micros]))


def messages_of(parts: Sequence[Entries]) -> pl.Series:
    """The messages."""
    return _texts(parts, lambda entries: entries.messages, lambda packed: packed.message_spans)


def contexts_of(parts: Sequence[Entries]) -> pl.Series:
    """The contexts: null where there is none."""
    return _texts(parts, lambda entries: entries.contexts, lambda packed: packed.context_spans)


def _texts(
    parts: Sequence[Entries],
    texts_of: Callable[[Entries], Sequence[str | None]],
    spans_of: "Callable[[PackedEntries], array[int]]",
) -> pl.Series:
    packed = [entries for entries in parts if isinstance(entries, PackedEntries)]
    if len(packed) < len(parts):
        return pl.Series(list(chain.from_iterable(map(texts_of, parts))), dtype=pl.String)
    spans = [(entries.texts, spans_of(entries)) for entries in packed]
    offsets, texts, valid, missing = arrow_buffers(spans)
    count = len(offsets) // 4 - 1
    return pl.Series(c_array_from_buffers(string(), count, [valid, offsets, texts], null_count=missing))
