"""Carry out a training run: claim it, run the task, store the result once."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from types import MappingProxyType

from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Row
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.domain.runs import JsonObject, Run, RunError, RunState, TrainingMessage, UnreadableMessage
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Conflict, CountMismatch, Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.ports.task import TaskFailed, TrainingContext, TrainingSet, TrainingTask, TryAgain
from logleap.usecases.datasets import Clock

log = logging.getLogger(__name__)

_RESULT_LIMIT = 256 * 1024
"""Bytes. A Firestore document may have 1 MiB: https://firebase.google.com/docs/firestore/quotas"""

_RESULT_DEPTH = 100
"""Objects and lists in one another. What the API answers with may have some 250."""

_TICK = 0.2  # seconds between two looks at whether to stop
_LONGEST = 2000  # characters of an error's text that are stored


_PERMANENT: Mapping[type[Exception], str] = MappingProxyType(
    {CountMismatch: "COUNT_MISMATCH", ArchiveDamaged: "ARCHIVE_DAMAGED", TaskFailed: "TASK_FAILED"}
)


class Outcome(Enum):
    """What becomes of a queue message."""

    DONE = "done"
    RETRY = "retry"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a queue message: acknowledge, deliver again in `delay` seconds, or dead-letter it."""

    outcome: Outcome
    reason: str
    delay: float = 0.0


@dataclass(slots=True)
class CheckedTrainingSet(TrainingSet):
    """The training set, checked against the receipts' sum whichever way it is read."""

    acknowledged: int
    counted: Callable[[], int]
    read: Callable[[], Iterator[Row]]
    known: int | None = None

    def count(self) -> int:
        """Raises CountMismatch. Counted once: the set is sealed."""
        if self.known is None:
            self.known = self._checked(self.counted())
        return self.known

    def rows(self) -> Iterator[Row]:
        """Raises CountMismatch, at the end, if rows were missing or too many."""
        rows = 0
        for row in self.read():
            rows += 1
            yield row
        self._checked(rows)

    def _checked(self, found: int) -> int:
        if found != self.acknowledged:
            raise CountMismatch(self.acknowledged, found)
        return found


class Work(threading.Thread):
    """The task at work, in a thread that the worker can leave behind when its time is up."""

    def __init__(self, task: TrainingTask, context: TrainingContext) -> None:
        super().__init__(name=f"run-{context.run_id}", daemon=True)
        self._task = task
        self._context = context
        self.ended = threading.Event()
        self.result: JsonObject | None = None
        self.error: BaseException | None = None
        self._around = copy_context()  # what the log and the traces tell about the run

    def run(self) -> None:
        """Check the count, run the task, check its result: what is raised on the way is kept."""
        self._around.run(self._work)

    def _work(self) -> None:
        try:
            self._context.training_set.count()
            self.result = _json_object(self._task(self._context))
        except BaseException as error:  # noqa: BLE001 -- judged in the worker's own thread
            self.error = error
        finally:
            self.ended.set()


def _json_object(result: JsonObject) -> JsonObject:
    try:
        text = json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
        copy = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskFailed(f"the task's result is not JSON: {error}") from error
    if not isinstance(copy, dict):
        raise TaskFailed(f"the task's result must be a JSON object, but is {type(result).__name__}")
    if len(text) > _RESULT_LIMIT:
        raise TaskFailed(
            f"the task's result has {len(text)} bytes of JSON, but may have {_RESULT_LIMIT}: "
            "keep large things elsewhere and return where they are"
        )
    if (depth := _depth(copy)) > _RESULT_DEPTH:
        raise TaskFailed(
            f"the task's result nests {depth} objects and lists in one another, but may have {_RESULT_DEPTH}"
        )
    return copy


def _depth(result: object) -> int:
    depth, level = 0, [result]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


def _storable(text: str) -> str:
    """What a task raised may hold lone surrogates, or a whole file: what every backend can store of it."""
    return text[:_LONGEST].encode(errors="replace").decode()


@dataclass(slots=True)
class Lease:
    """A claimed run in this worker's hands."""

    run: Run
    runs: RunRepository
    now: Clock
    length: timedelta

    def store(self, next_run: Callable[[Run], Run], save: Callable[[Run], None]) -> bool:
        """Store what `next_run` makes of the run; False if the run is no longer in this worker's hands.

        A conflict can come of this worker's own earlier write whose answer was lost: the fence decides.
        """
        while True:
            following = next_run(self.run)
            try:
                save(following)
            except (Conflict, InvalidTransition):
                stored = self.runs.get(self.run.dataset_id, self.run.run_id)
                if stored != following:
                    if (
                        stored is None
                        or stored.fence != self.run.fence
                        or stored.state is not RunState.RUNNING
                    ):
                        return False
                    self.run = stored
                    continue
            self.run = following
            return True

    def renew(self) -> bool:
        """Count the lease from now; False if it was lost."""
        return self.store(lambda run: run.renewed(self.now(), self.length), self.runs.save)


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
        keep: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Verdict:
        """Run the task, if the run is still to be done, and say what becomes of the message.

        `keep` is called whenever the lease is renewed, to keep the message as well; `stopping` is asked
        several times a second while the task works. Nothing that a message holds makes it raise.
        """
        try:
            message = TrainingMessage.from_bytes(body)
            return self._carry_out(message, keep, stopping)
        except UnreadableMessage as error:
            return Verdict(Outcome.REJECT, f"unreadable message: {error}")
        except DatasetNotFound:
            return Verdict(Outcome.DONE, "the data set is gone")
        except Conflict:
            return Verdict(Outcome.RETRY, "another worker was quicker", delay=1.0)
        except Unavailable as error:
            return Verdict(Outcome.RETRY, f"unavailable: {error}", delay=1.0)

    def _carry_out(
        self, message: TrainingMessage, keep: Callable[[], None], stopping: Callable[[], bool]
    ) -> Verdict:
        dataset = self.datasets.get(message.owner, message.dataset_id)
        run = self.runs.get(dataset.dataset_id, message.run_id)
        now = self.now()
        if run is None:
            return Verdict(Outcome.DONE, "the run is gone")
        if run.finished:
            return Verdict(Outcome.DONE, f"the run has {run.state} already")
        if run.leased(now):
            return Verdict(Outcome.RETRY, "another worker has it", delay=(run.due_at - now).total_seconds())
        if run.attempts >= self.max_attempts:
            fail_run(self.datasets, self.runs, run, attempts_exhausted(run), now)
            return Verdict(Outcome.DONE, "its attempts are used up")
        claimed = run.claimed(now, self.lease)
        event = Event(now, EventKind.TRAINING_CLAIMED, f"Attempt {claimed.attempts} of run {run.run_id}.")
        self.runs.save(claimed, event)
        verdict = self._work(dataset, Lease(claimed, self.runs, self.now, self.lease), keep, stopping)
        if verdict.outcome is Outcome.DONE and dataset.archive is None:
            self._remove_orphans(dataset.dataset_id)
        return verdict

    def _remove_orphans(self, dataset_id: str) -> None:
        """Tidy up after uploads that were never acknowledged: the data set is sealed, so none can be."""
        try:
            removed = self.store.remove_orphans(self.ledger.manifest(dataset_id))
        except Unavailable as error:
            log.info("data set %s: orphans are left for now: %s", dataset_id, error)
            return
        if removed:
            log.info("data set %s: %d rows of unacknowledged uploads removed", dataset_id, removed)

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

    def _work(
        self, dataset: Dataset, lease: Lease, keep: Callable[[], None], stopping: Callable[[], bool]
    ) -> Verdict:
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
        work = Work(task, context)
        work.start()
        verdict = self._watch(work, lease, keep, stopping)
        if verdict is not None:
            abandoned.set()
            return verdict
        return self._conclude(work, lease, stopping)

    def _watch(
        self, work: Work, lease: Lease, keep: Callable[[], None], stopping: Callable[[], bool]
    ) -> Verdict | None:
        """Keep the run until the task has ended: None. Else why the task is left behind."""
        renewal = self.lease.total_seconds() / 3
        renew_at = time.monotonic() + renewal
        stop_at = None
        while not work.ended.wait(min(_TICK, renewal)):
            if stopping():
                stop_at = stop_at or time.monotonic() + self.grace.total_seconds()
                if time.monotonic() >= stop_at:
                    return self._hand_back(lease)
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + renewal
                try:
                    if not lease.renew():
                        return Verdict(Outcome.DONE, "another worker has taken it over")
                    keep()
                except Unavailable as error:
                    # The lease holds for two thirds of its length yet: the next renewal may get through.
                    log.warning("run %s: lease not renewed: %s", lease.run.run_id, error)
        return None

    def _conclude(self, work: Work, lease: Lease, stopping: Callable[[], bool]) -> Verdict:
        error = work.error
        if error is None:
            return self._succeed(lease, work.result or {})
        if isinstance(error, TryAgain) and stopping():
            return self._hand_back(lease)
        if isinstance(error, TryAgain | Unavailable):
            return self._try_again(lease, _storable(str(error)))
        for kind, code in _PERMANENT.items():
            if isinstance(error, kind):
                return self._fail(lease, RunError(code, _storable(str(error))))
        log.error("run %s: the task raised", lease.run.run_id, exc_info=error)
        return self._fail(lease, RunError("TASK_RAISED", _storable(f"{type(error).__name__}: {error}")))

    def _succeed(self, lease: Lease, result: JsonObject) -> Verdict:
        now = self.now()
        shown = json.dumps(result, ensure_ascii=False)
        detail = f"Run {lease.run.run_id} succeeded: {shown if len(shown) <= 200 else shown[:200] + ' …'}"
        event = Event(now, EventKind.TRAINING_SUCCEEDED, detail)
        return self._finish(lease, lambda run: run.succeeded(now, result), Action.SUCCEED, event)

    def _fail(self, lease: Lease, error: RunError) -> Verdict:
        now = self.now()
        return self._finish(
            lease, lambda run: run.failed(now, error), Action.FAIL, failure(lease.run, error, now)
        )

    def _finish(self, lease: Lease, ended: Callable[[Run], Run], action: Action, event: Event) -> Verdict:
        def save(run: Run) -> None:
            dataset = self.datasets.get(run.owner, run.dataset_id)
            self.runs.finish(dataset.after(action, event.at), run, event)

        stored = self._persist(lease, ended, save)
        return Verdict(Outcome.DONE, event.detail if stored else "another worker has taken it over")

    def _persist(self, lease: Lease, change: Callable[[Run], Run], save: Callable[[Run], None]) -> bool:
        """Store a change, trying again while the lease holds: hours of training hang on it."""
        while True:
            try:
                return lease.store(change, save)
            except Unavailable:
                if not lease.run.leased(self.now()):
                    raise
                time.sleep(_TICK)

    def _hand_back(self, lease: Lease) -> Verdict:
        now = self.now()
        detail = f"The worker of run {lease.run.run_id} was told to stop."
        event = Event(now, EventKind.TRAINING_HANDED_BACK, detail)
        self._persist(
            lease, lambda run: run.handed_back(now, self.patience), lambda run: self.runs.save(run, event)
        )
        return Verdict(Outcome.RETRY, "the worker was told to stop")

    def _try_again(self, lease: Lease, reason: str) -> Verdict:
        if lease.run.attempts >= self.max_attempts:
            return self._fail(lease, attempts_exhausted(lease.run, reason))
        now = self.now()
        self._persist(lease, lambda run: run.requeued(now, self.patience), self.runs.save)
        return Verdict(Outcome.RETRY, reason, delay=min(60.0, 2.0 ** (lease.run.attempts - 1)))


def attempts_exhausted(run: Run, reason: str = "the workers that took it ended without a word") -> RunError:
    """Why a run that was tried too often has failed."""
    return RunError("ATTEMPTS_EXHAUSTED", f"Given up after {run.attempts} attempts: {reason}.")


def failure(run: Run, error: RunError, now: datetime) -> Event:
    """The log's line about a failed run."""
    return Event(now, EventKind.TRAINING_FAILED, f"Run {run.run_id} failed: {error.code}: {error.detail}")


def fail_run(
    datasets: DatasetRepository, runs: RunRepository, run: Run, error: RunError, now: datetime
) -> None:
    """Store that a run nobody holds has failed. Raises Conflict if it changed meanwhile."""
    dataset = datasets.get(run.owner, run.dataset_id)
    if dataset.state is not State.TRAINING:
        raise Conflict(f"run {run.run_id} has ended meanwhile")
    runs.finish(dataset.after(Action.FAIL, now), run.failed(now, error), failure(run, error, now))
