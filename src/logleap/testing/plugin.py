"""A pytest plugin: the fixtures of the contract suites. How to use it: docs/backends.md.

A backend's own tests override `backend` and `archived_files`, and the others where their values do not fit.
A backend may be shared and need never be empty: the suites make ids of their own and read those alone. But
`queue` and `keys` must be of one test's own: a backend that shares them overrides these two.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

pytest.register_assert_rewrite("logleap.testing.contracts")

from logleap.backends import Backend  # noqa: E402
from logleap.domain.datasets import Action, Dataset, Event, EventKind  # noqa: E402
from logleap.domain.entries import Batch, Entry, Receipt  # noqa: E402
from logleap.ports.archive import ArchiveStore  # noqa: E402
from logleap.ports.artifacts import ArtifactStore  # noqa: E402
from logleap.ports.datasets import DatasetRepository  # noqa: E402
from logleap.ports.entries import EntryStore  # noqa: E402
from logleap.ports.events import EventOutbox  # noqa: E402
from logleap.ports.keys import KeyRepository  # noqa: E402
from logleap.ports.queue import TrainingQueue  # noqa: E402
from logleap.ports.receipts import ReceiptLedger  # noqa: E402
from logleap.ports.runs import RunRepository  # noqa: E402

# ---- what a backend's own tests override -------------------------------------------------------------------


@pytest.fixture
def backend() -> Backend:
    """The backend under test, opened; closed when the test has ended. To be overridden."""
    pytest.fail("The fixture `backend` must be overridden: see docs/backends.md.")


@pytest.fixture
def archived_files() -> Callable[[], set[str]]:
    """Lists the names of all files that `archives` keeps, complete or not. To be overridden."""
    pytest.fail("The fixture `archived_files` must be overridden: see docs/backends.md.")


@pytest.fixture
def rounds() -> int:
    """How often a race is run."""
    return 30


@pytest.fixture
def examples() -> int:
    """How many generated examples a test tries whose every example stores something."""
    return 60


@pytest.fixture
def max_deliveries() -> int:
    """After how many deliveries without an ack `queue` moves a message to the dead letters."""
    return 5


@pytest.fixture
def moment() -> float:
    """The shortest time, in seconds, for which `queue` can hold a message."""
    return 0.1


@pytest.fixture
def arrival() -> float:
    """How long, in seconds, a test waits at most for a message that must come."""
    return 10.0


@pytest.fixture
def silence() -> float:
    """How long, in seconds, no message comes until a test takes it that there is none; above `moment`."""
    return 0.2


# ---- the ports ---------------------------------------------------------------------------------------------


@pytest.fixture
def datasets(backend: Backend) -> DatasetRepository:
    """The data sets."""
    return backend.datasets


@pytest.fixture
def ledger(backend: Backend) -> ReceiptLedger:
    """The receipts."""
    return backend.ledger


@pytest.fixture
def store(backend: Backend) -> EntryStore:
    """The entries."""
    return backend.store


@pytest.fixture
def runs(backend: Backend) -> RunRepository:
    """The runs."""
    return backend.runs


@pytest.fixture
def queue(backend: Backend) -> TrainingQueue:
    """A queue of this test's own."""
    return backend.queue


@pytest.fixture
def archives(backend: Backend) -> ArchiveStore:
    """The archives."""
    return backend.archives


@pytest.fixture
def artifacts(backend: Backend) -> ArtifactStore:
    """The artifacts."""
    return backend.artifacts


@pytest.fixture
def outbox(backend: Backend) -> EventOutbox:
    """The events of this test's own: `backend` must be opened with events on, and share them with nobody."""
    if backend.events is None:
        pytest.skip("this backend stores no events")
    return backend.events


@pytest.fixture
def keys(backend: Backend) -> KeyRepository:
    """Keys of this test's own: there is one list of them."""
    return backend.keys


# ---- what the suites share ---------------------------------------------------------------------------------


@pytest.fixture
def announce(datasets: DatasetRepository) -> Callable[..., Dataset]:
    """Stores a new data set (of a new owner, unless one is given) and returns it."""

    def call(**fields: Any) -> Dataset:
        now = datetime.now(UTC)
        values: dict[str, Any] = {"owner": f"owner-{uuid4()}", "created_at": now, "updated_at": now} | fields
        dataset = Dataset(str(uuid4()), **values)
        datasets.add(dataset, Event(dataset.created_at, EventKind.ANNOUNCED, "Announced."))
        return dataset

    return call


@pytest.fixture
def announce_uploading(
    announce: Callable[..., Dataset], datasets: DatasetRepository
) -> Callable[..., Dataset]:
    """Stores a data set that takes entries."""

    def call(**fields: Any) -> Dataset:
        announced = announce(**fields)
        dataset = announced.after(Action.UPLOAD, announced.created_at)
        datasets.save(dataset, Event(dataset.updated_at, EventKind.FIRST_ENTRIES, "First entries came in."))
        return dataset

    return call


@pytest.fixture
def receipt_for() -> Callable[..., Receipt]:
    """A receipt that is not stored yet, of a new batch with a new key unless they are given."""

    def call(dataset: Dataset, **fields: Any) -> Receipt:
        batch_id = str(uuid4())
        receipt = Receipt(dataset.dataset_id, batch_id, batch_id, 3, "ab" * 32, datetime.now(UTC))
        return replace(receipt, **fields)

    return call


@pytest.fixture
def upload(
    store: EntryStore, ledger: ReceiptLedger, receipt_for: Callable[..., Receipt]
) -> Callable[..., str]:
    """Stores a batch in one append, and acknowledges it: from then on its rows must be readable. Its id."""

    def call(dataset: Dataset, entries: list[Entry]) -> str:
        receipt = receipt_for(dataset, entries=len(entries))
        store.append(Batch(dataset.dataset_id, dataset.owner, receipt.batch_id), entries, 0)
        assert ledger.add(receipt, dataset.version) == receipt
        return receipt.batch_id

    return call


@pytest.fixture
def race() -> Callable[..., list[Any]]:
    """Makes all calls at the same moment, each in a thread. What each returned or raised, in their order."""

    def outcome(barrier: Barrier, call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001
            return error

    def run(*calls: Callable[[], object]) -> list[Any]:
        barrier = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as threads:
            futures = [threads.submit(outcome, barrier, call) for call in calls]
            return [future.result() for future in futures]

    return run
