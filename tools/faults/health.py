"""How long `/healthz` takes while other calls keep the server busy, against the idle server in the same run.

    python -m tools.faults.health [--logleap FILE] [--seconds 10] [--json]

`--logleap` is the program of another installation, to compare versions. The server has its usual 8 threads,
one process and the local backend. Each mix runs for so many seconds; meanwhile a client asks for /healthz 20
times per second, each time on a new connection. The output is a Markdown table: milliseconds, and the ratio
of p99 to that of the idle server.
"""

import argparse
import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CLIENTS = 8
ENTRIES = 500_000
PATIENCE = 60.0
"""Seconds for one answer."""

_BODY = 10 << 20  # bytes, decompressed: the limit
_PAUSE = 0.05  # seconds between two requests for /healthz


class Mix(NamedTuple):
    """What the other clients do: `call` sends one request, until the time is over."""

    name: str
    call: Callable[[int, str], None]


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """One request on a connection of its own; the content of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST" if body or headers else "GET", path, body or None, dict(headers))
        return connection.getresponse().read()
    finally:
        connection.close()


def posting(path: str, body: bytes, content_type: str, coding: str = "gzip") -> Callable[[int, str], None]:
    """Posts the same body again and again."""
    headers = {"Content-Type": content_type, **({"Content-Encoding": coding} if coding else {})}
    return lambda port, data_id: void(post(port, path.format(data_id), body, headers))


def void(_: object) -> None:
    """Nothing."""


def silent(port: int, data_id: str) -> None:
    """125 connections that say nothing: with all clients 1,000."""
    del data_id
    with contextlib.ExitStack() as opened:
        for _ in range(1000 // CLIENTS):
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        time.sleep(3600)


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message."""
    size, left = bytearray(), len(content)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | 2, *size, left]) + content


def mixes() -> Sequence[Mix]:
    """All of them: what made it slow, and honest work."""
    nested = gzip.compress(b'{"entries":' + b"[" * (_BODY // 10) + b"]" * (_BODY // 10) + b"}")
    items = gzip.compress(b'{"entries":[' + b"[]," * (_BODY // 3 - 10) + b"[]]}")
    records = b"\x12\x00" * (_BODY // 2 - 20)
    export = gzip.compress(field(1, field(2, records)))
    export_json = gzip.compress(b'{"resourceLogs":[' + b"{}," * (_BODY // 3 - 10) + b"{}]}")
    line = {"timestamp": "2026-03-02T06:00:00Z", "message": "x" * 60}
    honest = gzip.compress(json.dumps([line] * 40_000).encode())
    entries = "application/json"
    return (
        Mix("nested arrays, 2 KB of gzip", posting("/data/{}", nested, entries)),
        Mix("empty arrays, 10 KB of gzip", posting("/data/{}", items, entries)),
        Mix("OTLP: empty records", posting("/data/{}/v1/logs", export, "application/x-protobuf")),
        Mix("OTLP in JSON: empty resources", posting("/data/{}/v1/logs", export_json, entries)),
        Mix("uploads of 40,000 entries", posting("/data/{}?dryRun=true", honest, entries)),
        Mix("reports on 500,000 entries", lambda port, data_id: void(report(port, data_id))),
        Mix("archivings of 500,000 entries", posting("/data/{}/archive", b"{}", entries, "")),
        Mix("1,000 silent connections", silent),
    )


def report(port: int, data_id: str) -> bytes:
    """One report."""
    return post(port, f"/data/{data_id}/report", b"", {})


def health(port: int, seconds: float) -> Sequence[float]:
    """How long each answer took (s), ascending."""
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        with contextlib.suppress(OSError, http.client.HTTPException):
            post(port, "/healthz", b"", {})
        taken.append(time.monotonic() - began)
        time.sleep(max(0.0, _PAUSE - taken[-1]))
    return sorted(taken)


def under(mix: Mix, port: int, data_id: str, seconds: float) -> Sequence[float]:
    """The times of /healthz while CLIENTS processes make the mix' calls."""
    clients = []
    for _ in range(CLIENTS):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                while True:
                    with contextlib.suppress(OSError, http.client.HTTPException):
                        mix.call(port, data_id)
            os._exit(0)
        clients.append(pid)
    try:
        time.sleep(1)
        return health(port, seconds)
    finally:
        for pid in clients:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextlib.contextmanager
def serving(program: str) -> Iterator[tuple[int, str]]:
    """A server with a data set of ENTRIES: its port, and the data set's id."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as log:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [program, "serve", "--port", str(port), "--data-dir", f"{folder}/data"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while True:
                with contextlib.suppress(OSError):
                    post(port, "/healthz", b"", {})
                    break
                time.sleep(0.1)
            json_type = {"Content-Type": "application/json"}
            data_id = json.loads(post(port, "/data", b"{}", json_type))["dataId"]
            line = b'{"timestamp":"2026-03-02T06:00:00Z","message":"conveyor started, gate %d"}\n'
            for first in range(0, ENTRIES, 100_000):
                body = b"".join(line % number for number in range(first, first + 100_000))
                post(port, f"/data/{data_id}", body, {"Content-Type": "application/x-ndjson"})
            yield port, data_id
        finally:
            process.kill()
            process.wait()


def measured(program: str, seconds: float) -> Iterator[tuple[str, Sequence[float], Sequence[float]]]:
    """For each mix its name, the times of the idle server, and those under the mix. A new server for each."""
    for mix in mixes():
        with serving(program) as (port, data_id):
            idle = health(port, seconds / 2)
            yield mix.name, idle, under(mix, port, data_id, seconds)


def percentile(times: Sequence[float], share: float) -> float:
    """In milliseconds."""
    return times[min(int(share * len(times)), len(times) - 1)] * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logleap", default=str(Path(sys.executable).with_name("logleap")))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if not given.json:
        print("| meanwhile | answers | p50, ms | p99, ms | longest, ms | p99 idle, ms | ratio |")
        print("|---|--:|--:|--:|--:|--:|--:|")
    for name, idle, busy in measured(given.logleap, given.seconds):
        figures = [percentile(busy, share) for share in (0.5, 0.99, 1)]
        base = percentile(idle, 0.99)
        rows.append({"mix": name, "answers": len(busy), "p50": figures[0], "p99": figures[1], "idle": base})
        if not given.json:
            shown = " | ".join(f"{figure:.1f}" for figure in (*figures, base))
            print(f"| {name} | {len(busy)} | {shown} | {figures[1] / base:.1f} |", flush=True)
    if given.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
