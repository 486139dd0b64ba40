"""Snapshots of the data sets that take entries, kept for a moment: an upload need not read its own each time.

No promise rests on a snapshot: a receipt is stored on condition that its data set still is as the snapshot
shows it. If it is not, rows may have been appended in vain, and their upload is refused.
"""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

MAX_AGE_SECONDS = 5.0
MAX_DATASETS = 1_000
"""The latest ones are kept."""

Snapshot = TypeVar("Snapshot")


class SnapshotCache(Generic[Snapshot]):
    """The snapshots of one process, one per data set."""

    def __init__(self) -> None:
        # With the time (monotonic) until which each is valid; the oldest first.
        self._snapshots: OrderedDict[str, tuple[Snapshot, float]] = OrderedDict()

    def put(self, dataset_id: str, snapshot: Snapshot) -> None:
        """Keep the snapshot as the latest."""
        self.invalidate(dataset_id)
        self._snapshots[dataset_id] = snapshot, time.monotonic() + MAX_AGE_SECONDS
        while len(self._snapshots) > MAX_DATASETS:
            self._snapshots.popitem(last=False)  # atomic: other threads put theirs meanwhile

    def get(self, dataset_id: str) -> Snapshot | None:
        """The snapshot of a data set, if it is at most five seconds old."""
        snapshot, valid_until = self._snapshots.get(dataset_id, (None, 0.0))
        return snapshot if time.monotonic() < valid_until else None

    def invalidate(self, dataset_id: str) -> None:
        """Drop the snapshot: the data set is about to change, has changed, or takes no entries."""
        self._snapshots.pop(dataset_id, None)
