"""Entries in BigQuery."""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from math import inf
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from google.api_core import exceptions
from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.arrow_results import ArrowResults, entries_of, placed_of
from logleap.adapters.gcp.bigquery.queries import PAGE_ROWS, Queries, Value, Values
from logleap.adapters.gcp.bigquery.report_sql import report_on
from logleap.adapters.gcp.bigquery.tables import Layout, entries_table
from logleap.adapters.gcp.bigquery.writers.base import Writer
from logleap.adapters.gcp.google.clients import REQUEST, Lazy
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.entries import Batch, Entries, Entry, Manifest, PlacedEntries, Row, Wanted
from logleap.domain.errors import PositionNotFound
from logleap.domain.report import Report
from logleap.domain.selection import Position, Selection
from logleap.domain.times import to_micros
from logleap.ordering.merge import merged
from logleap.ordering.scratch import Scratch
from logleap.ordering.select import cut
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

LEAST_PAGE_ROWS = 1_000
"""Rows of a page where the results of many queries are read beside one another."""

MOST_STREAMS = 20
"""Streams of Arrow that are read beside one another: each holds what has come and is not merged yet."""

_SELECTED = "batchId, sequence, timestamp, content, context"
_TIME_ORDER = "timestamp, content, context NULLS FIRST, batchId, sequence"
_LATEST_FIRST = "timestamp DESC, content DESC, context DESC NULLS LAST, batchId DESC, sequence DESC"
_COMES_AFTER = """(
    timestamp > TIMESTAMP_MICROS(@micros) OR timestamp = TIMESTAMP_MICROS(@micros) AND (
        content > @message OR content = @message AND (
            IFNULL(context, '') > IFNULL(@context, '')
            OR (context IS NOT NULL AND @context IS NULL)
            OR IFNULL(context, '') = IFNULL(@context, '') AND (context IS NULL) = (@context IS NULL) AND (
                batchId > @batch OR batchId = @batch AND sequence > @sequence
            )
        )
    )
)"""

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
        results: ArrowResults,
        scratch: Scratch | None = None,
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
        self._results = results
        self._scratch = scratch or Scratch()
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

    def select(self, manifest: Manifest, selection: Selection) -> Iterator[PlacedEntries]:
        with translated(SERVICE):
            conditions, values = self._conditions(manifest, selection)
            # A page is of few entries: one query can answer it, however many the data set has.
            most = inf if selection.limit is not None else self._entries_per_query
            parts = list(self._parts(manifest, most))
            sql = f"SELECT {_SELECTED} FROM mine WHERE {conditions} ORDER BY {_TIME_ORDER}"  # noqa: S608
            if selection.limit is not None:
                sql += f" LIMIT {selection.limit}"
            page_rows = max(PAGE_ROWS // len(parts), LEAST_PAGE_ROWS) if parts else PAGE_ROWS
            streamed = len(parts) <= MOST_STREAMS
            streams = [
                self._blocks(manifest, batches, sql, values, page_rows, streamed=streamed)
                for batches in parts
            ]
            page = cut(merged((), self._scratch, streams=streams), Selection(limit=selection.limit))
            yield from page

    @translated(SERVICE)
    def around(
        self, manifest: Manifest, batch_id: str, sequence: int, before: int, after: int
    ) -> PlacedEntries | None:
        row = self._row(manifest, batch_id, sequence)
        if row is None:
            return None
        earlier = [row] if before == 0 else self._before(manifest, row, before)
        parts = [PlacedEntries.of_rows(earlier)]
        if after:
            position = Position(to_micros(row.entry.timestamp), batch_id, sequence)
            parts += self.select(manifest, Selection(after=position, limit=after))
        return PlacedEntries.joined(parts)

    def columns(self, manifest: Manifest) -> Iterator[Entries]:
        for batches in self._parts(manifest, self._entries_per_query):
            with translated(SERVICE):
                yield from self._columns(manifest, batches)

    def placed_columns(self, manifest: Manifest, wanted: Wanted | None = None) -> Iterator[PlacedEntries]:
        sql = f"SELECT {_SELECTED} FROM mine ORDER BY batchId, sequence"  # noqa: S608
        for batches in self._parts(manifest, self._entries_per_query):
            with translated(SERVICE):
                yield from self._blocks(manifest, batches, sql)

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
                values: dict[str, Value] = {
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
        self._results.close()
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

    def _columns(self, manifest: Manifest, batches: Sequence[str]) -> Iterator[Entries]:
        sql = "SELECT timestamp, content, context FROM mine ORDER BY batchId, sequence"
        found, rows = self._found(manifest, batches, sql)
        for columns in found:
            yield entries_of(columns)
        while page := list(islice(rows, PAGE_ROWS)):
            times, messages, contexts = zip(*page, strict=True)
            yield Entries(array("q", map(to_micros, times)), list(messages), list(contexts))

    def _blocks(
        self,
        manifest: Manifest,
        batches: Sequence[str],
        sql: str,
        values: Values = MappingProxyType({}),
        page_rows: int = PAGE_ROWS,
        *,
        streamed: bool = True,
    ) -> Iterator[PlacedEntries]:
        """What `sql` finds in `mine`, `page_rows` at a time."""
        found, rows = self._found(manifest, batches, sql, values, page_rows, streamed=streamed)
        for columns in found:
            for start in range(0, columns.num_rows, page_rows):
                yield placed_of(columns.slice(start, page_rows))
        yield from PlacedEntries.in_blocks(map(_row_of, rows), page_rows)

    def _found(
        self,
        manifest: Manifest,
        batches: Sequence[str],
        sql: str,
        values: Values = MappingProxyType({}),
        page_rows: int = PAGE_ROWS,
        *,
        streamed: bool = True,
    ) -> tuple[Iterator[pa.RecordBatch], Iterator[Sequence[Any]]]:
        """What `sql` finds in `mine`: in a stream of Arrow, or else in pages. The other iterator is empty."""
        sql = _of_mine(self._sql_name(manifest.dataset_id), sql)
        try:
            rows, number, table = self._queries.result(
                sql, {**values, **_those(manifest, batches)}, page_rows
            )
        except exceptions.NotFound as error:
            _raise_unless_table_missing(error)
            return iter(()), iter(())
        if (
            streamed and table is not None and (number or 0) > PAGE_ROWS
        ):  # a single page comes sooner than a stream
            found = self._results.batches(table)
            if found is not None:
                return found, iter(())
        return iter(()), rows

    def _conditions(self, manifest: Manifest, selection: Selection) -> tuple[str, Values]:
        """What rows of the selection fulfil. Raises PositionNotFound."""
        conditions, values = ["TRUE"], dict[str, Value]()
        if selection.start is not None:
            conditions.append("timestamp >= TIMESTAMP_MICROS(@start)")
            values["start"] = selection.start
        if selection.end is not None:
            conditions.append("timestamp < TIMESTAMP_MICROS(@end)")
            values["end"] = selection.end
        if selection.contains is not None:
            conditions.append("STRPOS(content, @contains) > 0")
            values["contains"] = selection.contains
        if selection.after is not None:
            position = selection.after
            row = self._row(manifest, position.batch_id, position.sequence)
            if row is None or not _holds(selection, row):
                raise PositionNotFound
            conditions.append(_COMES_AFTER)
            values |= _values_of(row)
        return " AND ".join(conditions), values

    def _before(self, manifest: Manifest, row: Row, number: int) -> Sequence[Row]:
        """As many rows before `row` in the time order, and itself."""
        sql = (
            f"SELECT {_SELECTED} FROM mine WHERE NOT ({_COMES_AFTER}) "  # noqa: S608
            f"ORDER BY {_LATEST_FIRST} LIMIT {number + 1}"
        )
        found: list[Row] = []
        for batches in self._parts(manifest):
            found += map(_row_of, self._select(manifest, batches, sql, _values_of(row)))
        return sorted(found, key=_time_order)[-number - 1 :]

    def _row(self, manifest: Manifest, batch_id: str, sequence: int) -> Row | None:
        """The row at this place, if the manifest has its batch."""
        if not 0 <= sequence < min(manifest.batches.get(batch_id, 0), 1 << 63):
            return None
        sql = f"SELECT {_SELECTED} FROM mine WHERE sequence = @sequence"  # noqa: S608
        rows = self._select(manifest, [batch_id], sql, {"sequence": sequence})
        return next(map(_row_of, rows), None)

    def _select(
        self,
        manifest: Manifest,
        batches: Sequence[str],
        sql: str,
        values: Values = MappingProxyType({}),
        page_rows: int = PAGE_ROWS,
    ) -> Iterator[Sequence[Any]]:
        """What `sql` finds in `mine`: the rows of these batches, each once, however often it is stored."""
        sql = _of_mine(self._sql_name(manifest.dataset_id), sql)
        return self._rows(sql, manifest, batches, values, page_rows)

    def _rows(
        self,
        sql: str,
        manifest: Manifest,
        batches: Sequence[str],
        values: Values = MappingProxyType({}),
        page_rows: int = PAGE_ROWS,
    ) -> Iterator[Sequence[Any]]:
        try:
            yield from self._queries.rows(sql, {**values, **_those(manifest, batches)}, page_rows)
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


def _of_mine(table: str, sql: str) -> str:
    """`sql`, which selects from `mine`: the rows of these batches, each once, however often it is stored."""
    return (
        "WITH mine AS (SELECT batchId, sequence, timestamp, content, context "  # noqa: S608 -- the table is ours
        f"FROM {table} WHERE {_MINE} AND sequence IS NOT NULL "
        f"QUALIFY ROW_NUMBER() OVER (PARTITION BY batchId, sequence) = 1) {sql}"
    )


def _those(manifest: Manifest, batches: Sequence[str]) -> dict[str, Value]:
    """The parameters that select batches of the manifest."""
    return {
        "segment": manifest.dataset_id,
        "first": batches[0],
        "last": batches[-1],
        "batches": batches,
    }


def _row_of(found: Sequence[Any]) -> Row:
    batch_id, sequence, timestamp, message, context = found
    return Row(batch_id, sequence, Entry(timestamp, message, context))


def _time_order(row: Row) -> tuple[Any, ...]:
    entry = row.entry
    return entry.timestamp, entry.message, entry.context is not None, entry.context, *row[:2]


def _values_of(row: Row) -> Values:
    return {
        "micros": to_micros(row.entry.timestamp),
        "message": row.entry.message,
        "context": row.entry.context,
        "batch": row.batch_id,
        "sequence": row.sequence,
    }


def _holds(selection: Selection, row: Row) -> bool:
    micros = to_micros(row.entry.timestamp)
    return (
        (selection.after is None or selection.after.micros == micros)
        and (selection.start is None or selection.start <= micros)
        and (selection.end is None or micros < selection.end)
        and (selection.contains is None or selection.contains in row.entry.message)
    )


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
