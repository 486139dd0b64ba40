"""Queries on BigQuery with deadlines of our own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import uuid4

from google.api_core import exceptions
from google.cloud import bigquery

from logleap.adapters.gcp.google.clients import REQUEST

Value = str | int | None | Sequence[str]
Values = Mapping[str, Value]
"""Parameters: None is a text that is NULL."""

PAGE_ROWS = 10_000
"""BigQuery ends a page at 20 MB: https://cloud.google.com/bigquery/docs/paging-results"""


class Result(NamedTuple):
    """What a SELECT has found. None: not known."""

    rows: Iterator[Sequence[Any]]
    number: int | None
    table: bigquery.TableReference | None


class Queries:
    """Runs SQL as jobs: a service that is down is reported soon, a query that is running may take long."""

    def __init__(
        self, client: Callable[[], bigquery.Client], location: str | None, timeout: float = 600.0
    ) -> None:
        """`timeout`: seconds for one query."""
        self._client = client
        self._location = location
        self._timeout = timeout

    def rows(self, sql: str, values: Values, page_rows: int = PAGE_ROWS) -> Iterator[Sequence[Any]]:
        """The rows that a SELECT finds, page by page."""
        return iter(self._done(sql, values).result(page_rows, job_retry=None, **REQUEST))

    def result(self, sql: str, values: Values, page_rows: int = PAGE_ROWS) -> Result:
        """The rows that a SELECT finds, page by page, how many they are, and the table that has them."""
        job = self._done(sql, values)
        rows = job.result(page_rows, job_retry=None, **REQUEST)
        return Result(iter(rows), rows.total_rows, job.destination)

    def changed_rows(self, sql: str, values: Values) -> int:
        """The number of rows that a DELETE removed."""
        return self._done(sql, values).num_dml_affected_rows or 0

    def _done(self, sql: str, values: Values) -> bigquery.QueryJob:
        """The job when it is done. Raises what it failed with, and TimeoutError after `timeout`."""
        deadline = time.monotonic() + self._timeout
        job = self._begun(sql, values)
        pause = 0.05
        while not job.done(**REQUEST):
            if time.monotonic() > deadline:
                job.cancel(**REQUEST)
                raise TimeoutError(f"a query took more than {self._timeout:.0f} seconds")
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)
        if (error := job.exception()) is not None:
            raise error
        return job

    def _begun(self, sql: str, values: Values) -> bigquery.QueryJob:
        client = self._client()
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in values.items()],
            use_query_cache=False,  # what counts is what is stored
            job_timeout_ms=int(self._timeout * 1000),
        )
        job_id = f"logleap-{uuid4()}"
        try:
            return client.query(
                sql, config, job_id=job_id, location=self._location, job_retry=None, **REQUEST
            )
        except exceptions.Conflict:  # sent twice, because the first answer was lost
            return cast(bigquery.QueryJob, client.get_job(job_id, location=self._location, **REQUEST))


def _parameter(name: str, value: Value) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, int):
        return bigquery.ScalarQueryParameter(name, "INT64", value)
    if value is None or isinstance(value, str):
        return bigquery.ScalarQueryParameter(name, "STRING", value)
    return bigquery.ArrayQueryParameter(name, "STRING", value)
