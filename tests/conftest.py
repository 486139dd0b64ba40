"""Fixtures that every folder of tests may use."""

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import flask
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from logleap.entrypoints.http.contract.blueprint import Api
from tools.emulators import EmulatorError, Emulators, available
from tools.faults.small_disk import CannotMount
from tools.faults.small_disk import small_disk as mounted
from tools.runners import Scheduling

# Images often set it. Each process that a test starts would then compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes depends on what else the machine does: no test fails for that.
settings.register_profile("logleap", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("logleap")


RUNNING = pytest.StashKey[Emulators]()
UNDECLARED = pytest.StashKey[list[str]]()
ANYWHERE = {
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "CROSS_SITE_REQUEST",
    "HOST_NOT_ALLOWED",
    "FORWARDED_WITHOUT_KEYS",
}
"""The codes of requests that are no call's."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Shares the tests of `--dist loadfile` out."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def gcc() -> str:
    """The compiler that the compiled parts were built with."""
    found = shutil.which("gcc")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs gcc: the compiled parts are what customers use.")
        pytest.skip("gcc is missing: Python does the work of the compiled parts here.")
    return found


@pytest.fixture(scope="session", autouse=True)
def _answers_are_checked(pytestconfig: pytest.Config) -> Iterator[None]:
    """Notes each answer of any app in this process that its call does not declare."""
    undeclared = pytestconfig.stash[UNDECLARED] = []

    def check(app: flask.Flask, response: flask.Response, **_: object) -> None:
        request = flask.request
        api = app.blueprints.get(request.blueprint or "")
        code = flask.g.get("problem_code")
        found = request.endpoint is not None and code != "NOT_FOUND"  # of a path that leads to no call
        if isinstance(api, Api) and found and request.method != "OPTIONS":
            call = api.calls[str(request.endpoint)]
            if (
                code not in call.codes
                if code
                else str(response.status_code) not in call.operation["responses"]
            ):
                undeclared.append(f"{request.method} {call.rule}: {response.status_code} {code}")
        elif api is None and code and code not in ANYWHERE:
            undeclared.append(f"{request.method} {request.path}: {code}")

    with flask.request_finished.connected_to(check):
        yield


@pytest.fixture(autouse=True)
def undeclared(_answers_are_checked: None, pytestconfig: pytest.Config) -> Iterator[list[str]]:
    """Fails each test that provokes an answer which its call does not declare."""
    found = pytestconfig.stash[UNDECLARED]
    yield found
    answers = sorted(set(found))
    found.clear()
    assert not answers, f"not declared in `raises`, so missing in OpenAPI and docs/api.md: {answers}"


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
