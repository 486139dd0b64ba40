"""Binds the contract suites of `logleap.testing` to LogLeap's own backends."""

import importlib
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient

from logleap.adapters.gcp.queue import QueueNames, publisher, subscriber
from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.backends import Backend, gcp, open_backend
from logleap.ports.keys import KeyRepository
from logleap.ports.queue import TrainingQueue
from logleap.settings import Settings
from logleap.testing.plugin import (  # noqa: F401 -- all that is not overridden here
    announce,
    announce_uploading,
    archives,
    artifacts,
    datasets,
    ledger,
    max_deliveries,
    outbox,
    race,
    receipt_for,
    runs,
    store,
    upload,
)
from tools.emulators import Emulators

BUCKET = "contracts"


@dataclass(frozen=True)
class Pace:
    """How quick a backend is: see the fixtures of these names."""

    rounds: int
    examples: int
    moment: float
    arrival: float
    silence: float


PACES = {
    "memory": Pace(rounds=150, examples=60, moment=0.05, arrival=10.0, silence=0.1),
    "local": Pace(rounds=50, examples=60, moment=0.1, arrival=10.0, silence=0.2),
    "gcp": Pace(rounds=10, examples=5, moment=1.0, arrival=30.0, silence=1.0),
}


@pytest.fixture(params=["memory", "local", "gcp"])
def way(request: pytest.FixtureRequest) -> str:
    """The backend, and in brackets the way in which it stores entries, if there are several.

    A suite that runs over several ways names them in a parametrize of its own.
    """
    return str(request.param)


@pytest.fixture
def name(way: str) -> str:
    """The backend's name."""
    return way.partition("[")[0]


@pytest.fixture
def backend(way: str, name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if name == "gcp":
        site: GcpSite = request.getfixturevalue("gcp_site")
        yield site.opened(way)
        return
    opened = open_backend(Settings(backend=name, data_dir=tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def archived_files(
    backend: Backend, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], set[str]]:
    if isinstance(backend.archives, MemoryArchiveStore):
        files = backend.archives._files
        return lambda: set(files)
    folder = request.getfixturevalue("gcp_site").archive if name == "gcp" else tmp_path / "archive"
    return lambda: {str(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def queue(
    name: str, backend: Backend, request: pytest.FixtureRequest, max_deliveries: int
) -> Iterator[TrainingQueue]:
    if name != "gcp":
        yield backend.queue
        return
    with request.getfixturevalue("gcp_site").queue(max_deliveries) as made:
        yield made


@pytest.fixture
def keys(name: str, backend: Backend, request: pytest.FixtureRequest) -> Iterator[KeyRepository]:
    if name != "gcp":
        yield backend.keys
        return
    with closing(request.getfixturevalue("gcp_site").open(firestore_prefix=f"keys-{uuid4().hex}")) as opened:
        yield opened.keys


@pytest.fixture
def rounds(name: str) -> int:
    return PACES[name].rounds


@pytest.fixture
def examples(name: str) -> int:
    return PACES[name].examples


@pytest.fixture
def moment(name: str) -> float:
    return PACES[name].moment


@pytest.fixture
def arrival(name: str) -> float:
    return PACES[name].arrival


@pytest.fixture
def silence(name: str) -> float:
    return PACES[name].silence


class GcpSite:
    """What the tests of a session share: names of their own on the emulators, and the opened backends."""

    def __init__(self, project: str, archive: Path) -> None:
        self.archive = archive
        self._project = project
        self._name = f"contracts-{uuid4().hex}"
        self._opened: dict[str, Backend] = {}
        for layout in ("table-per-dataset", "shared-table"):
            for step in gcp.setup(self._settings(bigquery_layout=layout)):
                assert step.outcome != "failed", step

    def _settings(self, **changes: Any) -> Settings:
        names: dict[str, Any] = {
            "firestore_prefix": self._name,
            "bigquery_dataset": self._name.replace("-", "_"),
            "pubsub_topic": self._name,
            "pubsub_subscription": self._name,
            "archive_url": self.archive.as_uri(),
            "artifact_url": f"gs://{BUCKET}/contracts",
            "gcp_project": self._project,
        }
        return Settings(backend="gcp", **(names | changes))

    def open(self, **changes: Any) -> Backend:
        """The backend, with some settings changed."""
        return open_backend(self._settings(**changes))

    def opened(self, way: str) -> Backend:
        """The backend that stores entries in this way: `gcp`, or `gcp[layout, writer]`. Opened once."""
        if way not in self._opened:
            layout, _, writer = way.partition("[")[2].rstrip("]").partition(", ")
            chosen = {"bigquery_layout": layout, "bigquery_writer": writer} if layout else {}
            self._opened[way] = self.open(**chosen)
        return self._opened[way]

    @contextmanager
    def queue(self, max_deliveries: int) -> Iterator[TrainingQueue]:
        """A new one. Unlike those of `logleap gcp setup` it delivers a nacked message without a delay."""
        unique = uuid4().hex
        names = QueueNames(self._project, f"topic-{unique}", f"subscription-{unique}")
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        with closing(publisher(credentials).transport) as topics, subscriber(credentials) as subscriptions:
            publishing = PublisherClient(transport=topics)
            for topic in (names.topic_path, names.dead_topic_path):
                publishing.create_topic(name=topic)
            dead = {"name": names.dead_subscription_path, "topic": names.dead_topic_path}
            subscriptions.create_subscription(request=dead)
            letters = {"dead_letter_topic": names.dead_topic_path, "max_delivery_attempts": max_deliveries}
            main = {"name": names.subscription_path, "topic": names.topic_path, "ack_deadline_seconds": 10}
            subscriptions.create_subscription(request={**main, "dead_letter_policy": letters})
        changes = {"pubsub_topic": f"topic-{unique}", "pubsub_subscription": f"subscription-{unique}"}
        with closing(self.open(**changes)) as opened:
            yield opened.queue

    def close(self) -> None:
        for backend in self._opened.values():
            backend.close()


@contextmanager
def storage_emulator(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """An emulator of Cloud Storage with a bucket, on the network though in this process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    storage: Any = importlib.import_module("gcp_storage_emulator.server")
    with storage.create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET):
        yield


@pytest.fixture(scope="session")
def gcp_site(emulators: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcpSite]:
    """The environment of the emulators, with names of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulators.exports().items():
            patch.setenv(name, value)
        project = emulators.exports()["GOOGLE_CLOUD_PROJECT"]
        with storage_emulator(patch), closing(GcpSite(project, tmp_path_factory.mktemp("archive"))) as site:
            yield site
