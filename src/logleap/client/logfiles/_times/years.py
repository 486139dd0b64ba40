"""The year of times that name none."""

from collections.abc import Sequence
from datetime import date, timedelta

from logleap.client.logfiles._errors import BadLine

_DISORDER = timedelta(days=7)  # by which a line of the old year may come late
_HALF_YEAR = timedelta(days=183)
_MOST_YEARS = 40  # to go back: no log without years is older


class Years:
    """Gives each time without year one, in the order of the file.

    The first entry has the year `given`, or else the latest one that does not put it after the day `latest`.
    Where the file's times go back by more than half a year, a new one has begun.
    """

    def __init__(self, given: int | None, latest: date) -> None:
        self.given = given
        self.latest = latest
        self._start = given
        self.first: int | None = None
        self.last: int | None = None
        self.before: date | None = None

    def settle(self, days: Sequence[tuple[int, int]]) -> None:
        """Chooses the first entry's year, unless it is given, so that none of these months and days is ahead.

        They are those of the file's first times, in its order.
        """
        if self.given is not None or not days:
            return
        start = self._guess(*days[0])
        for _ in range(_MOST_YEARS):
            trial = Years(None, self.latest)
            trial._start = start
            try:
                for month, day in days:
                    trial.of(month, day)
            except BadLine:
                start -= 1
            else:
                break
        self._start = start

    def of(self, month: int, day: int) -> int:
        """The year of the next time of the file. Raises BadLine if none fits."""
        if self.before is None:
            year = self._start if self._start is not None else self._guess(month, day)
        else:
            year = self.before.year
            ahead = _day(year, month, day) - self.before
            if ahead < -_HALF_YEAR:
                year += 1
            elif ahead > timedelta(days=365) - _DISORDER:
                year -= 1
        found = _day(year, month, day, exact=True)
        if self.given is None and found > self.latest:
            raise BadLine(
                f"counted from the first entry, this time is of {year}, and not yet here: the log is older "
                "than it seems. Name the year of its first entry: --year"
            )
        self.before = found
        self.first = year if self.first is None else self.first
        self.last = year
        return year

    def go_on(self, day: date) -> None:
        """The file has been read on, by other means, up to a time of this day, of a year that was known."""
        self.before = day

    def described(self) -> str | None:
        """The years that were given, and where they are from; None if no time needed one."""
        if self.first is None:
            return None
        origin = (
            "--year"
            if self.given is not None
            else "the latest possible, since the times name none: see --year"
        )
        years = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"{years} ({origin})"

    def _guess(self, month: int, day: int) -> int:
        year = self.latest.year - ((month, day) > (self.latest.month, self.latest.day))
        while (month, day) == (2, 29) and not _is_leap(year):
            year -= 1
        return year


def _day(year: int, month: int, day: int, *, exact: bool = False) -> date:
    if (month, day) == (2, 29) and not _is_leap(year):
        if exact:
            raise BadLine(f"there is no 29 February in {year}. Name the year of the first entry: --year")
        day = 28
    return date(year, month, day)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
