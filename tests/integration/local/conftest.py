"""The parts of the local backend on one folder, as a process has them."""

import hashlib
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from logleap.adapters.local.datasets import SqliteDatasetRepository
from logleap.adapters.local.entries import SqliteEntryStore
from logleap.adapters.local.queue import SqliteTrainingQueue
from logleap.adapters.local.receipts import SqliteReceiptLedger
from logleap.adapters.local.runs import SqliteRunRepository
from logleap.adapters.local.sqlite.database import Database
from logleap.adapters.local.sqlite.schema import APPLICATION_ID, MIGRATIONS
from logleap.domain.datasets import Dataset
from logleap.domain.entries import Entry
from logleap.usecases.append import AppendEntries
from logleap.usecases.datasets import AnnounceDataset

NOON = datetime(2026, 8, 1, 12, 0, 0, tzinfo=UTC)


class Source:
    """Chunks of entries, as a request's body gives them; `error` comes after the last."""

    def __init__(self, *chunks: Sequence[Entry], error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.sha256 = hashlib.sha256(repr(chunks).encode()).hexdigest()

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield from self._chunks
        if self._error is not None:
            raise self._error


@dataclass(frozen=True)
class Local:
    """The adapters and use cases of one process."""

    database: Database

    @property
    def datasets(self) -> SqliteDatasetRepository:
        return SqliteDatasetRepository(self.database)

    @property
    def store(self) -> SqliteEntryStore:
        return SqliteEntryStore(self.database)

    @property
    def ledger(self) -> SqliteReceiptLedger:
        return SqliteReceiptLedger(self.database)

    @property
    def runs(self) -> SqliteRunRepository:
        return SqliteRunRepository(self.database)

    @property
    def queue(self) -> SqliteTrainingQueue:
        return SqliteTrainingQueue(self.database)

    def announce(self) -> Dataset:
        return AnnounceDataset(self.datasets, self.store, lambda: NOON, new_id)("owner", None, {})

    def upload(self, dataset: Dataset, *chunks: Sequence[Entry], **source: Any) -> str:
        """The id of the acknowledged batch."""
        append = AppendEntries(self.datasets, self.store, self.ledger, lambda: NOON, new_id)
        return append(dataset.owner, dataset.dataset_id, Source(*chunks, **source)).receipt.batch_id

    def count(self, dataset: Dataset) -> int:
        """How many entries are stored, of those that are acknowledged."""
        return self.store.count(self.ledger.manifest(dataset.dataset_id))


def new_id() -> str:
    return str(uuid4())


@pytest.fixture
def open_local() -> Iterator[Callable[..., Local]]:
    """Opens the file in a folder, as one more process would."""
    opened: list[Database] = []

    def call(folder: Path, reserve: int | None = None) -> Local:
        opened.append(Database(folder, reserve))
        return Local(opened[-1])

    yield call
    for database in opened:
        database.close()


@pytest.fixture
def local(open_local: Callable[..., Local], tmp_path: Path) -> Local:
    """The backend on a folder of this test's own."""
    return open_local(tmp_path)


@pytest.fixture
def lines() -> Callable[..., list[Entry]]:
    """Short entries, which compress well."""

    def call(number: int, first: int = 0) -> list[Entry]:
        return [
            Entry(NOON + timedelta(seconds=index), f"line {index}", None)
            for index in range(first, first + number)
        ]

    return call


@pytest.fixture
def noise() -> Callable[[int], list[Entry]]:
    """As many entries of 64 KiB that do not compress."""

    def call(number: int) -> list[Entry]:
        return [Entry(NOON, random.randbytes(32 * 1024).hex()) for _ in range(number)]

    return call


@pytest.fixture
def start_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a script of this folder, and sees to it that it does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def call(script: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).parent / script), *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield call
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


BringBack: TypeAlias = Callable[[Path, int], None]


@pytest.fixture
def bring_back() -> BringBack:
    """Make of a closed database what an earlier version of the schema holds of it."""

    def bring_back(file: Path, version: int) -> None:
        earlier = file.with_name("earlier.db")
        with closing(sqlite3.connect(earlier)) as connection:
            for statement in chain.from_iterable(MIGRATIONS[:version]):
                connection.execute(statement)
            connection.commit()
            connection.execute("ATTACH ? AS newer", (str(file),))
            tables = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            for (table,) in connection.execute(tables).fetchall():
                names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
                columns = ", ".join(names)
                connection.execute(f"DELETE FROM main.{table}")
                connection.execute(
                    f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"
                )
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.commit()
        earlier.replace(file)

    return bring_back
