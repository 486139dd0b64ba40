"""What the contract suites need to know of this backend."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logleap.backends import Backend, open_backend
from logleap.settings import Settings

pytest_plugins = ["logleap.testing.plugin"]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    opened = open_backend(Settings(backend="logleap_files:open_files", data_dir=tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def archived_files(tmp_path: Path) -> Callable[[], set[str]]:
    return lambda: {str(path) for path in (tmp_path / "archive").rglob("*") if path.is_file()}


@pytest.fixture
def rounds() -> int:
    return 10
