"""Receipts in the file."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from logleap.adapters.local.entries import insert_chunks
from logleap.adapters.local.sqlite.database import Database
from logleap.domain.entries import Manifest, Receipt, Totals
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
    INSERT INTO totals VALUES (?, ?, 1)
    ON CONFLICT DO UPDATE SET entries = entries + excluded.entries, batches = batches + 1
"""
_ALL_TOTALS = """
    SELECT dataset_id, entries, batches FROM totals WHERE dataset_id IN (SELECT value FROM json_each(?))
"""


class SqliteReceiptLedger(ReceiptLedger):
    """Receipts as rows, each stored in one transaction with what is left to write of its batch's chunks."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
                connection.execute(_ADD_UP, (receipt.dataset_id, receipt.entries))
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
        return Manifest(dataset_id, _LookedUp(self, self._database, dataset_id))


_OF_BATCH = """
    SELECT entries FROM receipts WHERE dataset_id = ?1 AND batch_id = ?2
    UNION ALL SELECT entries FROM receipts WHERE dataset_id = ?1 AND key = ?2 AND batch_id IS NULL
"""


class _LookedUp(Mapping[str, int]):
    """The batches that have a receipt, each looked up when it is asked for."""

    def __init__(self, ledger: ReceiptLedger, database: Database, dataset_id: str) -> None:
        self._ledger = ledger
        self._database = database
        self._dataset_id = dataset_id
        self._known: dict[str, int | None] = {}

    def __getitem__(self, batch_id: str) -> int:
        if batch_id not in self._known:
            with self._database.reading() as connection:
                row = connection.execute(_OF_BATCH, (self._dataset_id, batch_id)).fetchone()
            self._known[batch_id] = None if row is None else row[0]
        entries = self._known[batch_id]
        if entries is None:
            raise KeyError(batch_id)
        return entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._ledger.manifest(self._dataset_id).batches)

    def __len__(self) -> int:
        return len(self._ledger.manifest(self._dataset_id).batches)


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


def _to_row(receipt: Receipt) -> tuple[Any, ...]:
    return (
        receipt.dataset_id,
        receipt.key,
        None if receipt.batch_id == receipt.key else receipt.batch_id,
        receipt.entries,
        bytes.fromhex(receipt.sha256),
        to_micros(receipt.created_at),
    )
