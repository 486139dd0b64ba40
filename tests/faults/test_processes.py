"""The promise over HTTP, with real processes on one SQLite file that are killed, stopped, and crossed."""

from collections.abc import Iterator

import pytest

from campaigns import Installation, broken_network, crash_point, kills, local_installation, meetings, zombies
from fleet import Fleet
from network import Fault
from points import POINTS
from storm import NEVER


@pytest.fixture
def site() -> Iterator[Installation]:
    with local_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Installation]:
    with local_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def fleet(shared_site: Installation) -> Iterator[Fleet]:
    with Fleet(shared_site.settings, shared_site.folder) as running:
        yield running


@pytest.mark.parametrize("retry", [True, False], ids=["the client repeats", "the client gives up"])
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_is_killed_at(
    point: str, retry: bool, shared_site: Installation, fleet: Fleet
) -> None:
    outcome = crash_point(shared_site, fleet, point, retry=retry)
    assert outcome.kept, str(outcome)


def test_servers_and_workers_that_are_killed_at_any_moment(site: Installation) -> None:
    outcome = kills(site, rounds=50, seconds=40)
    assert outcome.kept, str(outcome)
    assert outcome.counts["kills"] >= 20
    assert outcome.counts["batches ok"] >= 20


def test_clients_that_do_not_repeat_what_got_no_answer(site: Installation) -> None:
    outcome = kills(site, rounds=30, seconds=30, patience=NEVER, seed=2)
    assert outcome.kept, str(outcome)
    assert outcome.counts["batches unknown"] > 0


def test_uploads_and_starts_that_meet(site: Installation) -> None:
    outcome = meetings(site, rounds=10, seconds=40)
    assert outcome.kept, str(outcome)


def test_a_worker_that_stood_still_until_its_run_was_anothers(site: Installation) -> None:
    outcome = zombies(site, rounds=3, seconds=60)
    assert outcome.kept, str(outcome)
    assert outcome.counts["runs taken over"] > 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_network_with(fault: Fault, site: Installation) -> None:
    outcome = broken_network(site, rounds=12, seconds=30, only=fault)
    assert outcome.kept, str(outcome)
    assert outcome.counts[fault.value] >= 12
