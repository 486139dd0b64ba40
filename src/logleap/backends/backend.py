"""What a backend is: one adapter per port, and what can be relied on before it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logleap.ports.archive import ArchiveStore
from logleap.ports.artifacts import ArtifactStore
from logleap.ports.datasets import DatasetRepository
from logleap.ports.entries import EntryStore
from logleap.ports.events import EventDeliverer, EventOutbox
from logleap.ports.keys import KeyRepository
from logleap.ports.queue import TrainingQueue
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository
from logleap.settings import Settings


@dataclass(frozen=True, slots=True)
class Backend:
    """One adapter per port, all of one backend. `check` raises Unavailable unless the backend can serve.

    `dead_letter` moves a message that was pushed to us, not received from `queue`, to the dead letters, with
    the reason.
    `folders` are those, by name, whose disk may become full; uploads leave `disk_reserve` bytes of it free.
    `location` says where everything is kept, for messages to operators: a folder, a project.
    `handover` gives the environment variables that another process needs to open the same backend, and that
    this one has taken out of its own environment: secrets.
    `events` is None if the backend keeps none; with `settings.events_on`, data sets and runs put them there.
    `event_topic` opens a topic of its message service, by name and source, to deliver them to.
    """

    datasets: DatasetRepository
    ledger: ReceiptLedger
    store: EntryStore
    runs: RunRepository
    queue: TrainingQueue
    archives: ArchiveStore
    artifacts: ArtifactStore
    keys: KeyRepository
    events: EventOutbox | None = None
    check: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    dead_letter: Callable[[bytes, str], None] = lambda body, reason: None  # only Pub/Sub pushes
    location: str | None = None
    handover: Callable[[], Mapping[str, str]] = dict
    event_topic: Callable[[str, str], EventDeliverer] | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    disk_reserve: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do. Known before it is opened: the command line and the settings' rules go by it.

    - `durable`: what was acknowledged outlives the process.
    - `shared`: processes that open it with the same settings see the same, so `serve --processes` and
      `logleap worker` make sense.
    - `worker_inside`: `logleap serve` runs trainings too, unless told otherwise. False: workers are always
      processes of their own.
    - `keeps_keys`: `logleap keys` makes, shows and revokes keys that are kept in it.
    - `requires_keys`: a server asks for keys even on a loopback address (unless LOGLEAP_AUTH=none), because
      others reach the same data.
    """

    durable: bool
    shared: bool
    worker_inside: bool
    keeps_keys: bool
    requires_keys: bool


@dataclass(frozen=True, slots=True)
class BackendFactory:
    """Opens a backend whose capabilities are declared.

    `open` takes the settings, and as keywords options that are no settings (for tests). It raises
    SettingsError, with one line for the operator, if they are wrong.
    """

    open: Callable[..., Backend]
    capabilities: Capabilities

    def __call__(self, settings: Settings, **options: Any) -> Backend:
        """The backend, opened."""
        return self.open(settings, **options)


def backend_factory(
    *, durable: bool, shared: bool, worker_inside: bool, keeps_keys: bool, requires_keys: bool
) -> Callable[[Callable[..., Backend]], BackendFactory]:
    """Decorates the function that opens a backend with its capabilities (see Capabilities).

    LOGLEAP_BACKEND=package.module:function then chooses it.
    """
    capabilities = Capabilities(
        durable=durable,
        shared=shared,
        worker_inside=worker_inside,
        keeps_keys=keeps_keys,
        requires_keys=requires_keys,
    )
    return lambda function: BackendFactory(function, capabilities)
