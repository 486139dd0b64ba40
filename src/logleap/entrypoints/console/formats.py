"""How values are written for people: numbers, times, sizes, and text that may be hostile."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Request, g
from markupsafe import Markup, escape

from logleap.domain.entries import TimeRange

EXCERPT = 2000
"""How many characters of a log line a page shows at most; the rest is a link away."""

# C0 without tab and line feed, DEL, C1, marks and embeddings of direction, line and paragraph separators,
# halves of surrogate pairs (which have no UTF-8), and what is no character.
_INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\uffff]"
)


def speaks_german(request: Request) -> bool:
    """Whether the browser prefers German: then numbers are written as 1.234,5."""
    languages = request.accept_languages
    return (languages.best_match(["en", "de"]) or "en") == "de"


def number(value: float, digits: int = 0) -> str:
    """1,234.5 or 1.234,5, as the browser's language has it, with so many digits behind the point."""
    text = f"{value:,}" if isinstance(value, int) and not digits else f"{value:,.{digits}f}"
    return text.translate(_GERMAN) if g.get("german") else text


_GERMAN = str.maketrans(",.", ".,")


def size(value: int) -> str:
    """Bytes, in the largest unit of which there is at least one."""
    amount, unit = float(value), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{number(amount, 0 if amount == int(amount) or amount >= 100 else 1)} {unit}"


def duration(value: timedelta | float) -> str:
    """A span of time in its two largest units: `3 d 4 h`, `2 min 5 s`, `1.5 s`, `20 ms`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 1:
        return f"{number(seconds * 1000)} ms"
    if seconds < 60:
        return f"{number(seconds, 0 if seconds == int(seconds) else 1)} s"
    parts: list[str] = []
    rest = round(seconds)
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if rest >= length and len(parts) < 2:
            parts.append(f"{number(rest // length)} {unit}")
            rest %= length
        elif parts:
            break
    return " ".join(parts)


def time(value: datetime | None) -> Markup:
    """A time in UTC, which the script shows in the viewer's zone; UTC stays in the title."""
    return Markup('<span class="none">none</span>' if value is None else _time(value))  # noqa: S704 -- digits


def period(value: TimeRange) -> Markup:
    """From one time to another."""
    return Markup(f"{_time(value.first)} to {_time(value.last)}")  # noqa: S704 -- digits alone


def _time(value: datetime) -> str:
    # Lists have hundreds of them, so this is as quick as it can be.
    written = (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "microseconds")
    day, clock, seconds = written[:10], written[11:26], written[11:19]
    exact = clock.rstrip("0") if value.microsecond else seconds
    return f'<time datetime="{day}T{clock}Z" title="{day} {exact} UTC">{day} {seconds} UTC</time>'


def text(value: str | None, limit: int = EXCERPT) -> Markup:
    """Text of a log, of at most `limit` characters, that can do no harm to the page around it.

    It is escaped, its direction is kept to itself, and what cannot be seen is shown by its code.
    """
    if value is None:
        return Markup("")
    shortened = len(value) > limit
    shown = _INVISIBLE.sub(_code, str(escape(value[:limit])))
    return Markup(f'<bdi class="text">{shown}{"…" if shortened else ""}</bdi>')  # noqa: S704 -- it is escaped


def fitting(value: str, room: int) -> tuple[Markup, bool]:
    """As much of a text as has room in so many bytes of HTML, and whether that is all of it."""
    limit = room
    while len((shown := text(value, limit)).encode("utf-8", "replace")) > room and limit > 1:
        limit //= 2
    return shown, limit >= len(value)


def fit(value: str, room: int) -> Markup:
    """As much of a text as has room in so many bytes of HTML."""
    return fitting(value, room)[0]


def plain(value: str, limit: int = 200) -> str:
    """The same for attributes and titles of pages, which hold no markup."""
    shown = _INVISIBLE.sub(lambda found: f"[U+{ord(found[0]):04X}]", value[:limit])
    return f"{shown}…" if len(value) > limit else shown


def _code(found: re.Match[str]) -> str:
    code = f"U+{ord(found[0]):04X}"
    name = unicodedata.name(found[0], "control character")
    return f'<span class="code" title="{name}">{code}</span>'


def instant(value: datetime) -> str:
    """A time as RFC 3339, in UTC, as addresses and titles have it."""
    at = value.astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(timespec="microseconds" if at.microsecond else "seconds") + "Z"


FILTERS: dict[str, Callable[..., object]] = {
    "number": number,
    "size": size,
    "duration": duration,
    "time": time,
    "period": period,
    "text": text,
    "fit": fit,
    "plain": plain,
    "instant": instant,
}
"""By the names that templates use."""
