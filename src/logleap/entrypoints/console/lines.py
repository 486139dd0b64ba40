"""Log lines on a page: as much of each as the page has room for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from logleap.domain.entries import PlacedEntries
from logleap.entrypoints.console.formats import text

ROOM = 110_000
"""Bytes of HTML for the texts of all lines of a page, which weighs 200 KiB at most."""

# Characters of a text, tried one after the other until all fit: a code with its name takes up to 80 bytes.
_LONGEST = (2000, 500, 150, 40, 8)
_BEFORE = 80  # characters of a long message that are shown before what was searched for


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a page shows it. `cut`: not all of its text is there."""

    at: datetime
    message: Markup
    context: Markup | None
    cut: bool
    batch_id: str
    sequence: int


def lines(placed: PlacedEntries | None, sought: str | None = None, room: int = ROOM) -> Sequence[Line]:
    """The entries, with `sought` marked, in so many bytes of HTML for all texts together."""
    rows = list(placed.rows()) if placed is not None else []
    for limit in _LONGEST:
        shown = [
            (marked(row.entry.message, sought, limit), _context(row.entry.context, limit)) for row in rows
        ]
        if _bytes(part for pair in shown for part in pair if part is not None) <= room:
            break
    return [
        Line(
            row.entry.timestamp,
            message,
            context,
            len(row.entry.message) > limit or len(row.entry.context or "") > limit,
            row.batch_id,
            row.sequence,
        )
        for row, (message, context) in zip(rows, shown, strict=True)
    ]


def marked(message: str, sought: str | None, limit: int) -> Markup:
    """At most `limit` characters of a message, where the first `sought` is, which is marked."""
    found = message.find(sought) if sought else -1
    if sought is None or found < 0:
        return text(message, limit)
    begin = max(0, found - _BEFORE) if len(message) > limit else 0
    end = found + len(sought)
    left = max(limit - (end - begin), 0)
    return Markup("{}{}<mark>{}</mark>{}").format(
        "…" if begin else "",
        text(message[begin:found], limit),
        text(sought, limit),
        text(message[end:], left) if left or end == len(message) else "…",
    )


def _context(context: str | None, limit: int) -> Markup | None:
    return text(context, limit // 2) if context is not None else None


def _bytes(parts: Iterable[Markup]) -> int:
    return sum(len(part.encode("utf-8", "replace")) for part in parts)
