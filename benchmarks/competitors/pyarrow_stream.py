"""What pyarrow needs to read entries from a Parquet file and to write them as an Arrow stream, on one thread.

    python pyarrow_stream.py FILE

For each line on standard input it does so once, and prints the seconds.
"""

import os
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

pa.set_cpu_count(1)
pa.set_io_thread_count(1)

for _ in sys.stdin:
    start = time.perf_counter()
    file = pq.ParquetFile(sys.argv[1])
    with pa.OSFile(os.devnull, "wb") as sink, pa.ipc.new_stream(sink, file.schema_arrow) as writer:
        for batch in file.iter_batches(16_000, use_threads=False):
            writer.write_batch(batch)
    print(time.perf_counter() - start, flush=True)
