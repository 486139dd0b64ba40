"""Times as whole microseconds since 1970 (UTC), negative before: exact for the years 1 to 9999."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(time: datetime) -> int:
    """The microseconds of a time that knows its offset."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The time, in UTC, that `to_micros` was given. Raises OverflowError outside of those years."""
    return _EPOCH + timedelta(microseconds=micros)
