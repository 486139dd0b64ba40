"""Messages that come again, word for word: they are masked once, and only counted from then on."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

Kind = TypeVar("Kind")

MESSAGES = 50_000
"""Of how many messages it is known what they are."""

_LONGEST = 1_000  # characters of such a message
_WORTH = 0.3  # the share of entries that must be known, once MESSAGES are


class Repeated(NamedTuple, Generic[Kind]):
    """A message that came again: how often, and the earliest and latest time of those entries."""

    message: str
    kind: Kind
    entries: int
    first: int
    last: int


class Repeats(Generic[Kind]):
    """Knows the first messages that it was taught, and counts the entries that repeat them."""

    def __init__(self, most: int = MESSAGES) -> None:
        self._most = most
        self._numbers: dict[Hashable, int] = {}
        self._messages: list[str] = []
        self._kinds: list[Kind] = []
        self._counts: Counter[int] = Counter()
        self._firsts: dict[int, int] = {}
        self._lasts: dict[int, int] = {}
        self._latest: int | None = None
        self._asked = self._found = 0

    def find(self, names: Sequence[Hashable]) -> list[int | None] | None:
        """For each message the number that it is known by; None for all, where asking is not worth it.

        A message's name is the message itself, or with what else its kind depends on.
        """
        if len(self._messages) >= self._most and self._found < _WORTH * self._asked:
            self._numbers.clear()
        if not self._numbers:
            return None
        found: list[int | None] = list(map(self._numbers.get, names))
        if len(self._messages) >= self._most:
            self._asked += len(found)
            self._found += len(found) - found.count(None)
        return found

    def learn(self, names: Sequence[Hashable], messages: Sequence[str], kinds: Sequence[Kind]) -> None:
        """Know these messages from now on, as many of them as there is space for."""
        if len(self._messages) >= self._most:
            return
        for name, message, kind in zip(names, messages, kinds, strict=True):
            if name not in self._numbers and len(message) <= _LONGEST and len(self._messages) < self._most:
                self._numbers[name] = len(self._messages)
                self._messages.append(message)
                self._kinds.append(kind)

    def count(self, numbers: Sequence[int], times: Sequence[int]) -> list[Kind]:
        """Count entries of known messages, in the order of time. The kinds of each are returned."""
        self._counts.update(numbers)
        if self._latest is not None and times[0] > self._latest:
            self._lasts.update(zip(numbers, times, strict=True))
        else:
            for number, time in dict(zip(numbers, times, strict=True)).items():
                if time > self._lasts.get(number, time - 1):
                    self._lasts[number] = time
            for number, time in dict(zip(reversed(numbers), reversed(times), strict=True)).items():
                if time < self._firsts.get(number, time + 1):
                    self._firsts[number] = time
        self._latest = times[-1] if self._latest is None else max(self._latest, times[-1])
        return list(map(self._kinds.__getitem__, numbers))

    def seen(self, latest: int) -> None:
        """Entries up to this time were counted elsewhere."""
        self._latest = latest if self._latest is None else max(self._latest, latest)

    def __iter__(self) -> Iterator[Repeated[Kind]]:
        """Every message that was counted here, with its entries."""
        for number, count in self._counts.items():
            last = self._lasts[number]
            first = self._firsts.get(number, last)
            yield Repeated(self._messages[number], self._kinds[number], count, first, last)
