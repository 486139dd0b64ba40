"""What a table of entries looks like in BigQuery: the one place for the store and for provisioning."""

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
