"""What a task's author tests a task with."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import groupby

import pytest

from logleap.domain.entries import Entry
from logleap.domain.runs import JsonObject
from logleap.ports.task import TaskFailed, TrainingContext
from logleap.tasks import count_entries
from logleap.testing import training_context


def count_errors(context: TrainingContext) -> JsonObject:
    word = context.parameters.get("word", "ERROR")
    if context.training_set.count() == 0:
        raise TaskFailed("there is nothing to train on")
    return {"errors": sum(word in row.entry.message for row in context.training_set.rows())}


def test_a_task_is_called_with_the_entries_and_parameters() -> None:
    assert count_errors(training_context(["ERROR: jam", "ok"])) == {"errors": 1}
    assert count_errors(training_context(["ERROR: jam", "ok"], parameters={"word": "ok"})) == {"errors": 1}
    assert count_entries(training_context(["a", "b", "c"])) == {"entries": 3}
    with pytest.raises(TaskFailed, match="nothing to train on"):
        count_errors(training_context([]))


def test_entries_come_as_they_are_given_each_once() -> None:
    given = [Entry(datetime(2026, 3, 2, 6, tzinfo=UTC), f"line {number}", "{}") for number in range(7)]
    context = training_context(iter(given))
    rows = list(context.training_set.rows())
    assert [row.entry for row in rows] == given
    assert [row.sequence for row in rows] == list(range(7))
    assert list(context.training_set.rows()) == rows


def test_batches_keep_their_order_inside_and_come_in_another() -> None:
    context = training_context([str(number) for number in range(7)], batch_size=3)
    batches = groupby(context.training_set.rows(), key=lambda row: row.batch_id)
    assert [[row.entry.message for row in rows] for _, rows in batches] == [
        ["6"],
        ["3", "4", "5"],
        ["0", "1", "2"],
    ]
    with pytest.raises(ValueError, match="batch_size is 0"):
        training_context([], batch_size=0)


def test_stopping_and_the_attempt_are_the_authors() -> None:
    context = training_context([], attempt=2, stopping=lambda: True, owner="anna")
    assert (context.attempt, context.stopping(), context.owner) == (2, True, "anna")
    assert not training_context([]).stopping()


def test_a_tasks_author_needs_no_pytest() -> None:
    program = (
        "import sys, logleap.testing; sys.exit(not {'pytest', 'hypothesis', 'flask'}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
