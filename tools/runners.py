"""How pytest-xdist's runners share out the tests: a file at a time, and the slow ones first.

Two runners have the tests that need emulators, so that two sets of them are started and not one per runner.
"""

import re

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

_SLOW = (
    "tests/faults/test_processes.py",
    "tests/faults/test_negative_controls.py",
    "tests/browser/",
    "tests/integration/cli/",
    "tests/faults/",
    "tests/integration/",
    "tests/clients/",
    "tests/contracts/",
)
"""The slowest first. Any other order is as right, but leaves runners with nothing to do at the end."""

_WITH_EMULATORS = 2  # runners
_EMULATED = " with emulators"
_EMULATED_TESTS = re.compile(r"tests/integration/gcp/|tests/contracts/.*gcp|.*emulators")


class Scheduling(LoadFileScheduling):
    """Like `--dist loadfile`, but in an order that ends sooner."""

    def _split_scope(self, nodeid: str) -> str:
        """The name of the unit that a test belongs to; the tests of a unit have one runner."""
        return super()._split_scope(nodeid) + (_EMULATED if needs_emulators(nodeid) else "")

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Hand the unit over that is to be next."""
        emulated = self.nodes.index(node) < _WITH_EMULATORS
        unit = min(self.workqueue, key=lambda name: (name.endswith(_EMULATED) != emulated, _rank(name)))
        self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)


def needs_emulators(nodeid: str) -> bool:
    """Whether a test is one that starts the emulators. If this is wrong, one more runner starts them."""
    return _EMULATED_TESTS.match(nodeid) is not None


def _rank(unit: str) -> int:
    return next((rank for rank, start in enumerate(_SLOW) if unit.startswith(start)), len(_SLOW))
