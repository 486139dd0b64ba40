"""Entries as lines of text: NDJSON and CSV."""

from collections.abc import Iterable, Iterator

import msgspec

from logleap.codecs.packed.columns import csv_lines, json_lines
from logleap.domain.entries import PlacedEntries
from logleap.domain.times import from_micros

COLUMNS = ("timestamp", "message", "context", "batchId", "sequence")
"""The fields of an entry, in this order in every format."""


class _Line(msgspec.Struct):
    timestamp: str
    message: str
    context: str | None
    batchId: str  # noqa: N815 -- as it is written
    sequence: int


_FRACTIONS = 50_000  # that are kept


class _Seconds(dict[int, str]):
    def __missing__(self, second: int) -> str:
        text = self[second] = from_micros(second * 1_000_000).isoformat()[:19]
        return text


class _Fractions(dict[int, str]):
    def __missing__(self, micros: int) -> str:
        text = self[micros] = f".{micros:06}Z"
        return text


_fractions = _Fractions()
_encoder = msgspec.json.Encoder()


def timestamps(micros: Iterable[int]) -> list[str]:
    """Times in microseconds since 1970 as RFC 3339, UTC, to the microsecond."""
    seconds = _Seconds()
    if len(_fractions) > _FRACTIONS:
        _fractions.clear()
    fractions = _fractions  # entries in the order of time share most seconds, and often have milliseconds
    return [seconds[time // 1_000_000] + fractions[time % 1_000_000] for time in micros]


def ndjson(blocks: Iterable[PlacedEntries]) -> Iterator[bytes]:
    """An object per line."""
    for block in blocks:
        if (ready := json_lines(block)) is not None:
            yield ready
            continue
        entries = block.entries
        lines = map(
            _Line,
            timestamps(entries.micros),
            entries.messages,
            entries.contexts,
            block.batch_ids,
            block.sequences,
        )
        yield _encoder.encode_lines(list(lines))


def csv(blocks: Iterable[PlacedEntries]) -> Iterator[bytes]:
    """RFC 4180 with a header. Texts are in quotes, so a context of no characters differs from none."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    for block in blocks:
        if (ready := csv_lines(block)) is not None:
            yield ready
            continue
        entries = block.entries
        rows = zip(
            timestamps(entries.micros),
            entries.messages,
            entries.contexts,
            block.batch_ids,
            block.sequences,
            strict=True,
        )
        yield "".join(
            f"{time},{_quoted(message)},{_quoted(context)},{batch_id},{sequence}\r\n"
            for time, message, context, batch_id, sequence in rows
        ).encode()


def _quoted(text: str | None) -> str:
    return "" if text is None else '"' + text.replace('"', '""') + '"'
