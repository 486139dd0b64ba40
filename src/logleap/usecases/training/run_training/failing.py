"""How a run that nobody holds is ended: by a worker, by the sweep, by its owner."""

import json

from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.runs import Run, RunState
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunRepository

MAX_SHOWN_CHARS = 200
"""Of a result, in its data set's log."""


def end_event(run: Run) -> Event:
    """The event of a finished run, for its data set's log."""
    at = run.finished_at or run.created_at
    if run.error is not None:
        error = run.error
        return Event(at, EventKind.TRAINING_FAILED, f"Run {run.run_id} failed: {error.code}: {error.detail}")
    shown = json.dumps(run.result, ensure_ascii=False)
    shown = shown if len(shown) <= MAX_SHOWN_CHARS else shown[:MAX_SHOWN_CHARS] + " …"
    return Event(at, EventKind.TRAINING_SUCCEEDED, f"Run {run.run_id} succeeded: {shown}")


def store_end(datasets: DatasetRepository, runs: RunRepository, run: Run) -> None:
    """Store a finished run, with its data set and its event. Raises Conflict or InvalidTransition."""
    _store(datasets.get(run.owner, run.dataset_id), runs, run)


def end_run(datasets: DatasetRepository, runs: RunRepository, run: Run) -> None:
    """Store the end of a run that nobody holds. Raises Conflict if it changed meanwhile."""
    dataset = datasets.get(run.owner, run.dataset_id)
    if dataset.state is not State.TRAINING:
        raise Conflict(f"run {run.run_id} has ended meanwhile")
    _store(dataset, runs, run)


def _store(dataset: Dataset, runs: RunRepository, run: Run) -> None:
    event = end_event(run)
    action = Action.SUCCEED if run.state is RunState.SUCCEEDED else Action.FAIL
    runs.finish(dataset.after(action, event.at), run, event)
