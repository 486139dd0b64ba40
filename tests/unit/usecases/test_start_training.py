"""Start a training run, and look at it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.domain.datasets import Dataset, EventKind, State
from logleap.domain.entries import Totals
from logleap.domain.errors import (
    DatasetEmpty,
    DatasetNotFound,
    EntryCountDiffers,
    InvalidTransition,
    KeyReused,
    RunInProgress,
    RunNotFound,
    TaskUnknown,
    TimeLimitTooLong,
)
from logleap.domain.runs import Run, RunState, Start, TrainingMessage
from logleap.ports.errors import Unavailable
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset, ShowDatasets
from logleap.usecases.training.run_training import RunTraining
from logleap.usecases.training.start_training import ListRuns, ShowTraining, StartTraining

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)

Messages = Callable[[], list[TrainingMessage]]


@pytest.fixture
def dataset_id(uploaded: Callable[[], Dataset]) -> str:
    return uploaded().dataset_id


@pytest.fixture
def finish(run_training: RunTraining) -> Callable[[Run], None]:
    def call(run: Run) -> None:
        run_training(TrainingMessage.of(run).to_bytes())

    return call


def test_a_start_seals_the_data_set_stores_a_run_and_publishes_it(
    start: StartTraining, dataset_id: str, show: ShowDatasets, runs: MemoryRunRepository, messages: Messages
) -> None:
    run = start("alice", dataset_id, parameters={"depth": 3}, expected_entries=5)
    assert run == Run(
        run_id=run.run_id,
        dataset_id=dataset_id,
        owner="alice",
        task="count-entries",
        parameters={"depth": 3},
        totals=Totals(entries=5, batches=2),
        created_at=NOON,
        due_at=NOON + timedelta(minutes=5),
    )
    assert runs.get(dataset_id, run.run_id) == run
    dataset = show.one("alice", dataset_id).dataset
    assert (dataset.state, dataset.run_id, dataset.sealed) == (State.TRAINING, run.run_id, run.totals)
    assert show.events("alice", dataset_id)[-1].kind is EventKind.TRAINING_STARTED
    assert messages() == [TrainingMessage.of(run)]
    assert list(runs.outbox(10)) == []


def test_the_first_task_is_the_default_and_another_can_be_asked_for(
    start: StartTraining, uploaded: Callable[[], Dataset]
) -> None:
    default = start("alice", uploaded().dataset_id)
    assert (default.task, default.parameters) == ("count-entries", {})
    assert start("alice", uploaded().dataset_id, task="other").task == "other"


def test_a_task_that_is_not_offered_is_refused(
    start: StartTraining, dataset_id: str, show: ShowDatasets
) -> None:
    with pytest.raises(TaskUnknown, match=r"'x' among count-entries, other"):
        start("alice", dataset_id, task="x")
    assert show.one("alice", dataset_id).dataset.state is State.UPLOADING


def test_a_run_may_be_given_less_time_than_the_operator_allows_but_not_more(
    start: StartTraining, dataset_id: str, messages: Messages
) -> None:
    day = timedelta(hours=24)
    with pytest.raises(TimeLimitTooLong) as refusal:
        start("alice", dataset_id, time_limit=day + timedelta(seconds=1))
    assert (refusal.value.seconds, refusal.value.longest) == (86401.0, 86400.0)
    assert messages() == []
    assert start("alice", dataset_id, time_limit=day).time_limit == day


@pytest.mark.parametrize("owner", ["alice", "bob"])
def test_an_unknown_or_foreign_data_set_is_refused_whatever_else_is_wrong(
    start: StartTraining, dataset_id: str, owner: str
) -> None:
    with pytest.raises(DatasetNotFound):
        start(owner, dataset_id if owner == "bob" else "unknown", task="x", expected_entries=-1)


def test_a_data_set_without_entries_is_refused(start: StartTraining, announce: AnnounceDataset) -> None:
    with pytest.raises(DatasetEmpty):
        start("alice", announce("alice", None, {}).dataset_id)


def test_another_number_of_entries_than_expected_starts_nothing(
    start: StartTraining, dataset_id: str, show: ShowDatasets, messages: Messages
) -> None:
    with pytest.raises(EntryCountDiffers, match="6 entries were expected, but 5"):
        start("alice", dataset_id, expected_entries=6)
    assert show.one("alice", dataset_id).dataset.state is State.UPLOADING
    assert messages() == []


# ---- the same start again ----------------------------------------------------------------------------------


def test_a_repeated_start_answers_the_run_that_is_under_way(
    start: StartTraining, dataset_id: str, messages: Messages
) -> None:
    run = start("alice", dataset_id)
    assert start("alice", dataset_id) == run
    assert start("alice", dataset_id, task="count-entries", parameters={}, expected_entries=5) == run
    assert messages() == [TrainingMessage.of(run)]


def test_a_start_of_another_key_is_refused_while_a_run_is_under_way_and_starts_nothing(
    start: StartTraining, dataset_id: str, finish: Callable[[Run], None], messages: Messages
) -> None:
    first = start("alice", dataset_id, key="k-1")
    with pytest.raises(RunInProgress, match=first.run_id):
        start("alice", dataset_id, key="k-2")
    assert start("alice", dataset_id, key="k-1") == first
    assert messages() == [TrainingMessage.of(first)]
    finish(first)
    second = start("alice", dataset_id, key="k-2")
    assert second.run_id != first.run_id
    assert start("alice", dataset_id, key="k-1").run_id == first.run_id


def test_a_start_that_asks_for_something_else_is_refused_while_a_run_is_under_way(
    start: StartTraining, dataset_id: str
) -> None:
    run = start("alice", dataset_id)
    for request in (
        {"task": "other"},
        {"parameters": {"depth": 3}},
        {"time_limit": timedelta(hours=1)},
        {"task": "other", "key": "k-1"},
    ):
        with pytest.raises(RunInProgress, match=run.run_id):
            start("alice", dataset_id, **request)
    with pytest.raises(EntryCountDiffers):
        start("alice", dataset_id, expected_entries=6)


def test_a_start_after_the_end_is_a_new_run_on_the_same_entries(
    start: StartTraining, dataset_id: str, finish: Callable[[Run], None], show_training: ShowTraining
) -> None:
    first = start("alice", dataset_id)
    finish(first)
    second = start("alice", dataset_id)
    assert second.run_id != first.run_id
    assert second.totals == first.totals
    finish(second)
    assert show_training("alice", dataset_id).result == {"entries": 5}


def test_a_key_answers_its_run_for_the_data_sets_whole_life(
    start: StartTraining, dataset_id: str, finish: Callable[[Run], None], messages: Messages
) -> None:
    first = start("alice", dataset_id, key="k-1")
    assert start("alice", dataset_id, key="k-1") == first
    finish(first)
    assert start("alice", dataset_id, key="k-1").state is RunState.SUCCEEDED
    second = start("alice", dataset_id, key="k-2")
    assert second.run_id != first.run_id
    assert start("alice", dataset_id, key="k-1").run_id == first.run_id
    finish(second)
    assert start("alice", dataset_id, key="k-1").run_id == first.run_id
    assert len(messages()) == 2


def test_one_key_on_two_data_sets_is_two_runs(start: StartTraining, uploaded: Callable[[], Dataset]) -> None:
    one, other = (start("alice", uploaded().dataset_id, key="k-1") for _ in range(2))
    assert one.run_id != other.run_id


# ---- what goes wrong on the way ----------------------------------------------------------------------------


class Meanwhile(MemoryRunRepository):
    """Just before the run is stored, something else happens."""

    happens: Callable[[], object] | None = None

    def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().start(dataset, decide)


@pytest.mark.parametrize("key", [None, "k-1"])
def test_two_starts_at_the_same_time_are_one_run(
    start: StartTraining, dataset_id: str, database: MemoryDatabase, messages: Messages, key: str | None
) -> None:
    others: list[Run] = []
    runs = Meanwhile(database)
    runs.happens = lambda: others.append(start("alice", dataset_id, key=key))
    run = replace(start, runs=runs)("alice", dataset_id, key=key)
    assert [run] == others
    assert set(messages()) == {TrainingMessage.of(run)}


@pytest.mark.parametrize("ended", [False, True])
def test_a_key_that_is_used_for_another_request_is_refused(
    start: StartTraining, dataset_id: str, finish: Callable[[Run], None], ended: bool
) -> None:
    run = start("alice", dataset_id, key="k-1")
    if ended:
        finish(run)
    with pytest.raises(KeyReused, match="k-1"):
        start("alice", dataset_id, key="k-1", parameters={"depth": 3})


def test_of_two_different_starts_at_the_same_time_one_is_refused(
    start: StartTraining, dataset_id: str, database: MemoryDatabase, messages: Messages
) -> None:
    runs = Meanwhile(database)
    runs.happens = lambda: start("alice", dataset_id, task="other")
    with pytest.raises(RunInProgress):
        replace(start, runs=runs)("alice", dataset_id)
    assert len(messages()) == 1


def test_a_start_that_meets_a_whole_run_of_another_is_a_run_of_its_own(
    start: StartTraining, dataset_id: str, database: MemoryDatabase, finish: Callable[[Run], None]
) -> None:
    runs = Meanwhile(database)
    runs.happens = lambda: finish(start("alice", dataset_id))
    run = replace(start, runs=runs)("alice", dataset_id)
    assert run.state is RunState.QUEUED
    assert len(database.runs) == 2


def test_entries_that_come_in_before_the_run_is_stored_are_in_it(
    start: StartTraining,
    dataset_id: str,
    database: MemoryDatabase,
    append: AppendEntries,
    source: Callable[..., EntrySource],
) -> None:
    runs = Meanwhile(database)
    runs.happens = lambda: append("alice", dataset_id, source("f"))
    assert replace(start, runs=runs)("alice", dataset_id).totals == Totals(entries=6, batches=3)


def test_a_start_whose_answer_was_lost_can_be_repeated(
    start: StartTraining, dataset_id: str, database: MemoryDatabase, messages: Messages
) -> None:
    class AnswerLost(MemoryRunRepository):
        def start(self, dataset: Dataset, decide: Callable[[Totals], Start]) -> Run:
            super().start(dataset, decide)
            raise Unavailable("Firestore")

    with pytest.raises(Unavailable):
        replace(start, runs=AnswerLost(database))("alice", dataset_id)
    (run,) = database.runs.values()
    assert start("alice", dataset_id) == run
    assert messages() == []
    assert list(database.outbox) == [TrainingMessage.of(run)]


@pytest.mark.parametrize("sent", [True, False])
def test_a_run_that_could_not_be_published_is_started_and_stays_in_the_outbox(
    start: StartTraining, dataset_id: str, runs: MemoryRunRepository, sent: bool
) -> None:
    class Breaking(MemoryTrainingQueue):
        def publish(self, body: bytes, owner: str = "") -> None:
            if sent:
                super().publish(body, owner)
            raise Unavailable("Pub/Sub")

    run = replace(start, queue=Breaking())("alice", dataset_id)
    assert runs.outbox(10) == [TrainingMessage.of(run)]


# ---- look at it --------------------------------------------------------------------------------------------


def test_the_latest_run_is_shown(
    start: StartTraining, dataset_id: str, finish: Callable[[Run], None], show_training: ShowTraining
) -> None:
    first = start("alice", dataset_id)
    assert show_training("alice", dataset_id) == first
    finish(first)
    assert show_training("alice", dataset_id).state is RunState.SUCCEEDED
    assert show_training("alice", dataset_id).run_id == first.run_id


def test_each_run_is_shown_and_listed_newest_first_page_by_page(
    start: StartTraining,
    dataset_id: str,
    finish: Callable[[Run], None],
    show_training: ShowTraining,
) -> None:
    list_runs = ListRuns(show_training.datasets, show_training.runs)
    assert list_runs("alice", dataset_id, 9, None) == ([], None)
    for _ in range(3):
        finish(start("alice", dataset_id))
    listed, nothing = list_runs("alice", dataset_id, 3, None)
    assert (len(listed), nothing) == (3, None)
    page, position = list_runs("alice", dataset_id, 2, None)
    assert [*page, *list_runs("alice", dataset_id, 2, position)[0]] == listed
    assert [show_training("alice", dataset_id, run.run_id) for run in listed] == listed
    with pytest.raises(RunNotFound):
        show_training("alice", dataset_id, "another")
    with pytest.raises(DatasetNotFound):
        list_runs("bob", dataset_id, 9, None)


def test_a_data_set_without_a_run_has_none_to_show(
    show_training: ShowTraining, dataset_id: str, datasets: MemoryDatasetRepository
) -> None:
    with pytest.raises(RunNotFound, match=f"{dataset_id!r} has no training run"):
        show_training("alice", dataset_id)
    with pytest.raises(DatasetNotFound):
        show_training("bob", dataset_id)
    with pytest.raises(DatasetNotFound):
        show_training("alice", "unknown")


def test_entries_are_refused_once_the_training_has_started(
    start: StartTraining,
    dataset_id: str,
    append: AppendEntries,
    source: Callable[..., EntrySource],
) -> None:
    start("alice", dataset_id)
    with pytest.raises(InvalidTransition):
        append("alice", dataset_id, source("f"))
