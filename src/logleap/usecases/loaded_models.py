"""The log models that are in use, read once and ready to match entries with."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from logleap.domain.errors import ModelUnusable
from logleap.domain.log_models import Baseline
from logleap.miner.model import LogModel
from logleap.miner.score import Scorer
from logleap.miner.text.mask import Masks
from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob
from logleap.ports.datasets import DatasetRepository
from logleap.ports.runs import RunRepository
from logleap.usecases.log_models import FindLogModel

MOST_BYTES = 64 << 20
"""Of the models that are kept, as JSON: in memory they take a few times as much. One is always kept."""

_PIECE = 1 << 18  # bytes


@dataclass(frozen=True, slots=True)
class CurrentModel:
    """A data set's current log model: where it is, and what judges by it."""

    found: Baseline
    scorer: Scorer


class _Kept:
    """Scorers by the digests of their models, the least recently used one first."""

    def __init__(self) -> None:
        self.loading = threading.Lock()
        self._lock = threading.Lock()
        self._scorers: OrderedDict[str, tuple[Scorer, int]] = OrderedDict()
        self._bytes = 0

    def get(self, digest: str) -> Scorer | None:
        with self._lock:
            if digest not in self._scorers:
                return None
            self._scorers.move_to_end(digest)
            return self._scorers[digest][0]

    def keep(self, digest: str, scorer: Scorer, size: int, most: int) -> None:
        with self._lock:
            self._scorers[digest] = scorer, size
            self._bytes += size
            while self._bytes > most and len(self._scorers) > 1:
                self._bytes -= self._scorers.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """Loads current log models. One that was loaded is kept, up to `most_bytes` of them together.

    `decompress` reads zstd frames. `masks` are those of the service.
    """

    datasets: DatasetRepository
    runs: RunRepository
    artifacts: ArtifactStore
    masks: Masks
    decompress: Callable[[Iterable[bytes]], Iterator[bytes]]
    most_bytes: int = MOST_BYTES
    kept: _Kept = field(default_factory=_Kept)

    def current(self, owner: str, dataset_id: str) -> CurrentModel:
        """That of the data set. Raises DatasetNotFound, ModelMissing, ModelUnusable or ArtifactMissing."""
        found = FindLogModel(self.datasets, self.runs)(owner, dataset_id)
        digest = found.model.sha256
        scorer = self.kept.get(digest)
        if scorer is None:
            with self.kept.loading:
                scorer = self.kept.get(digest)  # another thread may have loaded it
                if scorer is None:
                    scorer = self._load(owner, found)
                    self.kept.keep(digest, scorer, found.model.size, self.most_bytes)
        return CurrentModel(found, scorer)

    def _load(self, owner: str, found: Baseline) -> Scorer:
        try:
            stored = self.artifacts.open(Blob(found.dataset_id, found.run_id, found.model.blob))
        except ArtifactMissing:
            self.datasets.get(owner, found.dataset_id)  # it may have been deleted meanwhile
            raise
        with stored:
            pieces = iter(lambda: stored.read(_PIECE), b"")
            content = b"".join(self.decompress(pieces) if found.model.coding else pieces)
        try:
            return Scorer(LogModel.from_json(content), self.masks)
        except ValueError as error:
            # It was made with other masks, or by a later version.
            raise ModelUnusable(found.dataset_id, str(error)) from error
