"""The load: prebuilt requests over kept connections, each client a process of its own, bounded in time.

A client sends, reads the answer and takes the time, and does nothing else: it is not to be what is measured.
"""

import http.client
import json
import multiprocessing
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

_PATIENCE = 60.0  # seconds for an answer
_FORK = multiprocessing.get_context("fork")  # children find the requests in memory


class LoadFailed(Exception):
    """A request was refused, or a client broke: what was measured means nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The calls that were answered with success, and how long each took (seconds, ascending)."""

    calls: int
    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the calls was answered."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def request(path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """A request, ready to be sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Outcome:
    """Send `requests`, dealt out to `clients`, once each or until `seconds` are over. Raises LoadFailed."""
    clients = min(clients, len(requests))
    start = _FORK.Barrier(clients)
    readers: list[Connection] = []
    processes = []
    for number in range(clients):
        reader, writer = _FORK.Pipe(duplex=False)
        process = _FORK.Process(
            target=_client, args=(port, requests[number::clients], seconds, start, writer), daemon=True
        )
        process.start()
        writer.close()
        readers.append(reader)
        processes.append(process)
    results = []
    try:
        for reader in readers:
            try:
                results.append(reader.recv())
            except EOFError as error:
                raise LoadFailed("a client ended without a word") from error
    finally:
        for process in processes:
            process.join(None if len(results) == clients else 0)
            process.kill()
    failures = [result for result in results if isinstance(result, str)]
    if failures:
        raise LoadFailed(failures[0])
    begin, end = min(begin for begin, _, _ in results), max(end for _, end, _ in results)
    latencies = sorted(latency for _, _, taken in results for latency in taken)
    return Outcome(len(latencies), end - begin, latencies)


def _client(port: int, requests: Sequence[bytes], seconds: float, start: Barrier, result: Connection) -> None:
    latencies = []
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start.wait(_PATIENCE)
            begin = now = time.monotonic()
            end = begin + seconds
            for each in requests:
                connection.sendall(each)
                _read_answer(connection)
                before, now = now, time.monotonic()
                latencies.append(now - before)
                if now > end:
                    break
        result.send((begin, now, latencies))
    except Exception as error:  # noqa: BLE001 -- whatever it is, the parent is told
        start.abort()
        result.send(f"{type(error).__name__}: {error}")


def _read_answer(connection: socket.socket) -> None:
    """Read one answer to its end. Raises LoadFailed unless it is a success."""
    data = connection.recv(65536)
    while (head_end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    head = data[:head_end].lower()
    if b"\r\ntransfer-encoding: chunked" in head:
        while not data[head_end + 2 :].endswith(b"\r\n0\r\n\r\n"):
            data += _more(connection)
    elif not head.startswith(b"http/1.1 204"):
        at = head.find(b"\r\ncontent-length:") + 17
        if at < 17:
            raise LoadFailed(f"an answer without a length: {data[:1000]!r}")
        line_end = head.find(b"\r\n", at)
        length = int(head[at : line_end if line_end > 0 else len(head)])
        while len(data) < head_end + 4 + length:
            data += _more(connection)
    if not head.startswith(b"http/1.1 2"):
        raise LoadFailed(data[:1000].decode(errors="replace"))


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise LoadFailed("the server closed the connection")
    return data


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] = b"",
    headers: Mapping[str, str] | None = None,
) -> Any:
    """One request outside of what is measured: its answer, from JSON if it is. Raises LoadFailed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise LoadFailed(f"{method} {path}: {answer.status} {text[:1000]!r}")
    is_json = "json" in (answer.getheader("Content-Type") or "")
    return json.loads(text) if text and is_json else text.decode().strip()


def train(port: int, data_id: str, patience: float = 600.0, task: str | None = None) -> Any:
    """Start a training of LogLeap's and wait for its end: the run. Raises LoadFailed if it fails."""
    body = b"" if task is None else json.dumps({"task": task}).encode()
    call(port, "POST", f"/train/{data_id}", body, {"Content-Type": "application/json"})
    end = time.monotonic() + patience
    while time.monotonic() < end:
        run = call(port, "GET", f"/train/{data_id}")
        if run["state"] == "succeeded":
            return run
        if run["state"] == "failed":
            break
        time.sleep(0.01)
    raise LoadFailed(f"the training did not succeed: {run}")
