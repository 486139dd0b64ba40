"""Whether a database lacks commits: detected before anything of it is changed."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from logleap.adapters.local.sqlite.marker import NO_COMMIT, LastCommit, Marker, last_counted
from logleap.adapters.local.sqlite.schema import APPLICATION_ID
from logleap.domain.times import from_micros

COUNTED = 5
"""The version of the schema from which on commits are counted."""

_RECEIPT = "SELECT EXISTS (SELECT 1 FROM receipts WHERE dataset_id = ? AND key = ?)"
_READINGS = 3


class _State(NamedTuple):
    number: int
    has_receipt: bool  # the one that the marker names
    at: int  # of the last change or batch; 0 if nothing is missing


_EMPTY = _State(0, has_receipt=False, at=0)


def describe_loss(path: Path, marker: Marker) -> str | None:
    """What the database at `path` lacks, and what to do: one line. None if nothing is known to be missing.

    Only reads: the database, and its log, which may be damaged, stay as they are. Raises OSError.
    """
    loss = None
    for _ in range(_READINGS):  # another process may be making the files, or writing the marker, right now
        expected = marker.read()  # before the database, which may grow meanwhile
        state = _read_state(path, expected)
        if state is None or _is_complete(expected, state):
            return None
        loss = _describe(path, marker, expected, state)
    return loss


def last_change(connection: sqlite3.Connection, counted: LastCommit) -> int:
    """When something was stored last, as far as is known, in microseconds since 1970; 0: never."""
    (added,) = connection.execute("SELECT coalesce(max(created_at), 0) FROM receipts").fetchone()
    return max(int(added), counted.at)


def _is_complete(expected: LastCommit | None, state: _State) -> bool:
    if expected is None:
        return state.number == 0
    if state.number == expected.number:
        return expected.dataset_id is None or state.has_receipt
    return state.number > expected.number


def _read_state(path: Path, expected: LastCommit | None) -> _State | None:
    """What the database has. None if it is not LogLeap's, or cannot be read: opening it reports that."""
    _, _, dataset_id, key = expected or NO_COMMIT
    try:
        if path.stat().st_size == 0:
            return _EMPTY
    except FileNotFoundError:
        return _EMPTY
    try:
        # A connection that may only read keeps a damaged log; others would remove it when they close.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=3.0)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if application != APPLICATION_ID or version < COUNTED:
                return _EMPTY if application in {0, APPLICATION_ID} else None
            (has_receipt,) = connection.execute(_RECEIPT, (dataset_id, key)).fetchone()
            counted = last_counted(connection)
            state = _State(counted.number, bool(has_receipt), at=0)
            if _is_complete(expected, state):
                return state
            return state._replace(at=last_change(connection, counted))  # reads all receipts
    except sqlite3.Error:
        return None


def _describe(path: Path, marker: Marker, expected: LastCommit | None, state: _State) -> str:
    log, last = f"{path.name}-wal", marker.path.name
    end = f"{path} ends with what was stored at {from_micros(state.at):%Y-%m-%d %H:%M:%S} UTC"
    remedy = "restore a backup, or accept the loss and continue with what is there"
    if expected is None:
        return (
            f"{end}, and later changes may be missing: {last}, which names the last one, is missing or "
            f"damaged. If {path.name} was copied without the files beside it, copy them too, {remedy}."
        )
    if state == _EMPTY:
        return (
            f"{path} is missing or empty, but {last} names {expected}: put it back together with {log}, "
            f"{remedy}."
        )
    return (
        f"{end}, and lacks what was stored after that, up to {expected}: {log} is missing, cut or damaged. "
        f"Put it back, {remedy}."
    )
