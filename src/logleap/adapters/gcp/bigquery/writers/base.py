"""What the two ways of streaming rows into BigQuery have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud import bigquery

from logleap.adapters.gcp.google.deadlines import TRANSIENT
from logleap.domain.entries import Batch, Entry

APPEND_SECONDS = 5.0
"""Seconds for one request with rows. No further one begins after 4, so all end within 9."""


class Writer(ABC):
    """Streams rows into a table of entries. Many threads use it at the same time."""

    @abstractmethod
    def append(
        self, table: bigquery.TableReference, batch: Batch, entries: Sequence[Entry], first_sequence: int
    ) -> None:
        """Returns when all rows are durable and visible to queries.

        May store a row twice; after an error any part of the rows may be stored. Raises RowsRefused, and
        Google's errors.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections. The next append opens new ones."""


class RowsRefused(Exception):
    """BigQuery took the request but not its rows: a fault of LogLeap, or of the table's columns."""


class AppendRejected(Exception):
    """The rows were not stored, for a transient reason."""


Answer = TypeVar("Answer")


def retry_append(send: Callable[[], Answer]) -> Answer:
    """Send until the answer comes, for 4 seconds. Rows that are stored twice do no harm: reads return one."""
    answer: Answer = _RETRY(send)()
    return answer


def _is_transient(error: Exception) -> bool:
    # For minutes after its making, a table may not be known to all of BigQuery's parts; the Storage Write API
    # then says either of the two.
    unknown_table = isinstance(error, exceptions.NotFound) or (
        isinstance(error, exceptions.PermissionDenied) and "may not exist" in str(error)
    )
    return unknown_table or isinstance(error, (AppendRejected, exceptions.Aborted, *TRANSIENT))


_RETRY = Retry(_is_transient, initial=0.1, maximum=1.0, multiplier=2.0, timeout=4.0)
