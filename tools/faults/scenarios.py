"""Scenarios for the use cases in this process. Each begins on a new harness and leaves a history to check."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from logleap.domain.runs import TrainingMessage
from logleap.ports.errors import Unavailable
from logleap.ports.queue import Delivery, TrainingQueue
from logleap.ports.task import TrainingContext
from tools.faults.failpoints import (
    ARTIFACT,
    CANCEL,
    CANCEL_QUEUED,
    FAILPOINTS,
    RUN,
    START,
    UPLOAD,
    AtFailpoint,
    Failpoint,
    Hook,
)
from tools.faults.harness import LEASE, Crash, Harness
from tools.faults.history import Answer, Operation

Scenario = Callable[[Harness], None]

_POISON = (b"", b"\xff\xfe", b"[]", b'{"owner": 1}', b"[" * 10_000)


def crash(
    point: Failpoint,
    *,
    call: int,
    retry: bool,
    error: Callable[[], BaseException] = Crash,
    doubled: bool = False,
) -> Scenario:
    """The process ends where `point` is hit for the `call`-th time, and another one goes on.

    With `retry` the client repeats what got no answer, under its key. With `doubled` every row is appended
    twice, as a writer does whose own retry hits a call that had gone through.
    """

    def scenario(harness: Harness) -> None:
        def break_off() -> None:
            raise error()

        hook = AtFailpoint(point, call, break_off)
        harness.restart(hook)
        if doubled:
            _double_rows(harness)
        _main_job(harness, hook, retry=retry)
        hook.check()

    return scenario


def upload_meets_start(point: Failpoint) -> Scenario:
    """While an upload stands at `point`, the training starts and runs to its end."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 3)

        def start() -> None:
            harness.start("anna", data_id)
            harness.settle()

        harness.watch(AtFailpoint(point, 1, start))
        upload = harness.upload("anna", data_id, 4)
        harness.watch(None)
        harness.upload("anna", data_id, 4, upload.key)

    return scenario


def starts_meet(point: Failpoint) -> Scenario:
    """While one start stands at `point`, another one, or the same again, is carried out."""

    def scenario(harness: Harness) -> None:
        for again in (True, False):
            data_id = harness.announce("anna")
            harness.upload("anna", data_id, 3)
            key = f"start-{data_id}"

            def start(data_id: str = data_id, key: str | None = key if again else None) -> None:
                harness.start("anna", data_id, key)

            harness.watch(AtFailpoint(point, 1, start))
            harness.start("anna", data_id, key)
            harness.watch(None)
            harness.start("anna", data_id, key)

    return scenario


def repeated_while_under_way(point: Failpoint) -> Scenario:
    """While an upload stands at `point`, its client has given up waiting and repeats it."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.watch(AtFailpoint(point, 1, lambda: _ignore(harness.upload("anna", data_id, 5, "twice"))))
        harness.upload("anna", data_id, 5, "twice")
        harness.upload("anna", data_id, 5, "twice")
        harness.start("anna", data_id)

    return scenario


def zombie(point: Failpoint | None) -> Scenario:
    """A worker stands still (at `point`, or in the task) past its lease; another one finishes the run."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 5)
        run_id = harness.start("anna", data_id).run_id
        assert run_id is not None
        body = TrainingMessage("anna", data_id, run_id).to_bytes()
        asleep = threading.Lock()

        def another_takes_over() -> None:
            if asleep.acquire(blocking=False):
                harness.wait(LEASE)
                harness.work(body)

        if point is None:
            harness.at_work = lambda context: another_takes_over()
        else:
            harness.watch(AtFailpoint(point, 1, another_takes_over))
        harness.deliver()
        harness.watch(None)
        assert asleep.locked()

    return scenario


def cancel_meets(point: Failpoint) -> Scenario:
    """While a start, or a worker, stands at `point`, the owner cancels the run."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 5)
        hook = AtFailpoint(point, 1, lambda: _ignore(harness.cancel("anna", data_id)))
        harness.watch(hook)
        harness.start("anna", data_id)
        harness.deliver()
        harness.watch(None)
        hook.check()

    return scenario


def cancel_at_work(*, taken_over: bool) -> Scenario:
    """The owner cancels the run while its task works; or after its worker has stood still past its lease."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 5)
        harness.start("anna", data_id)

        def at_work(context: TrainingContext) -> None:
            if taken_over:
                harness.wait(LEASE)
            harness.cancel("anna", data_id)
            harness.cancel("bert", data_id)  # not his

        harness.at_work = at_work
        harness.deliver()
        harness.deliver()
        harness.at_work = lambda context: None

    return scenario


def cancel_breaks_off(point: Failpoint, *, claimed: bool, retry: bool) -> Scenario:
    """The process ends at `point` of cancelling a run, queued or (`claimed`) of a worker that has crashed."""

    def scenario(harness: Harness) -> None:
        def break_off() -> None:
            raise Crash

        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 5)
        harness.start("anna", data_id)
        if claimed:
            harness.watch(AtFailpoint(RUN["run: after the claim"], 1, break_off))
            with suppress(Crash):
                harness.deliver()
        hook = AtFailpoint(point, 1, break_off)
        harness.restart(hook)
        harness.cancel("anna", data_id)
        hook.check()
        harness.restart()
        if retry:
            harness.cancel("anna", data_id)

    return scenario


def unreliable_queue(seed: int) -> Scenario:
    """Messages come doubled, late, in any order and with rubbish among them; workers are overtaken."""

    def scenario(harness: Harness) -> None:
        rng = random.Random(seed)
        harness.plain = replace(harness.plain, queue=UnreliableQueue(harness.plain.queue, rng))
        harness.use(harness.plain)
        overtaken = threading.local()

        def at_work(context: TrainingContext) -> None:
            if rng.random() < 0.4 and not getattr(overtaken, "now", False):
                overtaken.now = True
                harness.wait(LEASE)
                message = TrainingMessage(context.owner, context.dataset_id, context.run_id)
                harness.work(message.to_bytes())

        harness.at_work = at_work
        for _ in range(3):
            data_id = harness.announce(rng.choice(("anna", "bert")))
            owner = harness.history.operations[-1].owner
            for _ in range(rng.randint(1, 3)):
                harness.upload(owner, data_id, rng.randint(1, 5))
            key = f"start-{data_id}"
            for _ in range(rng.randint(1, 3)):
                harness.start(owner, data_id, key)
                if rng.random() < 0.5:
                    harness.deliver()
        for _ in range(30):
            harness.deliver()
            harness.wait(rng.choice((LEASE / 60, LEASE, 6 * LEASE)))
            if rng.random() < 0.3:
                harness.sweep()

    return scenario


def race(seed: int) -> Scenario:
    """Clients upload, repeat themselves, trespass and start trainings, and workers work, all at once."""

    def scenario(harness: Harness) -> None:
        data_id = harness.announce("anna")
        harness.upload("anna", data_id, 2)
        harness.announce("bert")
        threads = [
            threading.Thread(target=_uploads, args=(harness, data_id, seed, number)) for number in range(3)
        ]
        threads += [
            threading.Thread(target=_starts, args=(harness, data_id, seed, number)) for number in range(2)
        ]
        ended = threading.Event()
        workers = [threading.Thread(target=_works, args=(harness, ended)) for _ in range(2)]
        for thread in [*threads, *workers]:
            thread.start()
        for thread in threads:
            thread.join()
        ended.set()
        for worker in workers:
            worker.join()

    return scenario


def fixed_scenarios() -> Mapping[str, Scenario]:
    """All scenarios in which nothing is left to chance."""
    scenarios: dict[str, Scenario] = {}
    for name, point in FAILPOINTS.items():
        for retry in (False, True):
            how = "the client repeats" if retry else "the client gives up"
            scenarios[f"crash {name}, {how}"] = crash(point, call=1, retry=retry)
            scenarios[f"outage {name}, {how}"] = crash(point, call=1, retry=retry, error=_outage)
            if name in UPLOAD:
                scenarios[f"crash {name}, second time, {how}"] = crash(point, call=2, retry=retry)
                scenarios[f"crash {name}, rows twice, {how}"] = crash(
                    point, call=2, retry=retry, doubled=True
                )
    for name, point in UPLOAD.items():
        scenarios[f"{name}: the training starts"] = upload_meets_start(point)
        scenarios[f"{name}: the client repeats itself meanwhile"] = repeated_while_under_way(point)
    for name, point in START.items():
        scenarios[f"{name}: another start"] = starts_meet(point)
    scenarios["zombie in the task"] = zombie(None)
    scenarios["zombie before the result"] = zombie(FAILPOINTS["run: task done, before the result"])
    scenarios["zombie before the claim"] = zombie(FAILPOINTS["run: before the claim"])
    scenarios["zombie before the ack"] = zombie(FAILPOINTS["run: after the result, before the ack"])
    for name, point in ARTIFACT.items():
        scenarios[f"outage {name}"] = crash(point, call=1, retry=True, error=_outage)
        scenarios[f"zombie {name}"] = zombie(point)
    for name, point in {**START, **RUN, **ARTIFACT}.items():
        scenarios[f"{name}: the run is cancelled"] = cancel_meets(point)
    for taken_over in (False, True):
        scenarios[f"cancelled at work, lease {'lost' if taken_over else 'held'}"] = cancel_at_work(
            taken_over=taken_over
        )
    for points, claimed in ((CANCEL_QUEUED, False), (CANCEL, True)):
        for name, point in points.items():
            for retry in (False, True):
                how = "the client repeats" if retry else "the client gives up"
                scenarios[f"crash cancel {'claimed' if claimed else 'queued'}: {name}, {how}"] = (
                    cancel_breaks_off(point, claimed=claimed, retry=retry)
                )
    return scenarios


class UnreliableQueue(TrainingQueue):
    """A queue that does all that it may: doubles messages, delivers in any order; and somebody's rubbish."""

    def __init__(self, queue: TrainingQueue, rng: random.Random) -> None:
        self._queue = queue
        self._rng = rng

    def publish(self, body: bytes, owner: str = "") -> None:
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            self._queue.publish(body, owner)
        if self._rng.random() < 0.3:
            self._queue.publish(self._rng.choice(_POISON))

    def receive(self, wait: float) -> Delivery | None:
        # Some that come first are put back, so that later ones come before them.
        for _ in range(self._rng.randint(0, 2)):
            delivery = self._queue.receive(0)
            if delivery is not None:
                delivery.nack(0.001)
        return self._queue.receive(wait)

    def receive_dead(self, wait: float) -> Delivery | None:
        return self._queue.receive_dead(wait)


def _main_job(harness: Harness, hook: AtFailpoint, *, retry: bool) -> None:
    """Two batches, a trespass, a start, the run: whoever crashes is restarted."""
    data_id = harness.announce("anna")
    other = harness.announce("bert")

    def client(call: Callable[[str | None], Operation]) -> None:
        operation = call(None)
        while operation.answer is Answer.UNKNOWN:
            harness.restart(hook)
            if not retry:
                return
            operation = call(operation.key)

    client(lambda key: harness.upload("anna", data_id, 5, key))
    client(lambda key: harness.upload("anna", data_id, 3, key))
    harness.upload("bert", other, 2)
    harness.upload("bert", data_id, 1)  # not his
    client(lambda key: harness.start("anna", data_id, key))
    for _ in _until_quiet(harness, hook):
        pass
    if not harness.runs():
        client(lambda key: harness.start("anna", data_id, key))


def _until_quiet(harness: Harness, hook: Hook) -> Iterator[None]:
    while True:
        try:
            if not harness.deliver():
                return
        except (Crash, Unavailable):
            harness.restart(hook)
        yield


def _uploads(harness: Harness, data_id: str, seed: int, number: int) -> None:
    rng = random.Random(f"{seed}-upload-{number}")
    for turn in range(6):
        # All threads send this one: in each turn the same.
        harness.upload("anna", data_id, 3, f"shared-{turn}")
        operation = harness.upload("anna", data_id, rng.randint(1, 5), f"{number}-{turn}")
        if rng.random() < 0.3:
            harness.upload("anna", data_id, operation.size, operation.key)
        if rng.random() < 0.2:
            harness.upload("bert", data_id, 1, f"trespass-{number}-{turn}")


def _starts(harness: Harness, data_id: str, seed: int, number: int) -> None:
    rng = random.Random(f"{seed}-start-{number}")
    pause = threading.Event()
    for turn in range(2):
        pause.wait(rng.random() * 0.01)
        key = rng.choice((f"shared-start-{turn}", f"start-{number}-{turn}"))
        harness.start("anna", data_id, key)
        harness.start("anna", data_id, key)


def _works(harness: Harness, ended: threading.Event) -> None:
    while not ended.is_set():
        harness.deliver(0.005)


def _double_rows(harness: Harness) -> None:
    store: Any = harness.backend.store
    append = store.append

    def twice(*args: Any, **kwargs: Any) -> None:
        append(*args, **kwargs)
        append(*args, **kwargs)

    store.append = twice


def _outage() -> Unavailable:
    return Unavailable("a scenario")


def _ignore(operation: Operation) -> None:
    """For a lambda that must give nothing."""
