"""Fixtures that every folder of tests may use."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools.emulators import EmulatorError, Emulators, available
from tools.faults.small_disk import CannotMount
from tools.faults.small_disk import small_disk as mounted

# How long an example takes depends on what else the machine does: no test fails for that.
settings.register_profile("logleap", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("logleap")


RUNNING = pytest.StashKey[Emulators]()


@pytest.fixture(scope="session")
def emulators(pytestconfig: pytest.Config) -> Iterator[Emulators]:
    """The Firestore, Pub/Sub and BigQuery emulators, started once for all tests that need them.

    Where one can't be had the tests skip and say why; in CI a missing one is a failure.
    """
    missing = [reason for reason in available().values() if reason is not None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the emulators: " + " ".join(missing))
        pytest.skip(" ".join(missing))
    with Emulators() as running:
        pytestconfig.stash[RUNNING] = running
        yield running
        del pytestconfig.stash[RUNNING]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the run where a failed test leaves an emulator that does not answer: all others would wait."""
    failed = item.session.testsfailed
    result = yield
    running = item.config.stash.get(RUNNING, None)
    if running is not None and item.session.testsfailed > failed:
        try:
            running.check_answers()
        except EmulatorError as error:
            item.session.shouldfail = f"{item.nodeid} left an emulator of no more use. {error}"
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test wrote, in UTF-8: the runners pass it on, and cannot pass on half of a surrogate pair."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 40 MiB of the test's own.

    Where none can be had the test skips and says why; in CI that is a failure.
    """
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(mounted(40))
        except CannotMount as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI needs a small disk: {error}")
            pytest.skip(str(error))
        yield disk
