"""Receipts in the file."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from logleap.adapters.local.entries import insert_chunks
from logleap.adapters.local.sqlite.database import Database
from logleap.domain.entries import Manifest, Receipt, TimeRange, Totals
from logleap.domain.times import from_micros, to_micros
from logleap.ports.errors import Conflict
from logleap.ports.receipts import ReceiptLedger

# One statement instead of three: with each, other threads have to be waited for (Python's lock is let go).
_ADD = """
    INSERT INTO receipts SELECT ?, ?, ?, ?, ?, ?
    WHERE EXISTS (SELECT 1 FROM datasets WHERE dataset_id = ? AND version = ?)
    ON CONFLICT DO NOTHING
"""
_ADD_UP = """
    INSERT INTO totals VALUES (?, ?, 1, ?, ?)
    ON CONFLICT DO UPDATE SET entries = entries + excluded.entries, batches = batches + 1,
        first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)
"""
_KEPT = 4
"""Manifests that are kept: one of 10,000 batches takes about 1.5 MB."""

_ALL_TOTALS = """
    SELECT dataset_id, entries, batches FROM totals WHERE dataset_id IN (SELECT value FROM json_each(?))
"""

_TIMES = """
    SELECT dataset_id, first_time, last_time FROM totals
    WHERE dataset_id IN (SELECT value FROM json_each(?)) AND first_time IS NOT NULL
"""


class SqliteReceiptLedger(ReceiptLedger):
    """Receipts as rows, each stored in one transaction with what is left to write of its batch's chunks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, tuple[Totals, Manifest]] = {}  # of pages: the next one is of the same data set

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        with self._database.reading() as connection:
            return _find(connection, dataset_id, key)

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        staging = self._database.staging
        chunks = staging.of_batch(receipt.dataset_id, receipt.batch_id)
        with self._database.adding(sum(len(chunk.data) for chunk in chunks)) as connection:
            stored = receipt
            if connection.execute(_ADD, (*_to_row(receipt), receipt.dataset_id, dataset_version)).rowcount:
                insert_chunks(connection, chunks)
                connection.execute(_ADD_UP, (receipt.dataset_id, receipt.entries, *_micros(receipt.times)))
                self._database.added(receipt)
            else:
                stored = _earlier(connection, receipt, dataset_version)
        # They are stored now, or their batch never will be: only a Conflict leaves room for another try.
        staging.remove(chunks)
        return stored

    def totals(self, dataset_id: str) -> Totals:
        with self._database.reading() as connection:
            return totals_of(connection, dataset_id)

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        with self._database.reading() as connection:
            rows = connection.execute(_ALL_TOTALS, (json.dumps(dataset_ids),)).fetchall()
        none = dict.fromkeys(dataset_ids, Totals(entries=0, batches=0))
        return none | {dataset_id: Totals(entries, batches) for dataset_id, entries, batches in rows}

    def times(self, dataset_ids: Sequence[str]) -> Mapping[str, TimeRange]:
        with self._database.reading() as connection:
            rows = connection.execute(_TIMES, (json.dumps(dataset_ids),)).fetchall()
        return {dataset_id: TimeRange(*map(from_micros, micros)) for dataset_id, *micros in rows}

    def latest(self, dataset_id: str) -> datetime | None:
        query = "SELECT max(created_at) FROM receipts WHERE dataset_id = ?"
        with self._database.reading() as connection:
            (micros,) = connection.execute(query, (dataset_id,)).fetchone()
        return None if micros is None else from_micros(micros)

    def manifest(self, dataset_id: str) -> Manifest:
        query = "SELECT coalesce(batch_id, key), entries FROM receipts WHERE dataset_id = ?"
        with self._database.reading() as connection:
            return Manifest(dataset_id, dict(connection.execute(query, (dataset_id,))))

    def acknowledged(self, dataset_id: str) -> Manifest:
        totals = self.totals(dataset_id)  # first: receipts may be added meanwhile, and are never removed
        kept = self._kept.get(dataset_id)
        if kept is None or kept[0] != totals:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[dataset_id] = totals, self.manifest(dataset_id)
        return kept[1]


def totals_of(connection: sqlite3.Connection, dataset_id: str) -> Totals:
    """What the receipts of a data set add up to."""
    query = "SELECT entries, batches FROM totals WHERE dataset_id = ?"
    row = connection.execute(query, (dataset_id,)).fetchone()
    return Totals(*row) if row is not None else Totals(entries=0, batches=0)


def _earlier(connection: sqlite3.Connection, receipt: Receipt, dataset_version: int) -> Receipt:
    """The one that kept a receipt from being added. Raises Conflict if it was the data set's version."""
    earlier = _find(connection, receipt.dataset_id, receipt.key)
    if earlier is None:
        raise Conflict(f"data set {receipt.dataset_id} is not at version {dataset_version}")
    return earlier


def _find(connection: sqlite3.Connection, dataset_id: str, key: str) -> Receipt | None:
    query = "SELECT batch_id, entries, sha256, created_at FROM receipts WHERE dataset_id = ? AND key = ?"
    row = connection.execute(query, (dataset_id, key)).fetchone()
    if row is None:
        return None
    batch_id, entries, sha256, created_at = row
    return Receipt(dataset_id, batch_id or key, key, entries, sha256.hex(), from_micros(created_at))


def _micros(times: TimeRange | None) -> tuple[int | None, int | None]:
    """As columns. Where one batch's are NULL, SQLite's min and max make those of the data set NULL."""
    return (None, None) if times is None else (to_micros(times.first), to_micros(times.last))


def _to_row(receipt: Receipt) -> tuple[Any, ...]:
    return (
        receipt.dataset_id,
        receipt.key,
        None if receipt.batch_id == receipt.key else receipt.batch_id,
        receipt.entries,
        bytes.fromhex(receipt.sha256),
        to_micros(receipt.created_at),
    )
