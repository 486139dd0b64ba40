"""How single values stand in the file."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(time: datetime) -> int:
    """Microseconds since 1970 (UTC), exactly; negative before."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The time, in UTC, that `to_micros` was given."""
    return _EPOCH + timedelta(microseconds=micros)


def lookup(text: str) -> str | bytes:
    """A text to look for that anyone may have sent: one that is no valid Unicode is found nowhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")  # SQLite takes bytes for a BLOB, which equals no TEXT
    return text
