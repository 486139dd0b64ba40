"""A report on entries, in bounded memory: by Polars in columns, or by Python alone."""

from importlib.util import find_spec
from itertools import islice
from operator import gt

from logleap.domain.report import Report
from logleap.reporting.block import Blocks
from logleap.reporting.distinct import DistinctCount
from logleap.reporting.frequent import FrequentMessages
from logleap.reporting.largest import LargestEntries
from logleap.reporting.timeline import Timeline

FEW = 50_000
"""Up to how many entries Python alone is no slower than loading Polars the first time."""


def report_on(blocks: Blocks, expected: int) -> Report:
    """The report on all entries of the blocks: the same whichever way, but for `frequent_missed`.

    `expected`: about how many entries will come. It decides how memory is used, not what is answered. Where
    the libraries of the extra `report` are missing, Python counts alone. Raises Unavailable without room for
    temporary files, CountMismatch if the entries change meanwhile.
    """
    if expected > FEW and find_spec("polars") and find_spec("pyarrow"):
        from logleap.reporting.columnar.reporter import report_on as report_in_columns

        return report_in_columns(blocks, expected)
    return report_by_python(blocks, expected)


def report_by_python(blocks: Blocks, expected: int) -> Report:
    """The same by the standard library alone, in one pass."""
    entries = out_of_order = 0
    timeline, frequent, largest = Timeline(), FrequentMessages(), LargestEntries()
    batch_id, latest = None, None
    with DistinctCount(expected) as distinct:
        # What is done for each entry is done by functions written in C: that is what makes it fast.
        for batch, sequences, block in blocks(packed=False):
            times = block.micros
            entries += len(times)
            out_of_order += sum(map(gt, times, islice(times, 1, None)))
            if latest is not None and batch == batch_id and latest > times[0]:
                out_of_order += 1
            batch_id, latest = batch, times[-1]
            timeline.add(times)
            frequent.add(block.messages)
            largest.add(batch, sequences, block.messages, block.contexts)
            distinct.add(map(hash, zip(times, block.messages, block.contexts, strict=True)))
        duplicates = entries - distinct.result()
    width, spans = timeline.histogram()
    return Report(
        entries=entries,
        first=timeline.first,
        last=timeline.last,
        gaps=timeline.gaps(),
        gap_resolution=timeline.resolution,
        out_of_order=out_of_order,
        duplicates=duplicates,
        duplicates_complete=True,
        frequent=frequent.top(),
        frequent_missed=frequent.missed,
        largest=largest.top(),
        histogram=spans,
        histogram_width=width,
    )
