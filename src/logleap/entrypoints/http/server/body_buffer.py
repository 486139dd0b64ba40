"""Where waitress keeps the body of a request, and what it does if the temporary folder has no room for it."""

import logging
from contextlib import suppress
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser
from waitress.utilities import Error

log = logging.getLogger(__name__)


class NoRoomForBody(Error):
    """The temporary folder is full, or cannot be written."""

    code = 503
    reason = "Service Unavailable"


class BodyBuffer(OverflowableBuffer):
    """A body in memory, above 512 KiB in a temporary file. After an error of the file it is discarded.

    It is read to its end all the same: an answer before that could be lost, because a connection that is
    closed while data arrive is reset.
    """

    def __init__(self, overflow: int) -> None:
        super().__init__(overflow)
        self.failed = False
        self._length = 0

    def __len__(self) -> int:
        return self._length if self.failed else super().__len__()

    def append(self, data: bytes) -> None:
        """Keep a part of the body, or discard it."""
        if not self.failed:
            try:
                super().append(data)
                return
            except OSError as error:
                log.error("a request body cannot be written to the temporary folder: %s", error)
                self._length = len(self)
                self.failed = True
                self.close()
        self._length += len(data)

    def close(self) -> None:
        """Remove the file."""
        with suppress(OSError):  # what it could not write before, it tries once more
            super().close()


def _failed(buffer: object) -> bool:
    return isinstance(buffer, BodyBuffer) and buffer.failed


class BufferingParser(HTTPRequestParser):
    """Reads a request. One whose body found no room gets the error NoRoomForBody."""

    def parse_header(self, header_plus: bytes) -> None:
        """What comes before the body."""
        super().parse_header(header_plus)
        receiver: Any = self.body_rcv
        if receiver is not None and not 0 < self.content_length < self.adj.inbuf_overflow:
            receiver.buf = BodyBuffer(self.adj.inbuf_overflow)

    def received(self, data: bytes) -> int:
        """More of the request: how many bytes of it were needed."""
        consumed = super().received(data)
        receiver: Any = self.body_rcv
        if self.completed and self.error is None and receiver is not None and _failed(receiver.buf):
            self.error = NoRoomForBody("there is no room for its body in the server's temporary folder")
        return consumed
