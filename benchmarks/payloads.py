"""What is sent: log entries of a given size, written down in the formats of all that are compared."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

from logleap.client.sample import sample_log

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
_STEP = 97  # characters of the sample log from one message's beginning to the next one's


@dataclass(frozen=True, slots=True)
class Line:
    """An entry to be. No two that `lines` makes have the same time, so no database takes them for one."""

    timestamp: datetime
    message: str
    context: str | None


@cache
def _text() -> str:
    log = sample_log().read_text(encoding="utf-8")
    return " ".join(log.split()).encode("ascii", "replace").decode()


def lines(count: int, size: int = 150, *, first: int = 0, context: bool = True) -> list[Line]:
    """Entries `first`, `first + 1`, … with messages of `size` bytes of real text, a millisecond apart.

    With a context an entry with 150 bytes of message has about 250 bytes of JSON.
    """
    text = _text()
    made = []
    for number in range(first, first + count):
        start = number * _STEP % (len(text) - size)
        where = f"thread={number % 32} host=gateway-{number % 7}" if context else None
        made.append(Line(_BEGIN + timedelta(milliseconds=number), text[start : start + size], where))
    return made


def _fields(line: Line) -> dict[str, str]:
    fields = {"timestamp": line.timestamp.isoformat(timespec="microseconds"), "message": line.message}
    return fields if line.context is None else {**fields, "context": line.context}


def json_array(entries: Sequence[Line]) -> bytes:
    """A JSON array, as LogLeap and the tutorial's service take it."""
    return json.dumps([_fields(line) for line in entries], separators=(",", ":")).encode()


def ndjson(entries: Sequence[Line]) -> bytes:
    """An entry a line: LogLeap's NDJSON, ClickHouse's JSONEachRow."""
    return b"".join(json.dumps(_fields(line), separators=(",", ":")).encode() + b"\n" for line in entries)


def datasette_rows(entries: Sequence[Line]) -> bytes:
    """The body of datasette's `/-/insert`."""
    rows = [_fields(line) for line in entries]
    return json.dumps({"rows": rows}, separators=(",", ":")).encode()


def line_protocol(entries: Sequence[Line]) -> bytes:
    """InfluxDB's line protocol, times in microseconds: one series, the texts as fields."""
    return "".join(
        f'log message="{_escaped(line.message)}",context="{_escaped(line.context or "")}" '
        f"{round(line.timestamp.timestamp() * 1e6)}\n"
        for line in entries
    ).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, 6),
    "zstd": lambda data: zstd.compress(data, 3),
}


def bodies(
    write: Callable[[Sequence[Line]], bytes], calls: int, entries: int, size: int = 150
) -> Iterator[bytes]:
    """The bodies of so many calls of so many entries each, no entry twice."""
    numbers = range(0, calls * entries, entries)
    return (write(lines(entries, size, first=first)) for first in islice(numbers, calls))
