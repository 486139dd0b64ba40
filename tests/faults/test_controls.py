"""The harness proves itself: it finds each of the protocols' parts missing."""

import pytest

from campaigns import broken_network
from controls import CONTROLS, first_to_find
from installations import local_installation
from network import Fault


@pytest.mark.parametrize("control", CONTROLS)
def test_the_attacks_find(control: str) -> None:
    first_to_find(*CONTROLS[control])


def test_the_attacks_on_real_processes_find_a_server_that_knows_no_batch_again() -> None:
    with local_installation() as site:
        outcome = broken_network(site, rounds=8, seconds=30, only=Fault.LOST_ANSWER, forgetful=True)
    assert outcome.findings.kinds == {"doubled"}
