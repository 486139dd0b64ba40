"""What a task reads is checked against what was acknowledged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from logleap.domain.entries import Entries, Entry, PlacedEntries, Row, Wanted
from logleap.ports.errors import CountMismatch
from logleap.usecases.training.run_training.training_set import CheckedTrainingSet

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROWS = [
    Row(f"batch-{at // 2}", at % 2, Entry(NOON + timedelta(hours=at), f"message {at}")) for at in range(5)
]


def training_set(acknowledged: int, *, placed: bool) -> CheckedTrainingSet:
    def read_placed(wanted: Wanted | None) -> Iterator[PlacedEntries]:
        for part in PlacedEntries.in_blocks(ROWS, 2):
            micros = part.entries.micros
            if wanted is None or wanted(micros[0], micros[-1]):
                yield part

    return CheckedTrainingSet(
        acknowledged,
        lambda: len(ROWS),
        lambda: iter(ROWS),
        lambda: iter([Entries.of([row.entry for row in ROWS])]),
        read_placed if placed else None,
    )


@pytest.mark.parametrize("placed", [True, False], ids=["by column", "by row"])
def test_placed_columns_are_the_rows_and_as_many_as_acknowledged(placed: bool) -> None:
    parts = training_set(5, placed=placed).placed_columns()
    assert [row for part in parts for row in part.rows()] == ROWS
    with pytest.raises(CountMismatch):
        list(training_set(6, placed=placed).placed_columns())


def test_what_is_not_wanted_is_left_out_and_not_counted() -> None:
    asked: list[int] = []

    def wanted(first: int, last: int) -> bool:
        asked.append(last - first)
        return len(asked) == 1

    parts = list(training_set(6, placed=True).placed_columns(wanted))
    assert [row for part in parts for row in part.rows()] == ROWS[:2]
    assert asked == [3_600_000_000, 3_600_000_000, 0]
