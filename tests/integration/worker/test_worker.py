"""The worker over the memory backend: what comes of each kind of message."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from logleap.container import Container, build_container
from logleap.domain.entries import Entry
from logleap.domain.runs import Run, RunState, TrainingMessage
from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.errors import Unavailable
from logleap.ports.task import TaskFailed, TrainingContext, TryAgain
from logleap.settings import Settings

OWNER = "anna"


class Source:
    """Entries as they would come from a request."""

    sha256 = "0" * 64

    def __init__(self, number: int) -> None:
        self._number = number

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield [Entry(datetime(2026, 3, 2, tzinfo=UTC), f"entry {number}") for number in range(self._number)]


@dataclass
class Site:
    container: Container
    calls: list[int]

    def started(self, *, entries: int = 3) -> Run:
        """A run on a new data set; its message is on the queue."""
        data_id = self.container.announce_dataset()(OWNER, None, {}).dataset_id
        self.container.append_entries()(OWNER, data_id, Source(entries))
        run: Run = self.container.start_training()(OWNER, data_id)
        return run

    def now(self, run: Run) -> Run:
        shown: Run = self.container.show_training()(OWNER, run.dataset_id)
        return shown

    def work_until(self, done: Callable[[], bool]) -> None:
        """Let a worker run until `done`, then stop it."""
        stop = threading.Event()
        worker = threading.Thread(target=make_worker(self.container).run, args=(stop,))
        worker.start()
        deadline = time.monotonic() + 20
        while not done() and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        worker.join(20)
        assert not worker.is_alive()
        assert done()


MakeSite = Callable[..., Site]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> MakeSite:
    """Makes a site whose task is the given function."""

    def make(task: Callable[[TrainingContext], Any] | None = None, **settings: Any) -> Site:
        calls: list[int] = []

        def counted(context: TrainingContext) -> Any:
            calls.append(context.attempt)
            return task(context) if task else {"entries": context.training_set.count()}

        quick = {"backend": "memory", "run_lease": 2.0, "sweep_interval": 0.1, "stop_grace": 0.3}
        container = build_container(Settings(**{**quick, **settings}))
        monkeypatch.setitem(container.tasks(), "count-entries", counted)
        return Site(container, calls)

    return make


def test_a_message_is_worked_on_once_however_often_it_is_delivered(site: MakeSite) -> None:
    at = site()
    run = at.started()
    for _ in range(5):
        at.container.backend().queue.publish(TrainingMessage.of(run).to_bytes())
    other = at.started(entries=1)
    at.work_until(lambda: at.now(other).finished)
    assert at.now(run).result == {"entries": 3}
    assert at.calls == [1, 1]


def test_an_unreadable_message_goes_to_the_dead_letters_and_holds_nobody_up(
    site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    at = site()
    for body in (b"", b"\xff", b"{}", b"[" * 100_000, b'{"owner":1,"dataId":"x","runId":"y"}'):
        at.container.backend().queue.publish(body)
    run = at.started()
    at.work_until(lambda: at.now(run).finished and caplog.text.count("dead letter: unreadable message") == 5)
    assert at.now(run).state is RunState.SUCCEEDED
    assert at.container.backend().queue.receive_dead(0) is None


def test_a_task_that_fails_or_raises_ends_the_run_with_the_reason(site: MakeSite) -> None:
    def failing(context: TrainingContext) -> Any:
        raise TaskFailed("too few lines")

    at = site(failing)
    run = at.started()
    at.work_until(lambda: at.now(run).finished)
    error = at.now(run).error
    assert error is not None
    assert (error.code, error.detail) == ("TASK_FAILED", "too few lines")
    assert at.calls == [1]


def test_a_task_with_passing_trouble_is_tried_again_until_it_works(site: MakeSite) -> None:
    def flaky(context: TrainingContext) -> Any:
        if context.attempt < 3:
            raise TryAgain("the cluster is busy")
        return {"done": True}

    at = site(flaky)
    run = at.started()
    at.work_until(lambda: at.now(run).finished)
    assert at.now(run).result == {"done": True}
    assert at.calls == [1, 2, 3]


def test_a_task_that_never_works_fails_after_so_many_attempts(site: MakeSite) -> None:
    def busy(context: TrainingContext) -> Any:
        raise TryAgain("the cluster is busy")

    at = site(busy, run_max_attempts=3)
    run = at.started()
    at.work_until(lambda: at.now(run).finished)
    error = at.now(run).error
    assert error is not None
    assert error.code == "ATTEMPTS_EXHAUSTED"
    assert at.calls == [1, 2, 3]


@pytest.mark.parametrize("listens", [True, False], ids=["the task listens", "the task is deaf"])
def test_a_worker_told_to_stop_hands_its_run_back_and_the_next_one_finishes_it(
    site: MakeSite, listens: bool
) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def long(context: TrainingContext) -> Any:
        if begun.is_set():
            return {"entries": context.training_set.count()}
        begun.set()
        while not (listens and context.stopping()) and not let_go.wait(0.01):
            pass
        if listens:
            raise TryAgain("told to stop")
        return {"entries": -1}

    at = site(long)
    run = at.started()
    at.work_until(begun.is_set)
    assert at.now(run).state is RunState.QUEUED
    let_go.set()
    at.work_until(lambda: at.now(run).finished)
    assert at.now(run).result == {"entries": 3}
    assert at.now(run).attempts == 1


def test_a_message_that_was_never_published_is_published_by_the_sweeper(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = site()
    queue = at.container.backend().queue
    publish = queue.publish
    monkeypatch.setattr(queue, "publish", _down)
    run = at.started()
    monkeypatch.setattr(queue, "publish", publish)
    assert at.now(run).state is RunState.QUEUED
    at.work_until(lambda: at.now(run).finished)
    assert at.now(run).result == {"entries": 3}


def test_a_run_whose_worker_died_is_taken_over_once_its_lease_has_run_out(site: MakeSite) -> None:
    at = site(run_lease=0.5)
    run = at.started()
    backend = at.container.backend()
    delivery = backend.queue.receive(1)
    assert delivery is not None
    delivery.ack()  # the message is gone with the worker
    settings = at.container.settings()
    backend.runs.save(run.claimed(datetime.now(UTC), settings.lease))
    at.work_until(lambda: at.now(run).finished)
    assert at.now(run).result == {"entries": 3}
    assert at.calls == [2]


def test_a_run_that_nobody_tried_survives_its_dead_letter(site: MakeSite) -> None:
    at = site()
    run = at.started()
    delivery = at.container.backend().queue.receive(1)
    assert delivery is not None
    delivery.reject("a test")
    at.work_until(lambda: at.now(run).finished)
    assert at.now(run).result == {"entries": 3}


def test_a_dead_letter_marks_a_run_that_was_tried_as_failed(site: MakeSite) -> None:
    at = site()
    run = at.started()
    backend = at.container.backend()
    delivery = backend.queue.receive(1)
    assert delivery is not None
    claimed = run.claimed(datetime.now(UTC), at.container.settings().lease)
    backend.runs.save(claimed)
    backend.runs.save(claimed.requeued(datetime.now(UTC), at.container.settings().patience))
    delivery.reject("a test")
    at.work_until(lambda: at.now(run).finished)
    error = at.now(run).error
    assert error is not None
    assert error.code == "DEAD_LETTERED"


def _down(body: bytes, owner: str = "") -> None:
    raise Unavailable("the queue is down")
