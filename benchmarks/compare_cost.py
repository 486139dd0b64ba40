"""What a comparison costs: a data set is trained by itself, and with a baseline, changes and examples."""

import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

from logleap.adapters.local.sqlite.chunks.chunk import Chunk, pack
from logleap.domain.entries import Batch, Entries, PlacedEntries, Row, Wanted
from logleap.domain.log_models import MODEL_FILE
from logleap.miner.text.mask import Masks
from logleap.ports.task import TrainingContext, TrainingSet
from logleap.tasks.log_model import TrainLogModel
from logleap.testing.training import SavedArtifacts, training_context

_PER_CHUNK = 1_000  # entries: those of a call


class _Stored(TrainingSet):
    """Entries as the backend `local` stores them, but for the disk."""

    def __init__(self, messages: Sequence[str], entries: int) -> None:
        self._chunks: list[Chunk] = []
        pool = len(messages)
        for start in range(0, entries, _PER_CHUNK):
            part = [messages[at * 7919 % pool] for at in range(start, min(start + _PER_CHUNK, entries))]
            times = array("q", range(start * 10_000, (start + len(part)) * 10_000, 10_000))
            batch = Batch("a-data-set", "anonymous", f"batch-{start:09}")
            self._chunks.append(pack(batch, Entries(times, part, [None] * len(part)), 0))

    def count(self) -> int:
        return sum(chunk.entries for chunk in self._chunks)

    def columns(self) -> Iterator[Entries]:
        return (chunk.unpack() for chunk in self._chunks)

    def rows(self) -> Iterator[Row]:
        return (row for placed in self.placed_columns() for row in placed.rows())

    def placed_columns(self, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        for chunk in self._chunks:
            assert chunk.first_time is not None
            assert chunk.last_time is not None
            if wanted is None or wanted(chunk.first_time, chunk.last_time):
                yield PlacedEntries.of_batch(chunk.batch_id, chunk.first, chunk.unpack())


def ratio(messages: Sequence[str], entries: int) -> float:
    """CPU time of training a set with a baseline and all that follows, against that of training it alone.

    The set has messages of every kind of change: new ones, one that is gone, values that were never seen.
    """
    usual = [*messages, *[f"load of disk is {at % 50} %" for at in range(60)]]
    changed = [message for message in messages if not message.startswith("PacketResponder")]
    changed += [f"load of disk is {900 + at % 50} %" for at in range(60)]
    changed += [f"ERROR nothing known of host {at}" for at in range(50)]
    before, after = _Stored(usual, entries), _Stored(changed, entries)
    _, model = _trained(before, None)
    alone, _ = _trained(after, None)
    compared, _ = _trained(after, model)
    return compared / alone


def _trained(stored: TrainingSet, baseline: bytes | None) -> tuple[float, bytes]:
    artifacts = SavedArtifacts()
    context: TrainingContext = replace(
        training_context([]), training_set=stored, artifacts=artifacts, baseline=baseline
    )
    start = time.process_time()
    TrainLogModel(Masks())(context)
    return time.process_time() - start, artifacts.contents[MODEL_FILE]
