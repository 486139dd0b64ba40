"""Entries as Polars' columns."""

from array import array
from collections.abc import Callable, Sequence
from itertools import chain

import polars as pl
import pyarrow as pa

from logleap.codecs.packed.columns import arrow_buffers
from logleap.domain.entries import Entries, PackedEntries


def times_of(parts: Sequence[Entries]) -> pl.Series:
    """The times, in microseconds since 1970."""
    micros = array("q")
    for entries in parts:
        micros.extend(entries.micros)
    return _series(pa.Array.from_buffers(pa.int64(), len(micros), [None, pa.py_buffer(micros)]))


def messages_of(parts: Sequence[Entries]) -> pl.Series:
    """The messages."""
    return _texts(parts, lambda entries: entries.messages, lambda packed: packed.message_spans)


def contexts_of(parts: Sequence[Entries]) -> pl.Series:
    """The contexts: null where there is none."""
    return _texts(parts, lambda entries: entries.contexts, lambda packed: packed.context_spans)


def text_size(entries: Entries) -> int:
    """About how many bytes their texts take."""
    if isinstance(entries, PackedEntries):
        return len(entries.texts)
    return sum(map(len, entries.messages)) + sum(len(text) for text in entries.contexts if text is not None)


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
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(texts)]
    return _series(pa.Array.from_buffers(pa.string(), len(offsets) // 4 - 1, buffers, missing))


def _series(column: "pa.Array[pa.Scalar[pa.DataType]]") -> pl.Series:
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)  # noqa: S101 -- for the type checker: of a column it is no frame
    return series
