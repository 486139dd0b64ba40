"""Attacks on the use cases in this process. Each begins on a new laboratory and leaves a history to check."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from history import Answer, Operation
from laboratory import LEASE, Crash, Laboratory
from logleap.domain.runs import TrainingMessage
from logleap.ports.errors import Unavailable
from logleap.ports.queue import Delivery, TrainingQueue
from logleap.ports.task import TrainingContext
from points import POINTS, START, UPLOAD, AtPoint, Hook, Point

Attack = Callable[[Laboratory], None]

_POISON = (b"", b"\xff\xfe", b"[]", b'{"owner": 1}', b"[" * 10_000)


def crash(
    point: Point, *, call: int, retry: bool, error: Callable[[], BaseException] = Crash, doubled: bool = False
) -> Attack:
    """The process ends where `point` is crossed for the `call`-th time, and another one goes on.

    With `retry` the client repeats what got no answer, under its key. With `doubled` every row is appended
    twice, as a writer does whose own retry hits a call that had gone through.
    """

    def attack(lab: Laboratory) -> None:
        def break_off() -> None:
            raise error()

        hook = AtPoint(point, call, break_off)
        lab.restart(hook)
        if doubled:
            _double_rows(lab)
        _main_job(lab, hook, retry=retry)
        hook.check()

    return attack


def upload_meets_start(point: Point) -> Attack:
    """While an upload stands at `point`, the training starts and runs to its end."""

    def attack(lab: Laboratory) -> None:
        data_id = lab.announce("anna")
        lab.upload("anna", data_id, 3)

        def start() -> None:
            lab.start("anna", data_id)
            lab.settle()

        lab.watch(AtPoint(point, 1, start))
        upload = lab.upload("anna", data_id, 4)
        lab.watch(None)
        lab.upload("anna", data_id, 4, upload.key)

    return attack


def starts_meet(point: Point) -> Attack:
    """While one start stands at `point`, another one, or the same again, is carried out."""

    def attack(lab: Laboratory) -> None:
        for again in (True, False):
            data_id = lab.announce("anna")
            lab.upload("anna", data_id, 3)
            key = f"start-{data_id}"

            def start(data_id: str = data_id, key: str | None = key if again else None) -> None:
                lab.start("anna", data_id, key)

            lab.watch(AtPoint(point, 1, start))
            lab.start("anna", data_id, key)
            lab.watch(None)
            lab.start("anna", data_id, key)

    return attack


def repeated_while_under_way(point: Point) -> Attack:
    """While an upload stands at `point`, its client has given up waiting and repeats it."""

    def attack(lab: Laboratory) -> None:
        data_id = lab.announce("anna")
        lab.watch(AtPoint(point, 1, lambda: _ignore(lab.upload("anna", data_id, 5, "twice"))))
        lab.upload("anna", data_id, 5, "twice")
        lab.upload("anna", data_id, 5, "twice")
        lab.start("anna", data_id)

    return attack


def zombie(point: Point | None) -> Attack:
    """A worker stands still (at `point`, or in the task) past its lease; another one finishes the run."""

    def attack(lab: Laboratory) -> None:
        data_id = lab.announce("anna")
        lab.upload("anna", data_id, 5)
        run_id = lab.start("anna", data_id).run_id
        assert run_id is not None
        body = TrainingMessage("anna", data_id, run_id).to_bytes()
        asleep = threading.Lock()

        def another_takes_over() -> None:
            if asleep.acquire(blocking=False):
                lab.wait(LEASE)
                lab.work(body)

        if point is None:
            lab.at_work = lambda context: another_takes_over()
        else:
            lab.watch(AtPoint(point, 1, another_takes_over))
        lab.deliver()
        lab.watch(None)
        assert asleep.locked()

    return attack


def unruly_queue(seed: int) -> Attack:
    """Messages come doubled, late, in any order and with rubbish among them; workers are overtaken."""

    def attack(lab: Laboratory) -> None:
        rng = random.Random(seed)
        lab.plain = replace(lab.plain, queue=UnrulyQueue(lab.plain.queue, rng))
        lab.use(lab.plain)
        overtaken = threading.local()

        def at_work(context: TrainingContext) -> None:
            if rng.random() < 0.4 and not getattr(overtaken, "now", False):
                overtaken.now = True
                lab.wait(LEASE)
                message = TrainingMessage(context.owner, context.dataset_id, context.run_id)
                lab.work(message.to_bytes())

        lab.at_work = at_work
        for _ in range(3):
            data_id = lab.announce(rng.choice(("anna", "bert")))
            owner = lab.history.operations[-1].owner
            for _ in range(rng.randint(1, 3)):
                lab.upload(owner, data_id, rng.randint(1, 5))
            key = f"start-{data_id}"
            for _ in range(rng.randint(1, 3)):
                lab.start(owner, data_id, key)
                if rng.random() < 0.5:
                    lab.deliver()
        for _ in range(30):
            lab.deliver()
            lab.wait(rng.choice((LEASE / 60, LEASE, 6 * LEASE)))
            if rng.random() < 0.3:
                lab.sweep()

    return attack


def race(seed: int) -> Attack:
    """Clients upload, repeat themselves, trespass and start trainings, and workers work, all at once."""

    def attack(lab: Laboratory) -> None:
        data_id = lab.announce("anna")
        lab.upload("anna", data_id, 2)
        lab.announce("bert")
        threads = [
            threading.Thread(target=_uploads, args=(lab, data_id, seed, number)) for number in range(3)
        ]
        threads += [
            threading.Thread(target=_starts, args=(lab, data_id, seed, number)) for number in range(2)
        ]
        ended = threading.Event()
        workers = [threading.Thread(target=_works, args=(lab, ended)) for _ in range(2)]
        for thread in [*threads, *workers]:
            thread.start()
        for thread in threads:
            thread.join()
        ended.set()
        for worker in workers:
            worker.join()

    return attack


def deterministic() -> Mapping[str, Attack]:
    """All attacks in which nothing is left to chance."""
    attacks: dict[str, Attack] = {}
    for name, point in POINTS.items():
        for retry in (False, True):
            how = "the client repeats" if retry else "the client gives up"
            attacks[f"crash {name}, {how}"] = crash(point, call=1, retry=retry)
            attacks[f"outage {name}, {how}"] = crash(point, call=1, retry=retry, error=_outage)
            if name in UPLOAD:
                attacks[f"crash {name}, second time, {how}"] = crash(point, call=2, retry=retry)
                attacks[f"crash {name}, rows twice, {how}"] = crash(point, call=2, retry=retry, doubled=True)
    for name, point in UPLOAD.items():
        attacks[f"{name}: the training starts"] = upload_meets_start(point)
        attacks[f"{name}: the client repeats itself meanwhile"] = repeated_while_under_way(point)
    for name, point in START.items():
        attacks[f"{name}: another start"] = starts_meet(point)
    attacks["zombie in the task"] = zombie(None)
    attacks["zombie before the result"] = zombie(POINTS["run: task done, before the result"])
    attacks["zombie before the claim"] = zombie(POINTS["run: before the claim"])
    attacks["zombie before the ack"] = zombie(POINTS["run: after the result, before the ack"])
    return attacks


class UnrulyQueue(TrainingQueue):
    """A queue that does all that it may: doubles messages, delivers in any order; and somebody's rubbish."""

    def __init__(self, queue: TrainingQueue, rng: random.Random) -> None:
        self._queue = queue
        self._rng = rng

    def publish(self, body: bytes) -> None:
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            self._queue.publish(body)
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


def _main_job(lab: Laboratory, hook: AtPoint, *, retry: bool) -> None:
    """Two batches, a trespass, a start, the run: whoever crashes is restarted."""
    data_id = lab.announce("anna")
    other = lab.announce("bert")

    def client(call: Callable[[str | None], Operation]) -> None:
        operation = call(None)
        while operation.answer is Answer.UNKNOWN:
            lab.restart(hook)
            if not retry:
                return
            operation = call(operation.key)

    client(lambda key: lab.upload("anna", data_id, 5, key))
    client(lambda key: lab.upload("anna", data_id, 3, key))
    lab.upload("bert", other, 2)
    lab.upload("bert", data_id, 1)  # not his
    client(lambda key: lab.start("anna", data_id, key))
    for _ in _until_quiet(lab, hook):
        pass
    if not lab.runs():
        client(lambda key: lab.start("anna", data_id, key))


def _until_quiet(lab: Laboratory, hook: Hook) -> Iterator[None]:
    while True:
        try:
            if not lab.deliver():
                return
        except (Crash, Unavailable):
            lab.restart(hook)
        yield


def _uploads(lab: Laboratory, data_id: str, seed: int, number: int) -> None:
    rng = random.Random(f"{seed}-upload-{number}")
    for turn in range(6):
        # All threads send this one: in each turn the same.
        lab.upload("anna", data_id, 3, f"shared-{turn}")
        operation = lab.upload("anna", data_id, rng.randint(1, 5), f"{number}-{turn}")
        if rng.random() < 0.3:
            lab.upload("anna", data_id, operation.size, operation.key)
        if rng.random() < 0.2:
            lab.upload("bert", data_id, 1, f"trespass-{number}-{turn}")


def _starts(lab: Laboratory, data_id: str, seed: int, number: int) -> None:
    rng = random.Random(f"{seed}-start-{number}")
    pause = threading.Event()
    for turn in range(2):
        pause.wait(rng.random() * 0.01)
        key = rng.choice((f"shared-start-{turn}", f"start-{number}-{turn}"))
        lab.start("anna", data_id, key)
        lab.start("anna", data_id, key)


def _works(lab: Laboratory, ended: threading.Event) -> None:
    while not ended.is_set():
        lab.deliver(0.005)


def _double_rows(lab: Laboratory) -> None:
    store: Any = lab.backend.store
    append = store.append

    def twice(*args: Any, **kwargs: Any) -> None:
        append(*args, **kwargs)
        append(*args, **kwargs)

    store.append = twice


def _outage() -> Unavailable:
    return Unavailable("an attack")


def _ignore(operation: Operation) -> None:
    """For a lambda that must give nothing."""
