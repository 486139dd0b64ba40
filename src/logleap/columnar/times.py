"""When entries happened, in bounded memory and in one pass."""

from datetime import UTC, datetime, timedelta

import polars as pl

from logleap.domain.times import from_micros, to_micros
from logleap.reporting.timeline import CELLS, WIDTHS, Cell, Timeline

_BEGIN = to_micros(datetime.min.replace(tzinfo=UTC))
_WIDTHS = [width // timedelta(microseconds=1) for width in WIDTHS]


class Times:
    """Takes times in any order, and keeps of them the cells that a Timeline needs."""

    def __init__(self, most_cells: int = CELLS) -> None:
        self._most_cells = most_cells
        self._level = 0
        self._parts: list[pl.DataFrame] = []

    def add(self, micros: pl.Series) -> None:
        """Add times, in any order, as microseconds since 1970 (UTC)."""
        times = micros.to_frame("first").select("first", last="first", times=pl.lit(1, pl.Int64))
        self._parts.append(self._cells(times))
        if sum(map(len, self._parts)) > 2 * self._most_cells:
            self._merge()

    def timeline(self) -> Timeline:
        """A Timeline of all times."""
        timeline = Timeline(self._most_cells)
        if self._parts:
            self._merge()
            for first, last, times in self._parts[0].iter_rows():
                timeline.add_cell(Cell(from_micros(first), from_micros(last), times))
        return timeline

    def _merge(self) -> None:
        known = pl.concat(self._parts)
        while len(merged := self._cells(known)) > self._most_cells:
            self._level += 1
        self._parts = [merged]

    def _cells(self, known: pl.DataFrame) -> pl.DataFrame:
        """One row for each cell of the present width."""
        number = (pl.col("first") - _BEGIN) // _WIDTHS[self._level]
        cells = known.group_by(number.alias("number")).agg(pl.min("first"), pl.max("last"), pl.sum("times"))
        return cells.drop("number")
