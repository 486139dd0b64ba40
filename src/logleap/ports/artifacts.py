"""Where the artifacts of runs are kept."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO, NamedTuple


class ArtifactMissing(Exception):
    """What a run has stored as `blob` is not there."""

    def __init__(self, dataset_id: str, run_id: str, blob: str) -> None:
        super().__init__(f"blob {blob} of run {run_id} of data set {dataset_id} is missing")
        self.dataset_id = dataset_id
        self.run_id = run_id
        self.blob = blob


class Blob(NamedTuple):
    """Bytes that were written for a run."""

    dataset_id: str
    run_id: str
    blob: str


class ArtifactStore(ABC):
    """Keeps blobs: the bytes of artifacts. Each call may raise `Unavailable`.

    A blob is `staged` from the moment when its writing begins until it is published or discarded. Which blobs
    count is said by the run that names them, and nothing else: a staged one can be read as well, so that
    publishing may come after the run has ended. What nobody publishes stays in the list of staged blobs.
    """

    @abstractmethod
    def write(self, dataset_id: str, run_id: str, chunks: Iterable[bytes]) -> str:
        """Stage a new blob of all chunks, in bounded memory. Its id, once it is durable.

        What `chunks` raises ends the call: a part may be left, as a staged blob whose id nobody knows.
        """

    @abstractmethod
    def publish(self, dataset_id: str, run_id: str, blobs: Collection[str]) -> None:
        """Take these blobs from the staged ones: they stay until the data set is removed. May be repeated.

        Those that are not there are passed over.
        """

    @abstractmethod
    def staged(self) -> Iterator[Blob]:
        """All staged blobs, of all data sets, in any order, in bounded memory; also parts of blobs."""

    @abstractmethod
    def discard(self, blob: Blob) -> None:
        """Remove a staged blob; if it is not staged, nothing happens."""

    @abstractmethod
    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
        """The bytes from `start` on, `length` of them or all, as a seekable file that the caller closes.

        It stays readable if the blob is removed meanwhile. Raises ArtifactMissing.
        """

    @abstractmethod
    def remove_all(self, dataset_id: str) -> None:
        """Remove all blobs of a data set. One that is being written meanwhile may stay staged."""
