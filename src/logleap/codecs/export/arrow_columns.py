"""Entries as the columns of Arrow record batches: packed texts without an object for each. Needs pyarrow."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import pyarrow as pa

from logleap.codecs.packed.columns import arrow_buffers
from logleap.domain.entries import Entries, PackedEntries, PlacedEntries

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


def batch_ids(parts: Iterable[PlacedEntries]) -> Column:
    """The batches of all parts' entries, one behind the other."""
    return _joined([_ids(part.batch_ids) for part in parts])


def sequences(parts: Iterable[PlacedEntries]) -> Column:
    """The sequence numbers of all parts' entries, one behind the other."""
    return _joined([_numbers(part.sequences) for part in parts])


def _joined(columns: Sequence[Column]) -> Column:
    return columns[0] if len(columns) == 1 else pa.concat_arrays(columns)


def _ids(ids: Sequence[str]) -> Column:
    same = ids[0] == ids[-1] and ids.count(ids[0]) == len(ids)
    return pa.repeat(ids[0], len(ids)) if same else pa.array(ids, pa.string())


def _numbers(numbers: Sequence[int]) -> Column:
    if isinstance(numbers, range) and numbers.step == 1:
        found: Column = pa.arange(numbers.start, numbers.stop)  # type: ignore[attr-defined]
        return found
    return pa.array(numbers, pa.int64())


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
