"""What was acknowledged is in the training set exactly once, whatever is done to the use cases."""

from collections.abc import Callable

import pytest

from attacks import deterministic, race, unruly_queue
from endings import endings
from laboratory import Laboratory

MakeLaboratory = Callable[[], Laboratory]
ATTACKS = {**deterministic(), **endings()}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_promise_is_kept_under(attack: str, laboratory: MakeLaboratory) -> None:
    lab = laboratory()
    ATTACKS[attack](lab)
    findings = lab.check()
    assert findings.kinds == set(), str(findings)
    assert lab.runs(), "nothing was trained: the attack proved nothing"


@pytest.mark.parametrize("seed", range(10))
def test_the_promise_is_kept_while_clients_and_workers_race(seed: int, laboratory: MakeLaboratory) -> None:
    lab = laboratory()
    race(seed)(lab)
    findings = lab.check()
    assert findings.kinds == set(), str(findings)
    assert lab.history.tally()["starts ok"] > 0


@pytest.mark.parametrize("seed", range(10))
def test_the_promise_is_kept_on_an_unruly_queue(seed: int, laboratory: MakeLaboratory) -> None:
    lab = laboratory()
    unruly_queue(seed)(lab)
    findings = lab.check()
    assert findings.kinds == set(), str(findings)
    assert all(run.result is not None for run in lab.runs())
