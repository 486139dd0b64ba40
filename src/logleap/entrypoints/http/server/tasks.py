"""Requests being answered: by the app, or as problems where waitress itself refuses them."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from waitress.task import ErrorTask, WSGITask
from werkzeug.http import HTTP_STATUS_CODES

from logleap.entrypoints.http.errors.codes import PROBLEMS, Code
from logleap.entrypoints.http.errors.refusals import RETRY_AFTER_FULL

log = structlog.get_logger()

ONE_MORE_THREAD = "logleap.one_more_thread"
"""In the WSGI environment: makes a context in which another thread works in place of the calling one."""


class ProblemTask(ErrorTask):
    """What waitress itself refuses, answered as problem+json."""

    def execute(self) -> None:
        """Write the problem."""
        error = self.request.error  # type: ignore[attr-defined]
        code, title = _CODES[error.code], HTTP_STATUS_CODES[error.code]
        reason, remedy = str(error.body).rstrip("."), PROBLEMS[code].remedy
        body = {
            "type": "about:blank",
            "title": title,
            "status": error.code,
            "code": code,
            "detail": f"The request was refused before it was read in full: {reason}. {remedy}",
            "requestId": str(uuid.uuid4()),
        }
        content = json.dumps(body).encode()
        self.status = f"{error.code} {title}"
        self.response_headers = [
            ("Content-Type", "application/problem+json"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", str(body["requestId"])),
        ]
        if error.code == 503:
            self.response_headers.append(("Retry-After", str(RETRY_AFTER_FULL)))
        log.info("request", status=error.code, code=code, requestId=body["requestId"])
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)


# By the statuses of waitress.utilities.Error, and of ours.
_CODES: Mapping[int, Code] = {
    400: "REQUEST_MALFORMED",
    408: "REQUEST_TIMEOUT",
    413: "BODY_TOO_LARGE",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    501: "TRANSFER_CODING_UNSUPPORTED",
    503: "STORAGE_FULL",
}


class Task(WSGITask):
    """While the server stops, each answer says that it is the last on its connection."""

    def service(self) -> None:
        """Answer, and make sure that the next request of the connection does not have to wait."""
        super().service()
        channel: Any = self.channel
        if len(channel.requests) > 1 and channel.total_outbufs_len > channel.adj.outbuf_high_watermark:
            # Before the next of several requests that were sent at once, waitress would wait until the client
            # reads its answers, and hold this thread for as long. The connection is dropped instead: the
            # client has left 16 MiB of answers unread.
            self.set_close_on_finish()
            channel.will_close = True
            channel.connected = False

    def finish(self) -> None:
        """End the answer: one to HEAD without a last chunk, which would be taken for another answer."""
        if self.request.command == "HEAD":  # type: ignore[attr-defined]
            if not self.wrote_header:
                self.write(b"")
            self.chunked_response = False
        super().finish()

    def write(self, data: bytes | memoryview) -> None:
        """Send a part of the answer."""
        if not (self.complete and self.has_body and data):
            super().write(bytes(data))
            return
        if self.wrote_header:
            head = b""
        else:
            head = self.build_response_header()
            self.wrote_header = True
        if self.chunked_response:
            frame = b"%s%X\r\n" % (head, len(data))
            self.channel.send_stream(frame, data, b"\r\n")  # type: ignore[attr-defined]
        elif head and len(data) == self.content_length:
            # Header and body in one packet: waitress would send two.
            self.channel.write_soon(head + data)
            self.content_bytes_written = len(data)
        else:
            self.channel.write_soon(head)
            super().write(bytes(data))

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment: with a way to have another thread work while this one sends a stream."""
        environ: dict[str, Any] = super().get_environment()
        environ[ONE_MORE_THREAD] = self.channel.server.threads.one_more  # type: ignore[attr-defined]
        return environ

    def build_response_header(self) -> bytes:
        """The head of the answer."""
        if self.channel.server.stopping:  # type: ignore[attr-defined]
            self.set_close_on_finish()
        header = super().build_response_header()
        if self.chunked_response:
            self.channel.begin_stream()  # type: ignore[attr-defined]
        return header
