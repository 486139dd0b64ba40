"""BigQuery: tables, queries, and the rows as it stores them."""
