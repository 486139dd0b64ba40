"""Pieces that overlap are merged in bounded memory, and within the room for temporary files."""

from array import array
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.entries import Entries, PlacedEntries, Row
from logleap.ordering.merge import Piece, merged, ordered
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import pieces_of
from logleap.ordering.spill import BLOCK_BYTES
from logleap.ports.errors import TemporarySpaceFull

LONG = "x" * (BLOCK_BYTES - 10)


def placed(batch_id: str, lines: list[tuple[int, str, str | None]]) -> PlacedEntries:
    micros = array("q", [time for time, _, _ in lines])
    entries = Entries(micros, [text for _, text, _ in lines], [context for _, _, context in lines])
    return PlacedEntries.of_batch(batch_id, 0, entries)


def piece(entries: PlacedEntries) -> Piece:
    return Piece(min(entries.entries.micros), max(entries.entries.micros), lambda: entries)


def in_order(parts: list[PlacedEntries]) -> list[Row]:
    return list(ordered(PlacedEntries.joined(parts)).rows())


def rows(blocks: Iterator[PlacedEntries]) -> list[Row]:
    return [row for block in blocks for row in block.rows()]


lines = st.tuples(
    st.integers(-3, 30), st.sampled_from(["a", "b", "é\0", LONG]), st.sampled_from([None, "", "c"])
)
parts_of = st.lists(st.lists(lines, min_size=1, max_size=8), min_size=1, max_size=8).map(
    lambda batches: [placed(f"batch {n}", batch) for n, batch in enumerate(batches)]
)


@given(parts_of, st.sampled_from([0, 1_000, 1 << 20]))
def test_whatever_overlaps_is_in_order_however_little_memory_there_is(
    parts: list[PlacedEntries], memory: int
) -> None:
    scratch = Scratch()
    pieces = sorted(map(piece, parts), key=lambda piece: piece.first)
    assert rows(merged(pieces, scratch, memory=memory)) == in_order(parts)
    unsorted = list(pieces_of(row for part in parts for row in part.rows()))
    assert rows(merged(unsorted, scratch, memory=memory)) == in_order(parts)
    assert rows(merged((), scratch, streams=[iter([ordered(part)]) for part in parts])) == in_order(parts)
    scratch.take(scratch.limit)  # all room was given back


def test_a_piece_is_loaded_only_when_it_is_its_turn() -> None:
    loaded = []

    def load(number: int) -> PlacedEntries:
        loaded.append(number)
        return placed(f"batch {number}", [(10 * number, "a", None), (10 * number + 12, "b", None)])

    pieces = [Piece(10 * number, 10 * number + 12, partial(load, number)) for number in range(1_000)]
    blocks = merged(pieces, Scratch())
    assert next(blocks).entries.micros == array("q", [0])
    assert len(loaded) <= 2


def test_many_short_pieces_that_all_overlap_are_merged() -> None:
    parts = [placed(f"batch {n:03}", [(n, "begin", None), (1_000 - n, "end", None)]) for n in range(300)]
    assert rows(merged(map(piece, parts), Scratch())) == in_order(parts)


def test_what_finds_no_room_is_refused_with_the_limit_and_gives_its_room_back() -> None:
    parts = [placed(f"batch {n}", [(0, LONG, None), (n, LONG, None)]) for n in range(1, 9)]
    scratch = Scratch(4 * BLOCK_BYTES)
    with pytest.raises(TemporarySpaceFull, match=f"{scratch.limit} bytes in all .LOGLEAP_TEMPORARY_LIMIT"):
        rows(merged(map(piece, parts), scratch, memory=BLOCK_BYTES))
    scratch.take(scratch.limit)


def test_whoever_stops_reading_gives_the_room_back() -> None:
    parts = [placed(f"batch {n}", [(0, LONG, None), (n, LONG, None)]) for n in range(1, 9)]
    scratch = Scratch()
    blocks = merged(map(piece, parts), scratch, memory=0)
    next(blocks)
    with pytest.raises(TemporarySpaceFull):
        scratch.take(scratch.limit)
    blocks.close()  # type: ignore[attr-defined]
    scratch.take(scratch.limit)


def test_a_folder_for_temporary_files_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    parts = [placed(f"batch {n}", [(0, "a", None), (n, "b", None)]) for n in range(1, 4)]
    with pytest.raises(TemporarySpaceFull, match="No space left on device"):
        rows(merged(map(piece, parts), Scratch(), memory=0))
