"""What is compiled for packed entries; without it there are none, and texts are objects on their way."""

from array import array
from collections.abc import Sequence

from logleap.domain.entries import Entries, PackedEntries, PlacedEntries

try:
    from logleap.codecs.packed import _fast
except ImportError:
    COMPILED = False
else:
    COMPILED = True


class CompiledEntries(PackedEntries):
    """Packed entries with lists and merges that are made by compiled functions."""

    __slots__ = ()

    def _texts(self, spans: "array[int]") -> list[str] | list[str | None]:
        return _fast.texts(self.texts, spans)

    @staticmethod
    def merged(parts: Sequence[PlacedEntries]) -> PlacedEntries | None:
        """As `PackedEntries.merged`."""
        found = _fast.merge([_columns_of(part) for part in parts])
        if found is None:
            return None
        texts, micros, messages, contexts, batch_ids, sequences = found
        entries = CompiledEntries(
            array("q", micros), texts, array("q", messages), array("q", contexts), ordered=True
        )
        return PlacedEntries(entries, batch_ids, array("q", sequences))


def _columns_of(
    part: PlacedEntries,
) -> "tuple[bytes, array[int], array[int], array[int], Sequence[str], Sequence[int]]":
    entries = part.entries
    if not isinstance(entries, PackedEntries):
        raise TypeError("these entries are not packed")
    spans = entries.message_spans, entries.context_spans
    return entries.texts, entries.micros, *spans, part.batch_ids, part.sequences


def unpacked(data: bytes) -> PackedEntries | None:
    """The entries of a batch in their order; `data` is as for `unpacked_in_order`."""
    found = _fast.unpack(data, False)
    if found is None:
        return None
    micros, messages, contexts, _ = found
    return CompiledEntries(array("q", micros), data, array("q", messages), array("q", contexts))


def unpacked_in_order(data: bytes) -> tuple[PackedEntries, "array[int] | None"] | None:
    """The entries of a batch in the time order, and the indexes that they had, if it was another order.

    `data` is msgpack: a list of the times (64-bit integers, the lowest byte first), the messages, and the
    contexts. None: it cannot be read so.
    """
    found = _fast.unpack(data, True)
    if found is None:
        return None
    micros, messages, contexts, order = found
    entries = CompiledEntries(
        array("q", micros), data, array("q", messages), array("q", contexts), ordered=True
    )
    return entries, None if order is None else array("q", order)


def json_lines(placed: PlacedEntries) -> bytes | None:
    """Packed entries as lines of NDJSON. None: they are not packed."""
    return _lines(placed, json=True)


def csv_lines(placed: PlacedEntries) -> bytes | None:
    """Packed entries as lines of CSV. None: they are not packed."""
    return _lines(placed, json=False)


def _lines(placed: PlacedEntries, *, json: bool) -> bytes | None:
    return _fast.lines(json, *_columns_of(placed)) if isinstance(placed.entries, PackedEntries) else None


def arrow_buffers(parts: "Sequence[tuple[bytes, array[int]]]") -> tuple[bytes, bytes, bytes | None, int]:
    """Texts, given by their spans, as Arrow's buffers: offsets, texts, which are there, how many are not.

    Raises OverflowError above 2 GiB.
    """
    return _fast.arrow(list(parts))


def text_size(entries: Entries) -> int:
    """About how many bytes of memory their texts take."""
    if isinstance(entries, PackedEntries):
        return len(entries.texts)
    return sum(map(len, entries.messages)) + sum(len(text) for text in entries.contexts if text is not None)
