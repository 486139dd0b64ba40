"""Entries as the columns of Arrow record batches: packed texts without an object for each. Needs pyarrow."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, TypeAlias

import pyarrow as pa

from logleap.codecs.packed.columns import arrow_buffers
from logleap.domain.entries import Entries, PackedEntries

TIME = pa.timestamp("us", tz="UTC")

Column: TypeAlias = "pa.Array[Any]"


def memory(entries: Entries) -> int:
    """The bytes of memory that the texts take, about."""
    if isinstance(entries, PackedEntries):
        return len(entries.texts)
    return sum(map(len, entries.messages)) + sum(len(text) for text in entries.contexts if text is not None)


def times(parts: Iterable[Entries]) -> Column:
    """The times of all parts, one behind the other."""
    micros = array("q")
    for part in parts:
        micros.extend(part.micros)
    # As they lie in memory: Arrow's are 64-bit numbers in the machine's order, too.
    return pa.Array.from_buffers(TIME, len(micros), [None, pa.py_buffer(micros)])


def messages(parts: Sequence[Entries]) -> Column:
    """The messages of all parts, one behind the other."""
    return joined([*_messages(parts)])


def contexts(parts: Sequence[Entries]) -> Column:
    """The contexts of all parts, one behind the other."""
    return joined([*_contexts(parts)])


def joined(columns: Sequence[Column]) -> Column:
    """The columns one behind the other: without copying, if there is one."""
    return columns[0] if len(columns) == 1 else pa.concat_arrays(columns)


def _messages(parts: Sequence[Entries]) -> Iterator[Column]:
    for packed, others in _grouped(parts):
        if packed:
            yield _texts([(entries.texts, entries.message_spans) for entries in packed])
        else:
            yield pa.array(list(chain.from_iterable(entries.messages for entries in others)), pa.string())


def _contexts(parts: Sequence[Entries]) -> Iterator[Column]:
    for packed, others in _grouped(parts):
        if packed:
            yield _texts([(entries.texts, entries.context_spans) for entries in packed])
        else:
            yield pa.array(list(chain.from_iterable(entries.contexts for entries in others)), pa.string())


def _grouped(parts: Sequence[Entries]) -> Iterator[tuple[list[PackedEntries], list[Entries]]]:
    """The parts in their order: some that are packed, or some that are not."""
    for _, some in groupby(parts, type):
        group = list(some)
        packed = [entries for entries in group if isinstance(entries, PackedEntries)]
        yield packed, [] if packed else group


def _texts(spans: "Sequence[tuple[bytes, array[int]]]") -> Column:
    offsets, texts, valid, missing = arrow_buffers(spans)
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), len(offsets) // 4 - 1, buffers, missing)
