"""The least that keeps entries on LogLeap's stack: its server, Flask, its reader, a row of SQLite a call.

    python -m benchmarks.servers.stack PORT FOLDER PROCESSES

A row is a compressed chunk as LogLeap has it, and is synced before the answer (WAL, synchronous=FULL). There
is nothing else: no receipts, so no retry is told from a new upload; no owners, limits, log or metrics.
What this takes is the stack's; what LogLeap takes more is its own.
"""

import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, request

from benchmarks import system_under_test
from logleap.entrypoints.http.server.processes import run_processes
from logleap.entrypoints.http.server.server import ServerOptions, listen, serve

_ANSWER = b'{"accepted":1000}'
_PATIENCE = 30.0  # seconds for another process's commit


def keeping(file: Path) -> Flask:
    """The app. Its threads share a connection."""
    app = Flask("stack")
    connection = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    lock = threading.Lock()

    @app.post("/data/<name>")
    def take(name: str) -> Response:
        entries = system_under_test.decode(request.get_data())
        row = (name, len(entries), system_under_test.packed(entries))
        with lock:
            connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", row)
        return Response(_ANSWER, content_type="application/json")

    @app.get("/data/<name>")
    def count(name: str) -> dict[str, int]:
        with lock:
            total = connection.execute("SELECT total(entries) FROM chunks WHERE name = ?", (name,))
            return {"entries": int(total.fetchone()[0])}

    return app


def main() -> None:
    """Serve until SIGTERM."""
    port, file, processes = int(sys.argv[1]), Path(sys.argv[2]) / "stack.sqlite", int(sys.argv[3])
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE chunks (name TEXT, entries INTEGER, data BLOB)")
    connection.close()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    listener = listen("127.0.0.1", port)
    options = ServerOptions(threads=8, body_limit=2 << 30, grace=1.0)

    def work(number: int, ready: Callable[[], None]) -> None:
        serve(keeping(file), listener, options, stop=stop, listening=ready)

    sys.exit(run_processes(processes, work, stop=stop, ready=lambda: None))


if __name__ == "__main__":
    main()
