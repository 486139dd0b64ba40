"""Entries as the columns of Arrow record batches: packed texts without an object for each. Needs pyarrow."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import pyarrow as pa

from logleap.codecs.packed.columns import arrow_buffers
from logleap.domain.entries import Entries, PackedEntries

TIME = pa.timestamp("us", tz="UTC")

Column: TypeAlias = "pa.Array[Any]"


def times(parts: Iterable[Entries]) -> Column:
    """The times of all parts, one behind the other."""
    micros = array("q")
    for part in parts:
        micros.extend(part.micros)
    # As they lie in memory: Arrow's are 64-bit numbers in the machine's order, too.
    return pa.Array.from_buffers(TIME, len(micros), [None, pa.py_buffer(micros)])


def messages(parts: Sequence[Entries]) -> Column:
    """The messages of all parts, one behind the other."""
    return _texts(parts, lambda entries: entries.messages, lambda packed: packed.message_spans)


def contexts(parts: Sequence[Entries]) -> Column:
    """The contexts of all parts, one behind the other."""
    return _texts(parts, lambda entries: entries.contexts, lambda packed: packed.context_spans)


def _texts(
    parts: Sequence[Entries],
    texts_of: Callable[[Entries], Sequence[str | None]],
    spans_of: "Callable[[PackedEntries], array[int]]",
) -> Column:
    packed = [entries for entries in parts if isinstance(entries, PackedEntries)]
    if len(packed) < len(parts):
        return pa.array(list(chain.from_iterable(map(texts_of, parts))), pa.string())
    offsets, texts, valid, missing = arrow_buffers([(entries.texts, spans_of(entries)) for entries in packed])
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), len(offsets) // 4 - 1, buffers, missing)
