from array import array
from collections.abc import Sequence

def unpack(data: bytes, in_order: bool, /) -> tuple[bytes, bytes, bytes, bytes | None] | None:
    """The times, the spans of the messages and of the contexts in `data`, and the indexes that they had.

    `data` is msgpack: a list of the times (bytes: 64-bit integers, the lowest byte first), the messages and
    the contexts. With `in_order` the entries come in the time order, equal ones in that of `data`; the
    indexes are None if they had that order already. None: `data` is something else, or has more than 2 GiB.
    """

def arrow(parts: list[tuple[bytes, array[int]]], /) -> tuple[bytes, bytes, bytes | None, int]:
    """Texts, each part's given by its spans, as Arrow's buffers of a string column.

    These are the offsets, the texts, the bitmap of those that are there (None: all), and the number of those
    that are not. Raises OverflowError above 2 GiB, ValueError for a span outside of its texts.
    It runs without the GIL: no thread may write to the spans meanwhile.
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

def texts(data: bytes, spans: array[int], /) -> list[str | None]:
    """The texts as objects. Raises ValueError for a span outside of `data`."""

def merge(
    parts: list[tuple[bytes, array[int], array[int], array[int], Sequence[str], Sequence[int]]], /
) -> tuple[bytes, bytes, bytes, bytes, list[str], bytes] | None:
    """The entries of all parts, each in the time order, together in it; one that is there twice comes once.

    A part is its texts, times, spans of the messages and of the contexts, batch ids and sequences, and so is
    what is returned. None: their texts have more than 2 GiB. Raises ValueError for columns that do not fit.
    """
