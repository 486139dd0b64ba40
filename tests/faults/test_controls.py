"""The harness proves itself: it finds each of the protocols' parts missing."""

import random
from collections.abc import Sequence

import pytest

from campaigns import Outcome, broken_network, kills
from controls import CONTROLS, first_to_find
from installations import local_installation
from network import Fault
from storm import Caller


@pytest.mark.parametrize("control", CONTROLS)
def test_the_attacks_find(control: str) -> None:
    first_to_find(*CONTROLS[control])


def test_the_attacks_on_real_processes_find_a_server_that_knows_no_batch_again() -> None:
    with local_installation() as site:
        outcome = broken_network(site, rounds=8, seconds=30, only=Fault.LOST_ANSWER, sabotage="no replay")
    assert outcome.findings.kinds == {"doubled"}


def test_the_attacks_on_real_processes_find_an_archiving_that_drops_the_rows_too_soon() -> None:
    def archive(caller: Caller, rng: random.Random, strangers: Sequence[str]) -> str:
        data_id = caller.filled(rng, strangers)
        caller.archive(data_id)
        return data_id

    def storm() -> Outcome:
        broken = "the rows dropped before the archive is verified"
        with local_installation() as site:
            return kills(site, rounds=40, seconds=30, job=archive, sabotage=broken, settle=2)

    # Kills come at random: now and then none of forty meets the moment.
    assert any("lost" in storm().findings.kinds for _ in range(5))
