"""Mend what a crash left behind: messages never published, runs whose worker is gone, dead letters,
archiving and deleting that broke off, artifacts that are nobody's.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from logleap.domain.counts import counted
from logleap.domain.datasets import Dataset, Event, EventKind, State
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import CLOCK_SKEW, LONGEST_LEASE, Run, RunError, TrainingMessage, UnreadableMessage
from logleap.ports.artifacts import ArtifactStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict
from logleap.ports.queue import TrainingQueue
from logleap.ports.runs import RunRepository
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.attempt import attempt
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.training.run_training import end_run
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)

_SHARE = 100  # runs or messages in one sweep: the next sweep takes the rest


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: messages published, runs failed, archivings and deletions brought to their end,
    artifacts published late or removed, data sets deleted and archived because their time had come.
    """

    published: int
    failed: int
    finished: int = 0
    artifacts: int = 0
    deleted: int = 0
    archived: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Publishes what stayed in the outbox, and overdue runs again; ends what broke off.

    Any number may sweep at once. `patience` is how long a run's message, an archiving or a deletion may take.
    """

    datasets: DatasetRepository
    runs: RunRepository
    queue: TrainingQueue
    artifacts: ArtifactStore
    archive: ArchiveDataset
    delete: DeleteDataset
    retention: ApplyRetention
    now: Clock
    patience: timedelta
    max_attempts: int
    time_limit: timedelta

    def __call__(self) -> Swept:
        """Sweep once. Raises Unavailable if data sets, runs or queue are; what was done by then stays."""
        published = 0
        for message in self.runs.outbox(_SHARE):
            self.queue.publish(message.to_bytes(), message.owner)
            self.runs.published(message)
            published += 1
        failed = 0
        now = self.now()
        latest = now + max(self.patience, LONGEST_LEASE) + CLOCK_SKEW
        for run in self.runs.due(now, _SHARE, latest):
            try:
                error = run.why_over(now, longest=self.time_limit, max_attempts=self.max_attempts)
                if error is not None:
                    end_run(self.datasets, self.runs, run.failed(now, error))
                    failed += 1
                else:
                    self._republish(run, now)
                    published += 1
            except (Conflict, DatasetNotFound):
                continue  # somebody else took care of it meanwhile
        # What may take long comes last, or cannot be done for want of a library.
        return Swept(
            published,
            failed,
            finished=self._finish_broken_off(now),
            artifacts=self._settle_artifacts(),
            deleted=self.retention.delete_due(),
            archived=self.retention.archive_due(),
        )

    def _finish_broken_off(self, now: datetime) -> int:
        unfinished = self.datasets.unfinished(now - self.patience, _SHARE, now + CLOCK_SKEW)
        return sum(attempt(self.datasets, each, partial(self._finish, each)) for each in unfinished)

    def _finish(self, dataset: Dataset) -> bool:
        if dataset.state is State.DELETING:
            self.delete.finish(dataset)
        else:
            self.archive.finish(dataset)
        return True

    def _settle_artifacts(self) -> int:
        """Publish what a succeeded run names, and remove what nobody can name any more."""
        runs: dict[tuple[str, str], Run | None] = {}
        settled = 0
        for blob in self.artifacts.staged():
            key = (blob.dataset_id, blob.run_id)
            if key not in runs:
                runs[key] = self.runs.get(*key)
            run = runs[key]
            if run is not None and not run.finished:
                continue
            if run is not None and any(artifact.blob == blob.blob for artifact in run.artifacts):
                self.artifacts.publish(*key, [blob.blob])
            else:
                self.artifacts.discard(blob)
            settled += 1
        return settled

    def _republish(self, run: Run, now: datetime) -> None:
        # Stored first: if the publishing fails, the run is overdue again once its patience has run out.
        detail = f"Run {run.run_id} was overdue and is queued again."
        event = Event(now, EventKind.TRAINING_REPUBLISHED, detail)
        self.runs.save(run.requeued(now, self.patience), event)
        self.queue.publish(TrainingMessage.of(run).to_bytes(), run.owner)


@dataclass(frozen=True, slots=True)
class FailDeadLetter:
    """Marks the run of a dead letter as failed, unless a worker holds it at this moment.

    A run that nobody got to try (an outage, restarts of the worker) is queued once more first.
    """

    datasets: DatasetRepository
    runs: RunRepository
    queue: TrainingQueue
    now: Clock
    patience: timedelta

    def __call__(self, body: bytes) -> str:
        """What came of it, in a few words. Raises Unavailable or Conflict: try again later."""
        try:
            message = TrainingMessage.from_bytes(body)
            run = self.runs.get(message.dataset_id, message.run_id)
        except UnreadableMessage as unreadable:
            return f"unreadable message: {unreadable}"
        now = self.now()
        if run is None or run.finished or run.leased(now):
            return "its run is gone, has ended or is running"
        if run.attempts == 0:
            detail = (
                f"The queue gave up the message of run {run.run_id} before any attempt; it is queued again."
            )
            self.runs.save(
                run.given_second_chance(now, self.patience),
                Event(now, EventKind.TRAINING_REPUBLISHED, detail),
            )
            self.queue.publish(TrainingMessage.of(run).to_bytes(), run.owner)
            return f"run {run.run_id} was never attempted and is queued again"
        error = RunError(
            "DEAD_LETTERED", f"The queue gave up its message after {counted(run.attempts, 'attempt')}."
        )
        try:
            end_run(self.datasets, self.runs, run.failed(now, error))
        except DatasetNotFound:
            return "its data set is gone"
        return f"run {run.run_id} has failed"
