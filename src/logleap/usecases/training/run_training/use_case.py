"""The use case: from a queue message to a stored result and the settlement of the message."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from logleap.domain.datasets import Dataset, Event, EventKind
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import CANCELLED, Run, RunError, RunState, TrainingMessage, UnreadableMessage
from logleap.ports.artifacts import ArtifactStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.executor import (
    TaskEnded,
    TaskExecution,
    TaskExecutor,
    TaskJob,
    TaskOutcome,
    TaskSucceeded,
)
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.usecases.training.run_training.failing import end_event, end_run, store_end
from logleap.usecases.training.run_training.lease import Lease
from logleap.usecases.training.run_training.settlement import Disposition, Settlement
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Between two checks of whether to stop, and between two attempts to write."""

CANCEL_CHECK_SECONDS = 1.0
"""Between two reads of the run: whether its owner has cancelled it, or another worker has taken it over."""

_LOST = Settlement(Disposition.DONE, "another worker has taken it over")


@dataclass(frozen=True, slots=True)
class RunTraining:
    """Carries out the run that a queue message asks for.

    `lease` is how long a claim holds without a renewal, `patience` how long a queued run waits for its
    message, `max_attempts` after how many claims the run fails, `grace` how long a task may go on after
    the worker was told to stop or the run cancelled, `time_limit` how long a run may take from its first
    attempt, unless it was started with less.
    """

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    runs: RunRepository
    artifacts: ArtifactStore
    executor: TaskExecutor
    now: Clock
    lease: timedelta
    patience: timedelta
    max_attempts: int
    grace: timedelta
    time_limit: timedelta

    def __call__(
        self,
        body: bytes,
        *,
        on_renewed: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Settlement:
        """Run the task, if the run is still to be done, and say what becomes of the message.

        `on_renewed` is called after each renewal of the lease, to extend the message's ack deadline as well;
        `stopping` is polled several times per second while the task runs. No message makes it raise.
        """
        try:
            message = TrainingMessage.from_bytes(body)
            return self._carry_out(message, on_renewed, stopping)
        except UnreadableMessage as error:
            return Settlement(Disposition.REJECT, f"unreadable message: {error}")
        except DatasetNotFound:
            return Settlement(Disposition.DONE, "the data set is gone")
        except Conflict:
            return Settlement(Disposition.RETRY, "another worker claimed it first", delay=1.0)
        except Unavailable as error:
            return Settlement(Disposition.RETRY, f"unavailable: {error}", delay=1.0)

    def _carry_out(
        self, message: TrainingMessage, on_renewed: Callable[[], None], stopping: Callable[[], bool]
    ) -> Settlement:
        dataset = self.datasets.get(message.owner, message.dataset_id)
        run = self.runs.get(dataset.dataset_id, message.run_id)
        now = self.now()
        if run is None:
            return Settlement(Disposition.DONE, "the run is gone")
        if run.finished:
            return Settlement(Disposition.DONE, f"the run has {run.state} already")
        if run.leased(now):
            return Settlement(
                Disposition.RETRY, "another worker holds its lease", delay=(run.due_at - now).total_seconds()
            )
        error = run.why_over(now, longest=self.time_limit, max_attempts=self.max_attempts)
        if error is not None:
            failed = run.failed(now, error)
            end_run(self.datasets, self.runs, failed)
            return Settlement(Disposition.DONE, end_event(failed).detail)
        claimed = run.claimed(now, self.lease)
        event = Event(now, EventKind.TRAINING_CLAIMED, f"Attempt {claimed.attempts} of run {run.run_id}.")
        self.runs.save(claimed, event)
        settlement = self._run_task(
            dataset, Lease(claimed, self.runs, self.now, self.lease), on_renewed, stopping
        )
        if settlement.disposition is Disposition.DONE and dataset.archive is None:
            self._remove_orphans(dataset.dataset_id)
        return settlement

    def _remove_orphans(self, dataset_id: str) -> None:
        """Tidy up after uploads that were never acknowledged: the data set is sealed, so none can be."""
        try:
            removed = self.store.remove_orphans(self.ledger.manifest(dataset_id))
        except Unavailable as error:
            log.info("data set %s: orphans are left for now: %s", dataset_id, error)
            return
        if removed:
            log.info("data set %s: %d orphan rows removed", dataset_id, removed)

    def _run_task(
        self, dataset: Dataset, lease: Lease, on_renewed: Callable[[], None], stopping: Callable[[], bool]
    ) -> Settlement:
        run = lease.run
        job = TaskJob(
            owner=run.owner,
            dataset_id=run.dataset_id,
            run_id=run.run_id,
            task=run.task,
            parameters=run.parameters,
            attempt=run.attempts,
            entries=run.totals.entries,
            archive=dataset.archive,
            baseline=run.baseline,
        )
        try:
            execution = self.executor.start(job)
        except Unavailable as error:
            return self._try_again(lease, str(error))
        try:
            settlement = self._await(execution, lease, on_renewed, stopping)
            if settlement is not None:
                return settlement
            return self._conclude(execution.outcome(), lease, stopping)
        finally:
            execution.abandon()

    def _await(
        self,
        execution: TaskExecution,
        lease: Lease,
        on_renewed: Callable[[], None],
        stopping: Callable[[], bool],
    ) -> Settlement | None:
        """Keep the run until the task has ended: None. Else what became of the run that was taken from it."""
        renewal = self.lease.total_seconds() / 3
        pause = min(POLL_SECONDS, renewal)
        begun = time.monotonic()
        renew_at, check_at, stop_at = begun + renewal, begun + CANCEL_CHECK_SECONDS, None
        # Not by the clock of the day, which may be set while the task works.
        limit_at = begun + lease.run.time_left(self.now(), self.time_limit).total_seconds()
        while not execution.wait(max(0.0, min(pause, limit_at - time.monotonic()))):
            if time.monotonic() >= limit_at:
                execution.abandon()
                return self._fail(lease, lease.run.time_limit_exceeded(self.time_limit))
            if stopping() or lease.run.cancel_requested:
                execution.stop()
                stop_at = stop_at or time.monotonic() + self.grace.total_seconds()
                if time.monotonic() >= stop_at:
                    execution.abandon()
                    return self._hand_back(lease)
            try:
                if time.monotonic() >= renew_at:
                    renew_at = time.monotonic() + renewal
                    if not lease.renew():
                        return _LOST
                    on_renewed()
                elif time.monotonic() >= check_at:
                    check_at = time.monotonic() + CANCEL_CHECK_SECONDS
                    if not lease.held():
                        return _LOST
            except Unavailable as error:
                # The lease holds for two thirds of its length yet: the next renewal may get through.
                log.warning("run %s: lease not renewed: %s", lease.run.run_id, error)
        return None

    def _conclude(self, outcome: TaskOutcome, lease: Lease, stopping: Callable[[], bool]) -> Settlement:
        if isinstance(outcome, TaskSucceeded):
            now = self.now()
            settlement = self._end(lease, lambda run: run.succeeded(now, outcome.result, outcome.artifacts))
            self._publish_artifacts(lease.run)
            return settlement
        if isinstance(outcome, TaskEnded):
            return self._fail(lease, outcome.error)
        if outcome.voluntary and stopping():
            return self._hand_back(lease)
        return self._try_again(lease, outcome.reason)

    def _publish_artifacts(self, run: Run) -> None:
        """They are the run's by its result; where this breaks off, the sweeper goes on."""
        if run.state is not RunState.SUCCEEDED or not run.artifacts:
            return
        try:
            blobs = [artifact.blob for artifact in run.artifacts]
            self.artifacts.publish(run.dataset_id, run.run_id, blobs)
        except Unavailable as error:
            log.info("run %s: publishing its artifacts is left to the sweeper: %s", run.run_id, error)

    def _fail(self, lease: Lease, error: RunError) -> Settlement:
        now = self.now()
        return self._end(lease, lambda run: run.failed(now, error))

    def _end(self, lease: Lease, ended: Callable[[Run], Run]) -> Settlement:
        stored = self._persist(lease, ended)
        return Settlement(Disposition.DONE, end_event(lease.run).detail) if stored else _LOST

    def _hand_back(self, lease: Lease) -> Settlement:
        now = self.now()
        detail = f"The worker of run {lease.run.run_id} is stopping; the run is queued again."
        event = Event(now, EventKind.TRAINING_HANDED_BACK, detail)
        self._persist(lease, lambda run: run.handed_back(now, self.patience), event)
        return self._requeued(lease, Settlement(Disposition.RETRY, "the worker is stopping"))

    def _try_again(self, lease: Lease, reason: str) -> Settlement:
        if lease.run.attempts >= self.max_attempts:
            return self._fail(lease, lease.run.attempts_exhausted(reason))
        now = self.now()
        self._persist(lease, lambda run: run.requeued(now, self.patience))
        delay = min(60.0, 2.0 ** (lease.run.attempts - 1))
        return self._requeued(lease, Settlement(Disposition.RETRY, reason, delay))

    def _requeued(self, lease: Lease, settlement: Settlement) -> Settlement:
        """The settlement of a run that was to be queued again: it may have been cancelled instead."""
        if lease.run.finished:
            return Settlement(Disposition.DONE, end_event(lease.run).detail)
        return settlement

    def _persist(self, lease: Lease, change: Callable[[Run], Run], event: Event | None = None) -> bool:
        """Store a change that ends this worker's work; where the run was cancelled meanwhile, its failure.

        Tries for as long as the lease holds: hours of training depend on it. False if the run was lost.
        """

        now = self.now()

        def changed(run: Run) -> Run:
            return run.failed(now, CANCELLED) if run.cancel_requested else change(run)

        def write(run: Run) -> None:
            if run.finished:
                store_end(self.datasets, self.runs, run)
            else:
                self.runs.save(run, event)

        while True:
            try:
                return lease.save(changed, write)
            except Unavailable:
                if not lease.run.leased(self.now()):
                    raise
                time.sleep(POLL_SECONDS)
