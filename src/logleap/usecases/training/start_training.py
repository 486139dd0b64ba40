"""Start a training run, and look at the runs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from logleap.domain.datasets import Dataset, State
from logleap.domain.errors import KeyReused, RunInProgress, RunNotFound, TaskUnknown, TimeLimitTooLong
from logleap.domain.log_models import LOG_MODEL, ModelParameters
from logleap.domain.runs import UNKNOWN_ORIGIN, Origin, Run, TrainingMessage, TrainingRequest, start_training
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.queue import TrainingQueue
from logleap.ports.runs import RunPosition, RunRepository
from logleap.usecases.log_models import FindLogModel
from logleap.usecases.types import Clock, IdMaker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartTraining:
    """Seals a data set and starts a run on it, once.

    `tasks` are the names on offer, the first is the default. `patience` is how long a queued run's message
    may take before it counts as lost, `time_limit` the longest time that a run may be allowed.
    """

    datasets: DatasetRepository
    runs: RunRepository
    queue: TrainingQueue
    tasks: Sequence[str]
    patience: timedelta
    time_limit: timedelta
    now: Clock
    new_id: IdMaker

    def __call__(
        self,
        owner: str,
        dataset_id: str,
        *,
        task: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        expected_entries: int | None = None,
        time_limit: timedelta | None = None,
        key: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Run:
        """The run that this start made, or the one that it repeats.

        With an idempotency key, a start answers the key's run for the data set's whole life, and is refused
        while another run is under way. Without one, it answers the run under way if it asks for the same.
        `origin` goes along with the run that is made. The baseline of a log model is looked up for the run
        that is made, and never again for it.
        Raises DatasetNotFound (also of the baseline), TaskUnknown, ParameterInvalid, TimeLimitTooLong,
        ModelMissing, DatasetEmpty, EntryCountDiffers, RunInProgress, KeyReused, InvalidTransition.
        """
        request = TrainingRequest(task or self.tasks[0], parameters or {}, expected_entries, time_limit)
        dataset = self.datasets.get(owner, dataset_id)
        if request.task not in self.tasks:
            raise TaskUnknown(request.task, self.tasks)
        wanted = ModelParameters.of(request.parameters).baseline if request.task == LOG_MODEL else None
        if time_limit is not None and time_limit > self.time_limit:
            raise TimeLimitTooLong(time_limit.total_seconds(), self.time_limit.total_seconds())
        run_id = str(uuid5(NAMESPACE_URL, f"{dataset_id}/{key}")) if key is not None else self.new_id()
        while True:
            current = self._current(dataset, run_id)
            if current is not None:
                if key is not None and current.run_id != run_id:
                    raise RunInProgress(dataset_id, current.run_id, current.task, key)
                if key is not None and not request.asks_for(current):
                    raise KeyReused(key)
                request.check_repeats(current)
                return current
            baseline = None
            if wanted is not None:
                baseline = FindLogModel(self.datasets, self.runs).baseline(dataset, wanted)
            decide = partial(
                start_training,
                dataset,
                request=request,
                run_id=run_id,
                now=self.now(),
                patience=self.patience,
                origin=origin,
                baseline=baseline,
            )
            try:
                run = self.runs.start(dataset, decide)
            except Conflict:
                dataset = self.datasets.get(owner, dataset_id)
                continue
            self._publish(run)
            return run

    def _current(self, dataset: Dataset, run_id: str) -> Run | None:
        known = self.runs.get(dataset.dataset_id, run_id)
        if known is None and dataset.state is State.TRAINING and dataset.run_id is not None:
            known = self.runs.get(dataset.dataset_id, dataset.run_id)
        return known

    def _publish(self, run: Run) -> None:
        message = TrainingMessage.of(run)
        try:
            self.queue.publish(message.to_bytes(), message.owner)
            self.runs.published(message)
        except Unavailable as error:
            # The run is started: its message is in the outbox, from where the sweeper publishes it.
            log.warning("run %s is not published yet: %s", run.run_id, error)


@dataclass(frozen=True, slots=True)
class ShowTraining:
    """Answers how a run stands."""

    datasets: DatasetRepository
    runs: RunRepository

    def __call__(self, owner: str, dataset_id: str, run_id: str | None = None) -> Run:
        """The data set's latest run, or the one of this id. Raises DatasetNotFound or RunNotFound."""
        dataset = self.datasets.get(owner, dataset_id)
        chosen = dataset.run_id if run_id is None else run_id
        run = self.runs.get(dataset_id, chosen) if chosen is not None else None
        if run is None:
            raise RunNotFound(dataset_id, run_id)
        return run


@dataclass(frozen=True, slots=True)
class ListRuns:
    """Lists the runs of a data set."""

    datasets: DatasetRepository
    runs: RunRepository

    def __call__(
        self, owner: str, dataset_id: str, limit: int, after: RunPosition | None
    ) -> tuple[Sequence[Run], RunPosition | None]:
        """A page of the runs, newest first, and where the next page begins (None: no more).

        Raises DatasetNotFound.
        """
        self.datasets.get(owner, dataset_id)
        found = self.runs.list(dataset_id, limit=limit + 1, after=after)
        page = found[:limit]
        more = len(found) > limit
        return page, RunPosition(page[-1].created_at, page[-1].run_id) if more else None
