"""A report by SQL: BigQuery adds up, and what it answers is of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from logleap.domain.report import LISTED, TEXT, LargeEntry, Report, excerpt
from logleap.reporting.frequent import FrequentMessages
from logleap.reporting.timeline import CELLS, WIDTHS, Cell, Timeline

Select = Callable[[str], Iterator[Sequence[Any]]]
"""Runs a query on `mine`: the rows of some batches, each once, with the columns of the entries' table."""

_MESSAGES = 1_000  # of each part, to be put together with those of the others

# Neither NULL nor a time is earlier than a batch's first entry.
_FIGURES = """
SELECT COUNT(*), COUNTIF(timestamp < previous), (SELECT COUNT(*) FROM (
    SELECT DISTINCT timestamp, content, context FROM mine
))
FROM (SELECT timestamp, LAG(timestamp) OVER (PARTITION BY batchId ORDER BY sequence) AS previous FROM mine)
"""

_SECONDS = [int(width.total_seconds()) for width in WIDTHS]
_CHOICES = " ".join(
    f"WHEN COUNT(DISTINCT DIV(second, {seconds})) <= {CELLS} THEN {seconds}" for seconds in _SECONDS[:-1]
)
# Seconds are counted from the year 1, as the domain does: 62,135,596,800 are before 1970.
_CELLS = f"""
(WITH seconds AS (
    SELECT DIV(UNIX_MICROS(timestamp) + 62135596800000000, 1000000) AS second,
        MIN(timestamp) AS earliest, MAX(timestamp) AS latest, COUNT(*) AS times
    FROM mine GROUP BY second
), chosen AS (
    SELECT CASE {_CHOICES} ELSE {_SECONDS[-1]} END AS width FROM seconds
)
SELECT MIN(earliest), MAX(latest), SUM(times) FROM seconds CROSS JOIN chosen GROUP BY DIV(second, width))
"""  # noqa: S608 -- numbers of ours

_FREQUENT = f"""
SELECT SUBSTR(content, 1, {TEXT + 1}), TO_HEX(SHA256(content)), COUNT(*) AS entries
FROM mine GROUP BY content ORDER BY entries DESC, content LIMIT {_MESSAGES}
"""  # noqa: S608

_LARGEST = f"""
SELECT BYTE_LENGTH(content) + IFNULL(BYTE_LENGTH(context), 0) AS size, batchId, sequence,
    SUBSTR(content, 1, {TEXT + 1})
FROM mine ORDER BY size DESC, batchId, sequence LIMIT {LISTED}
"""  # noqa: S608


def report_on(parts: Iterable[Select]) -> Report:
    """The report on batches, of which each part selects some.

    One part is told exactly. Of several the duplicates are found only within a part, and of each part the
    1,000 most frequent messages are added up.
    """
    selects = list(parts)
    entries = out_of_order = duplicates = 0
    timeline, frequent = Timeline(), FrequentMessages()
    missed, large = 0, list[LargeEntry]()
    for select in selects:
        for count, earlier, different in select(_FIGURES):
            entries += count
            out_of_order += earlier
            duplicates += count - different
        for cell in select(_CELLS):
            timeline.add_cell(Cell(*cell))
        messages = [((text, digest), count) for text, digest, count in select(_FREQUENT)]
        for key, count in messages:
            frequent.add_counted(key, count)
        if len(messages) == _MESSAGES and len(selects) > 1:
            missed += messages[-1][1]
        for size, batch_id, sequence, text in select(_LARGEST):
            large.append(LargeEntry(size, batch_id, sequence, excerpt(text)))
    width, spans = timeline.histogram()
    return Report(
        entries=entries,
        first=timeline.first,
        last=timeline.last,
        gaps=timeline.gaps(),
        gap_resolution=timeline.resolution,
        out_of_order=out_of_order,
        duplicates=duplicates,
        duplicates_complete=len(selects) <= 1,
        frequent=frequent.top(),
        frequent_missed=frequent.missed + missed,
        largest=sorted(large, key=lambda entry: (-entry.size, entry.batch_id, entry.sequence))[:LISTED],
        histogram=spans,
        histogram_width=width,
    )
