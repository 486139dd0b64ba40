"""Which log model is a data set's, and which one a run is to be compared with."""

from collections.abc import Iterator
from dataclasses import dataclass

from logleap.domain.artifacts import Artifact
from logleap.domain.datasets import Dataset, State
from logleap.domain.errors import DatasetNotFound, ModelMissing
from logleap.domain.log_models import LOG_MODEL, MODEL_FILE, PREVIOUS, Baseline
from logleap.domain.runs import Run
from logleap.ports.datasets import DatasetRepository, Position
from logleap.ports.runs import RunPosition, RunRepository

_PAGE = 50  # runs, or data sets


@dataclass(frozen=True, slots=True)
class FindLogModel:
    """Finds the current log model of a data set: that of its latest succeeded run of the task `log-model`.

    Runs that were started with `"current": false` are passed over.
    """

    datasets: DatasetRepository
    runs: RunRepository

    def __call__(self, owner: str, dataset_id: str) -> Baseline:
        """In every state but `deleting`. Raises DatasetNotFound or ModelMissing."""
        dataset = self.datasets.get(owner, dataset_id)
        if dataset.state is State.DELETING:
            raise DatasetNotFound(dataset_id)
        found = self._current(dataset_id)
        if found is None:
            raise ModelMissing(dataset_id)
        return found

    def baseline(self, dataset: Dataset, wanted: str) -> Baseline:
        """What `wanted` (the id of a data set, or `PREVIOUS`) stands for, as baseline of `dataset`.

        Raises DatasetNotFound or ModelMissing.
        """
        if wanted != PREVIOUS:
            return self(dataset.owner, wanted)
        for older in self._older(dataset):
            found = self._current(older.dataset_id)
            if found is not None and older.state is not State.DELETING:
                return found
        raise ModelMissing(None)

    def _current(self, dataset_id: str) -> Baseline | None:
        run = run_of_model(self.runs, dataset_id)
        model = _model_of(run) if run is not None else None
        return Baseline(dataset_id, run.run_id, model) if run is not None and model is not None else None

    def _older(self, dataset: Dataset) -> Iterator[Dataset]:
        """Those of the same series, latest first."""
        if dataset.name is None:
            return
        after = Position(dataset.created_at, dataset.dataset_id)
        while page := self.datasets.list(dataset.owner, name=dataset.name, limit=_PAGE, after=after):
            yield from page
            after = Position(page[-1].created_at, page[-1].dataset_id)


def run_of_model(runs: RunRepository, dataset_id: str) -> Run | None:
    """The run of the current log model, None without one."""
    after = None
    while page := runs.list(dataset_id, limit=_PAGE, after=after):
        for run in page:
            if _model_of(run) is not None:
                return run
        after = RunPosition(page[-1].created_at, page[-1].run_id)
    return None


def _model_of(run: Run) -> Artifact | None:
    """A run without a result has no artifacts."""
    if run.task != LOG_MODEL or run.parameters.get("current") is False:
        return None
    return next((artifact for artifact in run.artifacts if artifact.name == MODEL_FILE), None)
