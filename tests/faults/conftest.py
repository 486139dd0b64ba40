"""What the attacks are run on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from laboratory import Laboratory, local_backend, memory_backend


@pytest.fixture(params=["memory", "local"])
def laboratory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Laboratory]]:
    """Makes laboratories, over one file if over `local`."""
    made: list[Laboratory] = []

    def make() -> Laboratory:
        backend = memory_backend()
        lab = (
            Laboratory(lambda: backend)
            if request.param == "memory"
            else Laboratory(lambda: local_backend(tmp_path))
        )
        made.append(lab)
        return lab

    yield make
    for lab in made:
        lab.close()
