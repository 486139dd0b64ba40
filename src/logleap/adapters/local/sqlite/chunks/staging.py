"""Chunks that were appended and wait in memory for their batch's receipt, to be written along with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from logleap.adapters.local.sqlite.chunks.chunk import Chunk

_MIB = 1 << 20


@dataclass(slots=True)
class _Held:
    """The chunks of one batch, by identity: equal ones may be appended twice."""

    chunks: dict[int, Chunk] = field(default_factory=dict)
    size: int = 0


class Staging:
    """Holds chunks until they are in the file. Never drops an unwritten one: above a limit they are written.

    A batch of more than `per_batch` bytes is written as it comes, so that a large body holds up no other
    and takes no memory. Batches that were abandoned silently (a refused body, a lost client) are never
    committed: above `in_all` bytes, the oldest are written to the file as orphans, down to half.
    """

    def __init__(self, *, per_batch: int = 4 * _MIB, in_all: int = 32 * _MIB) -> None:
        self.per_batch = per_batch
        self._in_all = in_all
        self._lock = Lock()
        self._batches: dict[tuple[str, str], _Held] = {}  # the oldest first
        self._size = 0

    @property
    def size(self) -> int:
        """The bytes held."""
        return self._size

    def put(self, chunk: Chunk) -> bool:
        """Hold a chunk. True if a limit is exceeded: then write the `excess`, and remove it."""
        with self._lock:
            held = self._batches.setdefault((chunk.dataset_id, chunk.batch_id), _Held())
            held.chunks[id(chunk)] = chunk
            held.size += len(chunk.data)
            self._size += len(chunk.data)
            return self._size > self._in_all or held.size > self.per_batch

    def of_batch(self, dataset_id: str, batch_id: str) -> Sequence[Chunk]:
        """The chunks that are held for a batch."""
        with self._lock:
            held = self._batches.get((dataset_id, batch_id))
            return list(held.chunks.values()) if held is not None else []

    def excess(self) -> Sequence[Chunk]:
        """The chunks to be written now."""
        with self._lock:
            surplus = self._size - self._in_all // 2 if self._size > self._in_all else 0
            excess: list[Chunk] = []
            for held in self._batches.values():
                if surplus > 0 or held.size > self.per_batch:
                    excess += held.chunks.values()
                    surplus -= held.size
            return excess

    def remove(self, chunks: Iterable[Chunk]) -> None:
        """Release chunks; those that are not held are ignored."""
        with self._lock:
            for chunk in chunks:
                key = (chunk.dataset_id, chunk.batch_id)
                held = self._batches.get(key)
                if held is not None and held.chunks.pop(id(chunk), None) is not None:
                    held.size -= len(chunk.data)
                    self._size -= len(chunk.data)
                    if not held.chunks:
                        del self._batches[key]

    def remove_dataset(self, dataset_id: str) -> None:
        """Release all chunks of a data set."""
        with self._lock:
            dropped = [held.chunks.values() for key, held in self._batches.items() if key[0] == dataset_id]
            chunks = [chunk for held in dropped for chunk in held]
        self.remove(chunks)
