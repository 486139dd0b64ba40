"""Both ways to a report say the same, whatever the entries are: from memory's lists and the file's chunks."""

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.adapters.local.entries import SqliteEntryStore, insert_chunks
from logleap.adapters.local.sqlite.chunks.chunk import pack
from logleap.adapters.local.sqlite.database import Database
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.columnar import reports
from logleap.columnar.reports import report_on
from logleap.domain.entries import Batch, Entries, Entry, Manifest
from logleap.domain.report import FrequentMessage, Report
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.reporting.block import Block, Blocks
from logleap.reporting.reporter import report_on as report_by_python
from logleap.testing.contracts.reports import plain_report

pytest.importorskip("nanoarrow", reason="it is in the extra report")
pl = pytest.importorskip("polars", reason="it is in the extra report")

from logleap.columnar import (  # noqa: E402 -- they need the extra
    counts,
    frequent,
    hashes,
    times,
)

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
BEGIN = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

texts = st.sampled_from(
    ["jam", "Jam", "jam\0", "\0", "\r\n", "\x1b[0m", "\x7f", "\ufeff", "é", "e\u0301", "😀" * 101]
)
longer = st.integers(199, 203).map("x".__mul__) | st.sampled_from(["y" * 300 + end for end in "ab"])
messages = texts | longer | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
moments = st.sampled_from([NOON, NOON + timedelta(seconds=1), NOON - timedelta(hours=5), BEGIN, END])
entries = st.builds(
    Entry,
    timestamp=moments | st.datetimes(timezones=st.just(UTC)),
    message=messages,
    context=st.none() | st.sampled_from(["", "null", "None"]) | messages,
)
batches = st.lists(st.lists(entries, min_size=1, max_size=9), max_size=6)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Database(Path(folder) / "data")
        yield opened
        opened.close()


@pytest.fixture
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few entries are counted in several groups, and wait in files."""
    monkeypatch.setattr(counts, "ROWS", 4)
    monkeypatch.setattr(counts, "Hashes", lambda expected: hashes.Hashes(expected, held=7))


@pytest.mark.usefixtures("_small_groups")
@settings(max_examples=60, deadline=None)
@given(given=batches)
def test_both_ways_say_what_the_specification_says(database: Database, given: list[list[Entry]]) -> None:
    stored = {str(uuid4()): batch for batch in given}
    dataset = str(uuid4())
    manifest = Manifest(dataset, {batch_id: len(batch) for batch_id, batch in stored.items()})
    in_memory, in_file = MemoryEntryStore(), SqliteEntryStore(database)
    for batch_id, batch in stored.items():
        place = Batch(dataset, "owner", batch_id)
        for first in range(0, len(batch), 5):
            in_memory.append(place, batch[first : first + 5], first)
            with database.writing() as connection:
                insert_chunks(connection, [pack(place, batch[first : first + 5], first)])
    expected = plain_report(stored)
    for store in (in_memory, in_file):
        blocks: Blocks = partial(store._blocks, manifest)
        assert counts.report_on(blocks, manifest.entries) == expected
        assert report_by_python(blocks, manifest.entries) == expected


def some_blocks(batches: dict[str, list[Entry]], size: int = 1_000) -> Blocks:
    def blocks(*, packed: bool) -> Iterator[Block]:
        assert packed in {True, False}
        for batch_id, batch in batches.items():
            for first in range(0, len(batch), size):
                part = Entries.of(batch[first : first + size])
                yield Block(batch_id, range(first, first + len(part)), part)

    return blocks


def many_entries(number: int, different: int) -> list[Entry]:
    drawn = random.Random(number)
    return [
        Entry(
            NOON + timedelta(seconds=drawn.randrange(3_000_000)),
            f"message {drawn.randrange(different)}" + " and more" * drawn.randrange(3),
            drawn.choice([None, "", "context"]),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("different", [1, 5_000])
def test_of_many_entries_both_ways_say_the_same(different: int) -> None:
    batches = {
        "b": many_entries(20_000, different),
        "a": many_entries(30_000, different),
        "c": many_entries(1, 1),
    }
    blocks = some_blocks(batches)
    columns = report_on(blocks, reports.FEW + 1)
    assert columns == report_by_python(blocks, 50_001)
    assert columns.gap_resolution > timedelta(seconds=1)


def test_messages_beyond_what_python_counts_are_counted_exactly() -> None:
    batch = [Entry(NOON, f"once {number}") for number in range(30_000)]
    batch += [Entry(NOON, "twice")] * 2 + [Entry(NOON, "thrice")] * 3
    random.Random(0).shuffle(batch)
    found = counts.report_on(some_blocks({"batch": batch}), len(batch))
    once = sorted(f"once {number}" for number in range(30_000))[:8]
    assert found.frequent == [
        FrequentMessage("thrice", 3),
        FrequentMessage("twice", 2),
        *(FrequentMessage(text, 1) for text in once),
    ]
    assert found.frequent_missed == 0
    assert report_by_python(some_blocks({"batch": batch}), len(batch)).frequent_missed > 0


def test_entries_that_go_missing_before_the_texts_are_looked_up_are_noticed() -> None:
    kept = some_blocks({"batch": [Entry(NOON, f"message {number}") for number in range(100)]})
    reads = iter([kept(packed=True), iter([])])

    def blocks(*, packed: bool) -> Iterator[Block]:
        assert packed
        yield from next(reads)

    with pytest.raises(CountMismatch):
        counts.report_on(blocks, 100)


def test_a_report_ends_with_the_error_of_its_reading_or_its_counting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*, packed: bool) -> Iterator[Block]:
        yield from some_blocks({"batch": [Entry(NOON, "message")] * 5})(packed=packed)
        raise Unavailable("the store is gone")

    with pytest.raises(Unavailable, match="the store is gone"):
        counts.report_on(broken, 5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(counts, "Hashes", lambda expected: hashes.Hashes(expected, held=7))
    with pytest.raises(Unavailable, match="bytes per entry"):
        counts.report_on(some_blocks({"batch": [Entry(NOON, "message")] * 10}, 10), 10)


def test_without_the_extra_python_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = some_blocks({"batch": [Entry(NOON, "message")]})
    monkeypatch.setattr(reports, "FEW", 0)
    monkeypatch.setattr(counts, "report_on", lambda *_: pytest.fail("it counted in columns"))
    monkeypatch.setattr(reports, "find_spec", lambda name: None if name == "nanoarrow" else name)
    found: Report = report_on(blocks, 1)
    assert found.entries == 1


@given(
    st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=12), max_size=6),
    st.integers(0, 99),
)
def test_equal_hashes_come_back_in_the_same_share(parts: list[list[int]], expected: int) -> None:
    kept = hashes.Hashes(expected, held=10)
    for part in parts:
        kept.add(pl.Series(part, dtype=pl.UInt64))
    shares = [share.to_list() for share in kept.shares()]
    kept.close()
    assert sorted(chain.from_iterable(shares)) == sorted(chain.from_iterable(parts))
    assert sum(len(set(share)) for share in shares) == len(set(chain.from_iterable(parts)))


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 5), st.integers(1, 4))
def test_the_most_frequent_are_found_in_order(numbers: list[int], most: int, size: int) -> None:
    found = pl.Series(numbers, dtype=pl.UInt64)
    # As the hashes of the messages that they stand for.
    messages = found.cast(pl.String)
    shares = [found.filter(found % 3 == share) for share in range(3)]
    frequent_ones = frequent.FrequentMessages(filter(len, shares), most)
    for start in range(0, len(numbers), size):
        if not frequent_ones.complete:
            frequent_ones.look_up(found.slice(start, size), messages.slice(start, size))
    expected = sorted(Counter(map(str, numbers)).items(), key=lambda item: (-item[1], item[0]))
    assert frequent_ones.top() == [FrequentMessage(*item) for item in expected[:most]]


def test_of_too_many_equally_frequent_messages_some_are_listed() -> None:
    found = pl.Series([*range(50), *range(50)], dtype=pl.UInt64)
    frequent_ones = frequent.FrequentMessages([found], 3, tied=10)
    frequent_ones.look_up(found, found.cast(pl.String))
    assert frequent_ones.complete
    assert [message.entries for message in frequent_ones.top()] == [2, 2, 2]


def test_cells_grow_wider_as_times_come_in() -> None:
    taken = times.Times(most_cells=3)
    for second in range(40):
        taken.add(pl.Series([second * 1_000_000, second * 1_000_000 + 5], dtype=pl.Int64))
    timeline = taken.timeline()
    assert timeline.resolution == timedelta(minutes=1)
    assert (timeline.first, timeline.last) == (
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 39, 5, tzinfo=UTC),
    )
    assert [span.entries for span in timeline.histogram()[1]] == [80]
