"""Entries in BigQuery."""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from math import inf
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.queries import PAGE_ROWS, Queries, Values
from logleap.adapters.gcp.bigquery.report_sql import report_on
from logleap.adapters.gcp.bigquery.tables import Layout, entries_table
from logleap.adapters.gcp.bigquery.writers.base import Writer
from logleap.adapters.gcp.google.clients import REQUEST, Lazy
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.entries import Batch, Entries, Entry, Manifest, Row
from logleap.domain.report import Report
from logleap.domain.times import to_micros
from logleap.ports.entries import EntryStore
from logleap.ports.errors import Unavailable

SERVICE = "BigQuery"

_DATASET_NAME = re.compile(r"[A-Za-z0-9_]{1,1024}")

BATCHES_PER_QUERY = 50_000
"""Batches of a query: their ids take 2.5 MB of a request, which may have 10 MB with its parameters
(https://cloud.google.com/bigquery/quotas#query_jobs)."""

ENTRIES_PER_QUERY = 2_000_000
"""Entries that one query reads, about: a result that is not put into a table may have 10 GB (same page),
and is sorted."""

_MINE = "segmentId = @segment AND batchId BETWEEN @first AND @last AND batchId IN UNNEST(@batches)"


class BigQueryEntryStore(EntryStore):
    """Rows in tables of one BigQuery dataset, which must exist.

    Rows that were put into a table by hand, without a batchId, are in no manifest: no reading shows them and
    only dropping removes them.
    A manifest of more than 50,000 batches takes several queries, each for a range of batch ids. The tables
    are clustered by these, so a query reads the blocks of its range; of rows that came in lately and are not
    sorted yet, it reads all.
    """

    def __init__(
        self,
        client: Callable[[], bigquery.Client],
        dataset: str,
        location: str | None,
        layout: Layout,
        writer: Writer,
        *,
        batches_per_query: int = BATCHES_PER_QUERY,
        entries_per_query: int = ENTRIES_PER_QUERY,
    ) -> None:
        """`client` is called at the first use; the store closes what it made.

        `location` is that of `dataset`; without it BigQuery looks for the dataset.
        Raises ValueError if `dataset` is more than letters, digits and underscores.
        """
        if not _DATASET_NAME.fullmatch(dataset):
            raise ValueError(
                f"{dataset!r} is not a BigQuery dataset name: use letters, digits and underscores."
            )
        self._client = Lazy(client, bigquery.Client.close)
        self._dataset = dataset
        self._queries = Queries(self._client, location)
        self._layout = layout
        self._writer = writer
        self._batches_per_query = batches_per_query
        self._entries_per_query = entries_per_query

    @translated(SERVICE)
    def prepare(self, dataset_id: str) -> None:
        with suppress(exceptions.Conflict):
            self._client().create_table(entries_table(self._table(dataset_id)), **REQUEST)

    @translated(SERVICE)
    def append(self, batch: Batch, entries: Sequence[Entry], first_sequence: int) -> None:
        if entries:
            self._writer.append(self._table(batch.dataset_id), batch, entries, first_sequence)

    @translated(SERVICE)
    def count(self, manifest: Manifest) -> int:
        return sum(self._count(manifest, batches) for batches in self._parts(manifest))

    def read(self, manifest: Manifest) -> Iterator[Row]:
        for batches in self._parts(manifest, self._entries_per_query):
            with translated(SERVICE):
                yield from self._read(manifest, batches)

    def columns(self, manifest: Manifest) -> Iterator[Entries]:
        sql = "SELECT timestamp, content, context FROM mine ORDER BY batchId, sequence"
        for batches in self._parts(manifest, self._entries_per_query):
            with translated(SERVICE):
                rows = iter(self._select(manifest, batches, sql))
                while page := list(islice(rows, PAGE_ROWS)):
                    times, messages, contexts = zip(*page, strict=True)
                    yield Entries(array("q", map(to_micros, times)), list(messages), list(contexts))

    @translated(SERVICE)
    def report(self, manifest: Manifest) -> Report:
        return report_on(partial(self._select, manifest, batches) for batches in self._parts(manifest))

    @translated(SERVICE)
    def remove_orphans(self, manifest: Manifest) -> int:
        parts = list(self._parts(manifest)) or [[]]
        removed = 0
        with suppress(_DmlBlocked):
            for number, batches in enumerate(parts):
                # The parts' ranges join without a gap: what lies between two parts is nobody's too.
                condition = "segmentId = @segment AND batchId IS NOT NULL AND batchId NOT IN UNNEST(@batches)"
                values: dict[str, str | Sequence[str]] = {
                    "segment": manifest.dataset_id,
                    "batches": batches,
                }
                if number > 0:
                    condition += " AND batchId > @after"
                    values["after"] = parts[number - 1][-1]
                if number < len(parts) - 1:
                    condition += " AND batchId <= @last"
                    values["last"] = batches[-1]
                removed += self._delete(manifest.dataset_id, condition, values)
        return removed

    @translated(SERVICE)
    def drop(self, dataset_id: str) -> None:
        if not self._layout.shared:
            self._client().delete_table(self._table(dataset_id), not_found_ok=True, **REQUEST)
            return
        try:
            self._delete(dataset_id, "segmentId = @segment", {"segment": dataset_id})
        except _DmlBlocked as error:
            raise Unavailable(
                "BigQuery cannot delete rows that were streamed in within the last 30 to 90 minutes: "
                "try again later"
            ) from error

    def close(self) -> None:
        """Close the connections, also the writer's. The next call opens new ones."""
        self._writer.close()
        self._client.close()

    def _count(self, manifest: Manifest, batches: Sequence[str]) -> int:
        sql = (
            "SELECT COUNT(*) FROM (SELECT DISTINCT batchId, sequence "  # noqa: S608 -- the table is ours
            f"FROM {self._sql_name(manifest.dataset_id)} WHERE {_MINE} AND sequence IS NOT NULL)"
        )
        return int(next(self._rows(sql, manifest, batches), (0,))[0])

    def _read(self, manifest: Manifest, batches: Sequence[str]) -> Iterator[Row]:
        sql = "SELECT batchId, sequence, timestamp, content, context FROM mine ORDER BY batchId, sequence"
        for batch_id, sequence, timestamp, message, context in self._select(manifest, batches, sql):
            yield Row(batch_id, sequence, Entry(timestamp, message, context))

    def _select(self, manifest: Manifest, batches: Sequence[str], sql: str) -> Iterator[Sequence[Any]]:
        """What `sql` finds in `mine`: the rows of these batches, each once, however often it is stored."""
        mine = (
            "SELECT batchId, sequence, timestamp, content, context "  # noqa: S608 -- the table is ours
            f"FROM {self._sql_name(manifest.dataset_id)} WHERE {_MINE} AND sequence IS NOT NULL "
            "QUALIFY ROW_NUMBER() OVER (PARTITION BY batchId, sequence) = 1"
        )
        return self._rows(f"WITH mine AS ({mine}) {sql}", manifest, batches)

    def _rows(self, sql: str, manifest: Manifest, batches: Sequence[str]) -> Iterator[Sequence[Any]]:
        values = {
            "segment": manifest.dataset_id,
            "first": batches[0],
            "last": batches[-1],
            "batches": batches,
        }
        try:
            yield from self._queries.rows(sql, values)
        except exceptions.NotFound as error:
            _raise_unless_table_missing(error)

    def _delete(self, dataset_id: str, condition: str, values: Values) -> int:
        sql = f"DELETE FROM {self._sql_name(dataset_id)} WHERE {condition}"  # noqa: S608 -- the table is ours
        try:
            return self._queries.changed_rows(sql, values)
        except exceptions.BadRequest as error:
            if any(text in str(error) for text in _DML_BLOCKED):
                raise _DmlBlocked from error
            raise
        except exceptions.NotFound as error:
            _raise_unless_table_missing(error)
            return 0

    def _parts(self, manifest: Manifest, most_entries: float = inf) -> Iterator[list[str]]:
        """The manifest's batches in ascending order, in parts that one query can carry and answer."""
        part: list[str] = []
        entries = 0
        for batch_id in sorted(manifest.batches):
            entries += manifest.batches[batch_id]
            if part and (len(part) == self._batches_per_query or entries > most_entries):
                yield part
                part, entries = [], manifest.batches[batch_id]
            part.append(batch_id)
        if part:
            yield part

    def _table(self, dataset_id: str) -> bigquery.TableReference:
        dataset = bigquery.DatasetReference(self._client().project, self._dataset)
        return dataset.table(self._layout.table_name(dataset_id))

    def _sql_name(self, dataset_id: str) -> str:
        table = self._table(dataset_id)
        return f"`{table.project}.{table.dataset_id}.{table.table_id}`"


class _DmlBlocked(Exception):
    """Rows cannot be deleted yet."""


_DML_BLOCKED = (
    "streaming buffer",  # https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations
    "Could not serialize access",  # another statement was changing the table
)


def _raise_unless_table_missing(error: exceptions.NotFound) -> None:
    """A table that is not there has no rows. A dataset that is not there is a fault of the settings."""
    if "not found: table" not in str(error).lower():
        raise error
