"""Artifacts in memory."""

from collections.abc import Collection, Iterable, Iterator
from io import BytesIO
from threading import Lock
from typing import BinaryIO
from uuid import uuid4

from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob


class MemoryArtifactStore(ArtifactStore):
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._blobs: dict[Blob, bytes] = {}
        self._staged: set[Blob] = set()

    def write(self, dataset_id: str, run_id: str, chunks: Iterable[bytes]) -> str:
        content = b"".join(chunks)
        blob = Blob(dataset_id, run_id, str(uuid4()))
        with self._lock:
            self._blobs[blob] = content
            self._staged.add(blob)
        return blob.blob

    def publish(self, dataset_id: str, run_id: str, blobs: Collection[str]) -> None:
        with self._lock:
            self._staged -= {Blob(dataset_id, run_id, blob) for blob in blobs}

    def staged(self) -> Iterator[Blob]:
        with self._lock:
            return iter(list(self._staged))

    def discard(self, blob: Blob) -> None:
        with self._lock:
            if blob in self._staged:
                self._staged.remove(blob)
                del self._blobs[blob]

    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
        content = self._blobs.get(blob)
        if content is None:
            raise ArtifactMissing(*blob)
        return BytesIO(content[start : None if length is None else start + length])

    def remove_all(self, dataset_id: str) -> None:
        with self._lock:
            for blob in [blob for blob in self._blobs if blob.dataset_id == dataset_id]:
                del self._blobs[blob]
                self._staged.discard(blob)
