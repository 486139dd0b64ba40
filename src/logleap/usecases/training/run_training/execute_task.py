"""What an attempt at a run does: count the entries, run the task, check its result."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from logleap.domain.entries import Entries, PlacedEntries, Row, Wanted
from logleap.domain.errors import ArtifactsTooLarge, InvalidArtifact
from logleap.domain.runs import RunError
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob
from logleap.ports.entries import EntryStore
from logleap.ports.errors import CountMismatch, Unavailable
from logleap.ports.executor import TaskEnded, TaskInterrupted, TaskJob, TaskOutcome, TaskSucceeded
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.task import TaskFailed, TrainingContext, TrainingSet, TrainingTask, TryAgain
from logleap.usecases.training.run_training.run_artifacts import Compress, RunArtifacts
from logleap.usecases.training.run_training.task_result import checked_result
from logleap.usecases.training.run_training.training_set import CheckedTrainingSet

log = logging.getLogger(__name__)

MAX_ERROR_CHARS = 2000
"""Of an error's text that are stored."""

_PIECE = 1 << 18  # bytes

_PERMANENT: Mapping[type[Exception], str] = MappingProxyType(
    {
        ArchiveDamaged: "ARCHIVE_DAMAGED",
        ArtifactMissing: "BASELINE_MISSING",
        ArtifactsTooLarge: "ARTIFACTS_TOO_LARGE",
        CountMismatch: "COUNT_MISMATCH",
        InvalidArtifact: "ARTIFACT_INVALID",
        TaskFailed: "TASK_FAILED",
    }
)


@dataclass(frozen=True, slots=True)
class ExecuteTask:
    """Runs the task of a job on the job's entries, in the calling thread. `tasks` are by name.

    `artifact_limit` is how many bytes the artifacts of a run may have together; `compress` makes zstd frames,
    and `decompress` reads them.
    """

    store: EntryStore
    ledger: ReceiptLedger
    archives: ArchiveStore
    artifacts: ArtifactStore
    tasks: Mapping[str, TrainingTask]
    artifact_limit: int
    compress: Compress
    decompress: Compress

    def __call__(self, job: TaskJob, stopping: Callable[[], bool]) -> TaskOutcome:
        """What it came to, whatever the task does: nothing that it raises comes out."""
        task = self.tasks.get(job.task)
        if task is None:
            return TaskEnded(RunError("TASK_UNKNOWN", f"This worker has no task {job.task!r}."))
        artifacts = RunArtifacts(
            self.artifacts, job.dataset_id, job.run_id, self.artifact_limit, self.compress
        )
        try:
            context = TrainingContext(
                owner=job.owner,
                dataset_id=job.dataset_id,
                run_id=job.run_id,
                attempt=job.attempt,
                parameters=json.loads(json.dumps(dict(job.parameters))),  # the task's own
                training_set=self._training_set(job),
                stopping=stopping,
                artifacts=artifacts,
                baseline=self._baseline(job),
            )
            context.training_set.count()
            result = checked_result(task(context))
            return TaskSucceeded(result, tuple(artifacts.saved.values()))
        except BaseException as error:  # noqa: BLE001 -- a task may raise anything
            return _outcome_of(error, job)

    def _baseline(self, job: TaskJob) -> bytes | None:
        if job.baseline is None:
            return None
        model = job.baseline.model
        with self.artifacts.open(Blob(job.baseline.dataset_id, job.baseline.run_id, model.blob)) as stored:
            pieces = iter(lambda: stored.read(_PIECE), b"")
            return b"".join(self.decompress(pieces) if model.coding else pieces)

    def _training_set(self, job: TaskJob) -> TrainingSet:
        count: Callable[[], int]
        read: Callable[[], Iterator[Row]]
        columns: Callable[[], Iterator[Entries]]
        placed: Callable[[Wanted | None], Iterator[PlacedEntries]]
        if job.archive is not None:
            count = partial(self.archives.count, job.archive)
            read = partial(self.archives.read, job.archive)
            columns = partial(self.archives.columns, job.archive)
            placed = partial(self.archives.placed_columns, job.archive)
        else:
            manifest = self.ledger.manifest(job.dataset_id)
            count, read = partial(self.store.count, manifest), partial(self.store.read, manifest)
            columns = partial(self.store.columns, manifest)
            placed = partial(self.store.placed_columns, manifest)
        return CheckedTrainingSet(job.entries, count, read, columns, placed)


def _outcome_of(error: BaseException, job: TaskJob) -> TaskOutcome:
    text = _text_of(error)
    if isinstance(error, TryAgain | Unavailable):
        return TaskInterrupted(text, voluntary=isinstance(error, TryAgain))
    for kind, code in _PERMANENT.items():
        if isinstance(error, kind):
            return TaskEnded(RunError(code, text))
    log.error("run %s: the task raised", job.run_id, exc_info=error)
    return TaskEnded(RunError("TASK_RAISED", _storable(f"{type(error).__name__}: {text}")))


def _text_of(error: BaseException) -> str:
    """The error's text. What makes it is the task's own code, and may fail."""
    try:
        return _storable(str(error))
    except BaseException as another:  # noqa: BLE001 -- a task may raise anything, here too
        return f"({type(error).__name__} has no text: making it raised {type(another).__name__})"


def _storable(text: str) -> str:
    """What a task raised may hold lone surrogates, or a whole file: what every backend can store of it."""
    return text[:MAX_ERROR_CHARS].encode(errors="replace").decode()
