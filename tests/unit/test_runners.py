"""How the runners share out the tests. xdist's own part, which is not shown here, runs each of them once."""

from types import SimpleNamespace
from typing import Any

import pytest

from tools.runners import Scheduling, needs_emulators

EMULATED = [
    "tests/contracts/test_queue.py::test_an_empty_queue_gives_nothing[gcp]",
    "tests/integration/gcp/test_firestore.py::test_it",
    "tests/integration/gcp/pubsub/test_pubsub.py::test_it",
]
OTHERS = [
    "tests/unit/test_errors.py::test_it",
    "tests/unit/test_settings.py::test_it",
    "tests/contracts/test_queue.py::test_an_empty_queue_gives_nothing[local]",
    "tests/integration/cli/test_push.py::test_it",
    "tests/faults/test_processes.py::test_it",
]


class Runner:
    """Stands in for xdist's: notes what it is given."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[str] = []
        self.to_do: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [(EMULATED + OTHERS)[index] for index in indices]
        self.to_do += indices

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def runners() -> list[Runner]:
    """Four that do what they are given at once, until nothing is left."""
    found = [Runner(f"gw{number}") for number in range(4)]
    config: Any = SimpleNamespace(
        getvalue=lambda name: {"tx": ["4*popen"]}[name], option=SimpleNamespace(loadscopereorder=True)
    )
    scheduling: Any = Scheduling(config)
    for runner in found:
        scheduling.add_node(runner)
        scheduling.add_node_collection(runner, EMULATED + OTHERS)
    scheduling.schedule()
    while scheduling.has_pending:
        for runner in found:
            if runner.to_do:
                scheduling.mark_test_complete(runner, runner.to_do.pop(0))
    return found


def test_each_test_is_given_to_one_runner(runners: list[Runner]) -> None:
    assert sorted(test for runner in runners for test in runner.given) == sorted(EMULATED + OTHERS)


def test_two_runners_have_the_tests_that_need_emulators_and_begin_with_them(runners: list[Runner]) -> None:
    for runner in runners[:2]:
        assert needs_emulators(runner.given[0])
    for runner in runners[2:]:
        assert not any(needs_emulators(test) for test in runner.given)


def test_the_slowest_files_come_first(runners: list[Runner]) -> None:
    assert runners[2].given[0] == "tests/faults/test_processes.py::test_it"
    assert runners[3].given[0] == "tests/integration/cli/test_push.py::test_it"
