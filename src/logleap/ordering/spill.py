"""Ordered entries in a temporary file, and back, some at a time."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from logleap.domain.entries import Entries, PackedEntries, PlacedEntries
from logleap.ordering.scratch import ScratchFile

BLOCK_ENTRIES = 1_000
BLOCK_BYTES = 256 * 1024
"""What is read back at once has no more than either, but for a single long entry."""

_NONE = -1  # in place of a text's length
_OVERHEAD = 200
_OVERHEAD_PACKED = 64
"""Bytes of memory that an entry takes besides its texts, about: as an object for each text, and packed."""


def weight(placed: PlacedEntries) -> int:
    """About how many bytes of memory these entries take."""
    entries = placed.entries
    if isinstance(entries, PackedEntries):
        return len(entries.texts) + _OVERHEAD_PACKED * len(placed)
    texts = sum(map(len, entries.messages)) + sum(len(text) for text in entries.contexts if text is not None)
    return texts + _OVERHEAD * len(placed)


def spill(file: ScratchFile, placed: PlacedEntries) -> Iterator[PlacedEntries]:
    """Write the entries to the file; what is returned reads them back, in the same order."""
    places = []
    for start, end in _blocks(placed):
        data = _encode(placed.part(start, end))
        places.append((file.size, len(data)))
        file.append(data)
    return (_decode(file.read(place, size)) for place, size in places)


def _blocks(placed: PlacedEntries) -> Iterator[tuple[int, int]]:
    start = size = 0
    messages, contexts = placed.entries.messages, placed.entries.contexts
    for end, (message, context) in enumerate(zip(messages, contexts, strict=True)):
        size += len(message) + len(context or "")
        if end > start and (size > BLOCK_BYTES or end - start == BLOCK_ENTRIES):
            yield start, end
            start, size = end, len(message) + len(context or "")
    yield start, len(placed)


def _encode(placed: PlacedEntries) -> bytes:
    entries = placed.entries
    count = len(placed)
    columns: list[Sequence[str | None]] = [entries.messages, entries.contexts, placed.batch_ids]
    lengths = array(
        "q", (_NONE if text is None else len(text) for column in columns for text in column)
    ).tobytes()
    text = "".join(text for column in columns for text in column if text is not None).encode()
    sequences = array("q", placed.sequences).tobytes()
    return b"".join((array("q", [count]).tobytes(), entries.micros.tobytes(), sequences, lengths, text))


def _decode(data: bytes) -> PlacedEntries:
    word = array("q").itemsize
    count = array("q", data[:word])[0]
    numbers = array("q", data[word : word * (1 + 5 * count)])
    micros, sequences, lengths = numbers[:count], numbers[count : 2 * count], numbers[2 * count :]
    text = data[word * (1 + 5 * count) :].decode()
    ends = accumulate((max(length, 0) for length in lengths), initial=0)
    texts = [text[start:end] for start, end in pairwise(ends)]
    contexts = [
        None if length == _NONE else context
        for length, context in zip(lengths[count : 2 * count], texts[count : 2 * count], strict=True)
    ]
    return PlacedEntries(Entries(micros, texts[:count], contexts), texts[2 * count :], sequences)
