from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.report import FrequentMessage
from logleap.reporting.frequent import FrequentMessages

messages = st.text("ab😀é", min_size=1, max_size=3) | st.text("x", min_size=199, max_size=203)
blocks = st.lists(st.lists(messages, max_size=30), max_size=5)


@given(blocks)
def test_few_different_messages_are_counted_exactly(blocks: list[list[str]]) -> None:
    frequent = FrequentMessages()
    for block in blocks:
        frequent.add(block)
    counts = Counter(message for block in blocks for message in block)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    found = frequent.top(5)
    assert [(shown.text[:200], shown.entries) for shown in found] == [(t[:200], n) for t, n in ordered[:5]]
    assert frequent.missed == 0


@given(blocks, st.integers(1, 5))
def test_of_many_no_count_is_too_high_or_lower_than_is_told(blocks: list[list[str]], kept: int) -> None:
    frequent = FrequentMessages(kept)
    for block in blocks:
        frequent.add(block)
    counts = Counter(message for block in blocks for message in block)
    found = {shown.text: shown.entries for shown in frequent.top(100)}
    assert len(found) <= 2 * kept
    assert frequent.missed <= counts.total() / (kept + 1)
    for message, entries in counts.items():
        if len(message) <= 200:
            assert entries - frequent.missed <= found.get(message, 0) <= entries


def test_messages_that_differ_only_behind_their_excerpt_are_counted_apart() -> None:
    frequent = FrequentMessages()
    beginning = "x" * 300
    frequent.add([f"{beginning}1", f"{beginning}2", f"{beginning}2"])
    assert frequent.top() == [FrequentMessage("x" * 200 + "…", 2), FrequentMessage("x" * 200 + "…", 1)]
