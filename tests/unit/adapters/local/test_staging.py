"""What waits in memory is bounded, and is never forgotten before it is written."""

from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.local.sqlite.chunks.chunk import Chunk
from logleap.adapters.local.sqlite.chunks.staging import Staging


def chunk(batch_id: str, size: int, dataset_id: str = "d") -> Chunk:
    return Chunk(dataset_id, batch_id, 0, 1, 0, b"x" * size)


def test_a_batch_finds_its_own_chunks_until_they_are_removed() -> None:
    staging = Staging()
    one, two, other = chunk("a", 5), chunk("a", 5), chunk("b", 5)
    for held in (one, other, two):
        assert not staging.put(held)
    assert staging.of_batch("d", "a") == [one, two]
    assert staging.of_batch("another", "a") == []
    staging.remove([one, two])
    assert staging.of_batch("d", "a") == []
    assert staging.of_batch("d", "b") == [other]
    assert staging.size == 5


def test_equal_chunks_are_held_each() -> None:
    staging = Staging()
    for _ in range(2):
        staging.put(chunk("a", 5))
    assert staging.size == 10
    staging.remove(staging.of_batch("d", "a")[:1])
    assert staging.size == 5


def test_removing_what_is_not_held_changes_nothing() -> None:
    staging = Staging()
    held = chunk("a", 5)
    staging.put(held)
    staging.remove([chunk("a", 5), chunk("z", 5)])
    assert staging.of_batch("d", "a") == [held]
    assert staging.size == 5


def test_a_large_batch_is_to_be_written_alone() -> None:
    staging = Staging(per_batch=10, in_all=1000)
    staging.put(chunk("small", 5))
    assert not staging.put(chunk("large", 10))
    assert staging.put(chunk("large", 1))
    assert staging.excess() == staging.of_batch("d", "large")


def test_what_was_given_up_is_to_be_written_oldest_first_down_to_half() -> None:
    staging = Staging(per_batch=100, in_all=100)
    full = [staging.put(chunk(str(number), 10)) for number in range(11)]
    assert full == [False] * 10 + [True]
    assert [held.batch_id for held in staging.excess()] == ["0", "1", "2", "3", "4", "5"]


def test_a_data_set_that_is_dropped_leaves_nothing() -> None:
    staging = Staging()
    kept = chunk("a", 5, "kept")
    for held in (chunk("a", 5, "gone"), kept, chunk("b", 5, "gone")):
        staging.put(held)
    staging.remove_dataset("gone")
    assert staging.of_batch("kept", "a") == [kept]
    assert staging.size == 5


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 40))))
def test_memory_is_bounded_and_each_chunk_is_held_or_written(appends: list[tuple[str, int]]) -> None:
    staging = Staging(per_batch=50, in_all=100)
    put: list[Chunk] = []
    written: list[Chunk] = []
    for batch_id, size in appends:
        put.append(chunk(batch_id, size))
        if staging.put(put[-1]):
            excess = staging.excess()
            assert excess
            written += excess
            staging.remove(excess)
        held = [other for batch in "abcdef" for other in staging.of_batch("d", batch)]
        assert sorted(map(id, held + written)) == sorted(map(id, put))
        assert staging.size == sum(len(other.data) for other in held) <= 100
