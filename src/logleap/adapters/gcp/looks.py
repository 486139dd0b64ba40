"""What was seen of the data sets that take entries, for a moment: an upload need not look at its own anew.

Nothing rests on it being true still: a receipt is stored on condition that the data set's document is the one
that was seen (receipts.py). If it is not, rows were appended in vain, and their upload is refused.
"""

import time
from typing import NamedTuple

from logleap.adapters.gcp import gate
from logleap.adapters.gcp.rpc import Found
from logleap.domain.dataset import Dataset, State

_SECONDS = 5.0
_MOST = 1_000  # data sets, the latest ones


class Look(NamedTuple):
    """A data set in the state `uploading`, with an open gate, as it was found until then (monotonic)."""

    dataset: Dataset
    found: Found
    until: float


class Looks:
    """The looks of a process."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}  # the oldest first

    def note(self, dataset: Dataset, found: Found) -> None:
        """Remember what was found, if it takes entries now."""
        self.forget(dataset.dataset_id)
        if dataset.state is State.UPLOADING and not gate.is_shut(found):
            self._looks[dataset.dataset_id] = Look(dataset, found, time.monotonic() + _SECONDS)
            while len(self._looks) > _MOST:
                self.forget(next(iter(self._looks), dataset.dataset_id))

    def at(self, dataset_id: str) -> Look | None:
        """What was seen of a data set within the last five seconds."""
        look = self._looks.get(dataset_id)
        return look if look is not None and time.monotonic() < look.until else None

    def forget(self, dataset_id: str) -> None:
        """The data set is about to change, or has changed."""
        self._looks.pop(dataset_id, None)
