"""The tables, and how a file comes from one version of them to the next."""

APPLICATION_ID = 0x4C4F474C
"""What marks an SQLite file as LogLeap's (https://www.sqlite.org/pragma.html#pragma_application_id)."""

_VERSION_1 = (
    # Times are microseconds since 1970, UTC. `labels`, `parameters` and `result` are JSON.
    """
    CREATE TABLE datasets (
        dataset_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        name TEXT,
        labels TEXT NOT NULL,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        run_id TEXT,
        sealed_entries INTEGER,
        sealed_batches INTEGER,
        archive_url TEXT,
        archive_entries INTEGER,
        archive_sha256 TEXT,
        dropped INTEGER NOT NULL,
        unfinished INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX datasets_by_time ON datasets (owner, created_at, dataset_id)",
    "CREATE INDEX datasets_by_state ON datasets (owner, state, created_at, dataset_id)",
    "CREATE INDEX datasets_unfinished ON datasets (updated_at) WHERE unfinished",
    """
    CREATE TABLE events (
        event_id INTEGER PRIMARY KEY,
        dataset_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_by_dataset ON events (dataset_id)",
    # `batch_id` is NULL where it is the same as `key`: where the client sent none.
    """
    CREATE TABLE receipts (
        dataset_id TEXT NOT NULL,
        key TEXT NOT NULL,
        batch_id TEXT,
        entries INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (dataset_id, key)
    ) WITHOUT ROWID
    """,
    # What the receipts of a data set add up to. There is one writer at a time, so a sum costs no waiting.
    """
    CREATE TABLE totals (
        dataset_id TEXT PRIMARY KEY,
        entries INTEGER NOT NULL,
        batches INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    # See chunks.py.
    """
    CREATE TABLE chunks (
        chunk_id INTEGER PRIMARY KEY,
        dataset_id TEXT NOT NULL,
        batch_id TEXT NOT NULL,
        first INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        data BLOB NOT NULL
    )
    """,
    "CREATE INDEX chunks_in_order ON chunks (dataset_id, batch_id, first)",
    """
    CREATE TABLE runs (
        dataset_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        task TEXT NOT NULL,
        parameters TEXT NOT NULL,
        entries INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER,
        result TEXT,
        error_code TEXT,
        error_detail TEXT,
        PRIMARY KEY (dataset_id, run_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX runs_unfinished ON runs (due_at) WHERE state IN ('queued', 'running')",
    """
    CREATE TABLE outbox (
        dataset_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        PRIMARY KEY (dataset_id, run_id)
    ) WITHOUT ROWID
    """,
    # AUTOINCREMENT: the number of a message that is gone never comes again, so a late ack hits nothing.
    """
    CREATE TABLE messages (
        message_id INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL,
        dead INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        deliveries INTEGER NOT NULL DEFAULT 0,
        stamped_at INTEGER NOT NULL,
        visible_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX messages_in_order ON messages (dead, message_id)",
    "CREATE INDEX messages_by_deliveries ON messages (dead, deliveries)",
    "CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)",
)

_VERSION_2 = (
    """
    CREATE TABLE keys (
        key_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        sha256 BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        note TEXT,
        revoked_at INTEGER
    ) WITHOUT ROWID
    """,
    "CREATE INDEX datasets_by_name ON datasets (owner, name, created_at, dataset_id) WHERE name IS NOT NULL",
    """
    CREATE INDEX datasets_by_name_and_state ON datasets (owner, name, state, created_at, dataset_id)
    WHERE name IS NOT NULL
    """,
)

# The request that started a run.
_VERSION_3 = (
    "ALTER TABLE runs ADD COLUMN request_id TEXT",
    "ALTER TABLE runs ADD COLUMN traceparent TEXT",
    "ALTER TABLE outbox ADD COLUMN request_id TEXT",
    "ALTER TABLE outbox ADD COLUMN traceparent TEXT",
)

# `time_limit` is in microseconds. Messages are delivered by their `turn`; `served` has the latest delivered.
_VERSION_4 = (
    "ALTER TABLE runs ADD COLUMN time_limit INTEGER",
    "ALTER TABLE runs ADD COLUMN cancel_requested_at INTEGER",
    "ALTER TABLE messages ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE messages ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX messages_in_order",
    "CREATE INDEX messages_in_turn ON messages (dead, turn, message_id)",
    "CREATE INDEX messages_by_owner ON messages (owner, dead, turn)",
    "CREATE TABLE served (id INTEGER PRIMARY KEY CHECK (id = 1), turn INTEGER NOT NULL)",
    "INSERT INTO served VALUES (1, 0)",
)

# How many commits did more than add receipts, and when the last of them was made: see marker.py.
# `schema` repeats the file's version, so that one query before each transaction reads both.
_VERSION_5 = (
    """
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        schema INTEGER NOT NULL,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL
    )
    """,
    "INSERT INTO changes VALUES (1, 0, 0, 0)",
    "ALTER TABLE datasets ADD COLUMN archived_from TEXT",
)

# When the entries of a chunk are: see chunks/chunk.py, and its index, chunks_in_time.py. `timed` tells
# which chunks it has: up to `last_chunk`, with which it had all of so many acknowledged `batches`.
_VERSION_6 = (
    "ALTER TABLE chunks ADD COLUMN first_time INTEGER",
    "ALTER TABLE chunks ADD COLUMN last_time INTEGER",
    """
    CREATE TABLE chunk_times (
        dataset_id TEXT NOT NULL,
        level INTEGER NOT NULL,
        first_time INTEGER NOT NULL,
        last_time INTEGER NOT NULL,
        chunk_id INTEGER NOT NULL,
        PRIMARY KEY (dataset_id, level, first_time, last_time, chunk_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE timed (
        dataset_id TEXT PRIMARY KEY,
        batches INTEGER,
        last_chunk INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)

# What a run saved besides its result: JSON. NULL: nothing. And what a data set's archiving and deletion by
# themselves go by: `archive_after` and `delete_after` are in microseconds.
_VERSION_7 = (
    "ALTER TABLE runs ADD COLUMN artifacts TEXT",
    "ALTER TABLE datasets ADD COLUMN archive_after INTEGER",
    "ALTER TABLE datasets ADD COLUMN delete_after INTEGER",
    "ALTER TABLE datasets ADD COLUMN trained_at INTEGER",
    "ALTER TABLE datasets ADD COLUMN active_at INTEGER",
    "UPDATE datasets SET active_at = updated_at",
    "UPDATE datasets SET trained_at = updated_at WHERE state = 'trained'",
    """
    CREATE INDEX datasets_to_archive ON datasets (trained_at) WHERE state = 'trained' AND archive_url IS NULL
    """,
    "CREATE INDEX datasets_to_delete ON datasets (active_at) WHERE state NOT IN ('training', 'deleting')",
    "CREATE INDEX datasets_archived_after ON datasets (archive_after) WHERE archive_after IS NOT NULL",
    "CREATE INDEX datasets_deleted_after ON datasets (delete_after) WHERE delete_after IS NOT NULL",
)

# What a run compares with: JSON. NULL: nothing.
_VERSION_8 = ("ALTER TABLE runs ADD COLUMN baseline TEXT",)

# Events for others. `details` is JSON; NULL once the data set is deleted. A data set that has some is in
# `event_streams`, with the time from which on they may be claimed, and the token of who has claimed them.
_VERSION_9 = (
    """
    CREATE TABLE outgoing_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL UNIQUE,
        dataset_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        details TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        dead_at INTEGER
    )
    """,
    "CREATE INDEX outgoing_events_in_order ON outgoing_events (dataset_id, number)",
    """
    CREATE TABLE event_streams (
        dataset_id TEXT PRIMARY KEY,
        due_at INTEGER NOT NULL,
        failing_since INTEGER,
        token TEXT
    ) WITHOUT ROWID
    """,
    "CREATE INDEX event_streams_due ON event_streams (due_at)",
)

# From when to when a data set's entries are. NULL: not known of all batches.
_VERSION_10 = (
    "ALTER TABLE totals ADD COLUMN first_time INTEGER",
    "ALTER TABLE totals ADD COLUMN last_time INTEGER",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
    _VERSION_10,
)
"""The statements that lead to each version: the first to version 1 of the schema, and so on.

What is released is never changed, only added to.
"""
