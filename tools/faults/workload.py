"""Clients over HTTP that keep a history, and what they do while the servers are being attacked."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import stamina

from logleap.backends import Backend
from logleap.client import ApiError, Client, Unreachable
from logleap.ports.errors import Unavailable
from tools.faults.cluster import OWNERS, api_key
from tools.faults.harness import dataset_found, run_found, runs_in_log
from tools.faults.history import Answer, DatasetFound, Findings, History, Operation, RunFound, message

NEVER = 1e-9
"""A patience in which nothing is tried again. (0 would be no limit.)"""

_CERTAIN = (404, 409, 422)  # refused for good; after any other error it may be in
TIME = "2026-03-02T06:00:00Z"
"""Of every entry."""

_LONGEST = 120.0  # seconds in which a step of a client's job must come about
_numbers = itertools.count(1)


class Caller:
    """One owner's client. Each call goes to one of the servers, retries go on for `patience` seconds."""

    def __init__(
        self, owner: str, urls: Sequence[str], history: History, *, patience: float, timeout: float = 10
    ) -> None:
        """With a `patience` of `NEVER` nothing is tried again."""
        stamina.instrumentation.set_on_retry_hooks([_count_retry])
        self.owner = owner
        self.urls = urls
        self.history = history
        self.patience = patience
        self._stack = ExitStack()
        self._clients = [
            self._stack.enter_context(Client(url, api_key=api_key(owner), timeout=timeout, patience=patience))
            for url in urls
        ]
        self._turn = itertools.count()
        self._refusal = "none"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def client(self) -> Client:
        """Of the next server."""
        return self._clients[next(self._turn) % len(self._clients)]

    def announce(self) -> str:
        """A new data set, however often it takes to get one. Those whose answer was lost stay empty."""
        deadline = time.monotonic() + _LONGEST
        while True:
            try:
                data_id = str(self.client.announce()["dataId"])
                break
            except (ApiError, Unreachable):
                if time.monotonic() > deadline:
                    raise
        self.history.add(Operation("announce", self.owner, data_id, "", answer=Answer.OK))
        return data_id

    def append(self, data_id: str, size: int, key: str | None = None) -> Operation:
        """Send a batch: a new one, or that of `key` again."""
        key = key or f"b{next(_numbers)}"
        operation = self.history.begin(Operation("append", self.owner, data_id, key, size))
        entries = [{"timestamp": TIME, "message": message(key, index)} for index in range(size)]
        self._call(operation, lambda: self.client.append(data_id, entries, key))
        return operation

    def train(self, data_id: str, **parameters: Any) -> Operation:
        """Start a training; each call is a start of its own, its client's retries are not."""
        operation = self.history.begin(Operation("train", self.owner, data_id, f"t{next(_numbers)}"))
        answer = self._call(operation, lambda: self.client.train(data_id, parameters=parameters))
        if answer is not None:
            operation.run_id = str(answer["runId"])
        return operation

    def archive(self, data_id: str) -> Operation:
        """Archive a data set."""
        operation = self.history.begin(Operation("archive", self.owner, data_id, f"a{next(_numbers)}"))
        self._call(operation, lambda: self.client.archive(data_id))
        return operation

    def delete(self, data_id: str) -> Operation:
        """Delete a data set. To its owner a 404 says that it is gone: an earlier try got through."""
        operation = self.history.begin(Operation("delete", self.owner, data_id, f"d{next(_numbers)}"))
        own = self.history.owns(self.owner, data_id)
        self._call(operation, lambda: self.client.delete(data_id), gone=own)
        return operation

    def trained(self, data_id: str, *, seconds: float = 60, **parameters: Any) -> bool:
        """Start trainings until one has ended well; False if none has within `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.train(data_id, **parameters).answer is Answer.UNKNOWN:
                continue  # and if it was refused, a run of another start is under way
            try:
                if self.client.wait(data_id, timeout=seconds)["state"] == "succeeded":
                    return True
            except (ApiError, Unreachable, TimeoutError):
                time.sleep(0.05)
        return False

    def main_job(self, rng: random.Random, strangers: Sequence[str] = ()) -> str:
        """Announce, send some batches (some of them twice, some to a stranger's data set), train."""
        data_id = self.filled(rng, strangers)
        self.trained(data_id)
        return data_id

    def whole_life(self, rng: random.Random, strangers: Sequence[str] = ()) -> str:
        """As the main job; and archive the data set, before or after a training, or delete it, or both."""
        data_id = self.filled(rng, strangers)
        if strangers and rng.random() < 0.3:
            rng.choice((self.archive, self.delete))(rng.choice(strangers))
        if rng.random() < 0.6:
            self.trained(data_id)
        if rng.random() < 0.8:
            self.archive(data_id)
            if rng.random() < 0.6:
                self.trained(data_id)
        if rng.random() < 0.4:
            self.delete(data_id)
        return data_id

    def filled(self, rng: random.Random, strangers: Sequence[str]) -> str:
        """A new data set with some batches in it."""
        data_id = self.announce()
        for _ in range(rng.randint(1, 6)):
            sent = self.append(data_id, rng.randint(1, 20))
            if rng.random() < 0.2:
                self.append(data_id, sent.size, sent.key)
            if strangers and rng.random() < 0.1:
                self.append(rng.choice(strangers), 1)
        deadline = time.monotonic() + _LONGEST
        while self.append(data_id, 1).answer is not Answer.OK:  # so that there is something to train on
            if time.monotonic() > deadline:
                why = f"the last refusal: {self._refusal}"
                raise TimeoutError(f"data set {data_id} took no batch for {_LONGEST} s; {why}")
        return data_id

    def _call(self, operation: Operation, call: Callable[[], Any], *, gone: bool = False) -> Any:
        try:
            answer = call()
        except ApiError as error:
            self._refusal = str(error)
            if gone and error.status == 404:
                operation.answer = Answer.OK
            else:
                operation.answer = Answer.REFUSED if error.status in _CERTAIN else Answer.UNKNOWN
            return None
        except Unreachable as error:
            self._refusal = str(error)
            return None
        operation.answer = Answer.OK
        return answer


retries: Counter[str] = Counter()
"""How many calls of this process got no answer, or were asked to come later, and were tried again."""


def _count_retry(details: stamina.instrumentation.RetryDetails) -> None:
    retries["calls tried again"] += 1


def clients_at_work(
    urls: Sequence[str],
    history: History,
    seed: int,
    *,
    number: int,
    patience: float,
    stop: threading.Event,
    timeout: float = 10,
    job: Callable[[Caller, random.Random, Sequence[str]], str] = Caller.main_job,
) -> Callable[[Callable[[], None]], list[str]]:
    """Start `number` clients of two owners, each with one `job` on a data set after the other until `stop`.

    What is returned waits for their ends, with a `check` now and then that may raise, and says what else came
    of them than was foreseen.
    """
    errors: list[str] = []
    known: dict[str, list[str]] = {owner: [] for owner in OWNERS}

    def work(turn: int) -> None:
        rng = random.Random(f"{seed}-{turn}")
        owner = OWNERS[turn % len(OWNERS)]
        stranger = OWNERS[(turn + 1) % len(OWNERS)]
        try:
            with Caller(owner, urls, history, patience=patience, timeout=timeout) as caller:
                while not stop.is_set():
                    known[owner].append(job(caller, rng, known[stranger][-5:]))
        except Exception as error:  # noqa: BLE001 -- told at the end
            errors.append(f"a client broke off: {error!r}")

    threads = [threading.Thread(target=work, args=(turn,), daemon=True) for turn in range(number)]
    for thread in threads:
        thread.start()

    def ended(check: Callable[[], None]) -> list[str]:
        deadline = time.monotonic() + 1.5 * _LONGEST
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline:
                thread.join(timeout=1)
                check()
        alive = sum(thread.is_alive() for thread in threads)
        return [*errors, *([f"{alive} clients did not come to their end"] if alive else [])]

    return ended


def meeting(urls: Sequence[str], history: History, seed: int) -> None:
    """On one data set, at once: three clients upload, two of them the same; two start trainings."""
    rng = random.Random(seed)
    with ExitStack() as stack:
        callers = [
            stack.enter_context(Caller("anna", [rng.choice(urls)], history, patience=20)) for _ in range(5)
        ]
        data_id = callers[0].announce()
        callers[0].append(data_id, 2)
        together = threading.Barrier(len(callers))

        def upload(caller: Caller, number: int) -> None:
            together.wait()
            for turn in range(5):
                key = f"{data_id}-shared-{turn}" if number < 2 else None
                if caller.append(data_id, 3, key).answer is Answer.REFUSED:
                    return

        def start(caller: Caller, pause: float) -> None:
            together.wait()
            time.sleep(pause)
            caller.train(data_id)

        with ThreadPoolExecutor(len(callers)) as pool:
            done = [pool.submit(upload, caller, number) for number, caller in enumerate(callers[:3])]
            done += [pool.submit(start, caller, rng.random() * 0.05) for caller in callers[3:]]
            for each in done:
                each.result()
        callers[0].client.wait(data_id, timeout=60)


def archiving_meeting(urls: Sequence[str], history: History, seed: int) -> None:
    """On one data set, at once: two clients upload, one starts, two archive; or one of these deletes."""
    rng = random.Random(seed)
    with ExitStack() as stack:
        callers = [
            stack.enter_context(Caller("anna", [rng.choice(urls)], history, patience=20)) for _ in range(5)
        ]
        data_id = callers[0].announce()
        callers[0].append(data_id, 2)
        together = threading.Barrier(len(callers))

        def upload(caller: Caller) -> None:
            together.wait()
            for _ in range(8):
                if caller.append(data_id, 3).answer is Answer.REFUSED:
                    return

        def end(caller: Caller, call: Callable[[str], Operation], pause: float) -> None:
            together.wait()
            time.sleep(pause)
            call(data_id)

        starter, archiver, other = callers[2:]
        calls = [starter.train, archiver.archive, rng.choice((other.archive, other.archive, other.delete))]
        with ThreadPoolExecutor(len(callers)) as pool:
            done = [pool.submit(upload, caller) for caller in callers[:2]]
            done += [
                pool.submit(end, caller, call, rng.random() * 0.05)
                for caller, call in zip(callers[2:], calls, strict=True)
            ]
            for each in done:
                each.result()
        if calls[-1] != other.delete:
            callers[0].trained(data_id)
            callers[0].archive(data_id)
            callers[0].trained(data_id)
        elif rng.random() < 0.5:
            callers[0].trained(data_id, seconds=5)
            callers[0].delete(data_id)


def inspect(backend: Backend, history: History) -> Findings:
    """Look into the store, past the API: each run of each data set, each entry through the manifest."""
    found: list[RunFound] = []
    datasets: list[DatasetFound] = []
    findings: list[str] = []
    announced = [one for one in history.operations if one.kind == "announce" and one.answer is Answer.OK]
    for one in announced:
        datasets.append(_patiently(lambda one=one: dataset_found(backend, one)))  # type: ignore[misc]
        log = _patiently(lambda one=one: backend.datasets.events(one.data_id))  # type: ignore[misc]
        starts, ends = runs_in_log([(event.kind, event.detail) for event in log])
        for run_id in dict.fromkeys(starts):
            run = _patiently(lambda one=one, run_id=run_id: backend.runs.get(one.data_id, run_id))  # type: ignore[misc]
            if run is None:
                findings.append(f"data set {one.data_id}: run {run_id} is in the log, and not there")
                continue
            found.append(run_found(run, starts.count(run_id), ends.count(run_id)))
    result = history.check(found, datasets)
    result.runs += findings
    return result


def _patiently(call: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while True:
        try:
            return call()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
