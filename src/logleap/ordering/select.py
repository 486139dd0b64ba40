"""Selections of entries that lie in pieces, and the entries around one."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import compress

from logleap.domain.entries import PackedEntries, PlacedEntries, Row
from logleap.domain.errors import PositionNotFound
from logleap.domain.selection import Position, Selection
from logleap.domain.times import to_micros
from logleap.ordering.merge import Piece, merged
from logleap.ordering.scratch import Scratch

Select = Callable[[Selection], Iterator[PlacedEntries]]

_PIECE = 1_000  # entries
_FIRST_WINDOW = 1_000  # microseconds
_WIDER = 32  # times as long a window each time
_ALL_TIMES = 1 << 60  # microseconds: longer than from the year 1 to 9999


def select(pieces: Iterable[Piece], selection: Selection, scratch: Scratch) -> Iterator[PlacedEntries]:
    """The selection of what the pieces hold, as `EntryStore.select` has it.

    The pieces come in the order of their `first`. Pieces outside of the selection's times may be among them:
    they are not loaded.
    """
    fitting = (
        Piece(piece.first, piece.last, _fitting(piece, selection))
        for piece in pieces
        if _overlaps(piece, selection)
    )
    return cut(merged(fitting, scratch), selection)


def cut(blocks: Iterator[PlacedEntries], selection: Selection) -> Iterator[PlacedEntries]:
    """What of the ordered `blocks` comes after `selection.after`, `selection.limit` entries at most."""
    if selection.after is not None:
        blocks = _following(blocks, selection.after)
    left = selection.limit
    for block in blocks:
        if left is None:
            yield block
            continue
        yield block.part(0, min(left, len(block)))
        left -= len(block)
        if left <= 0:
            return


def pieces_of(rows: Iterable[Row]) -> Iterator[Piece]:
    """Rows in any order as pieces, for whoever does not know more of them: all are read, then sorted."""
    for placed in PlacedEntries.in_blocks(rows, _PIECE):
        yield Piece(-_ALL_TIMES, _ALL_TIMES, partial(_same, placed))


def find(rows: Iterable[Row], batch_id: str, sequence: int) -> Position | None:
    """The position of the row at this place."""
    for row in rows:
        if row.sequence == sequence and row.batch_id == batch_id:
            return Position(to_micros(row.entry.timestamp), batch_id, sequence)
    return None


def _same(placed: PlacedEntries) -> PlacedEntries:
    return placed


def around(select: Select, position: Position, before: int, after: int) -> PlacedEntries:
    """The entry at `position`, so many before and so many after it, in the time order.

    Raises PositionNotFound.
    """
    found: deque[PlacedEntries] = deque()
    window = 0
    while True:
        found.clear()
        number = 0
        reached = False
        for block in select(Selection(start=position.micros - window, end=position.micros + 1)):
            at = _index(block, position)
            part = block if at is None else block.part(0, at + 1)
            found.append(part)
            number += len(part)
            while number - len(found[0]) > before:
                number -= len(found.popleft())
            if at is not None:
                reached = True
                break
        if not reached:
            raise PositionNotFound
        if number > before or window >= _ALL_TIMES:
            break
        window = min(max(_FIRST_WINDOW, window * _WIDER), _ALL_TIMES)
    earlier = PlacedEntries.joined(list(found))
    parts = [earlier.part(max(0, len(earlier) - before - 1), len(earlier))]
    if after:
        parts += select(Selection(after=position, limit=after))
    return PlacedEntries.joined(parts)


def _overlaps(piece: Piece, selection: Selection) -> bool:
    earliest, end = selection.earliest, selection.end
    return (earliest is None or piece.last >= earliest) and (end is None or piece.first < end)


def _fitting(piece: Piece, selection: Selection) -> Callable[[], PlacedEntries | None]:
    def load() -> PlacedEntries | None:
        placed = piece.load()
        return placed if placed is None else _filtered(placed, piece, selection)

    return load


def _filtered(placed: PlacedEntries, piece: Piece, selection: Selection) -> PlacedEntries:
    earliest, end, text = selection.earliest, selection.end, selection.contains
    if earliest is not None and piece.first < earliest:
        placed = _between(placed, earliest, None)
    if end is not None and piece.last >= end:
        placed = _between(placed, None, end)
    if text is not None:
        placed = _kept(placed, [text in message for message in placed.entries.messages])
    return placed


def _between(placed: PlacedEntries, earliest: int | None, end: int | None) -> PlacedEntries:
    """Those from `earliest` to before `end`."""
    entries = placed.entries
    if isinstance(entries, PackedEntries) and entries.ordered:
        first = 0 if earliest is None else bisect_left(entries.micros, earliest)
        return placed.part(first, len(placed) if end is None else bisect_left(entries.micros, end))
    return _kept(
        placed,
        [(earliest is None or earliest <= time) and (end is None or time < end) for time in entries.micros],
    )


def _kept(placed: PlacedEntries, mask: list[bool]) -> PlacedEntries:
    return placed.picked(list(compress(range(len(mask)), mask)))


def _following(blocks: Iterator[PlacedEntries], after: Position) -> Iterator[PlacedEntries]:
    for block in blocks:
        at = _index(block, after)
        if at is not None:
            if at + 1 < len(block):
                yield block.part(at + 1, len(block))
            yield from blocks
            return
        if block.entries.micros[-1] > after.micros:
            break
    raise PositionNotFound


def _index(block: PlacedEntries, position: Position) -> int | None:
    """Where the entry at `position` is in the block."""
    micros = block.entries.micros
    for index in range(bisect_left(micros, position.micros), bisect_right(micros, position.micros)):
        if block.sequences[index] == position.sequence and block.batch_ids[index] == position.batch_id:
            return index
    return None
