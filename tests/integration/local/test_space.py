"""Memory and disk stay bounded, whatever is given up, and no call walks through a whole table."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite.database import FILE_NAME, Database
from logleap.adapters.local.sqlite.schema import MIGRATIONS
from logleap.domain.datasets import State
from logleap.domain.entries import Batch, Receipt
from logleap.domain.runs import TrainingRequest, start_training
from logleap.ports.datasets import Position

NOON = datetime(2026, 8, 1, 12, 0, 0, tzinfo=UTC)
MIB = 1 << 20


class Broken(Exception):
    """The client is gone."""


def rows_in_file(local: Any) -> int:
    with local.database.reading() as connection:
        (entries,) = connection.execute("SELECT total(entries) FROM chunks").fetchone()
    return int(entries)


def receipt_of(batch: Batch, entries: int) -> Receipt:
    return Receipt(batch.dataset_id, batch.batch_id, batch.batch_id, entries, "ab" * 32, NOON)


# ---- memory ------------------------------------------------------------------------------------------------


def test_entries_of_a_small_batch_reach_the_file_with_their_receipt(local: Any, lines: Any) -> None:
    dataset = local.announce()
    with pytest.raises(Broken):
        local.upload(dataset, lines(5), error=Broken())
    assert rows_in_file(local) == 0
    local.upload(dataset, lines(5), lines(5, 5))
    assert rows_in_file(local) == 10


def test_requests_that_are_given_up_do_not_fill_the_memory(local: Any, noise: Any) -> None:
    dataset = local.announce()
    for _ in range(40):
        with pytest.raises(Broken):
            local.upload(dataset, noise(40), error=Broken())
        assert local.database.staging.size <= 32 * MIB
    assert rows_in_file(local) > 0
    assert local.count(dataset) == 0
    local.upload(dataset, noise(40))
    assert local.count(dataset) == 40


def test_a_batch_that_was_written_early_for_room_is_whole_once_it_is_acknowledged(
    local: Any, lines: Any, noise: Any
) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(1))
    dataset = local.datasets.get(dataset.owner, dataset.dataset_id)
    early = Batch(dataset.dataset_id, dataset.owner, "early")
    local.store.append(early, lines(30), 0)
    for number in range(20):
        local.store.append(Batch(dataset.dataset_id, dataset.owner, f"given up {number}"), noise(60), 0)
    assert rows_in_file(local) > 31
    local.store.append(early, lines(30, 30), 30)
    local.ledger.add(receipt_of(early, 60), dataset.version)
    assert local.count(dataset) == 61
    orphans = rows_in_file(local) - 61
    assert local.store.remove_orphans(local.ledger.manifest(dataset.dataset_id)) == orphans > 0
    assert rows_in_file(local) == local.count(dataset) == 61


def test_a_batch_that_turns_out_to_be_a_repetition_is_let_go(local: Any, lines: Any) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(1))
    dataset = local.datasets.get(dataset.owner, dataset.dataset_id)
    for name in ("first", "again"):
        batch = Batch(dataset.dataset_id, dataset.owner, name)
        local.store.append(batch, lines(30), 0)
        local.ledger.add(replace(receipt_of(batch, 30), key="key"), dataset.version)
        assert local.database.staging.size == 0
    assert rows_in_file(local) == 31


# ---- disk --------------------------------------------------------------------------------------------------


def test_dropping_gives_the_space_back_and_leaves_the_others(
    local: Any, tmp_path: Path, noise: Any, lines: Any
) -> None:
    kept, gone = local.announce(), local.announce()
    for _ in range(5):
        local.upload(gone, noise(40))
        local.upload(kept, lines(100))
    local.upload(kept, noise(40))  # lies behind what is dropped

    def size() -> int:
        with local.database.reading() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        return int(pages) * 4096

    before = size()
    local.store.drop(gone.dataset_id)
    assert before - size() > 5 * 40 * 32 * 1024
    assert local.count(gone) == 0
    assert local.count(kept) == 540
    local.database.close()
    assert (tmp_path / FILE_NAME).stat().st_size < before / 2


def test_the_write_ahead_log_stays_bounded(local: Any, tmp_path: Path, noise: Any) -> None:
    dataset = local.announce()
    log = tmp_path / f"{FILE_NAME}-wal"
    for _ in range(60):
        local.upload(dataset, noise(40))
        assert log.stat().st_size < 40 * MIB
    assert (tmp_path / FILE_NAME).stat().st_size > 60 * MIB


# ---- time --------------------------------------------------------------------------------------------------


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All statements that are run, as SQLite understood them."""
    seen: list[str] = []
    connect = Database._connect

    def connect_and_listen(database: Database, **options: Any) -> sqlite3.Connection:
        connection = connect(database, **options)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(Database, "_connect", connect_and_listen)
    return seen


def test_no_call_walks_through_a_table_or_sorts(
    statements: list[str], tmp_path: Path, open_local: Callable[[Path], Any], lines: Any
) -> None:
    local = open_local(tmp_path)
    local.announce()
    dataset = local.announce()
    local.upload(dataset, lines(5))
    dataset = local.datasets.get(dataset.owner, dataset.dataset_id)
    for state in (None, State.CREATED):
        for after in (None, Position(NOON + timedelta(days=1), "x")):
            assert local.datasets.list(dataset.owner, state=state, limit=10, after=after)
    assert len(local.datasets.events(dataset.dataset_id)) == 2
    assert local.ledger.totals(dataset.dataset_id).entries == 5
    assert local.ledger.find(dataset.dataset_id, "unknown") is None

    def decide(totals: Any) -> Any:
        request = TrainingRequest("count-entries")
        return start_training(dataset, totals, request=request, run_id="run", now=NOON, patience=timedelta(0))

    run = local.runs.start(dataset, decide)
    assert local.runs.due(NOON, 10) == local.runs.due(NOON, 10, NOON) == [run]
    assert local.count(dataset) == 5
    local.store.remove_orphans(local.ledger.manifest(dataset.dataset_id))
    local.store.drop(dataset.dataset_id)
    local.queue.publish(b"x")
    for delivery in (local.queue.receive(0), local.queue.receive_dead(0)):
        if delivery is not None:
            delivery.reject("no")
    assert local.queue.receive_dead(0) is not None

    plans = 0
    with local.database.reading() as connection:
        connection.set_trace_callback(None)
        for statement in set(statements).difference(*MIGRATIONS):  # these run once, over all there is
            if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")) or "sqlite_" in statement:
                continue
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
                plans += 1
                assert not step.startswith(("SCAN", "USE TEMP B-TREE")) or "json_each" in step, statement
    assert plans > 25
