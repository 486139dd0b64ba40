"""The most frequent messages, and the entries per hour, by DuckDB, from a file that was exported:

logleap export ID --format parquet -o entries.parquet
"""

import sys

import duckdb

entries = duckdb.read_parquet(sys.argv[1])

print(duckdb.sql("SELECT message, count(*) AS n FROM entries GROUP BY ALL ORDER BY n DESC LIMIT 10"))
print(duckdb.sql("SELECT date_trunc('hour', timestamp) AS hour, count(*) FROM entries GROUP BY 1 ORDER BY 1"))
