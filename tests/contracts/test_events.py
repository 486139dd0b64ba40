"""What every EventOutbox promises, of LogLeap's own backends."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from logleap.backends import Backend, open_backend
from logleap.settings import Settings
from logleap.testing.contracts.events import *


@pytest.fixture
def backend(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """One with events on, whose events are this test's own."""
    url = "http://127.0.0.1:9/never-called"
    if name == "gcp":
        site = request.getfixturevalue("gcp_site")
        opened = site.open(firestore_prefix=f"events-{uuid4().hex}", events_url=url)
    else:
        opened = open_backend(Settings(backend=name, data_dir=tmp_path, events_url=url))
    with closing(opened):
        yield opened
