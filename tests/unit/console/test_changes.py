from collections.abc import Iterator

import msgspec
import pytest
from flask import Flask

from logleap.entrypoints.console import charts
from logleap.entrypoints.console.changes import Change, Model, comparison


@pytest.fixture(autouse=True)
def _app() -> Iterator[None]:
    with Flask("test").app_context():
        yield


def change(kind: str, **numbers: int | str) -> Change:
    return Change(kind, "1", "A sentence.", dict(numbers), "0" * 16, "text", None, None, [])


def test_counts_are_drawn_with_what_was_expected() -> None:
    drawn = comparison(change("shifted", before=1000, after=50, expected="200.4", ratio="0.25"))
    assert (drawn.before, drawn.after, drawn.expected) == ("1,000 entries", "50 entries", "200 entries")
    assert drawn.pair == charts.Pair(100, 5, 20.04)
    assert comparison(change("new", before=0, after=1)).after == "1 entry"


def test_shares_are_drawn_for_severities_as_the_sets_differ_in_size() -> None:
    drawn = comparison(change("severity", before=10, baselineEntries=1000, after=5, entries=100))
    assert (drawn.before, drawn.after) == ("1.00 % of the entries", "5.00 % of the entries")
    assert drawn.pair == charts.Pair(20, 100, None)
    empty = comparison(change("severity", before=0, baselineEntries=0, after=5, entries=100))
    assert empty.pair == charts.Pair(0, 100, None)


def test_numbers_out_of_range_are_drawn_as_extents() -> None:
    found = change(
        "value",
        before=9,
        after=9,
        unit="ms",
        baselineMinimum="0",
        baselineMedian="5",
        baselineMaximum="10",
        minimum="5",
        median="10",
        maximum="20",
    )
    drawn = comparison(found)
    assert (drawn.before, drawn.after) == ("0 to 10 ms", "5 to 20 ms")
    assert drawn.extents == [charts.Extent(0, 50, 25), charts.Extent(25, 75, 50)]


def test_a_value_that_was_never_seen_is_drawn_as_its_entries() -> None:
    drawn = comparison(change("value", before=9, after=9, unseen=4, known=2))
    assert (drawn.before, drawn.after) == ("none", "4 entries")


def test_only_the_templates_of_a_page_are_decoded() -> None:
    template = {"id": "1" * 16, "severity": None, "text": "Order <*> left", "count": 3, "windows": [[0, 3]]}
    document = {
        "entries": 3,
        "windows": {"start": 0, "width": 1, "count": 1},
        "templates": [{"not": "a template"}, template, {"not": "a template"}],
    }
    model = msgspec.json.decode(msgspec.json.encode(document), type=Model)
    (found,) = model.page(1, 1)
    assert (found.count, found.windows, found.literal) == (3, [(0, 3)], "Order")
    assert model.page(3, 50) == []
