"""How data sets are spread over the tables of one BigQuery dataset."""

import hashlib
import re
from abc import ABC, abstractmethod

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
            raise ValueError(f"{name!r} is no table name: use letters, digits and underscores.")
        self._name = name

    def table_name(self, dataset_id: str) -> str:
        return self._name
