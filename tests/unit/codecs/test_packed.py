"""What is written from packed entries is what is written from an object for each text, byte for byte."""

from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.local.sqlite.chunks.chunk import Chunk, pack
from logleap.codecs.export import tables
from logleap.codecs.export.texts import csv, ndjson
from logleap.codecs.packed import columns
from logleap.domain.entries import Batch, Entries, Entry, PackedEntries, PlacedEntries
from logleap.domain.selection import Selection
from logleap.domain.times import to_micros
from logleap.ordering.merge import Piece, merged, ordered
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import select

pytestmark = pytest.mark.skipif(not columns.COMPILED, reason="without a C compiler no entries are packed")

NASTY = st.sampled_from(
    ["\0", "\x1f", '"', "\\", "\x7f", "\n\r\t\b\f", "é", "\u2028", "😀", "plain text, and more"]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.lists(NASTY, max_size=8).map("".join)
TIMES = st.datetimes(timezones=st.just(UTC)) | st.integers(0, 5).map(
    lambda second: datetime(1999, 12, 31, 23, 59, second, tzinfo=UTC)
)
ENTRIES = st.builds(Entry, TIMES, TEXTS.filter(bool), st.none() | TEXTS)
BATCHES = st.lists(st.lists(ENTRIES, min_size=1, max_size=12), min_size=1, max_size=4)


def chunks_of(batches: list[list[Entry]]) -> list[Chunk]:
    return [pack(Batch("d", "o", f"batch {at}"), batch, at) for at, batch in enumerate(batches)]


def packed(chunk: Chunk) -> PlacedEntries:
    placed = chunk.placed()
    assert isinstance(placed.entries, PackedEntries)
    return placed


def plain(chunk: Chunk) -> PlacedEntries:
    return PlacedEntries.of_batch(chunk.batch_id, chunk.first, chunk.unpack())


def in_order(chunks: list[Chunk], way: Callable[[Chunk], PlacedEntries]) -> Iterator[PlacedEntries]:
    pieces = [
        Piece(min(chunk.unpack().micros), max(chunk.unpack().micros), partial(way, chunk)) for chunk in chunks
    ]
    return merged(sorted(pieces, key=lambda piece: piece.first), Scratch())


@given(BATCHES)
def test_each_format_has_the_same_bytes(batches: list[list[Entry]]) -> None:
    chunks = chunks_of(batches)
    for write in (ndjson, csv):
        assert b"".join(write(in_order(chunks, packed))) == b"".join(write(in_order(chunks, plain)))
    written = [b"".join(tables.arrow(in_order(chunks, way), {"a": "b"})) for way in (packed, plain)]
    assert written[0] == written[1]
    assert pa.ipc.open_stream(written[0]).read_all().num_rows == sum(map(len, batches))


@given(st.lists(ENTRIES, min_size=1, max_size=40))
def test_a_chunk_is_unpacked_in_the_time_order(entries: list[Entry]) -> None:
    chunk = pack(Batch("d", "o", "b"), entries, 7)
    assert list(packed(chunk).rows()) == list(ordered(plain(chunk)).rows())


@given(st.lists(ENTRIES, min_size=1, max_size=20), st.data())
def test_a_range_of_times_is_the_same(entries: list[Entry], data: st.DataObject) -> None:
    chunk = pack(Batch("d", "o", "b"), entries, 0)
    times = sorted(to_micros(entry.timestamp) for entry in entries)
    selection = Selection(data.draw(st.sampled_from(times)), data.draw(st.sampled_from(times)) + 1, "a")
    found = [
        [
            row
            for block in select([Piece(times[0], times[-1], way)], selection, Scratch())
            for row in block.rows()
        ]
        for way in (partial(packed, chunk), partial(plain, chunk))
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("overlap", [0, 1, 9])
def test_what_overlaps_stays_packed(overlap: int) -> None:
    at = [datetime(2026, 3, 2, 6, 0, second, tzinfo=UTC) for second in range(60)]
    starts = [0, 10, 12, 20, 30]
    chunks = chunks_of([[Entry(time, "a") for time in at[first : first + 10 + overlap]] for first in starts])
    blocks = list(in_order(chunks, packed))
    assert sum(len(block) for block in blocks) == 5 * (10 + overlap)
    assert all(isinstance(block.entries, PackedEntries) for block in blocks)


def test_more_entries_than_a_record_batch_holds_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 3)
    chunks = chunks_of([[Entry(datetime(2026, 3, 2, tzinfo=UTC), f"{n}", None) for n in range(10)]])
    stream = b"".join(tables.arrow(map(packed, chunks), {}))
    batches = list(pa.ipc.open_stream(stream))
    assert [batch.num_rows for batch in batches] == [3, 3, 3, 1]
    assert [row for batch in batches for row in batch["message"].to_pylist()] == list("0123456789")


def test_packed_and_other_entries_are_in_one_record_batch() -> None:
    chunks = chunks_of([[Entry(datetime(2026, 3, day, tzinfo=UTC), "é", None)] for day in (1, 2, 3, 4)])
    blocks = [way(chunk) for way, chunk in zip((packed, packed, plain, packed), chunks, strict=True)]
    table = pa.ipc.open_stream(b"".join(tables.arrow(blocks, {}))).read_all()
    assert table == pa.ipc.open_stream(b"".join(tables.arrow(map(plain, chunks), {}))).read_all()


@given(st.binary(max_size=60) | st.binary(max_size=40).map(b"\x93\xc4\x08".__add__))
def test_other_bytes_are_not_unpacked(data: bytes) -> None:
    found = columns.unpacked(data)
    assert found is None or len(found) * 8 <= len(data)


@given(BATCHES, st.integers(0, 3))
def test_what_is_there_twice_comes_once(batches: list[list[Entry]], twice: int) -> None:
    chunks = chunks_of(batches)
    chunks.append(chunks[twice % len(chunks)])
    rows = [[row for block in in_order(chunks, way) for row in block.rows()] for way in (packed, plain)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == sum(map(len, batches))


@given(st.lists(ENTRIES, min_size=1, max_size=20), st.integers(0, 20))
def test_columns_hold_the_entries_in_their_order(entries: list[Entry], start: int) -> None:
    chunk = pack(Batch("d", "o", "b"), entries, 0)
    found = chunk.unpack_packed()[start:]
    assert isinstance(found, PackedEntries)
    assert list(found) == entries[start:]
    assert (found.messages, found.contexts) == (
        chunk.unpack().messages[start:],
        chunk.unpack().contexts[start:],
    )


@pytest.mark.parametrize("span", [(1 << 32) | 3, (4 << 32), -2, 1 << 62])
def test_a_span_outside_of_its_texts_is_refused(span: int) -> None:
    with pytest.raises(ValueError, match="span"):
        columns.arrow_buffers([(b"abc", array("q", [span]))])
    entries = PackedEntries(array("q", [0]), b"abc", array("q", [span]), array("q", [-1]))
    with pytest.raises(ValueError, match="span"):
        columns.json_lines(PlacedEntries(entries, ["b"], [0]))
    with pytest.raises(ValueError, match="span"):
        columns.CompiledEntries.merged([PlacedEntries(entries, ["b"], [0])])
    with pytest.raises(ValueError, match="span"):
        columns.CompiledEntries(array("q", [0]), b"abc", array("q", [span]), array("q")).messages  # noqa: B018


def test_without_the_compiled_functions_the_way_is_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "COMPILED", False)
    chunk = pack(Batch("d", "o", "b"), [Entry(datetime(2026, 3, 2, tzinfo=UTC), "a")], 0)
    assert type(chunk.placed().entries) is type(chunk.unpack_packed()) is Entries
