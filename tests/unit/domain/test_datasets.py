"""A data set's states: which action leads where, and which are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.domain.datasets import TRANSITIONS, Action, Archive, Dataset, State
from logleap.domain.entries import Totals
from logleap.domain.errors import InvalidTransition

ARCHIVE = Archive("memory:d-1", 5, "ab" * 32)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

# Every state × every action, written out by hand; - is refused.
TABLE = """
            upload     train     succeed  fail    archive   delete
created     uploading  -         -        -       archived  deleting
uploading   uploading  training  -        -       archived  deleting
training    -          -         trained  failed  -         -
trained     -          training  -        -       archived  deleting
failed      -          training  -        -       archived  deleting
archived    -          training  -        -       archived  deleting
deleting    -          -         -        -       -         deleting
"""
HEAD, *LINES = (line.split() for line in TABLE.strip().splitlines())
CELLS = [
    (state, action, target) for state, *targets in LINES for action, target in zip(HEAD, targets, strict=True)
]


def a_dataset(state: str = "created") -> Dataset:
    return Dataset("d-1", "alice", created_at=NOON, updated_at=NOON, state=State(state), version=4)


def test_an_archiving_that_is_undone_leads_back_to_the_state_before_it() -> None:
    for state in ("created", "uploading", "trained", "failed"):
        before = a_dataset(state)
        sealed = before.after(Action.ARCHIVE, LATER)
        assert sealed.archived_from is State(state)
        assert sealed.after(Action.ARCHIVE, LATER).archived_from is State(state)
        assert sealed.with_archiving_undone(NOON) == replace(before, version=6)
    for other in (before, sealed.with_archive(ARCHIVE, Totals(5, 2), LATER), a_dataset("archived")):
        with pytest.raises(InvalidTransition, match="does not allow undoing an archiving"):
            other.with_archiving_undone(LATER)


def test_the_table_holds_every_state_and_every_action() -> None:
    assert {state for state, _, _ in CELLS} == {str(state) for state in State}
    assert {action for _, action, _ in CELLS} == {str(action) for action in Action}


@pytest.mark.parametrize(("state", "action", "target"), [cell for cell in CELLS if cell[2] != "-"])
def test_an_allowed_action_leads_to_its_state(state: str, action: str, target: str) -> None:
    assert a_dataset(state).next_state(Action(action)) == target


@pytest.mark.parametrize(("state", "action"), [cell[:2] for cell in CELLS if cell[2] == "-"])
def test_any_other_action_is_refused(state: str, action: str) -> None:
    dataset = a_dataset(state)
    with pytest.raises(InvalidTransition) as refused:
        dataset.next_state(Action(action))
    assert vars(refused.value) == {"dataset_id": "d-1", "state": state, "action": action}
    with pytest.raises(InvalidTransition):
        dataset.after(Action(action), LATER)


def test_nobody_can_change_the_table() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[State.TRAINING, Action.UPLOAD] = State.UPLOADING  # type: ignore[index]


def test_an_action_changes_state_version_and_time_and_nothing_else() -> None:
    dataset = replace(
        a_dataset("failed"),
        name="nightly",
        labels={"env": "prod"},
        run_id="r-1",
        sealed=Totals(5, 2),
        archive=Archive("file:///x", 5, "ab"),
    )
    assert dataset.after(Action.TRAIN, LATER) == replace(
        dataset, state=State.TRAINING, version=5, updated_at=LATER
    )
    assert dataset.state is State.FAILED


def test_an_archive_seals_the_data_set_and_leaves_its_state() -> None:
    dataset = a_dataset("archived")
    archive = Archive("file:///x", 5, "ab")
    assert dataset.with_archive(archive, Totals(5, 2), LATER) == replace(
        dataset, archive=archive, sealed=Totals(5, 2), version=5, updated_at=LATER
    )


@pytest.mark.parametrize(
    ("state", "archive", "dropped", "unfinished"),
    [
        ("uploading", None, False, False),
        ("trained", None, False, False),
        ("archived", None, False, True),
        ("archived", ARCHIVE, False, True),
        ("archived", ARCHIVE, True, False),
        ("training", ARCHIVE, False, True),
        ("training", ARCHIVE, True, False),
        ("deleting", None, False, True),
        ("deleting", ARCHIVE, True, True),
    ],
)
def test_archiving_and_deleting_are_unfinished_until_their_last_step(
    state: str, archive: Archive | None, dropped: bool, unfinished: bool
) -> None:
    dataset = replace(a_dataset(state), archive=archive, dropped=dropped)
    assert dataset.unfinished is unfinished


def test_dropping_the_rows_is_a_change_of_its_own() -> None:
    archived = replace(a_dataset("archived"), archive=ARCHIVE)
    assert archived.without_rows(LATER) == replace(archived, dropped=True, version=5, updated_at=LATER)
