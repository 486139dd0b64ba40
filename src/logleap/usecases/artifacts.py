"""Look at the artifacts of a data set's runs, and read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from logleap.domain.artifacts import Artifact
from logleap.domain.errors import ArtifactNotFound, RunNotFound
from logleap.domain.runs import Run
from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob
from logleap.ports.datasets import DatasetRepository
from logleap.ports.runs import RunPosition, RunRepository

_PAGE = 50  # runs


@dataclass(frozen=True, slots=True)
class ArtifactsOfRun:
    """A run's artifacts, by name. `run_id` is None where no run has saved any."""

    run_id: str | None
    artifacts: Sequence[Artifact]


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact, and where its bytes are."""

    artifact: Artifact
    blob: Blob


@dataclass(frozen=True, slots=True)
class ShowArtifacts:
    """Lists the artifacts of a run (by default the latest succeeded one that saved any), and reads them."""

    datasets: DatasetRepository
    runs: RunRepository
    store: ArtifactStore

    def list(self, owner: str, dataset_id: str, run_id: str | None = None) -> ArtifactsOfRun:
        """Those of a run that has not succeeded: none. Raises DatasetNotFound or RunNotFound."""
        self.datasets.get(owner, dataset_id)
        if run_id is None:
            run = next((run for run in self._newest_first(dataset_id) if run.artifacts), None)
        else:
            run = self.runs.get(dataset_id, run_id)
            if run is None:
                raise RunNotFound(dataset_id, run_id)
        if run is None:
            return ArtifactsOfRun(None, ())
        return ArtifactsOfRun(run.run_id, sorted(run.artifacts, key=lambda artifact: artifact.name))

    def find(self, owner: str, dataset_id: str, name: str, run_id: str | None = None) -> StoredArtifact:
        """The run is chosen as for the list. Raises DatasetNotFound, RunNotFound or ArtifactNotFound."""
        found = self.list(owner, dataset_id, run_id)
        for artifact in found.artifacts:
            if artifact.name == name:
                return StoredArtifact(artifact, Blob(dataset_id, str(found.run_id), artifact.blob))
        raise ArtifactNotFound(dataset_id, name, [artifact.name for artifact in found.artifacts])

    def open(self, owner: str, stored: StoredArtifact, start: int = 0, length: int | None = None) -> BinaryIO:
        """Bytes as they are stored, in the artifact's coding: a seekable file, which the caller closes.

        Raises ArtifactMissing; DatasetNotFound if the data set was deleted meanwhile.
        """
        try:
            return self.store.open(stored.blob, start, length)
        except ArtifactMissing:
            self.datasets.get(owner, stored.blob.dataset_id)
            raise

    def _newest_first(self, dataset_id: str) -> Iterator[Run]:
        after = None
        while page := self.runs.list(dataset_id, limit=_PAGE, after=after):
            yield from page
            after = RunPosition(page[-1].created_at, page[-1].run_id)
