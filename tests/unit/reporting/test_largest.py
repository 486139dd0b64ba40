from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.report import LargeEntry
from logleap.reporting.largest import LargestEntries

texts = st.text("a😀é", max_size=6)
entries = st.tuples(texts.filter(bool), st.none() | texts)
batches = st.lists(
    st.tuples(st.sampled_from("abcd"), st.lists(entries, min_size=1, max_size=8)),
    unique_by=lambda batch: batch[0],
)


@given(batches, st.integers(1, 5))
def test_the_largest_are_kept_in_whichever_order_the_batches_come(
    batches: list[tuple[str, list[tuple[str, str | None]]]], most: int
) -> None:
    largest = LargestEntries(most)
    everything = []
    for batch_id, batch in batches:
        for start in range(0, len(batch), 3):
            some = batch[start : start + 3]
            sequences = range(start, start + len(some))
            largest.add(batch_id, sequences, [entry[0] for entry in some], [entry[1] for entry in some])
        everything += [
            LargeEntry(len((message + (context or "")).encode()), batch_id, sequence, message)
            for sequence, (message, context) in enumerate(batch)
        ]
    everything.sort(key=lambda entry: (-entry.size, entry.batch_id, entry.sequence))
    assert largest.top() == everything[:most]


def test_a_long_text_is_shortened() -> None:
    largest = LargestEntries()
    largest.add("batch", [0, 1], ["x" * 200, "x" * 201], [None, "y"])
    assert [entry.text for entry in largest.top()] == ["x" * 200 + "…", "x" * 200]
    assert [entry.size for entry in largest.top()] == [202, 200]
