"""What a reader wants of a data set's entries, and where it goes on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry stands in the time order. `micros`: its timestamp, in microseconds since 1970 (UTC)."""

    micros: int
    batch_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of the entries, in the time order: by timestamp, message, context (none first), batch, sequence.

    Messages and contexts are ordered by their characters' code points. `start` (included) and `end`
    (excluded) are times in microseconds since 1970; None: no bound. `contains`: text that the message must
    contain, in the same case.
    `after`: only what comes after this entry, which is one of the selection. `limit`: the first so many.
    """

    start: int | None = None
    end: int | None = None
    contains: str | None = None
    after: Position | None = None
    limit: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all entries of the data set."""
        return self == Selection()

    @property
    def earliest(self) -> int | None:
        """No entry of it is earlier. None: no bound."""
        if self.after is None:
            return self.start
        return self.after.micros if self.start is None else max(self.start, self.after.micros)
