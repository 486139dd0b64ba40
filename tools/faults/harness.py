"""The use cases in this process, with a clock of their own, clients with a history, and crashes on demand.

A crash is an exception that nothing in the product catches: whatever was under way ends there.
"""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dependency_injector import providers

from logleap.adapters.files.artifacts import ArtifactFolder
from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.adapters.parquet.archive import ParquetArchiveStore
from logleap.backends import Backend, capabilities_of, open_backend
from logleap.container import Container, new_id
from logleap.domain.datasets import EventKind
from logleap.domain.entries import Entry, Manifest
from logleap.domain.errors import DatasetNotFound, Refusal
from logleap.domain.runs import JsonObject, Run
from logleap.ports.archive import ArchiveStore
from logleap.ports.artifacts import ArtifactStore, Blob
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.ports.task import TrainingContext
from logleap.settings import Settings
from logleap.usecases.append import AppendEntries
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.training.run_training import Disposition, Settlement
from tools.faults.collecting_task import save_messages
from tools.faults.failpoints import Hook, with_failpoints
from tools.faults.history import Answer, DatasetFound, Findings, History, Operation, RunFound, message

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
LEASE, PATIENCE = timedelta(seconds=60), timedelta(seconds=300)
CHUNK = 2  # entries in an append: most batches take several

_SETTINGS = Settings(
    backend="memory",  # of whichever backend: it is put in
    run_lease=LEASE.total_seconds(),
    run_patience=PATIENCE.total_seconds(),
    run_max_attempts=50,  # more than any of our faults can use up
    stop_grace=0,
)
# A delivery is held for a moment only, so that those of crashed workers come again, and again.
_QUEUE = {"visibility_timeout": 0.01, "max_deliveries": 10_000}
_ENDS = (EventKind.TRAINING_SUCCEEDED, EventKind.TRAINING_FAILED)


class Crash(BaseException):
    """The process ended here."""


@dataclass(frozen=True)
class Body:
    """A request's body: `size` entries that tell where they come from."""

    key: str
    size: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        entries = [Entry(NOON, message(self.key, index)) for index in range(self.size)]
        for first in range(0, self.size, CHUNK):
            yield entries[first : first + CHUNK]


def backend_in(name: str, folder: Path) -> Backend:
    """The backend of this name, which keeps what it has in the folder."""
    return open_backend(Settings(backend=name, data_dir=folder), **_QUEUE)


def memory_backend() -> Backend:
    """All in this process."""
    return backend_in("memory", Path())


def reopening(name: str, folder: Path) -> Callable[[], Backend]:
    """Gives the backend as each next process finds it: opened again, or the same if nothing outlives one."""
    if capabilities_of(name).durable:
        return lambda: backend_in(name, folder)
    kept = backend_in(name, folder)
    return lambda: kept


@dataclass
class Harness:
    """One installation. `reopen` gives the backend as the next process finds it. Use cases may be broken."""

    reopen: Callable[[], Backend]
    append: type[AppendEntries] = AppendEntries
    archive: type[ArchiveDataset] = ArchiveDataset
    delete: type[DeleteDataset] = DeleteDataset
    history: History = field(default_factory=History)
    at_work: Callable[[TrainingContext], None] = lambda context: None  # called by the task before it reads

    def __post_init__(self) -> None:
        self.time = NOON
        self._numbers = itertools.count(1)
        self._runs: dict[str, str] = {}  # run: data set
        self._lock = threading.Lock()
        self.plain = self.reopen()
        self.use(self.plain)

    def close(self) -> None:
        """Close the backend."""
        self.plain.close()

    def restart(self, hook: Hook | None = None) -> None:
        """The process is gone, the next one begins; `hook` is told the points that it hits."""
        self.plain.close()
        self.plain = self.reopen()
        self.watch(hook)

    def watch(self, hook: Hook | None) -> None:
        """Tell `hook` the points that are hit from now on."""
        self.use(with_failpoints(self.plain, hook) if hook is not None else self.plain)

    def use(self, backend: Backend) -> None:
        """Put other parts in."""
        self.backend = backend
        container = Container(settings=_SETTINGS)
        container.backend.override(providers.Object(backend))
        container.tasks.override(providers.Object({"collect": self._collect}))
        container._now.override(providers.Object(self.now))
        container.archive_dataset.set_provides(self.archive)
        container.delete_dataset.set_provides(self.delete)
        self._container = container

    def now(self) -> datetime:
        """Never the same twice, so that none is lost among equals."""
        with self._lock:
            self.time += timedelta(microseconds=1)
            return self.time

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        with self._lock:
            self.time += duration

    # ---- clients ------------------------------------------------------------------------------------------

    def announce(self, owner: str) -> str:
        """A new data set's id."""
        data_id: str = self._container.announce_dataset()(owner, None, {}).dataset_id
        self.history.add(Operation("announce", owner, data_id, "", answer=Answer.OK))
        return data_id

    def upload(self, owner: str, data_id: str, size: int, key: str | None = None) -> Operation:
        """Send a batch of `size` entries once: a new one, or that of `key` again."""
        key = key or f"b{next(self._numbers)}"
        operation = self.history.begin(Operation("append", owner, data_id, key, size))
        backend = self.backend
        use_case = self.append(backend.datasets, backend.store, backend.ledger, self.now, new_id)
        with _answering(operation):
            receipt = use_case(owner, data_id, Body(key, size), key).receipt
            assert receipt.entries == size
            operation.answer, operation.batch_id = Answer.OK, receipt.batch_id
        return operation

    def start(self, owner: str, data_id: str, key: str | None = None) -> Operation:
        """Start a training once: a new start, or that of `key` again."""
        key = key or f"t{next(self._numbers)}"
        operation = self.history.begin(Operation("train", owner, data_id, key))
        with _answering(operation):
            operation.run_id = self._container.start_training()(owner, data_id, key=key).run_id
            operation.answer = Answer.OK
        return operation

    def cancel(self, owner: str, data_id: str) -> Operation:
        """Cancel the latest run of a data set."""
        operation = self.history.begin(Operation("cancel", owner, data_id, f"c{next(self._numbers)}"))
        with _answering(operation):
            operation.run_id = self._container.cancel_training()(owner, data_id).run_id
            operation.answer = Answer.OK
        return operation

    def put_away(self, owner: str, data_id: str) -> Operation:
        """Archive a data set, or bring its archiving to its end."""
        operation = self.history.begin(Operation("archive", owner, data_id, f"a{next(self._numbers)}"))
        with _answering(operation):
            self._container.archive_dataset()(owner, data_id)
            operation.answer = Answer.OK
        return operation

    def remove(self, owner: str, data_id: str) -> Operation:
        """Delete a data set, or bring its deletion to its end."""
        operation = self.history.begin(Operation("delete", owner, data_id, f"d{next(self._numbers)}"))
        with _answering(operation):
            self._container.delete_dataset()(owner, data_id)
            operation.answer = Answer.OK
        return operation

    # ---- workers ------------------------------------------------------------------------------------------

    def work(self, body: bytes) -> Settlement:
        """What a worker does with a message."""
        settlement: Settlement = self._container.run_training()(body)
        return settlement

    def _collect(self, context: TrainingContext) -> JsonObject:
        self.at_work(context)
        messages = [row.entry.message for row in context.training_set.rows()]
        save_messages(context, messages)
        return {"entries": context.training_set.count(), "messages": messages}

    def deliver(self, wait: float = 0.0) -> bool:
        """One message from the queue. False if there is none, or if it has to come again later."""
        delivery = self.backend.queue.receive(wait)
        if delivery is None:
            return False
        settlement = self.work(delivery.body)
        if settlement.disposition is Disposition.DONE:
            delivery.ack()
        elif settlement.disposition is Disposition.REJECT:
            delivery.reject(settlement.reason)
        else:
            delivery.nack()
            return False
        return True

    def sweep(self) -> None:
        """What the sweeper does, and the dead letters."""
        self._container.sweep()()
        while (letter := self.backend.queue.receive_dead(0.0)) is not None:
            self._container.fail_dead_letter()(letter.body)
            letter.ack()

    def settle(self) -> None:
        """Without further faults: until nothing is unfinished, or never will be."""
        for _ in range(20):
            self.sweep()
            for _ in range(20):
                self.deliver()
            unfinished = self.plain.datasets.unfinished(self.time, 1)
            if not unfinished and all(run.finished for run in self.runs()):
                return
            self.wait(LEASE)

    # ---- the end ------------------------------------------------------------------------------------------

    def runs(self) -> Sequence[Run]:
        """All runs that the data sets' logs name, as they are stored now."""
        found: list[Run] = []
        for one in self._announced():
            for run_id in self._log(one.data_id)[0]:
                run = self.plain.runs.get(one.data_id, run_id)
                assert run is not None, f"the log names run {run_id}, which is not there"
                found.append(run)
        return found

    def check(self) -> Findings:
        """Settle what is open, and compare."""
        self.restart()
        self.settle()
        self.sweep()
        staged = list(self.plain.artifacts.staged())
        assert not staged, f"the sweep has left {staged}"
        found = []
        for run in self.runs():
            starts, ends = self._log(run.dataset_id)
            found.append(run_found(run, starts.count(run.run_id), ends.count(run.run_id)))
        datasets = [dataset_found(self.plain, one) for one in self._announced()]
        return self.history.check(found, datasets)

    def _announced(self) -> list[Operation]:
        return [one for one in self.history.operations if one.kind == "announce"]

    def _log(self, data_id: str) -> tuple[list[str], list[str]]:
        return runs_in_log(
            [(event.kind, event.detail) for event in self.plain.datasets.events(data_id)],
        )


def dataset_found(backend: Backend, announced: Operation) -> DatasetFound:
    """The data set as the checker wants it."""
    data_id = announced.data_id
    try:
        dataset = backend.datasets.get(announced.owner, data_id)
    except DatasetNotFound:
        left = {
            "rows": backend.store.remove_orphans(Manifest(data_id, {})),
            "lines of its log": len(backend.datasets.events(data_id)),
            "receipts": len(backend.ledger.manifest(data_id).batches),
            "archive files": _archive_files(backend.archives, data_id),
            "artifacts": artifact_files(backend.artifacts, data_id),
        }
        remains = [f"it is gone, but {number} {what} are left" for what, number in left.items() if number]
        return DatasetFound(data_id, there=False, remains=remains)
    remains = []
    if dataset.unfinished:
        remains.append(f"its {'deletion' if dataset.state == 'deleting' else 'archiving'} has not ended")
    remains += _wrong_artifacts(backend, data_id)
    manifest = backend.ledger.manifest(data_id)
    if dataset.dropped and (stored := backend.store.count(manifest)):
        remains.append(f"it is archived, and {stored} entries are still in the store")
    if dataset.archive is not None:
        rows = backend.archives.read(dataset.archive)
    else:
        rows = backend.store.read(manifest)
    messages = [row.entry.message for row in rows]
    return DatasetFound(
        data_id, there=True, archived=dataset.archive is not None, messages=messages, remains=remains
    )


def _archive_files(archives: ArchiveStore, data_id: str) -> int:
    """How many files of a data set there are, whether anybody knows of them or not."""
    if isinstance(archives, MemoryArchiveStore):
        return sum(data_id in url for url in archives._files)
    assert isinstance(archives, ParquetArchiveStore)
    folder = Path(urlsplit(archives._url).path)
    return sum(data_id in str(path.relative_to(folder)) for path in folder.rglob("*"))


def artifact_files(artifacts: ArtifactStore, data_id: str) -> int:
    """How many published artifacts of a data set there are, whether anybody knows of them or not."""
    if isinstance(artifacts, MemoryArtifactStore):
        return sum(blob.dataset_id == data_id for blob in artifacts._blobs.keys() - artifacts._staged)
    assert isinstance(artifacts, ArtifactFolder)
    return len(list((artifacts._folder / "published" / data_id).glob("*/*")))


def _wrong_artifacts(backend: Backend, data_id: str) -> Sequence[str]:
    """A sentence for each run whose artifact is not what its task has saved, or is there without a result."""
    wrong = []
    for run in backend.runs.list(data_id, limit=1000):
        saved = [f"{message}\n".encode() for message in (run.result or {}).get("messages", [])]
        wanted = [] if run.result is None else [b"".join(saved)]
        found = []
        for artifact in run.artifacts:
            with backend.artifacts.open(Blob(data_id, run.run_id, artifact.blob)) as file:
                found.append(file.read())
            if hashlib.sha256(found[-1]).hexdigest() != artifact.sha256:
                wrong.append(f"the digest of an artifact of run {run.run_id} is wrong")
        if found != wanted:
            wrong.append(f"run {run.run_id} ({run.state}) has other artifacts than its task has saved")
    return wrong


def runs_in_log(events: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The runs that a log (kind, detail) says have started, and have ended, each as often as it says so."""
    ids = [(kind, detail.split()[1]) for kind, detail in events if detail.startswith("Run ")]
    starts = [run_id for kind, run_id in ids if kind == EventKind.TRAINING_STARTED]
    return starts, [run_id for kind, run_id in ids if kind in _ENDS]


def run_found(run: Run, starts: int, ends: int) -> RunFound:
    """The run as the checker wants it."""
    result: Mapping[str, object] = run.result or {}
    messages = result.get("messages")
    count = result.get("entries")
    return RunFound(
        run.owner,
        run.dataset_id,
        run.run_id,
        starts,
        ends,
        run.finished,
        run.totals.entries,
        count if isinstance(count, int) else None,
        messages if isinstance(messages, list) else None,
        f"{run.error.code}: {run.error.detail}" if run.error is not None else None,
    )


class _answering:  # noqa: N801 -- used like a function
    """Notes what a call came to: nothing is known after a crash or an outage, a refusal is certain."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Refusal):
            self._operation.answer = Answer.REFUSED
        return isinstance(error, Refusal | Unavailable | CountMismatch | Crash)
