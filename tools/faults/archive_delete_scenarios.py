"""Scenarios for archiving and deleting in this process: broken off at each step, or met by something else."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from tools.faults.failpoints import ARCHIVE, DELETE, UPLOAD, AtFailpoint, Step
from tools.faults.harness import PATIENCE, Crash, Harness
from tools.faults.history import Answer, Operation
from tools.faults.scenarios import Scenario

Call = Callable[[Harness, str], Operation]


def _archives(harness: Harness, data_id: str) -> Operation:
    return harness.put_away("anna", data_id)


def _deletes(harness: Harness, data_id: str) -> Operation:
    return harness.remove("anna", data_id)


_CALLS: Mapping[str, Call] = {
    "an upload": lambda harness, data_id: harness.upload("anna", data_id, 3),
    "a start": lambda harness, data_id: harness.start("anna", data_id),
    "an archiving": _archives,
    "a deletion": _deletes,
}


def broken_off(call: Call, step: Step, *, archived: bool, retry: bool) -> Scenario:
    """The process ends at a step of archiving or deleting, and so does the next one that takes it up.

    With `retry` the client does, else the sweeper once its patience is over. `archived` says whether the data
    set was archived before.
    """

    def scenario(harness: Harness) -> None:
        data_id, other = _two_datasets(harness)
        if archived:
            assert _archives(harness, data_id).answer is Answer.OK
        first = _crash(step)
        harness.restart(first)
        call(harness, data_id)
        first.check()
        harness.restart(_crash(step))
        if retry:
            call(harness, data_id)
        else:
            harness.wait(PATIENCE)
            with suppress(Crash):
                harness.sweep()
        harness.restart()
        if retry:
            call(harness, data_id)
        _end(harness, data_id, other)

    return scenario


def meets(call: Call, step: Step, other_call: Call) -> Scenario:
    """While archiving or deleting stands at a step, something else happens to the data set."""

    def scenario(harness: Harness) -> None:
        data_id, other = _two_datasets(harness)

        def meanwhile() -> None:
            other_call(harness, data_id)
            harness.deliver()

        hook = AtFailpoint(step.point, step.call, meanwhile)
        harness.watch(hook)
        call(harness, data_id)
        harness.watch(None)
        hook.check()
        _end(harness, data_id, other)

    return scenario


def deleted_after(step: Step) -> Scenario:
    """An archiving breaks off at a step; then its owner deletes the data set."""

    def scenario(harness: Harness) -> None:
        data_id, other = _two_datasets(harness)
        harness.restart(_crash(step))
        _archives(harness, data_id)
        harness.restart()
        _archives(harness, data_id)
        assert _deletes(harness, data_id).answer is Answer.OK
        _end(harness, data_id, other)

    return scenario


def met_by(step: Step, call: Call) -> Scenario:
    """While an upload stands at a step, its data set is archived or deleted."""
    return meets(_CALLS["an upload"], step, call)


def archive_delete_scenarios() -> Mapping[str, Scenario]:
    """All of them, by what happens."""
    scenarios: dict[str, Scenario] = {}
    for call, steps in ((_archives, ARCHIVE), (_deletes, DELETE)):
        for name, step in steps.items():
            for retry in (False, True):
                how = "the client repeats" if retry else "the sweeper takes it up"
                for archived in (True, False) if steps is DELETE else (False,):
                    what = f"crash {name}{', of an archived one' if archived else ''}, {how}"
                    scenarios[what] = broken_off(call, step, archived=archived, retry=retry)
            for other_name, other_call in _CALLS.items():
                scenarios[f"{name}: {other_name}"] = meets(call, step, other_call)
    for name, step in ARCHIVE.items():
        scenarios[f"crash {name}, archived again, deleted"] = deleted_after(step)
    for name, point in UPLOAD.items():
        for other_name in ("an archiving", "a deletion"):
            scenarios[f"{name}: {other_name}"] = met_by(Step(point), _CALLS[other_name])
    return scenarios


def _crash(step: Step) -> AtFailpoint:
    def end() -> None:
        raise Crash

    return AtFailpoint(step.point, step.call, end)


def _two_datasets(harness: Harness) -> tuple[str, str]:
    """Anna's, with two batches; and Bert's, who is not let into hers."""
    data_id, other = harness.announce("anna"), harness.announce("bert")
    for size in (5, 3):
        harness.upload("anna", data_id, size)
    harness.upload("bert", other, 2)
    harness.put_away("bert", data_id)
    harness.remove("bert", data_id)
    return data_id, other


def _end(harness: Harness, data_id: str, other: str) -> None:
    """What is there still can be trained on; Bert's data set is as it was."""
    harness.restart()
    harness.settle()
    harness.start("anna", data_id)
    harness.start("bert", other)
