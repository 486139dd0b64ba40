"""Prints the CPU (µs, user and system, of all threads) that a row costs in a writer of the `gcp` backend.

    python -m benchmarks.parts.writer_cost storage-write|streaming-insert ENTRIES REPEATS

The two variables for BigQuery's emulator lead to the stub.
"""

import sys
import time

from google.auth.credentials import AnonymousCredentials

from benchmarks import payloads, system_under_test
from logleap.domain.entries import Batch


def main() -> None:
    """Measure once warm."""
    name, entries, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = system_under_test.decode(payloads.json_array(payloads.lines(entries)))
    table, writer = system_under_test.gcp_writer(name, AnonymousCredentials())  # type: ignore[no-untyped-call]
    batch = Batch("7d8b0631-2c9e-419a-b895-103261ea9665", "anonymous", "a236259b-e630-4343-a1df-2a6547a9a7a9")
    for _ in range(5):
        writer.append(table, batch, rows, 0)
    start = time.process_time()
    for _ in range(repeats):
        writer.append(table, batch, rows, 0)
    print((time.process_time() - start) / repeats / entries * 1e6)
    writer.close()


if __name__ == "__main__":
    main()
