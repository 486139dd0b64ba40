"""A process that uploads to a data set until it is refused, and says what was acknowledged.

    uploader.py FOLDER OWNER DATASET small|large THREADS

Prints a line `batch-id entries` after each acknowledgement, at last `refused`.
"""

import hashlib
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from logleap.adapters.local.datasets import SqliteDatasetRepository
from logleap.adapters.local.entries import SqliteEntryStore
from logleap.adapters.local.receipts import SqliteReceiptLedger
from logleap.adapters.local.sqlite.database import Database
from logleap.domain.entries import Entry
from logleap.domain.errors import InvalidTransition
from logleap.usecases.append import AppendEntries


class Source:
    def __init__(self, size: str) -> None:
        self.sha256 = hashlib.sha256(size.encode()).hexdigest()
        self._size = size

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        if self._size == "small":
            yield [Entry(datetime.now(UTC), f"line {random.random()}") for _ in range(random.randint(1, 50))]
        else:  # more than is held in memory, so that it is written before it is acknowledged
            for _ in range(6):
                yield [Entry(datetime.now(UTC), random.randbytes(512 * 1024).hex()) for _ in range(2)]


def main(folder: str, owner: str, dataset_id: str, size: str, threads: str) -> None:
    database = Database(Path(folder))
    append = AppendEntries(
        SqliteDatasetRepository(database),
        SqliteEntryStore(database),
        SqliteReceiptLedger(database),
        lambda: datetime.now(UTC),
        lambda: str(uuid4()),
    )

    def upload() -> None:
        while True:
            try:
                receipt = append(owner, dataset_id, Source(size)).receipt
            except InvalidTransition:
                return
            # One write, so that no other thread's line gets in between.
            sys.stdout.write(f"{receipt.batch_id} {receipt.entries}\n")
            sys.stdout.flush()

    workers = [threading.Thread(target=upload) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("refused", flush=True)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
