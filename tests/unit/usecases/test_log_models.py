"""Which log model a run is compared with: found once, at the start."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.domain.datasets import Dataset, State
from logleap.domain.errors import DatasetNotFound, ModelMissing, ParameterInvalid, RunInProgress
from logleap.domain.log_models import LOG_MODEL, MODEL_FILE
from logleap.domain.runs import JsonObject, Run, RunState, TrainingMessage
from logleap.ports.task import TrainingContext
from logleap.usecases import log_models
from logleap.usecases.append import AppendEntries, EntrySource
from logleap.usecases.datasets import AnnounceDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.report import ReportOnDataset
from logleap.usecases.training.run_training import RunTraining, TaskThreads
from logleap.usecases.training.start_training import StartTraining

MODEL = b'{"templates":[]}'


@pytest.fixture
def start(start: StartTraining) -> StartTraining:
    return replace(start, tasks=("count-entries", LOG_MODEL))


@pytest.fixture
def upload(
    announce: AnnounceDataset,
    append: AppendEntries,
    source: Callable[..., EntrySource],
    advance: Callable[[float], None],
) -> Callable[..., str]:
    """A data set of an owner, in the series of this name."""

    def call(name: str | None = "line 4", owner: str = "alice") -> str:
        dataset_id = announce(owner, name, {}).dataset_id
        append(owner, dataset_id, source("a"))
        advance(1)
        return dataset_id

    return call


@pytest.fixture
def train(
    start: StartTraining, run_training: RunTraining, advance: Callable[[float], None]
) -> Callable[..., Run]:
    """A run of alice's that has ended: its task saves a model, compressed or not."""

    def call(dataset_id: str, task: str = LOG_MODEL, *, compress: bool = True, **parameters: object) -> Run:
        def work(context: TrainingContext) -> JsonObject:
            if task == LOG_MODEL:
                context.artifacts.save(MODEL_FILE, "application/json", MODEL, compress=compress)
            return {"baseline": None if context.baseline is None else context.baseline.decode()}

        run = start("alice", dataset_id, task=task, parameters=parameters)
        assert isinstance(run_training.executor, TaskThreads)
        execute = replace(run_training.executor.execute, tasks={task: work})
        replace(run_training, executor=TaskThreads(execute))(TrainingMessage.of(run).to_bytes())
        advance(1)
        ended = start.runs.get(dataset_id, run.run_id)
        assert ended is not None
        return ended

    return call


@pytest.mark.parametrize("compress", [True, False])
def test_a_run_is_given_the_model_that_its_baseline_had_at_the_start(
    start: StartTraining, upload: Callable[..., str], train: Callable[..., Run], *, compress: bool
) -> None:
    before, after = upload(), upload()
    model = train(before, compress=compress)
    run = train(after, baseline=before)
    assert run.baseline is not None
    assert (run.baseline.dataset_id, run.baseline.run_id) == (before, model.run_id)
    assert run.baseline.model == model.artifacts[0]
    assert run.parameters == {"baseline": before}
    assert run.result == {"baseline": MODEL.decode()}


def test_the_current_model_is_that_of_the_latest_run_but_for_those_that_are_not_to_be(
    upload: Callable[..., str], train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_models, "_PAGE", 1)
    before, after = upload(), upload()
    train(before)
    latest = train(before, current=True)
    train(before, current=False)
    train(before, "count-entries")
    run = train(after, baseline=before)
    assert run.baseline is not None
    assert run.baseline.run_id == latest.run_id


def test_previous_is_the_latest_older_one_of_the_series_that_has_a_model(
    upload: Callable[..., str], train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_models, "_PAGE", 1)
    oldest, chosen, _without, _other = upload(), upload(), upload(), upload("line 5")
    mine, later = upload(), upload()
    for dataset_id in (oldest, chosen, _other, later):
        train(dataset_id)
    run = train(mine, baseline="previous")
    assert run.baseline is not None
    assert run.baseline.dataset_id == chosen


def test_without_an_earlier_model_previous_is_refused_and_nothing_started(
    start: StartTraining, upload: Callable[..., str], train: Callable[..., Run]
) -> None:
    train(upload(None))
    for name in ("line 4", None):
        dataset_id = upload(name)
        with pytest.raises(ModelMissing) as refusal:
            train(dataset_id, baseline="previous")
        assert refusal.value.dataset_id is None
        assert start.datasets.get("alice", dataset_id).state is State.UPLOADING


def test_an_unknown_a_foreign_and_a_deleted_baseline_are_refused_alike(
    start: StartTraining, upload: Callable[..., str], train: Callable[..., Run], delete_dataset: DeleteDataset
) -> None:
    deleted, deleting, mine = upload(), upload(), upload()
    train(deleted)
    train(deleting)
    delete_dataset("alice", deleted)
    dataset = start.datasets.get("alice", deleting)
    start.datasets.save(replace(dataset, state=State.DELETING, version=dataset.version + 1))
    for dataset_id in ("unknown", upload(owner="bob"), deleted, deleting):
        with pytest.raises(DatasetNotFound) as refusal:
            train(mine, baseline=dataset_id)
        assert refusal.value.dataset_id == dataset_id
    with pytest.raises(ModelMissing):
        train(mine, baseline="previous")  # the one that is being deleted is not taken
    with pytest.raises(ModelMissing, match=f"{mine}.* has no log model"):
        train(upload(), baseline=mine)


def test_a_repetition_compares_what_was_asked_for_and_looks_nothing_up_again(
    start: StartTraining, upload: Callable[..., str], train: Callable[..., Run], delete_dataset: DeleteDataset
) -> None:
    before, mine = upload(), upload()
    train(before)
    asked = {"task": LOG_MODEL, "parameters": {"baseline": "previous"}}
    run = start("alice", mine, **asked)  # type: ignore[arg-type]
    delete_dataset("alice", before)
    assert start("alice", mine, **asked) == run  # type: ignore[arg-type]
    with pytest.raises(RunInProgress):
        start("alice", mine, task=LOG_MODEL, parameters={"baseline": before})


def test_a_run_whose_baseline_was_deleted_meanwhile_fails(
    start: StartTraining,
    upload: Callable[..., str],
    train: Callable[..., Run],
    run_training: RunTraining,
    artifacts: MemoryArtifactStore,
) -> None:
    before, mine = upload(), upload()
    train(before)
    run = start("alice", mine, task=LOG_MODEL, parameters={"baseline": before})
    artifacts.remove_all(before)
    assert isinstance(run_training.executor, TaskThreads)
    execute = replace(run_training.executor.execute, tasks={LOG_MODEL: lambda context: {}})
    replace(run_training, executor=TaskThreads(execute))(TrainingMessage.of(run).to_bytes())
    ended = start.runs.get(mine, run.run_id)
    assert ended is not None
    assert (ended.state, ended.error.code if ended.error else None) == (RunState.FAILED, "BASELINE_MISSING")


def test_a_report_names_the_run_of_the_current_model(
    start: StartTraining, upload: Callable[..., str], train: Callable[..., Run], run_training: RunTraining
) -> None:
    assert isinstance(run_training.executor, TaskThreads)
    archives = run_training.executor.execute.archives
    report_on = ReportOnDataset(start.datasets, run_training.store, run_training.ledger, archives, start.runs)
    dataset_id = upload()
    assert report_on("alice", dataset_id).model is None
    train(dataset_id, "count-entries")
    assert report_on("alice", dataset_id).model is None
    run = train(dataset_id)
    assert report_on("alice", dataset_id).model == run


def test_the_parameters_are_checked_before_anything_is_started(
    start: StartTraining, uploaded: Callable[[], Dataset]
) -> None:
    dataset_id = uploaded().dataset_id
    with pytest.raises(ParameterInvalid):
        start("alice", dataset_id, task=LOG_MODEL, parameters={"base": "x"})
    assert start.datasets.get("alice", dataset_id).state is State.UPLOADING
