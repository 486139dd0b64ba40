"""The artifacts that a run's task saves: written at once, described with the run's result."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from logleap.domain.artifacts import MAX_ARTIFACTS, Artifact, check_artifact
from logleap.domain.errors import ArtifactsTooLarge, InvalidArtifact
from logleap.ports.artifacts import ArtifactStore
from logleap.ports.task import Artifacts

Compress = Callable[[Iterable[bytes]], Iterator[bytes]]

COMPRESSED_AS = "zstd"
"""The coding of compressed blobs."""


@dataclass(slots=True)
class RunArtifacts(Artifacts):
    """Those of one attempt at a run. `limit` is how many bytes they may have together, before compression.

    `compress` makes a zstd frame. `saved` are the latest by name: they are the run's if it succeeds.
    """

    store: ArtifactStore
    dataset_id: str
    run_id: str
    limit: int
    compress: Compress
    saved: dict[str, Artifact] = field(default_factory=dict)

    def save(
        self,
        name: str,
        media_type: str,
        chunks: bytes | Iterable[bytes],
        *,
        compress: bool = False,
    ) -> None:
        """Raises InvalidArtifact, ArtifactsTooLarge and Unavailable."""
        check_artifact(name, media_type)
        others = [saved for saved in self.saved.values() if saved.name != name]
        if len(others) >= MAX_ARTIFACTS:
            raise InvalidArtifact("name", name, f"one of the {MAX_ARTIFACTS} artifacts that a run may have")
        plain = _Counted(
            (chunks,) if isinstance(chunks, bytes) else chunks,
            self.limit - sum(saved.size for saved in others),
            self.limit,
        )
        blob = self.store.write(self.dataset_id, self.run_id, self.compress(plain) if compress else plain)
        coding = COMPRESSED_AS if compress else None
        self.saved[name] = Artifact(name, media_type, plain.size, plain.digest.hexdigest(), blob, coding)


class _Counted:
    """The chunks, with their size and digest once they were read. Raises ArtifactsTooLarge above `left`."""

    def __init__(self, chunks: Iterable[bytes], left: int, limit: int) -> None:
        self._chunks = chunks
        self._left = left
        self._limit = limit
        self.size = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        # An empty one first, so that a compressor has something to begin with.
        for chunk in chain((b"",), self._chunks):
            self.digest.update(chunk)
            self.size += len(chunk)
            if self.size > self._left:
                raise ArtifactsTooLarge(self._limit)
            yield chunk
