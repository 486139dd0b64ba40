"""A clock that can be set, of all processes of an installation: by how much it is wrong stands in a file."""

import mmap
import struct
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

_OFFSET = struct.Struct("=d")  # 8 bytes, aligned: written and read in one piece


class SettableClock:
    """By how many seconds the clock of those who follow it is ahead. At the beginning it is right."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(_OFFSET.pack(0.0))

    def set(self, ahead: float) -> None:
        """From now on; negative if it is to be behind."""
        with self.file.open("r+b") as written:
            written.write(_OFFSET.pack(ahead))


def follow(file: Path) -> None:
    """This process's time of day, and its date, are from now on those of the clock in `file`.

    Not its monotonic clock, which no setting of a clock changes.
    """
    with file.open("rb") as opened:
        offset = mmap.mmap(opened.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)
    true_time, true_time_ns = time.time, time.time_ns

    def ahead() -> float:
        return float(_OFFSET.unpack_from(offset)[0])

    def shifted() -> float:
        return true_time() + ahead()

    def shifted_ns() -> int:
        return true_time_ns() + int(ahead() * 1e9)

    class Date(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(shifted(), tz)

    import logleap.container

    setattr(time, "time", shifted)  # noqa: B010 -- of this process
    setattr(time, "time_ns", shifted_ns)  # noqa: B010
    setattr(logleap.container, "datetime", Date)  # noqa: B010
