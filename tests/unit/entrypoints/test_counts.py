"""Counted nouns, for people."""

import pytest

from logleap.entrypoints.cli.printing.counts import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "batch", "1 batch"),
        (0, "batch", "0 batches"),
        (1200, "entry", "1,200 entries"),
        (1, "data set", "1 data set"),
        (2, "more entry", "2 more entries"),
    ],
)
def test_a_counted_noun_is_singular_for_one_alone(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
