"""When entries happened, in bounded memory and in one pass."""

from datetime import UTC, datetime, timedelta

import polars as pl

from logleap.domain.times import from_micros, to_micros
from logleap.reporting.timeline import CELLS, WIDTHS, Cell, Timeline

_BEGIN = to_micros(datetime.min.replace(tzinfo=UTC))
_PENDING = 250_000  # times that are looked at together
_WIDTHS = [width // timedelta(microseconds=1) for width in WIDTHS]


class Times:
    """Takes times in any order, and keeps of them the cells that a Timeline needs."""

    def __init__(self, most_cells: int = CELLS) -> None:
        self._most_cells = most_cells
        self._level = 0
        self._pending: list[pl.Series] = []
        self._known = pl.DataFrame(schema=dict.fromkeys(("first", "last", "times"), pl.Int64))

    def add(self, micros: pl.Series) -> None:
        """Add times, in any order, as microseconds since 1970 (UTC)."""
        self._pending.append(micros)
        if sum(map(len, self._pending)) >= _PENDING:
            self._merge()

    def timeline(self) -> Timeline:
        """A Timeline of all times."""
        timeline = Timeline(self._most_cells)
        if self._pending:
            self._merge()
        for first, last, times in self._known.iter_rows():
            timeline.add_cell(Cell(from_micros(first), from_micros(last), times))
        return timeline

    def _merge(self) -> None:
        times = pl.concat(self._pending).to_frame("first")
        self._pending = []
        known = self._cells(times.select("first", last="first", times=pl.lit(1, pl.Int64)))
        known = pl.concat([self._known, known])
        while len(merged := self._cells(known)) > self._most_cells:
            self._level += 1
        self._known = merged

    def _cells(self, known: pl.DataFrame) -> pl.DataFrame:
        """One row for each cell of the present width."""
        number = (pl.col("first") - _BEGIN) // _WIDTHS[self._level]
        cells = known.group_by(number.alias("number")).agg(pl.min("first"), pl.max("last"), pl.sum("times"))
        return cells.drop("number")
