"""Chunked uploads that are cut or malformed, over a socket to `logleap serve`, whichever server that runs."""

import contextlib
import re
import socket
from urllib.parse import urlsplit

import httpx2
import pytest

LINES = [b'{"timestamp": "2026-03-02T06:00:00Z", "message": "line %d"}\n' % number for number in range(100)]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


HALF = chunk(b"".join(LINES[:50]))
LAST = b"0\r\n\r\n"

BROKEN = {
    "cut between entries, at a chunk's end": HALF,
    "cut between entries, within a chunk": b"%x\r\n%b" % (len(b"".join(LINES)), b"".join(LINES[:50])),
    "cut within the size of a chunk": HALF + b"1",
    "cut before the last chunk's end": HALF + b"0\r\n",
    "a chunk whose size is no number": HALF + b"zz\r\n" + LINES[50] + b"\r\n" + LAST,
    "a chunk whose size is negative": HALF + b"-5\r\n" + LINES[50] + b"\r\n" + LAST,
    "a chunk that is longer than its size": HALF + b"5\r\n" + LINES[50] + b"\r\n" + LAST,
    "a chunk without the line break behind it": HALF + chunk(LINES[50])[:-2] + LAST,
}


def announce(url: str) -> str:
    response = httpx2.post(f"{url}/data", trust_env=False).raise_for_status()
    return str(response.json()["dataId"])


def entries(url: str, data_id: str) -> int:
    response = httpx2.get(f"{url}/data/{data_id}", trust_env=False).raise_for_status()
    return int(response.json()["entries"])


def send(url: str, data_id: str, body: bytes) -> bytes:
    """What comes back until the server closes the connection, of which our side ends with the body."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    head = (
        f"POST /data/{data_id} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    answer = b""
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(1 << 16):
                answer += data
    return answer


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_chunked_body_that_is_broken_is_neither_acknowledged_nor_stored(url: str, body: bytes) -> None:
    data_id = announce(url)
    answer = send(url, data_id, body)
    assert not re.match(rb"HTTP/1\.1 2", answer)
    assert entries(url, data_id) == 0


def test_the_same_body_is_acknowledged_if_it_is_whole(url: str) -> None:
    data_id = announce(url)
    answer = send(url, data_id, HALF + chunk(b"".join(LINES[50:])) + LAST)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert entries(url, data_id) == 100
