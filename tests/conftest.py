"""Fixtures that every folder of tests may use."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from emulators import Emulators, available

# How long an example takes depends on what else the machine does: no test fails for that.
settings.register_profile("logleap", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("logleap")


@pytest.fixture(scope="session")
def emulators() -> Iterator[Emulators]:
    """The Firestore, Pub/Sub and BigQuery emulators, started once for all tests that need them.

    Where one can't be had the tests skip and say why; in CI a missing one is a failure.
    """
    missing = [reason for reason in available().values() if reason is not None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the emulators: " + " ".join(missing))
        pytest.skip(" ".join(missing))
    with Emulators() as running:
        yield running
