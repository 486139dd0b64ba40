"""A report on entries: by Polars where there are many, else by Python alone."""

from importlib.util import find_spec

from logleap.domain.report import Report
from logleap.reporting import reporter
from logleap.reporting.block import Blocks

FEW = 50_000
"""Up to how many entries Python alone takes less time than loading Polars and counting."""


def report_on(blocks: Blocks, expected: int) -> Report:
    """The report on all entries of the blocks: the same either way, but for `frequent_missed`, 0 with Polars.

    `expected`: about how many entries will come. It decides how memory is used, not what is answered. Where
    the libraries of the extra `report` are missing, Python counts alone. Raises Unavailable without room for
    temporary files, CountMismatch if the entries change meanwhile.
    """
    if expected > FEW and find_spec("polars") and find_spec("nanoarrow"):
        from logleap.columnar.counts import report_on as report_in_columns

        return report_in_columns(blocks, expected)
    return reporter.report_on(blocks, expected)
