"""Counted nouns, for people."""

from datetime import UTC, datetime

import pytest

from logleap.client.logfiles import Report
from logleap.domain.counts import counted
from logleap.entrypoints.cli.printing.output import describe_dataset


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


def test_one_entry_of_one_line_is_told_in_the_singular() -> None:
    assert Report("one.log", lines=1, entries=1).in_words()[0] == "1 line → 1 entry"
    assert Report("a.log", lines=1200, entries=1, continuation_lines=1).in_words()[0] == (
        "1,200 lines → 1 entry (1 continuation line)"
    )


@pytest.mark.parametrize(("entries", "said"), [(1, "1 entry"), (1_200_000, "1,200,000 entries")])
def test_the_entries_of_a_data_set_are_told_as_a_column(entries: int, said: str) -> None:
    found = {"dataId": "d", "name": None, "state": "created", "entries": entries}
    line = describe_dataset({**found, "createdAt": datetime(2026, 3, 2, tzinfo=UTC).isoformat()})
    assert line == f"d  created    {said:>17}  2026-03-02T00:00:00Z"
