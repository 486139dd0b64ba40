"""The harness proves itself: it finds each of the protocols' parts missing."""

import pytest

from attacks import deterministic
from campaigns import broken_network, local_installation
from controls import CONTROLS
from network import Fault


@pytest.mark.parametrize("control", CONTROLS)
def test_the_attacks_find(control: str) -> None:
    expected, laboratory = CONTROLS[control]
    found: dict[str, str] = {}
    for name, attack in deterministic().items():
        lab = laboratory()
        attack(lab)
        findings = lab.check()
        found |= dict.fromkeys(findings.kinds, f"{name}: {findings}")
        if expected <= set(found):
            return
    raise AssertionError(f"the attacks did not find {control!r}, but {found}")


def test_the_attacks_on_real_processes_find_a_server_that_knows_no_batch_again() -> None:
    with local_installation() as site:
        outcome = broken_network(site, rounds=8, seconds=30, only=Fault.LOST_ANSWER, forgetful=True)
    assert outcome.findings.kinds == {"doubled"}
