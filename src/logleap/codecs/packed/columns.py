"""What is compiled for packed entries; without it there are none, and texts are objects on their way."""

from array import array
from collections.abc import Sequence

from logleap.domain.entries import PackedEntries, PlacedEntries

try:
    from logleap.codecs.packed import _fast
except ImportError:
    COMPILED = False
else:
    COMPILED = True


def unpacked(data: bytes) -> tuple[PackedEntries, "array[int] | None"] | None:
    """The entries of a batch in the time order, and the indexes that they had, if it was another order.

    `data` is msgpack: a list of the times (64-bit integers, the lowest byte first), the messages, and the
    contexts. None: it cannot be read so.
    """
    found = _fast.unpack(data) if COMPILED else None
    if found is None:
        return None
    micros, messages, contexts, order = found
    entries = PackedEntries(
        array("q", micros), data, array("q", messages), array("q", contexts), ordered=True
    )
    return entries, None if order is None else array("q", order)


def unpacked_as_stored(data: bytes) -> PackedEntries | None:
    """The same entries in the order of `data`."""
    found = _fast.unpack_as_stored(data) if COMPILED else None
    if found is None:
        return None
    micros, messages, contexts, _ = found
    return PackedEntries(array("q", micros), data, array("q", messages), array("q", contexts))


def json_lines(placed: PlacedEntries) -> bytes | None:
    """Packed entries as lines of NDJSON. None: they are not packed."""
    return _lines(placed, json=True)


def csv_lines(placed: PlacedEntries) -> bytes | None:
    """Packed entries as lines of CSV. None: they are not packed."""
    return _lines(placed, json=False)


def _lines(placed: PlacedEntries, *, json: bool) -> bytes | None:
    entries = placed.entries
    if not isinstance(entries, PackedEntries):
        return None
    spans = entries.message_spans, entries.context_spans
    return _fast.lines(json, entries.texts, entries.micros, *spans, placed.batch_ids, placed.sequences)


def arrow_buffers(parts: "Sequence[tuple[bytes, array[int]]]") -> tuple[bytes, bytes, bytes | None, int]:
    """Texts, given by their spans, as Arrow's buffers: offsets, texts, which are there, how many are not.

    Raises OverflowError above 2 GiB.
    """
    return _fast.arrow(list(parts))
