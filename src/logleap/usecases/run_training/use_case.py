"""The use case: from a queue message to a stored result and the settlement of the message."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType

from logleap.domain.datasets import Action, Dataset, Event, EventKind
from logleap.domain.errors import DatasetNotFound
from logleap.domain.runs import JsonObject, Run, RunError, TrainingMessage, UnreadableMessage
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict, CountMismatch, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.ports.task import TaskFailed, TrainingContext, TrainingSet, TrainingTask, TryAgain
from logleap.usecases.run_training.failing import attempts_exhausted, fail_run, failure_event
from logleap.usecases.run_training.lease import Lease
from logleap.usecases.run_training.settlement import Disposition, Settlement
from logleap.usecases.run_training.task_thread import TaskThread
from logleap.usecases.run_training.training_set import CheckedTrainingSet
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Between two checks of whether to stop, and between two attempts to write."""

MAX_ERROR_CHARS = 2000
"""Of an error's text that are stored."""


_PERMANENT: Mapping[type[Exception], str] = MappingProxyType(
    {CountMismatch: "COUNT_MISMATCH", ArchiveDamaged: "ARCHIVE_DAMAGED", TaskFailed: "TASK_FAILED"}
)


def _storable(text: str) -> str:
    """What a task raised may hold lone surrogates, or a whole file: what every backend can store of it."""
    return text[:MAX_ERROR_CHARS].encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class RunTraining:
    """Carries out the run that a queue message asks for.

    `lease` is how long a claim holds without a renewal, `patience` how long a queued run waits for its
    message, `max_attempts` after how many claims the run fails, `grace` how long a task may go on after
    the worker was told to stop.
    """

    datasets: DatasetRepository
    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    runs: RunRepository
    tasks: Mapping[str, TrainingTask]
    now: Clock
    lease: timedelta
    patience: timedelta
    max_attempts: int
    grace: timedelta

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
        if run.attempts >= self.max_attempts:
            fail_run(self.datasets, self.runs, run, attempts_exhausted(run), now)
            return Settlement(Disposition.DONE, "no attempts are left")
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
            log.info("data set %s: orphans not removed yet: %s", dataset_id, error)
            return
        if removed:
            log.info("data set %s: %d orphan rows removed", dataset_id, removed)

    def _training_set(self, dataset: Dataset, acknowledged: int) -> TrainingSet:
        if dataset.archive is not None:
            return CheckedTrainingSet(
                acknowledged,
                partial(self.archives.count, dataset.archive),
                partial(self.archives.read, dataset.archive),
            )
        manifest = self.ledger.manifest(dataset.dataset_id)
        return CheckedTrainingSet(
            acknowledged, partial(self.store.count, manifest), partial(self.store.read, manifest)
        )

    def _run_task(
        self, dataset: Dataset, lease: Lease, on_renewed: Callable[[], None], stopping: Callable[[], bool]
    ) -> Settlement:
        run = lease.run
        task = self.tasks.get(run.task)
        if task is None:
            return self._fail(lease, RunError("TASK_UNKNOWN", f"This worker has no task {run.task!r}."))
        abandoned = threading.Event()
        context = TrainingContext(
            owner=run.owner,
            dataset_id=run.dataset_id,
            run_id=run.run_id,
            attempt=run.attempts,
            parameters=run.parameters,
            training_set=self._training_set(dataset, run.totals.entries),
            stopping=lambda: abandoned.is_set() or stopping(),
        )
        thread = TaskThread(task, context)
        thread.start()
        settlement = self._await(thread, lease, on_renewed, stopping)
        if settlement is not None:
            abandoned.set()
            return settlement
        return self._conclude(thread, lease, stopping)

    def _await(
        self, thread: TaskThread, lease: Lease, on_renewed: Callable[[], None], stopping: Callable[[], bool]
    ) -> Settlement | None:
        """Keep the run until the task has ended: None. Else why the task is left behind."""
        renewal = self.lease.total_seconds() / 3
        renew_at = time.monotonic() + renewal
        stop_at = None
        while not thread.ended.wait(min(POLL_SECONDS, renewal)):
            if stopping():
                stop_at = stop_at or time.monotonic() + self.grace.total_seconds()
                if time.monotonic() >= stop_at:
                    return self._hand_back(lease)
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + renewal
                try:
                    if not lease.renew():
                        return Settlement(Disposition.DONE, "another worker has taken it over")
                    on_renewed()
                except Unavailable as error:
                    # The lease holds for two thirds of its length yet: the next renewal may get through.
                    log.warning("run %s: lease not renewed: %s", lease.run.run_id, error)
        return None

    def _conclude(self, thread: TaskThread, lease: Lease, stopping: Callable[[], bool]) -> Settlement:
        error = thread.error
        if error is None:
            return self._succeed(lease, thread.result or {})
        if isinstance(error, TryAgain) and stopping():
            return self._hand_back(lease)
        if isinstance(error, TryAgain | Unavailable):
            return self._try_again(lease, _storable(str(error)))
        for kind, code in _PERMANENT.items():
            if isinstance(error, kind):
                return self._fail(lease, RunError(code, _storable(str(error))))
        log.error("run %s: the task raised", lease.run.run_id, exc_info=error)
        return self._fail(lease, RunError("TASK_RAISED", _storable(f"{type(error).__name__}: {error}")))

    def _succeed(self, lease: Lease, result: JsonObject) -> Settlement:
        now = self.now()
        shown = json.dumps(result, ensure_ascii=False)
        detail = f"Run {lease.run.run_id} succeeded: {shown if len(shown) <= 200 else shown[:200] + ' …'}"
        event = Event(now, EventKind.TRAINING_SUCCEEDED, detail)
        return self._finish(lease, lambda run: run.succeeded(now, result), Action.SUCCEED, event)

    def _fail(self, lease: Lease, error: RunError) -> Settlement:
        now = self.now()
        return self._finish(
            lease, lambda run: run.failed(now, error), Action.FAIL, failure_event(lease.run, error, now)
        )

    def _finish(self, lease: Lease, ended: Callable[[Run], Run], action: Action, event: Event) -> Settlement:
        def write(run: Run) -> None:
            dataset = self.datasets.get(run.owner, run.dataset_id)
            self.runs.finish(dataset.after(action, event.at), run, event)

        stored = self._persist(lease, ended, write)
        return Settlement(Disposition.DONE, event.detail if stored else "another worker has taken it over")

    def _persist(self, lease: Lease, change: Callable[[Run], Run], write: Callable[[Run], None]) -> bool:
        """Store a change, with retries while the lease holds: hours of training depend on it."""
        while True:
            try:
                return lease.save(change, write)
            except Unavailable:
                if not lease.run.leased(self.now()):
                    raise
                time.sleep(POLL_SECONDS)

    def _hand_back(self, lease: Lease) -> Settlement:
        now = self.now()
        detail = f"The worker of run {lease.run.run_id} is stopping; the run is queued again."
        event = Event(now, EventKind.TRAINING_HANDED_BACK, detail)
        self._persist(
            lease, lambda run: run.handed_back(now, self.patience), lambda run: self.runs.save(run, event)
        )
        return Settlement(Disposition.RETRY, "the worker is stopping")

    def _try_again(self, lease: Lease, reason: str) -> Settlement:
        if lease.run.attempts >= self.max_attempts:
            return self._fail(lease, attempts_exhausted(lease.run, reason))
        now = self.now()
        self._persist(lease, lambda run: run.requeued(now, self.patience), self.runs.save)
        return Settlement(Disposition.RETRY, reason, delay=min(60.0, 2.0 ** (lease.run.attempts - 1)))
