"""How a run that cannot go on is failed, by a worker or by the sweep."""

from datetime import datetime

from logleap.domain.datasets import Action, Event, EventKind, State
from logleap.domain.runs import Run, RunError
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunRepository


def attempts_exhausted(
    run: Run, reason: str = "every worker that claimed it died without reporting a result"
) -> RunError:
    """The error of a run that has used up its attempts."""
    return RunError("ATTEMPTS_EXHAUSTED", f"Given up after {run.attempts} attempts: {reason}.")


def failure_event(run: Run, error: RunError, now: datetime) -> Event:
    """The event of a failed run, for its data set's log."""
    return Event(now, EventKind.TRAINING_FAILED, f"Run {run.run_id} failed: {error.code}: {error.detail}")


def fail_run(
    datasets: DatasetRepository, runs: RunRepository, run: Run, error: RunError, now: datetime
) -> None:
    """Store that a run nobody holds has failed. Raises Conflict if it changed meanwhile."""
    dataset = datasets.get(run.owner, run.dataset_id)
    if dataset.state is not State.TRAINING:
        raise Conflict(f"run {run.run_id} has ended meanwhile")
    runs.finish(dataset.after(Action.FAIL, now), run.failed(now, error), failure_event(run, error, now))
