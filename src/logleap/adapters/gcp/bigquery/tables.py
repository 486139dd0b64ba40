"""The tables of entries in BigQuery: which there are, and their columns. Also for provisioning."""

import hashlib
import re
from abc import ABC, abstractmethod

from google.cloud import bigquery

ENTRY_COLUMNS = (
    bigquery.SchemaField("timestamp", "TIMESTAMP", mode="REQUIRED"),
    bigquery.SchemaField("segmentId", "STRING", mode="REQUIRED"),
    bigquery.SchemaField("owner", "STRING"),
    bigquery.SchemaField("content", "STRING", mode="REQUIRED"),
    bigquery.SchemaField("context", "STRING"),
)
"""The five columns of the platform. A table with these alone may be made by hand."""

PLACE_COLUMNS = (
    bigquery.SchemaField("batchId", "STRING"),
    bigquery.SchemaField("sequence", "INTEGER"),
)
"""Where a row stands. NULLABLE, so that they can be added to an existing table; NULL in rows made by hand."""

COLUMNS = ENTRY_COLUMNS + PLACE_COLUMNS

CLUSTERING = ("segmentId", "batchId")
"""All queries ask for one segment and a range of batches, and are billed for the blocks that hold them.

There is no partitioning by the event's time: streaming takes only ten years back to one year ahead then
(https://cloud.google.com/bigquery/docs/write-api#time-unit_column_partitioning).
"""


def entries_table(reference: bigquery.TableReference) -> bigquery.Table:
    """The definition of a table of entries, ready for `Client.create_table`."""
    table = bigquery.Table(reference, schema=COLUMNS)
    table.clustering_fields = list(CLUSTERING)
    return table


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TABLE_NAME = re.compile(r"[A-Za-z0-9_]{1,1024}")


class Layout(ABC):
    """Says in which table the rows of a data set lie. `shared`: other data sets have rows there too."""

    shared: bool

    @abstractmethod
    def table_name(self, dataset_id: str) -> str:
        """The table's name: letters, digits and underscores, whatever text `dataset_id` is."""


class TablePerDataset(Layout):
    """A table for each data set: dropping one is free, at once, and gives its storage back.

    The name comes from the data set's id, which is made anew for each: a name is never used again, since
    BigQuery may for minutes send rows to the table that had it before.
    """

    shared = False

    def table_name(self, dataset_id: str) -> str:
        if _UUID.fullmatch(dataset_id):
            return f"entries_{dataset_id.replace('-', '_')}"
        return f"entries_x{hashlib.sha256(dataset_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


class SharedTable(Layout):
    """One table for all data sets. Dropping a data set deletes its rows, which is billed as a query.

    With the writer `streaming-insert` its rows cannot be deleted for about 30 minutes, rarely 90:
    https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations
    """

    shared = True

    def __init__(self, name: str = "entries") -> None:
        """Raises ValueError if `name` is more than letters, digits and underscores."""
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a table name: use letters, digits and underscores.")
        self._name = name

    def table_name(self, dataset_id: str) -> str:
        return self._name
