"""A request as it is received: waitress's parser, with bounds on all that is not its body.

The bounds hold for bytes and for the work that they cause: waitress copies and searches what it has of a
head, or of a chunk's first line, again with each piece that arrives. What this takes from waitress's inside
is pinned by tests/unit/http/test_waitress.py.
"""

import re
import time
from typing import Any

from waitress.parser import ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, Error

from logleap.entrypoints.http.server.body_buffer import BufferingParser

MAX_HEAD = 1 << 16
"""Bytes of the first line and the headers."""

HEAD_SECONDS = 30.0
"""From a request's first byte to the end of its head."""

_SLICE = 1 << 13  # bytes that waitress is given at a time where it may copy them again and again
_CHUNK_LINE = 1 << 13  # bytes of a chunk's size and extensions
_TRAILER = 1 << 14  # bytes
_FRAMING = 1 << 16  # bytes of chunks' sizes and ends, beyond as many as the body has
_READS = 2_000  # pieces of any size; beyond that they must have
_BYTES_PER_READ = 64  # on average

_FIRST_LINE = re.compile(rb"[^\s]+ (?P<target>[^\x00-\x20\x7f#]+) HTTP/(?P<version>[0-9]\.[0-9])")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+;=-]*)(?::[0-9]*)?")


class RequestTimeout(Error):
    """The client took too long to send the request."""

    code = 408
    reason = "Request Timeout"


class Request(BufferingParser):
    """One request of a connection. `began` is when its first byte arrived (monotonic seconds)."""

    headers: Any  # the stubs have it immutable

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.began = time.monotonic()
        self._reads = 0
        self._bytes = 0

    def wanted(self) -> int:
        """How many bytes `received` should be given at a time."""
        body = self.body_rcv
        if body is None:
            return _SLICE
        if isinstance(body, ChunkedReceiver):
            return max(_SLICE, body.chunk_remainder)
        return 1 << 62

    def count_read(self, size: int) -> None:
        """A piece of `size` bytes arrived."""
        self._reads += 1
        self._bytes += size
        if self._reads > _READS + self._bytes // _BYTES_PER_READ:
            self._refuse(BadRequest("it arrives in too many small pieces"))

    def received(self, data: bytes) -> int:
        """Take the beginning of `data`; how many bytes of it."""
        if not self.headers_finished and not self.header_plus and data[:1] in (b" ", b"\t"):
            self._refuse(BadRequest("it begins with white space (RFC 9112, 2.2)"))
            return len(data)
        consumed: int = super().received(data)
        body = self.body_rcv
        if isinstance(body, ChunkedReceiver) and self.headers_finished and not self.error:
            if len(body.control_line) > _CHUNK_LINE:
                self._refuse(BadRequest("the size and extensions of a chunk are too long"))
            elif len(body.trailer) > _TRAILER:
                self._refuse(BadRequest("the trailer is too long"))
            elif self.body_bytes_received > _FRAMING + 2 * len(body):
                self._refuse(BadRequest("its chunks are too small"))
        return consumed

    def overdue(self, now: float, limit: float) -> bool:
        """Whether the client has taken more than `limit` seconds, or HEAD_SECONDS for the head alone."""
        return now - self.began > (limit if self.headers_finished else min(limit, HEAD_SECONDS))

    def expire(self) -> None:
        """Refuse the rest of it."""
        self._refuse(RequestTimeout("it took too long to arrive"))

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head. Raises ParsingError."""
        _check_head(header_plus)
        super().parse_header(header_plus)
        # waitress knows one option alone (RFC 9110, 7.6.1: a list of them).
        if "CONNECTION" in self.headers:
            options = {option.strip() for option in self.headers["CONNECTION"].lower().split(",")}
            for option in ("close", "keep-alive"):
                if option in options:
                    self.headers["CONNECTION"] = option
                    break

    def _refuse(self, error: Error) -> None:
        self.error = error
        self.completed = True


def _check_head(head: bytes) -> None:
    """Raises ParsingError for what RFC 9112 calls ambiguous or obsolete: a proxy may read it differently."""
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    found = _FIRST_LINE.fullmatch(first)
    if found is None:
        raise ParsingError("its first line is not METHOD TARGET HTTP/1.1")
    target, version = found["target"], found["version"]
    if version not in (b"1.0", b"1.1"):
        raise ParsingError("its version is neither HTTP/1.1 nor HTTP/1.0")
    if not target.startswith((b"/", b"http://", b"https://")) and target != b"*":
        raise ParsingError("its target is neither a path nor a URL")
    values: dict[bytes, list[bytes]] = {b"host": [], b"content-length": [], b"transfer-encoding": []}
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            raise ParsingError("a line of its head begins with white space (RFC 9112, 5.2)")
        name, _, value = line.partition(b":")
        if name.lower() in values:
            values[name.lower()].append(value.strip(b" \t"))
    hosts, codings = values[b"host"], values[b"transfer-encoding"]
    if len(hosts) > 1 or (not hosts and version == b"1.1"):
        raise ParsingError("it does not have exactly one Host (RFC 9112, 3.2)")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise ParsingError("its Host is neither a name nor an address, with or without a port")
    if codings and values[b"content-length"]:
        raise ParsingError("it has both Content-Length and Transfer-Encoding (RFC 9112, 6.3)")
    if codings and version == b"1.0":
        raise ParsingError("it has a Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)")
    if b",".join(codings).lower().count(b"chunked") > 1 or b"" in codings:
        raise ParsingError("its Transfer-Encoding is empty, or chunked twice (RFC 9112, 6.1)")
