"""The harness proves itself: it finds each of the protocols' parts missing."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.faults import campaigns
from tools.faults.campaigns import Outcome, broken_network, clock_jumps, full_disk, kills, stuck_log
from tools.faults.event_campaign import event_kills
from tools.faults.faulty_proxy import Fault
from tools.faults.installations import local_installation
from tools.faults.negative_controls import NEGATIVE_CONTROLS, first_to_find
from tools.faults.workload import Caller


@pytest.mark.parametrize("control", NEGATIVE_CONTROLS)
def test_the_attacks_find(control: str) -> None:
    first_to_find(*NEGATIVE_CONTROLS[control])


def test_the_attacks_on_real_processes_find_a_server_that_knows_no_batch_again() -> None:
    with local_installation() as site:
        outcome = broken_network(site, rounds=8, seconds=30, only=Fault.LOST_ANSWER, mutation="no replay")
    assert outcome.findings.kinds == {"doubled"}


def test_the_attacks_on_real_processes_find_a_server_that_acknowledges_what_a_full_disk_did_not_take(
    small_disk: Path,
) -> None:
    with local_installation(small_disk) as site:
        broken = "acknowledged though the disk was full"
        outcome = full_disk(site, small_disk, rounds=6, seconds=40, mutation=broken)
    assert "lost" in outcome.findings.kinds


def test_the_attacks_on_real_processes_find_a_server_that_keeps_no_reserve(small_disk: Path) -> None:
    with local_installation(small_disk) as site:
        without = site.with_settings(LOGLEAP_DISK_RESERVE="0")
        outcome = full_disk(without, small_disk, rounds=6, seconds=40)
    assert any("could not be deleted" in failure for failure in outcome.failures)


def test_the_attacks_on_real_processes_find_a_server_that_writes_its_log_in_place() -> None:
    with local_installation() as site:
        outcome = stuck_log(site, rounds=3, seconds=30, mutation="log lines written in place")
    assert any("was not answered" in failure for failure in outcome.failures)


def test_the_attacks_on_real_processes_find_a_server_that_believes_any_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(campaigns, "_JUMPS", {"ahead": 5 * 3600.0})
    monkeypatch.setattr(campaigns, "_CLOCK_IS_RIGHT", 4.0)
    with local_installation() as site:
        broken = "a lease is believed whatever its end"
        outcome = clock_jumps(site, rounds=1, seconds=30, mutation=broken)
    assert any("a run had not ended" in failure for failure in outcome.failures)


def test_the_attacks_on_real_processes_find_an_archiving_that_drops_the_rows_too_soon() -> None:
    def archive(caller: Caller, rng: random.Random, strangers: Sequence[str]) -> str:
        data_id = caller.filled(rng, strangers)
        caller.archive(data_id)
        return data_id

    def run() -> Outcome:
        broken = "the rows dropped before the archive is verified"
        with local_installation() as site:
            return kills(site, rounds=40, seconds=30, job=archive, mutation=broken, settle=2)

    # Kills come at random: now and then none of forty meets the moment.
    assert any("lost" in run().findings.kinds for _ in range(5))


@pytest.mark.parametrize(
    "broken", ["events are removed before they are sent", "the last event is sent first"]
)
def test_the_attacks_on_real_processes_find_events_that(broken: str) -> None:
    with local_installation() as site:
        outcome = event_kills(site, rounds=2, seconds=15, mutation=broken)
    assert outcome.findings.kinds == {"events"}
