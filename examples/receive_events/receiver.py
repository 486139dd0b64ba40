"""Takes LogLeap's events: checks the signature, leaves out what came before, prints the rest.

    SECRET=whsec_… python receiver.py [PORT]

Only the standard library. In a service of your own, the package `standardwebhooks` does the checking.
"""

import base64
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
TOLERANCE = 5 * 60
"""Seconds by which a webhook may be old: who has recorded one cannot send it again later."""


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the holder of the secret has sent this body just now."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    content = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(SECRET, content, "sha256")).decode()
    signatures = headers.get("webhook-signature", "").split(" ")  # several while a secret is replaced
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in signatures)


class Handler(BaseHTTPRequestHandler):
    """Answers 204 once an event is taken; anything but 2xx has it sent again."""

    seen: set[str] = set()  # noqa: RUF012 -- keep it in a database instead, as long as events may come again

    def do_POST(self) -> None:
        """An event."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_signed(self.headers, body):
            self.answer(401)
            return
        event = json.loads(body)
        if event["id"] not in self.seen:
            print(event["time"], event["type"], event["subject"], flush=True)
            self.seen.add(event["id"])
        self.answer(204)

    def answer(self, status: int) -> None:
        """An answer without a body."""
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    with HTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"Waiting for events on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
