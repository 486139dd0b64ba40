"""The promise over HTTP, with real processes on one SQLite file that are killed, stopped, and crossed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.faults.campaigns import (
    archive_delete_crash_point,
    broken_network,
    clock_jumps,
    crash_point,
    full_disk,
    kills,
    meetings,
    stuck_log,
    zombies,
)
from tools.faults.cluster import Cluster
from tools.faults.console_user import console_life
from tools.faults.event_campaign import event_kills
from tools.faults.failpoints import ARCHIVE, DELETE, FAILPOINTS, LOG_MODEL
from tools.faults.faulty_proxy import Fault
from tools.faults.installations import Installation, local_installation
from tools.faults.log_model_crashes import log_model_crash
from tools.faults.workload import NEVER, Caller, archiving_meeting


@pytest.fixture
def site() -> Iterator[Installation]:
    with local_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Installation]:
    with local_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def cluster(shared_site: Installation) -> Iterator[Cluster]:
    with Cluster(shared_site.settings, shared_site.folder) as running:
        yield running


@pytest.mark.parametrize("retry", [True, False], ids=["the client repeats", "the client gives up"])
@pytest.mark.parametrize("point", FAILPOINTS)
def test_a_process_that_is_killed_at(
    point: str, retry: bool, shared_site: Installation, cluster: Cluster
) -> None:
    outcome = crash_point(shared_site, cluster, point, retry=retry)
    assert outcome.kept, str(outcome)


@pytest.mark.parametrize("point", LOG_MODEL)
def test_a_worker_that_is_killed_in_a_comparison_at(
    point: str, shared_site: Installation, cluster: Cluster
) -> None:
    assert log_model_crash(shared_site, cluster, point) == []


@pytest.fixture(scope="module")
def soon_swept() -> Iterator[tuple[Installation, Cluster]]:
    with local_installation() as installation:
        swept = installation.with_settings(LOGLEAP_RUN_PATIENCE="0.3")
        with Cluster(swept.settings, swept.folder) as running:
            yield swept, running


@pytest.mark.parametrize("step", [*ARCHIVE, *DELETE])
def test_a_server_that_is_killed_at_and_a_sweeper_too(
    step: str, soon_swept: tuple[Installation, Cluster]
) -> None:
    outcome = archive_delete_crash_point(*soon_swept, step, retry=False)
    assert outcome.kept, str(outcome)


def test_servers_and_workers_that_are_killed_while_data_sets_are_archived_and_deleted(
    site: Installation,
) -> None:
    outcome = kills(site, rounds=40, seconds=40, job=Caller.whole_life, seed=4)
    assert outcome.kept, str(outcome)
    assert outcome.counts["kills"] >= 20
    assert outcome.counts["archivings ok"] > 0
    assert outcome.counts["deletions ok"] > 0


def test_servers_and_workers_that_are_killed_while_people_use_the_console(site: Installation) -> None:
    outcome = kills(site, rounds=12, seconds=15, job=console_life, clients=4, seed=5)
    assert outcome.kept, str(outcome)
    assert outcome.counts["kills"] >= 5
    for done in ("batches ok", "starts ok", "archivings ok"):
        assert outcome.counts[done] > 0, str(outcome)


def test_uploads_starts_archivings_and_deletions_that_meet(site: Installation) -> None:
    outcome = meetings(site, rounds=5, seconds=40, meet=archiving_meeting)
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
    assert outcome.counts["calls tried again"] == 0


def test_uploads_and_starts_that_meet(site: Installation) -> None:
    outcome = meetings(site, rounds=10, seconds=40)
    assert outcome.kept, str(outcome)


def test_a_worker_that_stood_still_until_its_run_was_anothers(site: Installation) -> None:
    outcome = zombies(site, rounds=3, seconds=60)
    assert outcome.kept, str(outcome)
    assert outcome.counts["runs taken over"] > 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_network_with(fault: Fault, site: Installation) -> None:
    outcome = broken_network(site, rounds=8, seconds=30, only=fault)
    assert outcome.kept, str(outcome)
    assert outcome.counts[fault.value] >= 8


def test_a_disk_that_is_filled_and_freed(small_disk: Path) -> None:
    with local_installation(small_disk) as site:
        outcome = full_disk(site, small_disk, rounds=4, seconds=60)
    assert outcome.kept, str(outcome)
    assert outcome.rounds >= 2
    assert outcome.counts["uploads until the disk was full"] > 0
    assert outcome.counts["batches ok"] > 0


def test_a_log_that_nobody_reads(site: Installation) -> None:
    outcome = stuck_log(site, rounds=5, seconds=60)
    assert outcome.kept, str(outcome)
    assert outcome.rounds > 0


def test_a_clock_that_jumps_while_runs_have_leases(site: Installation) -> None:
    outcome = clock_jumps(site, rounds=3, seconds=40)
    assert outcome.kept, str(outcome)
    assert outcome.rounds == 3


def test_every_event_arrives_in_its_order_although_receiver_servers_and_worker_are_killed(
    site: Installation,
) -> None:
    outcome = event_kills(site, rounds=5, seconds=20)
    assert outcome.kept, str(outcome)
