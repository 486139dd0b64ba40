"""A report in one pass over entries, in bounded memory."""

from itertools import islice
from operator import gt

from logleap.domain.report import Report
from logleap.reporting.block import Blocks
from logleap.reporting.distinct import DistinctCount
from logleap.reporting.frequent import FrequentMessages
from logleap.reporting.largest import LargestEntries
from logleap.reporting.timeline import Timeline


def report_on(blocks: Blocks, expected: int) -> Report:
    """The report on all entries of the blocks.

    `expected`: about how many entries will come. It decides how memory is used, not what is answered.
    """
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
