"""Runs in the competitors' environment: times DuckDB's query over a Parquet file for each line that it reads.

python duckdb_scan.py FILE QUERY THREADS
"""

import sys
import time

import duckdb

connection = duckdb.connect(config={"threads": int(sys.argv[3])})
connection.execute(f"CREATE VIEW entries AS SELECT * FROM read_parquet('{sys.argv[1]}')")
for _ in sys.stdin:
    start = time.perf_counter()
    (answer,) = connection.execute(sys.argv[2]).fetchall()
    print(time.perf_counter() - start, *answer, flush=True)
