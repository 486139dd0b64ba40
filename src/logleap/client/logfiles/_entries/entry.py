"""An entry of a log file, as a reader finds it."""

from json.encoder import encode_basestring
from typing import NamedTuple

from logleap.client.logfiles._times.clock import Folded


class LogEntry(NamedTuple):
    """One entry of a log file.

    `time` is in UTC, as `2026-03-02T06:00:00.123456Z`, or both that a repeated local time may mean. `context`
    is JSON. `line` is the line of the file (from 1) on which the entry begins. `text`: the entry as it goes
    to the API, where the file has it in that form.
    """

    time: str | Folded
    message: str
    context: str | None
    line: int
    text: bytes | None = None

    def encoded(self) -> bytes:
        """The entry as a line of NDJSON; its time is known."""
        if self.text is not None:
            return self.text + b"\n"
        more = "" if self.context is None else f',"context":{self.context}'
        return f'{{"timestamp":"{self.time}","message":{encode_basestring(self.message)}{more}}}\n'.encode()
