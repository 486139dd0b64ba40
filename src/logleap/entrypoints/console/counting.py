"""How many entries there are when: counted once for each selection of a data set, and held."""

from logleap.domain.entries import Totals
from logleap.domain.selection import Selection
from logleap.entrypoints.console.charts import Histogram, over_time
from logleap.entrypoints.console.recent import Recent
from logleap.usecases.datasets import ShowDatasets
from logleap.usecases.read_entries import ReadEntries

_HELD = 64  # charts


class OverTime:
    """Charts of entries over time. Whoever asks has found the data set with these totals as its owner."""

    def __init__(self, show: ShowDatasets, read: ReadEntries) -> None:
        self._show = show
        self._read = read
        self._recent = Recent[tuple[str, str, Totals, Selection], Histogram](_HELD)

    def held(self, owner: str, data_id: str, totals: Totals, selection: Selection) -> Histogram | None:
        """The chart, if it is held: entries only come, so as long as there are as many they are the same."""
        return self._recent.find((owner, data_id, totals, selection))

    def count(self, owner: str, data_id: str, totals: Totals, selection: Selection) -> Histogram | None:
        """Read all entries of the selection for the chart. None: there are none."""
        blocks = self._read.stream(owner, data_id, selection).blocks
        chart = over_time(block.entries.micros for block in blocks)
        if chart is not None and self._show.one(owner, data_id).totals == totals:
            self._recent.keep((owner, data_id, totals, selection), chart)
        return chart
