"""A process that forks while its threads upload; children upload too.

    forker.py FOLDER OWNER DATASET

Prints a line `batch-id entries` for each acknowledgement, in parent and children, at last `done`.
"""

import hashlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from logleap.adapters.local.datasets import SqliteDatasetRepository
from logleap.adapters.local.entries import SqliteEntryStore
from logleap.adapters.local.receipts import SqliteReceiptLedger
from logleap.adapters.local.sqlite.database import Database
from logleap.domain.entries import Entry
from logleap.usecases.append import AppendEntries


class Source:
    sha256 = hashlib.sha256(b"").hexdigest()

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield [Entry(datetime.now(UTC), f"line {number}") for number in range(7)]


def main(folder: str, owner: str, dataset_id: str) -> None:
    database = Database(Path(folder))
    append = AppendEntries(
        SqliteDatasetRepository(database),
        SqliteEntryStore(database),
        SqliteReceiptLedger(database),
        lambda: datetime.now(UTC),
        lambda: str(uuid4()),
    )
    stop = threading.Event()

    def upload() -> None:
        receipt = append(owner, dataset_id, Source()).receipt
        os.write(1, f"{receipt.batch_id} {receipt.entries}\n".encode())

    def upload_on() -> None:
        while not stop.is_set():
            upload()

    threads = [threading.Thread(target=upload_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(5):
                    upload()
                database.close()
                status = 0
            except BaseException:  # noqa: BLE001 -- told by the status
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status != 0:
            stop.set()
            sys.exit("a child failed")
    stop.set()
    for thread in threads:
        thread.join()
    database.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
