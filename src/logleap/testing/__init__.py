"""For the authors of training tasks and backends."""
