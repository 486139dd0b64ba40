"""The hour that a change of clocks repeats: the order of the file tells which is meant, or nothing does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._times.clock import Folded

Repeated = Literal["first", "second"]

_DISORDER = timedelta(minutes=1)  # by which lines of several threads may be out of order
_MOST_HELD = 32 << 20  # characters


class Ambiguous(ValueError):
    """Nothing tells which of the two hours the entries are in. `entries`: those held back."""

    def __init__(self, why: str, entries: list[LogEntry]) -> None:
        super().__init__(
            f"this time comes twice, when the clocks are put back, and {why}. Say which is meant by "
            "--repeated-hour first or second"
        )
        self.entries = entries


class Folds:
    """Settles the times that come twice.

    Where the times of the file go back within the hour, what stands before is in the first one and what
    follows in the second. Until then the entries are held. `repeated` settles all of them at once.
    """

    def __init__(self, repeated: Repeated | None) -> None:
        self._repeated = repeated
        self._held: list[tuple[LogEntry, int]] = []
        self._size = 0
        self._last: Folded | None = None
        self._second = False

    @property
    def active(self) -> bool:
        """Whether the file is in such an hour, as far as is known."""
        return self._last is not None

    def settled(self, entry: LogEntry, end: int) -> Iterator[tuple[LogEntry, int]]:
        """The entries, with their last lines, whose time is known now. Raises Ambiguous."""
        time = entry.time
        if isinstance(time, str):
            if self._last is not None and time >= self._last.second:
                if self._held:
                    raise Ambiguous(
                        "the order of the file does not tell which time is meant", self._dropped()
                    )
                self._last, self._second = None, False
            if self._held:
                self._hold(entry, end)
            else:
                yield entry, end
            return
        if self._repeated is not None:
            yield entry._replace(time=time.first if self._repeated == "first" else time.second), end
            return
        back = self._last is not None and _moment(time.first) < _moment(self._last.first) - _DISORDER
        if back and self._second:
            raise Ambiguous("the times of the file go back more than once", [*self._dropped(), entry])
        self._last = time
        if back:
            self._second = True
            yield from self._released()
        if self._second:
            yield entry._replace(time=time.second), end
        else:
            self._hold(entry, end)

    def finish(self) -> None:
        """The file ends. Raises Ambiguous if entries are held."""
        if self._held:
            raise Ambiguous("the order of the file does not tell which time is meant", self._dropped())

    def _hold(self, entry: LogEntry, end: int) -> None:
        self._held.append((entry, end))
        self._size += len(entry.message) + 100
        if self._size > _MOST_HELD:
            raise Ambiguous("too many lines follow to wait for one that tells", self._dropped())

    def _released(self) -> Iterator[tuple[LogEntry, int]]:
        held, self._held, self._size = self._held, [], 0
        for entry, end in held:
            yield entry._replace(time=entry.time if isinstance(entry.time, str) else entry.time.first), end

    def _dropped(self) -> list[LogEntry]:
        dropped, self._held, self._size, self._last = [entry for entry, _ in self._held], [], 0, None
        return dropped


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
