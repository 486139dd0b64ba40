"""What was seen of the data sets that take entries, for a moment: an upload need not look at its own anew.

Nothing rests on it being true still: a receipt is stored on condition that its data set is as it was seen. If
it is not, rows may have been appended in vain, and their upload is refused.
"""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

_SECONDS = 5.0
_MOST = 1_000  # data sets, the latest ones

_Look = TypeVar("_Look")


class Looks(Generic[_Look]):
    """The looks of a process: what was found of a data set, and until when (monotonic) that will do."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, tuple[_Look, float]] = OrderedDict()  # the oldest first

    def note(self, dataset_id: str, look: _Look) -> None:
        """Remember what was found, as the latest."""
        self.forget(dataset_id)
        self._looks[dataset_id] = look, time.monotonic() + _SECONDS
        while len(self._looks) > _MOST:
            self._looks.popitem(last=False)  # in one step: other threads note theirs meanwhile

    def at(self, dataset_id: str) -> _Look | None:
        """What was found of a data set within the last five seconds."""
        look, until = self._looks.get(dataset_id, (None, 0.0))
        return look if time.monotonic() < until else None

    def forget(self, dataset_id: str) -> None:
        """The data set is about to change, has changed, or takes no entries."""
        self._looks.pop(dataset_id, None)
