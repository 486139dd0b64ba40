"""A chunk comes back as it was, or says that it is damaged."""

import sys
from array import array
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.local.sqlite.chunks.chunk import Chunk, pack
from logleap.domain.entries import Batch, Entries, Entry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BATCH = Batch("data set", "owner", "batch")
NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=100)
entries = st.builds(
    Entry,
    timestamp=st.datetimes(timezones=st.just(UTC)),
    message=texts.filter(bool),
    context=st.none() | texts,
)


@given(st.lists(entries, max_size=20), st.integers(0, 10**12))
def test_a_chunk_comes_back_as_it_was(given: list[Entry], first: int) -> None:
    chunk = pack(BATCH, given, first)
    assert chunk.whole
    assert (chunk.first, chunk.entries) == (first, len(given))
    assert list(chunk.unpack()) == given


@given(st.lists(entries, min_size=1, max_size=20), st.data())
def test_any_changed_bit_is_noticed(given: list[Entry], data: st.DataObject) -> None:
    chunk = pack(BATCH, given, 0)
    damaged = bytearray(chunk.data)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not chunk._replace(data=bytes(damaged)).whole


@pytest.mark.parametrize(
    "change",
    [{"dataset_id": "other"}, {"batch_id": "other"}, {"first": 1}, {"entries": 3}, {"checksum": 0}],
    ids=str,
)
def test_a_chunk_that_is_said_to_be_another_is_damaged(change: dict[str, int]) -> None:
    chunk = pack(BATCH, [Entry(NOON, "one"), Entry(NOON, "two")], 0)
    assert not Chunk(**(chunk._asdict() | change)).whole


@given(st.lists(entries, max_size=20))
def test_a_chunk_of_the_first_format_is_read(given: list[Entry]) -> None:
    columns = [[getattr(entry, field) for entry in given] for field in ("timestamp", "message", "context")]
    data = b"\x01" + zstd.compress(msgspec.msgpack.encode(columns))
    chunk = pack(BATCH, given, 0)._replace(data=data)
    assert list(chunk.unpack()) == given


def test_a_chunk_is_the_same_on_machines_with_the_highest_byte_first(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = Entries.of([Entry(NOON, "one"), Entry(NOON, "two")])
    turned = array("q", columns.micros)
    turned.byteswap()
    chunk = pack(BATCH, columns, 0)
    monkeypatch.setattr(sys, "byteorder", "big")  # where such numbers stand in memory the other way round
    there = pack(BATCH, Entries(turned, columns.messages, columns.contexts), 0)
    assert there[:6] == chunk[:6]  # the times are not stored in bytes
    assert there.unpack().micros == turned


def test_a_chunk_of_a_newer_version_is_refused() -> None:
    chunk = pack(BATCH, [Entry(NOON, "one")], 0)
    newer = chunk._replace(data=b"\xff" + chunk.data[1:])
    with pytest.raises(ValueError, match="does not know: use the one that wrote it"):
        newer.unpack()
