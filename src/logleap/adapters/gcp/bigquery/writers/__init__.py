"""The ways to write rows to BigQuery."""
