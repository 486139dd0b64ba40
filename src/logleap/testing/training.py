"""A training's context without a server: what a task is given, over a list of entries."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from logleap.domain.artifacts import check_artifact
from logleap.domain.entries import Entries, Entry, Row
from logleap.domain.runs import JsonObject
from logleap.ports.task import Artifacts, TrainingContext, TrainingSet

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def training_context(
    entries: Iterable[Entry | str],
    *,
    parameters: JsonObject | None = None,
    batch_size: int | None = None,
    owner: str = "anonymous",
    dataset_id: str = "a-data-set",
    run_id: str = "a-run",
    attempt: int = 1,
    stopping: Callable[[], bool] = lambda: False,
    baseline: bytes | None = None,
) -> TrainingContext:
    """What a task is given for a data set of these entries. A text stands for an entry of that message.

    Entries that are given as texts have the time noon, 1 January 2026, UTC. All are one batch, or batches of
    `batch_size`, of which the last comes first: a task must not rely on the order of batches.
    Raises ValueError for a `batch_size` below 1.
    """
    given = [Entry(_NOON, entry) if isinstance(entry, str) else entry for entry in entries]
    size = max(1, len(given)) if batch_size is None else batch_size
    if size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
    batches = [given[first : first + size] for first in range(0, len(given), size)]
    return TrainingContext(
        owner=owner,
        dataset_id=dataset_id,
        run_id=run_id,
        attempt=attempt,
        parameters=parameters or {},
        training_set=_ListedTrainingSet(batches),
        stopping=stopping,
        artifacts=SavedArtifacts(),
        baseline=baseline,
    )


@dataclass(slots=True)
class SavedArtifacts(Artifacts):
    """What a task saved, by name: `context.artifacts` of a `training_context`."""

    contents: dict[str, bytes] = field(default_factory=dict)
    media_types: dict[str, str] = field(default_factory=dict)

    def save(
        self,
        name: str,
        media_type: str,
        chunks: bytes | Iterable[bytes],
        *,
        compress: bool = False,
    ) -> None:
        """Keep it in memory. Raises InvalidArtifact."""
        check_artifact(name, media_type)
        self.contents[name] = chunks if isinstance(chunks, bytes) else b"".join(chunks)
        self.media_types[name] = media_type


class _ListedTrainingSet(TrainingSet):
    def __init__(self, batches: Sequence[Sequence[Entry]]) -> None:
        self._batches = batches

    def count(self) -> int:
        return sum(map(len, self._batches))

    def columns(self) -> Iterator[Entries]:
        for batch in reversed(self._batches):
            if batch:
                yield Entries.of(list(batch))

    def rows(self) -> Iterator[Row]:
        for number, batch in reversed(list(enumerate(self._batches, start=1))):
            for sequence, entry in enumerate(batch):
                yield Row(f"batch-{number}", sequence, entry)
