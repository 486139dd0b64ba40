"""What was seen of the data sets that take entries, for a moment: an upload need not look at its own anew.

Nothing rests on it being true still: a receipt is stored only if its data set is still at that version.
"""

import time

from logleap.domain.dataset import Dataset, State

_SECONDS = 5.0
_MOST = 1_000  # data sets


class Seen:
    """What this process saw of data sets in the state `uploading`, and until when that will do."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Dataset, float]] = {}

    def note(self, dataset: Dataset) -> None:
        """Remember it, if it takes entries now."""
        if dataset.state is not State.UPLOADING:
            self.forget(dataset.dataset_id)
            return
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[dataset.dataset_id] = dataset, time.monotonic() + _SECONDS

    def at(self, dataset_id: str) -> Dataset | None:
        """The data set as it was within the last five seconds."""
        dataset, until = self._seen.get(dataset_id, (None, 0.0))
        return dataset if time.monotonic() < until else None

    def forget(self, dataset_id: str) -> None:
        """The data set changes."""
        self._seen.pop(dataset_id, None)
