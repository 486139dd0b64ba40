"""What the scenarios are run on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.faults.harness import Harness, reopening


@pytest.fixture(autouse=True)
def unmeasured(no_cover: None) -> None:
    """Every test but these is run with the lines measured: that costs as much again as an attack itself."""


@pytest.fixture(params=["memory", "local"])
def make_harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Harness]]:
    """Makes harnesses, over one file if over `local`."""
    made: list[Harness] = []

    def make() -> Harness:
        harness = Harness(reopening(request.param, tmp_path))
        made.append(harness)
        return harness

    yield make
    for harness in made:
        harness.close()
