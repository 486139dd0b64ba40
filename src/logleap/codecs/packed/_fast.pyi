from array import array
from collections.abc import Sequence

def unpack(data: bytes, /) -> tuple[bytes, bytes, bytes, bytes | None] | None:
    """The times, the spans of the messages and of the contexts in `data`, and the indexes that they had.

    `data` is msgpack: a list of the times (bytes: 64-bit integers, the lowest byte first), the messages and
    the contexts. The entries come in the time order, equal ones in that of `data`; the indexes are None if
    they were in it already. None: `data` is something else, or has more than 2 GiB.
    """

def unpack_as_stored(data: bytes, /) -> tuple[bytes, bytes, bytes, None] | None:
    """The same, but the entries come in the order of `data`."""

def arrow(parts: list[tuple[bytes, array[int]]], /) -> tuple[bytes, bytes, bytes | None, int]:
    """Texts, each part's given by its spans, as Arrow's buffers of a string column.

    These are the offsets, the texts, the bitmap of those that are there (None: all), and the number of those
    that are not. Raises OverflowError above 2 GiB, ValueError for a span outside of its texts.
    """

def lines(
    json: bool,
    texts: bytes,
    micros: array[int],
    messages: array[int],
    contexts: array[int],
    batch_ids: Sequence[str],
    sequences: Sequence[int],
    /,
) -> bytes:
    """Entries as lines of NDJSON or, if not `json`, of CSV. Raises ValueError for columns that do not fit."""
