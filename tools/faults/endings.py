"""Attacks on archiving and deleting in this process: broken off at each step, or met by something else."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from attacks import Attack
from history import Answer, Operation
from laboratory import PATIENCE, Crash, Laboratory
from points import ARCHIVE, DELETE, UPLOAD, AtPoint, Step

Call = Callable[[Laboratory, str], Operation]


def _archives(lab: Laboratory, data_id: str) -> Operation:
    return lab.put_away("anna", data_id)


def _deletes(lab: Laboratory, data_id: str) -> Operation:
    return lab.remove("anna", data_id)


_CALLS: Mapping[str, Call] = {
    "an upload": lambda lab, data_id: lab.upload("anna", data_id, 3),
    "a start": lambda lab, data_id: lab.start("anna", data_id),
    "an archiving": _archives,
    "a deletion": _deletes,
}


def broken_off(call: Call, step: Step, *, archived: bool, retry: bool) -> Attack:
    """The process ends at a step of archiving or deleting, and so does the next one that takes it up.

    With `retry` the client does, else the sweeper once its patience is over. `archived` says whether the data
    set was archived before.
    """

    def attack(lab: Laboratory) -> None:
        data_id, other = _two_datasets(lab)
        if archived:
            assert _archives(lab, data_id).answer is Answer.OK
        first = _crash(step)
        lab.restart(first)
        call(lab, data_id)
        first.check()
        lab.restart(_crash(step))
        if retry:
            call(lab, data_id)
        else:
            lab.wait(PATIENCE)
            with suppress(Crash):
                lab.sweep()
        lab.restart()
        if retry:
            call(lab, data_id)
        _end(lab, data_id, other)

    return attack


def meets(call: Call, step: Step, other_call: Call) -> Attack:
    """While archiving or deleting stands at a step, something else happens to the data set."""

    def attack(lab: Laboratory) -> None:
        data_id, other = _two_datasets(lab)

        def meanwhile() -> None:
            other_call(lab, data_id)
            lab.deliver()

        hook = AtPoint(step.point, step.call, meanwhile)
        lab.watch(hook)
        call(lab, data_id)
        lab.watch(None)
        hook.check()
        _end(lab, data_id, other)

    return attack


def deleted_after(step: Step) -> Attack:
    """An archiving breaks off at a step; then its owner deletes the data set."""

    def attack(lab: Laboratory) -> None:
        data_id, other = _two_datasets(lab)
        lab.restart(_crash(step))
        _archives(lab, data_id)
        lab.restart()
        _archives(lab, data_id)
        assert _deletes(lab, data_id).answer is Answer.OK
        _end(lab, data_id, other)

    return attack


def met_by(step: Step, call: Call) -> Attack:
    """While an upload stands at a step, its data set is archived or deleted."""
    return meets(_CALLS["an upload"], step, call)


def endings() -> Mapping[str, Attack]:
    """All of them, by what happens."""
    attacks: dict[str, Attack] = {}
    for call, steps in ((_archives, ARCHIVE), (_deletes, DELETE)):
        for name, step in steps.items():
            for retry in (False, True):
                how = "the client repeats" if retry else "the sweeper takes it up"
                for archived in (True, False) if steps is DELETE else (False,):
                    what = f"crash {name}{', of an archived one' if archived else ''}, {how}"
                    attacks[what] = broken_off(call, step, archived=archived, retry=retry)
            for other_name, other_call in _CALLS.items():
                attacks[f"{name}: {other_name}"] = meets(call, step, other_call)
    for name, step in ARCHIVE.items():
        attacks[f"crash {name}, archived again, deleted"] = deleted_after(step)
    for name, point in UPLOAD.items():
        for other_name in ("an archiving", "a deletion"):
            attacks[f"{name}: {other_name}"] = met_by(Step(point), _CALLS[other_name])
    return attacks


def _crash(step: Step) -> AtPoint:
    def end() -> None:
        raise Crash

    return AtPoint(step.point, step.call, end)


def _two_datasets(lab: Laboratory) -> tuple[str, str]:
    """Anna's, with two batches; and Bert's, who is not let into hers."""
    data_id, other = lab.announce("anna"), lab.announce("bert")
    for size in (5, 3):
        lab.upload("anna", data_id, size)
    lab.upload("bert", other, 2)
    lab.put_away("bert", data_id)
    lab.remove("bert", data_id)
    return data_id, other


def _end(lab: Laboratory, data_id: str, other: str) -> None:
    """What is there still can be trained on; Bert's data set is as it was."""
    lab.restart()
    lab.settle()
    lab.start("anna", data_id)
    lab.start("bert", other)
