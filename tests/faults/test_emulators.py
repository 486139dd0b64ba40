"""The promise over HTTP, with real processes on the emulators of Google's services.

Only some named points and some network faults: a process that is killed inside of a Firestore transaction
leaves its locks behind for a minute, so that killing at random takes its time. `make faults` does it.
"""

from collections.abc import Iterator

import pytest

from tools.emulators import Emulators
from tools.faults.campaigns import broken_service, crash_point
from tools.faults.cluster import Cluster
from tools.faults.installations import SERVICES, Installation, emulated_installation


@pytest.fixture(scope="module")
def site(emulators: Emulators) -> Iterator[Installation]:
    with emulated_installation(emulators) as installation:
        yield installation


@pytest.fixture(scope="module")
def cluster(site: Installation) -> Iterator[Cluster]:
    with Cluster(site.settings, site.folder) as running:
        yield running


@pytest.mark.timeout(60)  # rather than wait for an emulator that has stopped
@pytest.mark.parametrize(
    "point",
    [
        "upload: after some rows",
        "upload: after the receipt, before the answer",
        "start: after the flip, before publishing",
        "run: after the claim",
        "run: after the result, before the ack",
    ],
)
def test_a_process_that_is_killed_at(point: str, site: Installation, cluster: Cluster) -> None:
    outcome = crash_point(site, cluster, point, retry=True)
    assert outcome.kept, str(outcome)


@pytest.mark.parametrize("service", SERVICES)
def test_a_bad_network_between_the_processes_and(service: str, site: Installation) -> None:
    outcome = broken_service(site, SERVICES[service], rounds=12, seconds=15)
    assert outcome.kept, str(outcome)
    assert outcome.rounds >= 5
    assert outcome.counts["batches ok"] > 0
