"""Clients, workers and sweepers in any order, with a crash at any step, against a simple model.

The promise: a finished run has counted exactly the acknowledged entries of its data set, each once. A batch
whose request was not acknowledged is in as a whole or not at all. There is one result for each start.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.adapters.memory.receipts import MemoryReceiptLedger
from logleap.adapters.memory.runs import MemoryRunRepository
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.domain.datasets import NO_RETENTION, EventKind, State
from logleap.domain.entries import Entry
from logleap.domain.errors import (
    DatasetEmpty,
    InvalidTransition,
    KeyReused,
    Refusal,
    RunFinished,
    RunInProgress,
    RunNotFound,
)
from logleap.domain.runs import JsonObject, Run, RunState, TrainingMessage
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.queue import Delivery
from logleap.ports.task import TrainingContext
from logleap.telemetry.instrument import around
from logleap.usecases.append import AppendEntries
from logleap.usecases.datasets import AnnounceDataset, ShowDatasets
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep
from logleap.usecases.training.cancel_training import CancelTraining
from logleap.usecases.training.run_training import (
    Disposition,
    ExecuteTask,
    RunTraining,
    TaskThreads,
    use_case,
)
from logleap.usecases.training.start_training import StartTraining

Port = TypeVar("Port")

OWNER = "alice"
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
LEASE, PATIENCE, TIME_LIMIT = timedelta(seconds=60), timedelta(seconds=300), timedelta(hours=24)


class Crash(BaseException):
    """The process ended here."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong: the `call`-th call of an adapter, before or after it took effect."""

    call: int
    took_effect: bool
    error: type[BaseException]


faults = (
    st.none()
    | st.none()
    | st.builds(
        Fault, call=st.integers(1, 8), took_effect=st.booleans(), error=st.sampled_from([Crash, Unavailable])
    )
)


class Breaker:
    """Stands before every call of an adapter, and lets at most one of them go wrong."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._calls = 0
        self._main = threading.current_thread()

    def arm(self, fault: Fault | None) -> None:
        self._fault, self._calls = fault, 0

    def guard(self, adapter: Port) -> Port:
        return around(adapter, lambda method: partial(self._call, method))

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._calls += 1
        fault = self._fault if self._fault is not None and self._calls == self._fault.call else None
        if fault is not None and not fault.took_effect:
            raise self._error(fault)
        result = method(*args, **kwargs)
        if fault is not None:
            raise self._error(fault)
        return result

    def _error(self, fault: Fault) -> BaseException:
        # A task's thread does not outlive its process: in there, only the backend can fail.
        main = threading.current_thread() is self._main
        return fault.error("fault") if main else Unavailable("fault")


@dataclass(frozen=True)
class Body:
    """A request's body: a tag that no other body has, and how many entries."""

    tag: str
    size: int

    @property
    def sha256(self) -> str:
        return self.tag

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        entries = [Entry(NOON, f"{self.tag}/{number}") for number in range(self.size)]
        for first in range(0, self.size, 2):
            yield entries[first : first + 2]


@dataclass
class Expected:
    """What the model knows of a data set. Batches go by the tags of their bodies."""

    sizes: dict[str, int] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    keys: dict[str, list[Body]] = field(default_factory=dict)
    maybe_sealed: bool = False
    sealed: bool = False
    run_keys: dict[str, str] = field(default_factory=dict)

    def check(self, messages: Sequence[str]) -> None:
        """These are the entries of all acknowledged batches and of some unknown ones, whole, each once."""
        assert len(set(messages)) == len(messages), "an entry came twice"
        tags = {message.split("/")[0] for message in messages}
        assert self.acknowledged <= tags, "acknowledged entries are missing"
        assert tags <= self.acknowledged | self.unknown, "entries that were refused are in"
        assert len(messages) == sum(self.sizes[tag] for tag in tags), "a batch is in only in part"


class Platform(RuleBasedStateMachine):
    datasets = Bundle("datasets")

    def __init__(self) -> None:
        super().__init__()
        self.time = NOON
        self.numbers = count(1)
        self.database = MemoryDatabase()
        self.breaker = Breaker()
        guard = self.breaker.guard
        self.queue = guard(MemoryTrainingQueue(visibility_timeout=3600, max_deliveries=5))
        repository = guard(MemoryDatasetRepository(self.database))
        ledger, runs = guard(MemoryReceiptLedger(self.database)), guard(MemoryRunRepository(self.database))
        store, archives = guard(MemoryEntryStore()), guard(MemoryArchiveStore())
        self.artifacts = guard(MemoryArtifactStore())
        self.announce_ = AnnounceDataset(repository, store, self.now, self.new_tag)
        self.append = AppendEntries(repository, store, ledger, self.now, self.new_tag)
        self.show = ShowDatasets(repository, ledger)
        self.start_ = StartTraining(
            repository,
            runs,
            self.queue,
            ("collect",),
            patience=PATIENCE,
            time_limit=TIME_LIMIT,
            now=self.now,
            new_id=self.new_tag,
        )
        self.cancel_ = CancelTraining(repository, runs, self.now)
        self.archive_ = ArchiveDataset(repository, store, ledger, archives, self.now)
        delete = DeleteDataset(repository, store, archives, self.artifacts, self.now)
        self.sweep_ = Sweep(
            repository,
            runs,
            self.queue,
            self.artifacts,
            self.archive_,
            delete,
            ApplyRetention(repository, ledger, self.archive_, delete, self.now, NO_RETENTION),
            now=self.now,
            patience=PATIENCE,
            max_attempts=3,
            time_limit=TIME_LIMIT,
        )
        self.fail_dead_letter = FailDeadLetter(repository, runs, self.queue, self.now, PATIENCE)
        self.work = RunTraining(
            datasets=repository,
            store=store,
            ledger=ledger,
            runs=runs,
            artifacts=self.artifacts,
            executor=TaskThreads(
                ExecuteTask(
                    store,
                    ledger,
                    archives,
                    self.artifacts,
                    {"collect": self.collect},
                    artifact_limit=1000,
                    compress=compress_zstd,
                    decompress=unzstd,
                )
            ),
            now=self.now,
            lease=LEASE,
            patience=PATIENCE,
            max_attempts=3,
            grace=timedelta(0),
            time_limit=TIME_LIMIT,
        )
        self.expected: dict[str, Expected] = {}
        self.ended: dict[str, Run] = {}
        self.cancelled: set[str] = set()  # the runs of which that was answered
        self.maybe_cancelled: set[str] = set()  # those, and the ones of which no answer came
        self.overtaking: bytes | None = None

    def now(self) -> datetime:
        return self.time

    def new_tag(self) -> str:
        return f"tag-{next(self.numbers)}"

    def collect(self, context: TrainingContext) -> JsonObject:
        """The task. Once, if told so, another worker overtakes it while it works."""
        body, self.overtaking = self.overtaking, None
        if body is not None:
            self.time += LEASE
            assert self.work(body).disposition is not Disposition.REJECT
        messages = [row.entry.message for row in context.training_set.rows()]
        return {"entries": context.training_set.count(), "messages": messages}

    def attempt(self, fault: Fault | None, call: Callable[[], Any]) -> Any:
        """What the call returned or raised, with at most one fault on its way."""
        self.breaker.arm(fault)
        try:
            return call()
        except (Refusal, Conflict, Unavailable, Crash) as error:
            return error
        finally:
            self.breaker.arm(None)

    # ---- clients ------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.expected) < 2)
    @rule(target=datasets, fault=faults)
    def announce(self, fault: Fault | None) -> Any:
        answer = self.attempt(fault, lambda: self.announce_(OWNER, None, {}))
        if isinstance(answer, Unavailable | Crash):
            return multiple()
        self.expected[answer.dataset_id] = Expected()
        return answer.dataset_id

    @rule(dataset_id=datasets, size=st.integers(1, 5), fault=faults)
    def upload(self, dataset_id: str, size: int, fault: Fault | None) -> None:
        self.upload_body(dataset_id, Body(self.new_tag(), size), None, fault)

    @rule(
        dataset_id=datasets,
        key=st.sampled_from(["k-1", "k-2"]),
        size=st.integers(1, 5),
        another=st.booleans(),
        fault=faults,
    )
    def upload_with_key(
        self, dataset_id: str, key: str, size: int, another: bool, fault: Fault | None
    ) -> None:
        """Again with the key's body, or (`another`, or the first time) with a new one."""
        bodies = self.expected[dataset_id].keys.setdefault(key, [])
        if another or not bodies:
            bodies.append(Body(self.new_tag(), size))
        self.upload_body(dataset_id, bodies[-1], key, fault)

    def upload_body(self, dataset_id: str, body: Body, key: str | None, fault: Fault | None) -> None:
        expected = self.expected[dataset_id]
        expected.sizes[body.tag] = body.size
        others = {other.tag for other in expected.keys.get(key or "", [])} - {body.tag}
        answer = self.attempt(fault, lambda: self.append(OWNER, dataset_id, body, key))
        if isinstance(answer, Unavailable | Crash):
            if body.tag not in expected.acknowledged and not others & expected.acknowledged:
                expected.unknown.add(body.tag)
        elif isinstance(answer, KeyReused):
            assert others & (expected.acknowledged | expected.unknown)
            assert body.tag not in expected.acknowledged
            expected.unknown.discard(body.tag)
        elif isinstance(answer, InvalidTransition):
            assert expected.maybe_sealed
            assert body.tag not in expected.acknowledged
            expected.sealed = True
            expected.unknown.discard(body.tag)
        else:
            assert answer.receipt.entries == body.size
            assert not others & expected.acknowledged
            assert answer.replayed or body.tag not in expected.acknowledged
            assert answer.replayed or not expected.sealed
            expected.acknowledged.add(body.tag)
            expected.unknown -= others | {body.tag}

    @rule(dataset_id=datasets, key=st.none() | st.sampled_from(["s-1", "s-2"]), fault=faults)
    def start(self, dataset_id: str, key: str | None, fault: Fault | None) -> None:
        expected = self.expected[dataset_id]
        before = {run.run_id: run for run in self.runs_of(dataset_id)}
        answer = self.attempt(fault, lambda: self.start_(OWNER, dataset_id, key=key))
        started = [run.run_id for run in self.runs_of(dataset_id) if run.run_id not in before]
        assert len(started) <= 1
        if key is not None and started:
            assert key not in expected.run_keys
            expected.run_keys[key] = started[0]
        if isinstance(answer, Unavailable | Crash):
            expected.maybe_sealed = True
        elif isinstance(answer, DatasetEmpty):
            assert not expected.acknowledged
        elif isinstance(answer, RunInProgress):
            under_way = [run.run_id for run in before.values() if not run.finished]
            assert key is not None
            assert under_way != [expected.run_keys.get(key)]
            assert not started
        elif isinstance(answer, InvalidTransition):
            view = self.show.one(OWNER, dataset_id).dataset
            assert (view.state, view.archive) == (State.ARCHIVED, None)
        else:
            expected.maybe_sealed = expected.sealed = True
            under_way = [run.run_id for run in before.values() if not run.finished]
            if key in expected.run_keys:
                assert answer.run_id == expected.run_keys[key]
            else:
                assert [answer.run_id] == (under_way or started)
            assert answer.totals.entries >= sum(expected.sizes[tag] for tag in expected.acknowledged)

    @precondition(lambda self: self.database.runs)
    @rule(dataset_id=datasets, fault=faults)
    def archive(self, dataset_id: str, fault: Fault | None) -> None:
        expected = self.expected[dataset_id]
        with self.reopening():
            answer = self.attempt(fault, lambda: self.archive_(OWNER, dataset_id))
        if isinstance(answer, InvalidTransition):
            assert self.show.one(OWNER, dataset_id).dataset.state is State.TRAINING
        else:
            expected.maybe_sealed = True
            expected.sealed |= not isinstance(answer, Unavailable | Crash)

    @precondition(lambda self: self.database.runs)
    @rule(dataset_id=datasets, fault=faults)
    def cancel(self, dataset_id: str, fault: Fault | None) -> None:
        run_id = self.database.datasets[dataset_id].run_id
        ended = {run.run_id: run for run in self.runs_of(dataset_id) if run.finished}
        answer = self.attempt(fault, lambda: self.cancel_(OWNER, dataset_id))
        if isinstance(answer, RunNotFound):
            assert run_id is None
        elif isinstance(answer, RunFinished):
            assert run_id in ended.keys() - self.cancelled
        elif run_id is not None:
            self.maybe_cancelled.add(run_id)
            if not isinstance(answer, Unavailable | Crash):
                assert answer.run_id == run_id
                self.cancelled.add(run_id)

    # ---- workers and sweepers -----------------------------------------------------------------------------

    @precondition(lambda self: self.database.runs)
    @rule(fault=faults, overtaken=st.booleans())
    def deliver(self, fault: Fault | None, overtaken: bool) -> None:
        delivery = self.queue.receive(0)
        if delivery is not None:
            self.overtaking = delivery.body if overtaken else None
            self.handle(delivery, fault)
            self.overtaking = None

    def handle(self, delivery: Delivery, fault: Fault | None = None) -> None:
        settlement = self.attempt(fault, lambda: self.work(delivery.body))
        if isinstance(settlement, Crash) or settlement.disposition is Disposition.RETRY:
            delivery.nack()
        else:
            assert settlement.disposition is Disposition.DONE
            delivery.ack()

    @precondition(lambda self: self.database.runs)
    @rule(fault=faults)
    def take_a_dead_letter(self, fault: Fault | None) -> None:
        delivery = self.queue.receive_dead(0)
        if delivery is not None:
            answer = self.attempt(fault, lambda: self.fail_dead_letter(delivery.body))
            if isinstance(answer, str):
                delivery.ack()
            else:
                delivery.nack()

    @precondition(lambda self: self.database.runs)
    @rule(data=st.data())
    def publish_a_message_twice(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(list(self.database.runs.values())))
        self.queue.publish(TrainingMessage.of(run).to_bytes())

    @precondition(lambda self: self.database.runs)
    @rule(fault=faults)
    def sweep(self, fault: Fault | None) -> None:
        with self.reopening():
            self.attempt(fault, self.sweep_)

    @precondition(lambda self: self.database.runs)
    @rule(seconds=st.sampled_from([1, 61, 301]))
    def wait(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    @contextmanager
    def reopening(self) -> Iterator[None]:
        """A data set whose archive cannot be written takes entries again, if it did so before."""
        archiving = [
            dataset_id for dataset_id in self.expected if self.state_of(dataset_id) is State.ARCHIVED
        ]
        yield
        for dataset_id in archiving:
            if self.state_of(dataset_id) in (State.CREATED, State.UPLOADING):
                self.expected[dataset_id].sealed = False

    def state_of(self, dataset_id: str) -> State:
        return self.database.datasets[dataset_id].state

    # ---- what must always hold ----------------------------------------------------------------------------

    def runs_of(self, dataset_id: str) -> list[Run]:
        return [run for run in self.database.runs.values() if run.dataset_id == dataset_id]

    @invariant()
    def every_result_is_exactly_the_acknowledged_entries(self) -> None:
        for run in self.database.runs.values():
            if run.state is RunState.SUCCEEDED:
                assert run.run_id not in self.cancelled
                assert run.result is not None
                assert run.result["entries"] == len(run.result["messages"]) == run.totals.entries
                self.expected[run.dataset_id].check(run.result["messages"])
            elif run.state is RunState.FAILED:
                assert run.error is not None
                codes = {"ATTEMPTS_EXHAUSTED", "DEAD_LETTERED"}
                if run.run_id in self.maybe_cancelled:
                    codes = {"CANCELLED"} if run.run_id in self.cancelled else {"CANCELLED", *codes}
                assert run.error.code in codes

    @invariant()
    def an_ended_run_never_changes_and_ended_once(self) -> None:
        for run_id, run in self.ended.items():
            assert self.database.runs[run.dataset_id, run_id] == run
        self.ended |= {run.run_id: run for run in self.database.runs.values() if run.finished}
        for dataset_id in self.expected:
            kinds = [event.kind for event in self.database.events[dataset_id]]
            runs = self.runs_of(dataset_id)
            ends = kinds.count(EventKind.TRAINING_SUCCEEDED) + kinds.count(EventKind.TRAINING_FAILED)
            assert kinds.count(EventKind.TRAINING_STARTED) == len(runs)
            assert ends == sum(run.finished for run in runs)

    @invariant()
    def a_data_set_has_one_unfinished_run_exactly_while_it_is_training(self) -> None:
        for dataset_id in self.expected:
            dataset = self.database.datasets[dataset_id]
            unfinished = [run.run_id for run in self.runs_of(dataset_id) if not run.finished]
            assert unfinished == ([dataset.run_id] if dataset.state is State.TRAINING else [])

    @invariant()
    def what_is_shown_is_not_less_than_what_was_acknowledged(self) -> None:
        for dataset_id, expected in self.expected.items():
            shown = self.show.one(OWNER, dataset_id).totals
            assert shown.entries >= sum(expected.sizes[tag] for tag in expected.acknowledged)
            assert shown.batches >= len(expected.acknowledged)

    def teardown(self) -> None:
        """Without further faults every run ends, and every data set can be trained on."""
        self.settle()
        for dataset_id, expected in self.expected.items():
            if expected.acknowledged:
                if self.database.datasets[dataset_id].state is State.ARCHIVED:
                    self.archive_(OWNER, dataset_id)
                run = self.start_(OWNER, dataset_id)
                self.settle()
                assert self.database.runs[dataset_id, run.run_id].state is RunState.SUCCEEDED
        self.every_result_is_exactly_the_acknowledged_entries()
        self.an_ended_run_never_changes_and_ended_once()
        self.a_data_set_has_one_unfinished_run_exactly_while_it_is_training()

    def settle(self) -> None:
        for _ in range(10):
            self.sweep_()
            while delivery := self.queue.receive(0):
                self.handle(delivery)
            while delivery := self.queue.receive_dead(0):
                self.fail_dead_letter(delivery.body)
                delivery.ack()
            if all(run.finished for run in self.database.runs.values()):
                return
            self.time += PATIENCE
        raise AssertionError("a run did not end")


def test_what_was_acknowledged_is_trained_on_once_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "POLL_SECONDS", 0.001)
    run_state_machine_as_test(
        Platform,
        settings=settings(
            max_examples=200,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
