"""The promise over HTTP, with real processes on the emulators of Google's services.

Only at some named points: a process that is killed inside of a Firestore transaction leaves its locks behind
for a minute, so that killing at random takes its time. `make faults` does it.
"""

from collections.abc import Iterator

import pytest

from campaigns import crash_point
from emulators import Emulators
from fleet import Fleet
from installations import Installation, emulated_installation


@pytest.fixture(scope="module")
def site(emulators: Emulators) -> Iterator[Installation]:
    with emulated_installation(emulators) as installation:
        yield installation


@pytest.fixture(scope="module")
def fleet(site: Installation) -> Iterator[Fleet]:
    with Fleet(site.settings, site.folder) as running:
        yield running


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
def test_a_process_that_is_killed_at(point: str, site: Installation, fleet: Fleet) -> None:
    outcome = crash_point(site, fleet, point, retry=True)
    assert outcome.kept, str(outcome)
