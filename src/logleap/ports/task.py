"""What a platform plugs in: the training task, and what it is given.

A task is any callable that takes a TrainingContext and returns the run's result, a JSON object:

    def count_errors(context: TrainingContext) -> JsonObject:
        return {"errors": sum("ERROR" in row.entry.message for row in context.training_set.rows())}

and is chosen by `LOGLEAP_TRAINING_TASK=package.module:count_errors`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from logleap.domain.entries import Entries, PlacedEntries, Row, Wanted
from logleap.domain.runs import JsonObject


class TaskFailed(Exception):
    """Raised by a task: this data cannot be trained on. The run fails with the text as its reason."""


class TryAgain(Exception):
    """Raised by a task: something passing is in the way. The run is queued again, some times at most."""


class TrainingSet(ABC):
    """Exactly the acknowledged entries of a data set, each once."""

    @abstractmethod
    def count(self) -> int:
        """How many entries there are, counted in the store and checked against the receipts."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Each entry once, in bounded memory; a batch's entries in their order, the batches in any."""

    @abstractmethod
    def columns(self) -> Iterator[Entries]:
        """The same entries by column, some at a time: several times as fast, without an object for each.

        `entries.micros` are microseconds since 1970 (UTC), `.messages` and `.contexts` texts (or None). How
        many come at a time is the backend's choice. `logleap.arrow.record_batches` makes Arrow of them.
        """

    def placed_columns(self, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        """The same entries by column, each with its batch and its sequence number.

        `wanted(first, last)` says whether entries of that span (microseconds since 1970, both included) are
        of use: a backend may leave out those that are not, and is asked again for each part.
        """
        return PlacedEntries.in_blocks(self.rows())


class Artifacts(ABC):
    """Keeps files that a task produces: they become the run's when it succeeds, and else nobody sees them."""

    @abstractmethod
    def save(
        self,
        name: str,
        media_type: str,
        chunks: bytes | Iterable[bytes],
        *,
        compress: bool = False,
    ) -> None:
        """Store an artifact, durable when this returns, in bounded memory where `chunks` come one by one.

        A name has 1 to 128 letters, digits, `.`, `_` and `-`, beginning with a letter or a digit. What was
        saved under the same name before is replaced. With `compress` it is kept compressed, and readers get
        the plain bytes. Raises InvalidArtifact (a name, a media type, more than 100), ArtifactsTooLarge and
        Unavailable; a task need not catch them: the run then fails, or is tried again.
        """


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """What a task works on.

    `attempt` counts from 1. A task that runs for long should look at `stopping()` now and then and raise
    TryAgain once it is true: the worker was told to stop, or its lease was lost, and the result could not
    be stored any more.
    """

    owner: str
    dataset_id: str
    run_id: str
    attempt: int
    parameters: JsonObject
    training_set: TrainingSet
    stopping: Callable[[], bool]
    artifacts: Artifacts
    baseline: bytes | None = None
    """The log model that the run compares with, where it has one."""


TrainingTask = Callable[[TrainingContext], JsonObject]
