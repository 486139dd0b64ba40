"""What is to be mined, as lines: the same compiled and in Python, and the first of each group."""

from hypothesis import given
from hypothesis import strategies as st

from logleap.miner.lines import chosen, line_of, tokens_of

TOKENS = st.lists(st.text(st.characters(exclude_characters=" \n"), max_size=5), min_size=1, max_size=4)


@given(st.lists(TOKENS))
def test_lines_become_the_tokens_they_were_made_of(messages: list[list[str]]) -> None:
    lines = [line_of(None, tokens) for tokens in messages]
    assert tokens_of(lines, compiled=False) == list(map(tuple, messages))
    assert tokens_of(lines, compiled=True) == list(map(tuple, messages))


@given(st.lists(st.tuples(st.sampled_from([None, "error"]), TOKENS)), st.integers(1, 3), st.integers(1, 5))
def test_of_each_group_those_with_the_least_checksums_are_chosen_however_the_lines_are_divided(
    messages: list[tuple[str | None, list[str]]], most: int, size: int
) -> None:
    lines = sorted({line_of(severity, tokens) for severity, tokens in messages})
    groups: dict[tuple[str | None, int], list[str]] = {}
    for line in lines:
        severity, number, _ = line.split(" ", 2)
        groups.setdefault((None if severity == "-" else severity, int(number)), []).append(line)
    blocks = [lines[start : start + size] for start in range(0, len(lines), size)]
    found = list(chosen(blocks, most))
    assert sorted(found, key=repr) == sorted(
        [(severity, group[:most]) for (severity, _), group in groups.items()], key=repr
    )


def test_the_order_of_a_group_is_that_of_checksums() -> None:
    lines = [line_of(None, (word,)) for word in ("a", "b", "c", "d")]
    assert lines[0] == "- 1 e8b7be43 a"
    assert [line[-1] for line in sorted(lines)] == ["c", "b", "d", "a"]
