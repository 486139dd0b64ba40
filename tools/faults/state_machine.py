"""The use cases as a state machine that hypothesis drives: any calls in any order, and in the midst of them
crashes, outages, other calls and jumps of the clock. What breaks the promise it makes as short as it can.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from logleap.ports.errors import Unavailable
from tools.faults.failpoints import ARCHIVE, DELETE, RUN, START, UPLOAD, AtFailpoint, Step
from tools.faults.harness import LEASE, PATIENCE, Crash, Harness
from tools.faults.history import Findings, Operation

_POINTS = {name: Step(point) for name, point in {**UPLOAD, **START, **RUN}.items()}
_STEPS: dict[str, Step] = {**_POINTS, **ARCHIVE, **DELETE}
_EVENTS = st.sampled_from(("crash", "outage", "upload", "start", "archive", "delete", "the clock jumps"))
_JUMPS = (timedelta(seconds=1), LEASE, PATIENCE, -LEASE, timedelta(days=400))


class StateMachine(RuleBasedStateMachine):
    """A harness and two owners. At the end, what each training has read is compared with what was told."""

    datasets: Bundle[Operation] = Bundle("datasets")
    uploads: Bundle[Operation] = Bundle("uploads")
    starts: Bundle[Operation] = Bundle("starts")

    def __init__(self, make: Callable[[], Harness], told: Callable[[Harness, Findings], None]) -> None:
        super().__init__()
        self._lab = make()
        self._told = told
        self._back = timedelta()

    # ---- clients ------------------------------------------------------------------------------------------

    @initialize(target=datasets)
    def first(self) -> Operation:
        data_id = self._lab.announce("anna")
        self._lab.upload("anna", data_id, 3)
        return self._lab.history.operations[0]

    @rule(target=datasets, owner=st.sampled_from(("anna", "bert")))
    def announce(self, owner: str) -> Operation:
        self._lab.announce(owner)
        return self._lab.history.operations[-1]

    @rule(target=uploads, dataset=datasets, size=st.integers(1, 5))
    def upload(self, dataset: Operation, size: int) -> Operation:
        return self._client(lambda: self._lab.upload(dataset.owner, dataset.data_id, size))

    @rule(upload=uploads)
    def upload_again(self, upload: Operation) -> None:
        self._client(lambda: self._lab.upload(upload.owner, upload.data_id, upload.size, upload.key))

    @rule(target=starts, dataset=datasets)
    def start(self, dataset: Operation) -> Operation:
        return self._client(lambda: self._lab.start(dataset.owner, dataset.data_id))

    @rule(start=starts)
    def start_again(self, start: Operation) -> None:
        self._client(lambda: self._lab.start(start.owner, start.data_id, start.key))

    @rule(dataset=datasets)
    def archive(self, dataset: Operation) -> None:
        self._client(lambda: self._lab.put_away(dataset.owner, dataset.data_id))

    @rule(dataset=datasets)
    def delete(self, dataset: Operation) -> None:
        self._client(lambda: self._lab.remove(dataset.owner, dataset.data_id))

    @rule(dataset=datasets, call=st.sampled_from(("upload", "start", "archive", "delete")))
    def trespass(self, dataset: Operation, call: str) -> None:
        stranger = "bert" if dataset.owner == "anna" else "anna"
        calls = {
            "upload": lambda: self._lab.upload(stranger, dataset.data_id, 1),
            "start": lambda: self._lab.start(stranger, dataset.data_id),
            "archive": lambda: self._lab.put_away(stranger, dataset.data_id),
            "delete": lambda: self._lab.remove(stranger, dataset.data_id),
        }
        self._client(calls[call])

    # ---- the installation ---------------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        self._process(self._lab.deliver)

    @rule()
    def sweep(self) -> None:
        self._process(self._lab.sweep)

    @rule(jump=st.sampled_from(_JUMPS))
    def clock_jumps(self, jump: timedelta) -> None:
        self._lab.wait(jump)
        self._back -= min(jump, timedelta())

    @rule()
    def process_is_replaced(self) -> None:
        self._lab.restart()

    # ---- in the midst of it -------------------------------------------------------------------------------

    @rule(
        target=uploads,
        dataset=datasets,
        size=st.integers(1, 5),
        step=st.sampled_from(list(UPLOAD)),
        event=_EVENTS,
    )
    def event_in_upload(self, dataset: Operation, size: int, step: str, event: str) -> Operation:
        with self._event(step, event, dataset):
            return self._client(lambda: self._lab.upload(dataset.owner, dataset.data_id, size))

    @rule(target=starts, dataset=datasets, step=st.sampled_from(list(START)), event=_EVENTS)
    def event_in_start(self, dataset: Operation, step: str, event: str) -> Operation:
        with self._event(step, event, dataset):
            return self._client(lambda: self._lab.start(dataset.owner, dataset.data_id))

    @rule(dataset=datasets, step=st.sampled_from(list(RUN)), event=_EVENTS)
    def event_in_work(self, dataset: Operation, step: str, event: str) -> None:
        with self._event(step, event, dataset):
            self._process(self._lab.deliver)

    @rule(dataset=datasets, step=st.sampled_from(list(ARCHIVE)), event=_EVENTS)
    def event_in_archive(self, dataset: Operation, step: str, event: str) -> None:
        with self._event(step, event, dataset):
            self._client(lambda: self._lab.put_away(dataset.owner, dataset.data_id))

    @rule(dataset=datasets, step=st.sampled_from(list(DELETE)), event=_EVENTS)
    def event_in_delete(self, dataset: Operation, step: str, event: str) -> None:
        with self._event(step, event, dataset):
            self._client(lambda: self._lab.remove(dataset.owner, dataset.data_id))

    @rule(dataset=datasets, step=st.sampled_from([*START, *ARCHIVE, *DELETE]), event=_EVENTS)
    def event_in_sweep(self, dataset: Operation, step: str, event: str) -> None:
        self._lab.wait(PATIENCE)
        with self._event(step, event, dataset):
            self._process(self._lab.sweep)

    def teardown(self) -> None:
        try:
            self._lab.wait(self._back + PATIENCE)
            findings = self._lab.check()
        finally:
            self._lab.close()
        self._told(self._lab, findings)
        assert not findings.kinds, str(findings)

    @contextmanager
    def _event(self, step: str, event: str, dataset: Operation) -> Iterator[None]:
        """Within, where this step comes first: the process ends, or something else happens."""
        owner, data_id = dataset.owner, dataset.data_id

        def happens() -> None:
            if event == "crash":
                raise Crash
            if event == "outage":
                raise Unavailable("a scenario")
            if event == "the clock jumps":
                self._lab.wait(2 * LEASE)
            elif event == "upload":
                self._lab.upload(owner, data_id, 2)
            elif event == "start":
                self._lab.start(owner, data_id)
            elif event == "archive":
                self._lab.put_away(owner, data_id)
            else:
                self._lab.remove(owner, data_id)

        self._lab.watch(AtFailpoint(_STEPS[step].point, _STEPS[step].call, happens))
        yield
        self._lab.watch(None)

    def _client(self, call: Callable[[], Operation]) -> Operation:
        operations: list[Operation] = []
        self._process(lambda: operations.append(call()))
        return operations[0]

    def _process(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except (Crash, Unavailable):
            self._lab.restart()


def drive(
    make: Callable[[], Harness],
    *,
    examples: int,
    steps: int,
    shorten: bool = True,
    seed: int | None = None,
) -> tuple[int, Counter[str]]:
    """How many examples were tried, and what happened. AssertionError, with a short example, if one fails."""
    tried, tally = 0, Counter[str]()

    def told(harness: Harness, findings: Findings) -> None:
        nonlocal tried
        tried += 1
        tally.update(harness.history.tally())

    def machine() -> StateMachine:
        return StateMachine(make, told)

    run_state_machine_as_test(
        machine if seed is None else seeded(seed)(machine),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shorten else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return tried, tally
