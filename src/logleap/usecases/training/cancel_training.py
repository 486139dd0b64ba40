"""Cancel a training run."""

from dataclasses import dataclass

from logleap.domain.datasets import Event, EventKind
from logleap.domain.errors import RunFinished, RunNotFound
from logleap.domain.runs import Run
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunRepository
from logleap.usecases.training.run_training import end_run
from logleap.usecases.types import Clock


@dataclass(frozen=True, slots=True)
class CancelTraining:
    """Has a run end without a result: at once where no worker holds it, else by its worker, within its grace.

    Once this has returned, no result of the run is stored any more, whatever its task does.
    """

    datasets: DatasetRepository
    runs: RunRepository
    now: Clock

    def __call__(self, owner: str, dataset_id: str, run_id: str | None = None) -> Run:
        """The run (by default the data set's latest), failed as CANCELLED or about to. May be repeated.

        Raises DatasetNotFound, RunNotFound, or RunFinished if the run ended otherwise.
        """
        while True:
            dataset = self.datasets.get(owner, dataset_id)
            chosen = dataset.run_id if run_id is None else run_id
            run = self.runs.get(dataset_id, chosen) if chosen is not None else None
            if run is None:
                raise RunNotFound(dataset_id, run_id)
            now = self.now()
            if run.cancel_requested and (run.finished or run.leased(now)):
                return run
            if run.finished:
                raise RunFinished(run.run_id, run.state)
            try:
                return self._cancel(run) if run.leased(now) else self._end(run)
            except Conflict:
                continue  # it was claimed, renewed or ended meanwhile

    def _cancel(self, run: Run) -> Run:
        cancelling = run.cancelling(self.now())
        detail = f"Run {run.run_id} is to be cancelled: its worker stops the task."
        self.runs.save(cancelling, Event(self.now(), EventKind.TRAINING_CANCEL_REQUESTED, detail))
        return cancelling

    def _end(self, run: Run) -> Run:
        cancelled = run.cancelled(self.now())
        end_run(self.datasets, self.runs, cancelled)
        return cancelled
