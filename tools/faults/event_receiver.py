"""A receiver of events that misbehaves at random, as a process of its own, so that it can be killed.

    python -m tools.faults.event_receiver PORT FILE SECRET [--calm]

It checks each event's signature, writes the event down in FILE, a line of JSON each, and only then answers:
what it has answered with 200 is in the file, whenever it is killed. `--calm`: it always answers 200, at once.
"""

import argparse
import base64
import hmac
import json
import os
import random
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = ("refused", "busy", "late", "silent", "half", "redirected")
"""Not taken and answered 500 or 503; taken, and answered too late, not at all, in part, by a redirect."""

LATE_SECONDS = 1.0


class Receiver(ThreadingHTTPServer):
    """Takes events."""

    allow_reuse_address = True

    def __init__(self, port: int, file: Path, secret: str, *, calm: bool) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.secret = base64.b64decode(secret.removeprefix("whsec_"))
        self.calm = calm


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = "" if self.server.calm or random.random() < 0.6 else random.choice(FAULTS)
        if fault == "refused":
            self._answer(500)
        elif fault == "busy":
            self._answer(503, retry_after="0")
        elif fault == "redirected":
            self._answer(307, location="/elsewhere")
        else:
            self._write_down(body)
            if fault == "late":
                time.sleep(LATE_SECONDS)
            if fault == "half":
                self.wfile.write(b"HTTP/1.1 20")
            if fault in {"half", "silent"}:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._answer(200)

    def _write_down(self, body: bytes) -> None:
        message = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.digest(self.server.secret, message, "sha256")).decode()
        line = {
            "event": json.loads(body),
            "signed": f"v1,{signature}" in self.headers["webhook-signature"].split(" "),
            "path": self.path,
            "type": self.headers["content-type"],
        }
        os.write(self.server.file, json.dumps(line).encode() + b"\n")

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("secret")
    parser.add_argument("--calm", action="store_true")
    given = parser.parse_args()
    with Receiver(given.port, given.file, given.secret, calm=given.calm) as server:
        sys.stdout.write("listens\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    _main()
