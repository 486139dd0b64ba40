"""Threads that write at the same time share a commit, and still are transactions of their own."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite.group_commit import Writer
from logleap.adapters.local.sqlite.process_lock import ProcessLock
from logleap.ports.errors import Unavailable


class Bench:
    """A writer on a table of numbers, whose commits are counted."""

    def __init__(self, file: Path) -> None:
        self.commits = 0
        self.broken = False
        self._file = file
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        lock = ProcessLock(file.with_suffix(".next"), 20.0)
        self.writer = Writer(
            self._connect,
            lock,
            begun=lambda _: None,
            ending=lambda _: lambda: None,
            committed=self._count,
            timeout=20.0,
        )

    def _connect(self) -> sqlite3.Connection:
        bench = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql == "COMMIT" and bench.broken:
                    raise sqlite3.OperationalError("the disk fails")
                return super().execute(sql, *parameters)

        return sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, factory=Connection)

    def _count(self, _: sqlite3.Connection) -> None:
        self.commits += 1

    def stored(self) -> list[int]:
        with closing(self._connect()) as connection:
            return [number for (number,) in connection.execute("SELECT number FROM numbers")]

    def insert(self, number: int) -> None:
        with self.writer.transaction() as connection:
            connection.execute("INSERT INTO numbers VALUES (?)", (number,))

    def together(self, *calls: Callable[[], None]) -> list[BaseException | None]:
        """Makes the calls wait for one transaction, whose commit falls to the last. What each raised."""
        with ThreadPoolExecutor(len(calls)) as threads:
            with self.writer.transaction() as connection:
                connection.execute("INSERT INTO numbers VALUES (0)")
                futures = []
                for number, call in enumerate(calls):
                    futures.append(threads.submit(call))
                    while self.writer._waiting <= number:
                        pass
            return [future.exception() for future in futures]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "numbers.db")
    yield made
    made.writer.close()


def test_a_transaction_alone_is_committed_at_its_end(bench: Bench) -> None:
    for number in (1, 2):
        bench.insert(number)
        assert bench.commits == number
    assert bench.stored() == [1, 2]


def test_those_who_wait_share_a_commit(bench: Bench) -> None:
    outcomes = bench.together(*(lambda number=number: bench.insert(number) for number in range(1, 6)))
    assert outcomes == [None] * 5
    assert bench.stored() == [0, 1, 2, 3, 4, 5]
    assert bench.commits == 1


@pytest.mark.parametrize("place", [0, 2, 4])
def test_one_that_raises_is_undone_alone(bench: Bench, place: int) -> None:
    def fail() -> None:
        with bench.writer.transaction() as connection:
            connection.execute("INSERT INTO numbers VALUES (100)")
            raise LookupError("refused")

    calls: list[Callable[[], None]] = [lambda number=n: bench.insert(number) for n in range(1, 5)]  # type: ignore[misc]
    calls.insert(place, fail)
    outcomes = bench.together(*calls)
    assert [type(outcome) for outcome in outcomes].count(LookupError) == 1
    assert outcomes.count(None) == 4
    assert bench.stored() == [0, 1, 2, 3, 4]


def test_one_that_breaks_a_rule_of_the_table_is_undone_alone(bench: Bench) -> None:
    outcomes = bench.together(lambda: bench.insert(1), lambda: bench.insert(0), lambda: bench.insert(2))
    assert [type(outcome) for outcome in outcomes].count(sqlite3.IntegrityError) == 1
    assert bench.stored() == [0, 1, 2]


def test_the_first_that_raises_leaves_nothing_and_the_next_begins_anew(bench: Bench) -> None:
    with pytest.raises(sqlite3.IntegrityError), bench.writer.transaction() as connection:
        connection.execute("INSERT INTO numbers VALUES (100), (100)")
    assert bench.stored() == []
    bench.insert(1)
    assert bench.stored() == [1]


def test_if_the_commit_fails_all_who_share_it_are_told(bench: Bench) -> None:
    bench.broken = True
    with pytest.raises(sqlite3.OperationalError, match="the disk fails"):
        bench.together(lambda: bench.insert(1), lambda: bench.insert(2))
    bench.broken = False
    assert bench.stored() == []
    bench.insert(3)
    assert bench.stored() == [3]


def test_if_sqlite_gives_up_the_whole_transaction_all_who_share_it_are_told(bench: Bench) -> None:
    def give_up() -> None:
        with bench.writer.transaction() as connection:
            connection.execute("ROLLBACK")  # as SQLite does by itself when its disk or memory fails
            raise sqlite3.OperationalError("the disk fails")

    with pytest.raises(sqlite3.OperationalError, match="the disk fails"):
        bench.together(give_up)
    assert bench.stored() == []
    bench.insert(1)
    assert bench.stored() == [1]


def test_a_turn_that_does_not_come_is_unavailable(bench: Bench) -> None:
    bench.writer._timeout = 0.05
    with bench.writer.transaction() as connection:
        connection.execute("INSERT INTO numbers VALUES (0)")
        with ThreadPoolExecutor(1) as threads:
            outcome = threads.submit(bench.insert, 1).exception()
    assert isinstance(outcome, Unavailable)
    assert bench.stored() == [0]


def test_many_threads_lose_nothing(bench: Bench) -> None:
    start = threading.Barrier(8)

    def insert_many(thread: int) -> None:
        start.wait()
        for number in range(100):
            bench.insert(1000 * thread + number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(insert_many, range(8)))
    assert len(bench.stored()) == 800
    assert bench.commits <= 800
